//! The real servers and programs that tests and benchmarks run against, built once from pinned Go modules.
//!
//! `tests/testbed/NAME` holds a module whose `tools.go` names the program and whose `go.mod` names its version; what
//! it makes is kept in the user's cache under `testbed/NAME-VERSION/`. The sandbox's own components are the sandbox's.

pub(crate) mod old_kubernetes;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};

use crate::environment::cache;

const KEPT_LINES: usize = 20;
const PACKAGES_BETWEEN_NEWS: usize = 100;

/// What a release build of the program sets, beside `-s -w`; `VERSION` stands for its version.
const LINKER_FLAGS: &[(&str, &str)] = &[
    ("tofu", "-X github.com/opentofu/opentofu/version.dev=no"),
    ("velero", "-X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=vVERSION"),
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folders in tests/testbed that hold a Go module
    #[arg(required = true)]
    names: Vec<String>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    for name in &arguments.names {
        println!("{}", program(root, name)?.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the program of `tests/testbed/NAME`, building it when it is not there.
pub(crate) fn program(root: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let module = Module::read(&root.join("tests/testbed").join(name), name)?;
    let folder = cache()?.join("testbed").join(module.kept_in());
    let program = folder.join(&module.program);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let lock = File::create(folder.join("lock")).context("failed to create the lock of a build")?;
    lock.lock().context("failed to wait for the lock of a build")?;
    // Somebody else may have built it while this one waited.
    if !program.is_file() {
        let part = folder.join(format!("{}.part", module.program));
        eprintln!("building {name} {} from its Go module, once", module.version);
        let built = match name {
            old_kubernetes::NAME => old_kubernetes::build(&module.folder, &module.version, &part),
            _ => module.build(&part),
        };
        built.with_context(|| format!("failed to build {name}"))?;
        fs::rename(&part, &program).with_context(|| format!("failed to keep {}", program.display()))?;
    }
    Ok(program)
}

#[derive(Debug, PartialEq)]
struct Module {
    name: String,
    folder: PathBuf,
    /// Import path of the program.
    package: String,
    /// Last part of that path, which is what Go calls the file.
    program: String,
    version: String,
}

impl Module {
    fn read(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
        };
        Self::parse(folder, name, &read("tools.go")?, &read("go.mod")?)
    }

    fn parse(folder: &Path, name: &str, tools: &str, go_mod: &str) -> anyhow::Result<Self> {
        let package = tools
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("import").trim().strip_prefix("_ \""))
            .find_map(|rest| rest.strip_suffix('"'))
            .with_context(|| format!("{name}: tools.go imports no program"))?;
        let version = go_mod
            .lines()
            .filter(|line| !line.contains("// indirect"))
            .filter_map(|line| line.trim().trim_start_matches("require").trim().split_once(" v"))
            .find(|(module, _)| package.strip_prefix(module).is_some_and(|rest| rest.starts_with('/')))
            .map(|(_, version)| version.trim().to_owned())
            .with_context(|| format!("{name}: go.mod requires no version of {package}"))?;
        let program = package.rsplit('/').next().unwrap_or(package).to_owned();
        Ok(Self { name: name.to_owned(), folder: folder.to_owned(), package: package.to_owned(), program, version })
    }

    /// Its folder in the cache.
    fn kept_in(&self) -> String {
        // The one whose name says its release already is kept under what it makes.
        let name = if self.name == old_kubernetes::NAME { &self.program } else { &self.name };
        format!("{name}-{}", self.version)
    }

    fn build(&self, into: &Path) -> anyhow::Result<()> {
        let extra = LINKER_FLAGS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, flags)| flags);
        let flags = format!("-s -w {}", extra.replace("VERSION", &self.version));
        let mut command = Command::new("go");
        command.current_dir(&self.folder).env("CGO_ENABLED", "0");
        command.args(["build", "-v", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"]);
        go(&self.name, command.arg(into).arg(&self.package))
    }
}

/// Runs a command of Go's to its end, and tells now and then how far it is; its last words are in the error.
fn go(name: &str, command: &mut Command) -> anyhow::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} does not start: install Go 1.26 or newer", command.get_program().display()))?;
    let mut packages = 0;
    let mut kept: VecDeque<String> = VecDeque::new();
    for line in BufReader::new(child.stderr.take().context("Go has no output")?).lines() {
        let line = line.context("failed to read what Go says")?;
        // With -v it names each package that it compiles, alone on a line.
        if line.contains([' ', ':']) || line.starts_with('#') {
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        } else {
            packages += 1;
            if packages % PACKAGES_BETWEEN_NEWS == 0 {
                eprintln!("  {name}: {packages} packages");
            }
        }
    }
    let status = child.wait().context("failed to wait for Go")?;
    ensure!(status.success(), "{status}\n{}", kept.into_iter().collect::<Vec<_>>().join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_says_what_to_build_and_which_version() {
        let go_mod = "module x\n\nrequire example.com/velero v1.18.3\n\nrequire (\n\tother/y v0.1.0 // indirect\n)\n";
        let module = Module::parse(Path::new("/m"), "velero", "import _ \"example.com/velero/cmd/velero\"\n", go_mod);
        let module = module.expect("a module");
        assert_eq!((module.program.as_str(), module.version.as_str()), ("velero", "1.18.3"));
        let grouped = "import (\n\t_ \"example.com/velero/cmd/velero\"\n)\n";
        assert_eq!(Module::parse(Path::new("/m"), "velero", grouped, go_mod).expect("a module"), module);
        assert!(Module::parse(Path::new("/m"), "velero", "import _ \"example.com/velerox/cmd\"\n", go_mod).is_err());
        assert!(Module::parse(Path::new("/m"), "velero", "package tools\n", go_mod).is_err());
        assert_eq!(module.kept_in(), "velero-1.18.3");
    }

    #[test]
    fn every_module_of_the_testbed_can_be_read() {
        let folder = crate::environment::root().join("tests/testbed");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).expect("the testbed") {
            let entry = entry.expect("an entry");
            if entry.path().join("go.mod").is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                Module::read(&entry.path(), &name).unwrap_or_else(|error| panic!("{error:#}"));
                names.push(name);
            }
        }
        for (name, _) in LINKER_FLAGS {
            assert!(names.iter().any(|found| found == name), "{name} has flags but no module");
        }
        let old = Module::read(&folder.join(old_kubernetes::NAME), old_kubernetes::NAME).expect("the old module");
        assert_eq!(old.kept_in(), "kube-apiserver-1.16.15");
    }
}
