//! Builds everything once, with one set of features, and says where each program is.
//!
//! `cargo test -p A` and then `cargo test -p B` would select other features of what both share and build it again:
//! minutes, with these SDKs. So there is one build, and the tests are started one by one from here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::environment::cargo;

/// What the build made.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) tests: Vec<TestProgram>,
    programs: BTreeMap<(String, String), PathBuf>,
}

#[derive(Debug, Clone)]
pub(crate) struct TestProgram {
    pub(crate) package: String,
    /// The library's or program's own name, or that of a file or folder in `tests/`.
    pub(crate) target: String,
    pub(crate) is_unit: bool,
    pub(crate) path: PathBuf,
    /// Where cargo would start it.
    pub(crate) folder: PathBuf,
}

impl Built {
    /// The program of that name, or the example.
    pub(crate) fn program(&self, kind: &str, name: &str) -> anyhow::Result<&Path> {
        let key = (kind.to_owned(), name.to_owned());
        Ok(self.programs.get(&key).with_context(|| format!("the build made no {kind} {name}"))?)
    }

    pub(crate) fn landfall(&self) -> anyhow::Result<&Path> {
        self.program("bin", "landfall")
    }
}

/// Libraries, programs, examples and tests of every member. Cargo's own messages go to stderr as always.
pub(crate) fn build(root: &Path) -> anyhow::Result<Built> {
    eprintln!("building the workspace");
    build_with(root, &["--workspace", "--lib", "--bins", "--examples", "--tests"])
}

/// The same with other arguments of `cargo build`.
pub(crate) fn build_with(root: &Path, arguments: &[&str]) -> anyhow::Result<Built> {
    let mut command = Command::new(cargo());
    // Cargo describes the package it runs, this one, in the environment. Build scripts watch those variables, ring's
    // for one: with them, everything above ring would be built again whenever cargo is called from here and by hand.
    for name in of_this_package() {
        command.env_remove(name);
    }
    let mut child = command
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to run cargo build")?;
    let mut built = Built::default();
    let output = child.stdout.take().context("cargo build has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("failed to read what cargo build says")?;
        if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(&line) {
            built.add(artifact);
        }
    }
    let status = child.wait().context("failed to wait for cargo build")?;
    ensure!(status.success(), "the build failed");
    built.tests.sort_by(|left, right| {
        (&left.package, !left.is_unit, &left.target).cmp(&(&right.package, !right.is_unit, &right.target))
    });
    Ok(built)
}

fn of_this_package() -> impl Iterator<Item = OsString> {
    const ABOUT_A_PACKAGE: [&str; 5] =
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_PACKAGE"];
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        ABOUT_A_PACKAGE.iter().any(|beginning| name.starts_with(beginning)) || name == "OUT_DIR"
    })
}

impl Built {
    fn add(&mut self, artifact: Artifact) {
        let Some(path) = artifact.executable else { return };
        let folder = artifact.manifest_path.parent().map(Path::to_owned).unwrap_or_default();
        let package = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = artifact.target.kind.into_iter().next().unwrap_or_default();
        let target = artifact.target.name;
        // A benchmark counts as a test for cargo, and is started by name.
        if !artifact.profile.test || kind == "bench" {
            self.programs.insert((kind, target), path);
        } else if kind != "example" {
            self.tests.push(TestProgram { package, target, is_unit: kind != "test", path, folder });
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}
