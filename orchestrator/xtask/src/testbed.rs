//! The real servers and programs that tests and benchmarks run against, built once from pinned Go modules.
//!
//! `tests/testbed/NAME` holds a module whose `tools.go` names the program and whose `go.mod` names its version; what
//! it makes is kept in the user's cache under `testbed/NAME-VERSION/`. The sandbox's own components are the sandbox's.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::environment::cache;

const KEPT_LINES: usize = 20;
const PACKAGES_BETWEEN_NEWS: usize = 100;

/// What a release build of the program sets, beside `-s -w`; `VERSION` stands for its version.
const LINKER_FLAGS: &[(&str, &str)] = &[
    ("tofu", "-X github.com/opentofu/opentofu/version.dev=no"),
    ("velero", "-X github.com/vmware-tanzu/velero/pkg/buildinfo.Version=vVERSION"),
];

/// Returns the program of `tests/testbed/NAME`, building it when it is not there.
pub(crate) fn program(root: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let module = Module::read(&root.join("tests/testbed").join(name), name)?;
    let folder = cache()?.join("testbed").join(format!("{name}-{}", module.version));
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
        module.build(&part).with_context(|| format!("failed to build {name}"))?;
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

    fn build(&self, into: &Path) -> anyhow::Result<()> {
        eprintln!("building {} {} from its Go module, once", self.name, self.version);
        let extra = LINKER_FLAGS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, flags)| flags);
        let flags = format!("-s -w {}", extra.replace("VERSION", &self.version));
        let mut child = Command::new("go")
            .current_dir(&self.folder)
            .env("CGO_ENABLED", "0")
            .args(["build", "-v", "-mod=readonly", "-trimpath", "-ldflags", &flags, "-o"])
            .arg(into)
            .arg(&self.package)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("Go does not start: install Go 1.26 or newer")?;
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
                    eprintln!("  {}: {packages} packages", self.name);
                }
            }
        }
        if !child.wait().context("failed to wait for Go")?.success() {
            bail!("go build failed\n{}", kept.into_iter().collect::<Vec<_>>().join("\n"));
        }
        Ok(())
    }
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
    }
}
