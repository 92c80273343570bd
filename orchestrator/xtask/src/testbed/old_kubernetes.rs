//! An apiserver of 1.16, which its Go module alone does not make: see `tests/testbed/kubernetes-1.16/README.md`.
//!
//! Everything happens in a folder that goes afterwards: the sources are vendored into a tree as Go knew it before
//! modules, the generator of that release writes what is missing, and a Go of its time compiles it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::go;

/// The name of the module in `tests/testbed`.
pub(crate) const NAME: &str = "kubernetes-1.16";

const TOOLCHAIN: &str = "go1.13.15";
const PROGRAM: &str = "k8s.io/kubernetes/cmd/kube-apiserver";
const GENERATOR: &str = "k8s.io/kube-openapi/cmd/openapi-gen";
const GENERATED: &str = "k8s.io/kubernetes/pkg/generated/openapi";
const MARK: &str = "+k8s:openapi-gen=";
/// Generators and samples mention the mark without being API.
const NO_API: [&str; 3] = ["k8s.io/code-generator", "k8s.io/gengo", "k8s.io/kube-openapi"];
const VERSIONED: [&str; 3] =
    ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version", "k8s.io/kubernetes/pkg/version"];

/// Builds the program of the module in `folder`.
pub(super) fn build(folder: &Path, version: &str, into: &Path) -> anyhow::Result<()> {
    let beside = into.parent().context("a program has no folder")?;
    let work = tempfile::Builder::new().prefix("building-").tempdir_in(beside).context("no folder to build in")?;
    let sources = work.path().join("src");
    let mut vendor = Command::new("go");
    vendor.current_dir(folder).env("GO111MODULE", "on").env("GOFLAGS", "-mod=readonly");
    go(NAME, vendor.args(["mod", "vendor", "-o"]).arg(&sources))?;
    let old = Old::fetch(work.path())?;

    let generator = work.path().join("openapi-gen");
    go(NAME, old.command("go").args(["build", "-v", "-o"]).arg(&generator).arg(GENERATOR))?;
    let (header, report) = (work.path().join("header"), work.path().join("report"));
    fs::write(&header, "\n").context("failed to write the header of generated files")?;
    let packages = with_definitions(&sources)?.into_iter().collect::<Vec<_>>().join(",");
    let mut generate = old.command(&generator);
    generate.args(["--logtostderr", "-i", &packages, "-p", GENERATED, "-O", "zz_generated.openapi"]);
    go(NAME, generate.arg("-h").arg(&header).arg("-r").arg(&report).arg("--output-base").arg(&sources))?;

    let flags = linker_flags(version, &sources)?;
    let mut compile = old.command("go");
    compile.env("CGO_ENABLED", "0").args(["build", "-v", "-trimpath", "-ldflags", &flags, "-o"]);
    go(NAME, compile.arg(into).arg(PROGRAM))
}

/// Go of that time, and the tree it works in.
struct Old {
    goroot: PathBuf,
    gopath: PathBuf,
}

impl Old {
    fn fetch(gopath: &Path) -> anyhow::Result<Self> {
        let output = Command::new("go")
            .current_dir(gopath)
            .envs([("GO111MODULE", "on"), ("GOFLAGS", ""), ("GOWORK", "off"), ("GOTOOLCHAIN", TOOLCHAIN)])
            .args(["env", "GOROOT"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("Go does not start: install Go 1.26 or newer")?;
        let goroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        let is_there = output.status.success() && goroot.join("bin/go").is_file();
        ensure!(is_there, "{TOOLCHAIN} cannot be had as a module");
        Ok(Self { goroot, gopath: gopath.to_owned() })
    }

    /// A command in the tree; `go` is the old one.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        let is_go = program == Path::new("go");
        let mut command = if is_go { Command::new(self.goroot.join("bin/go")) } else { Command::new(program) };
        command.current_dir(self.gopath.join("src")).env("GOROOT", &self.goroot).env("GOPATH", &self.gopath);
        command.envs([("GOENV", "off"), ("GO111MODULE", "off"), ("GOFLAGS", "")]);
        command
    }
}

/// The packages that ask for definitions, as paths in the tree.
fn with_definitions(sources: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut left = vec![sources.join("k8s.io")];
    while let Some(folder) = left.pop() {
        let package = folder.strip_prefix(sources).unwrap_or(&folder).to_string_lossy().into_owned();
        if NO_API.iter().any(|root| package.starts_with(root)) || package.contains("sample-apiserver") {
            continue;
        }
        for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
            let path = entry.context("failed to read the sources")?.path();
            if path.is_dir() {
                left.push(path);
            } else if asks(&path)? {
                found.insert(package.clone());
            }
        }
    }
    ensure!(!found.is_empty(), "no package asks for definitions");
    Ok(found)
}

fn asks(path: &Path) -> anyhow::Result<bool> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.ends_with(".go") || name.contains("zz_generated") {
        return Ok(false);
    }
    let text = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text.windows(MARK.len()).any(|part| part == MARK.as_bytes()))
}

/// Without a version the server says that it is v0.0.0.
fn linker_flags(version: &str, sources: &Path) -> anyhow::Result<String> {
    let minor = version.split('.').nth(1).with_context(|| format!("{version} has no minor version"))?;
    let mut flags = "-s -w -buildid=".to_owned();
    for package in VERSIONED.iter().filter(|package| sources.join(package).is_dir()) {
        for (name, value) in [
            ("gitVersion", format!("v{version}").as_str()),
            ("gitMajor", "1"),
            ("gitMinor", minor),
            ("gitTreeState", "clean"),
            ("gitCommit", "module"),
            ("buildDate", "1970-01-01T00:00:00Z"),
        ] {
            flags.push_str(&format!(" -X {package}.{name}={value}"));
        }
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_of_the_api_that_ask_get_definitions() {
        let tree = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("k8s.io/api/apps/v1/doc.go", "// +k8s:openapi-gen=true\npackage v1\n");
        write("k8s.io/api/apps/v1/types.go", "package v1\n");
        write("k8s.io/api/doc.txt", "+k8s:openapi-gen=true");
        write("k8s.io/other/zz_generated.deepcopy.go", "// +k8s:openapi-gen=true");
        write("k8s.io/gengo/examples/doc.go", "// +k8s:openapi-gen=true");
        write("example.com/else/doc.go", "// +k8s:openapi-gen=true");
        let found = with_definitions(tree.path()).expect("packages");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["k8s.io/api/apps/v1"]);
        assert!(with_definitions(&tree.path().join("example.com")).is_err());
    }

    #[test]
    fn the_version_goes_where_the_release_keeps_it() {
        let tree = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(tree.path().join("k8s.io/component-base/version")).expect("a folder");
        let flags = linker_flags("1.16.15", tree.path()).expect("flags");
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.16.15 "), "{flags}");
        assert!(flags.contains("version.gitMinor=16 ") && !flags.contains("client-go"), "{flags}");
        assert!(linker_flags("1", tree.path()).is_err());
    }
}
