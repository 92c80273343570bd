//! What the tests run against: sandboxes for the time of a ring, and programs that are built before it.
//!
//! What cannot be had is told and left out; the tests that need it then say that they could not run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::environment::path_with;
use crate::testbed;

/// Environment variables for tests.
pub(crate) type Variables = BTreeMap<String, OsString>;

const REAL_NODE: [&str; 9] = [
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "bridge",
    "loopback",
    "host-local",
    "portmap",
];

/// Builds programs of the testbed and returns a `PATH` on which they come first.
pub(crate) fn programs(root: &Path, names: &[&str]) -> anyhow::Result<Variables> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for name in names {
        match testbed::program(root, name) {
            Ok(program) => folders.extend(program.parent().map(Path::to_owned)),
            Err(error) => eprintln!("{name} cannot be had, tests that need it will say so: {error:#}"),
        }
    }
    Ok(Variables::from([("PATH".to_owned(), path_with(&folders)?)]))
}

/// Builds programs that tests find in the cache, because nobody else should find them on `PATH`.
pub(crate) fn cached(root: &Path, names: &[&str]) {
    for name in names {
        if let Err(error) = testbed::program(root, name) {
            eprintln!("{name} cannot be had, what needs it will say so: {error:#}");
        }
    }
}

/// Has the sandbox build what it is missing, so that no test waits for that in silence.
pub(crate) fn components(landfall: &Path) -> anyhow::Result<()> {
    let output = Command::new(landfall)
        .args(["--output", "json", "doctor"])
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run landfall doctor")?;
    ensure!(output.status.success(), "landfall doctor failed");
    let lines: Vec<Line> = serde_json::from_slice(&output.stdout).context("landfall doctor says something else")?;
    for (what, arguments) in missing(&lines) {
        eprintln!("building what a sandbox needs ({what}), once");
        // Only to have it built; the tests start their own.
        if let Err(error) = Sandbox::start(landfall, arguments) {
            eprintln!("no {what}, tests that need it will say so: {error:#}");
        }
    }
    Ok(())
}

/// A control plane of each release that landfall migrates between, for tests that only need one to talk to. Without
/// controllers: what they write would be in the way of a test that counts.
pub(crate) struct Sandboxes(Vec<Sandbox>);

impl Sandboxes {
    pub(crate) fn start(landfall: &Path) -> Self {
        let mut running = Vec::new();
        for arguments in [&["--quiet", "--kubernetes", "1.36"], &["--quiet", "--kubernetes", "1.24"]] {
            match Sandbox::start(landfall, arguments) {
                Ok(sandbox) => running.push(sandbox),
                Err(error) => {
                    eprintln!("no sandbox {}, tests that need it will say so: {error:#}", arguments.join(" "))
                }
            }
        }
        Self(running)
    }

    /// `LANDFALL_TEST_KUBECONFIG`: all of them, or nothing when one is missing.
    pub(crate) fn variables(&self) -> anyhow::Result<Variables> {
        if self.0.len() < 2 {
            return Ok(Variables::new());
        }
        let paths = std::env::join_paths(self.0.iter().map(|sandbox| &sandbox.kubeconfig))
            .context("a kubeconfig's path does not fit into a list")?;
        Ok(Variables::from([("LANDFALL_TEST_KUBECONFIG".to_owned(), paths)]))
    }
}

/// One sandbox in a state folder of its own. It lives as long as its owner, which this value ends.
struct Sandbox {
    landfall: PathBuf,
    owner: Child,
    state: tempfile::TempDir,
    kubeconfig: PathBuf,
}

const NAME: &str = "tests";

impl Sandbox {
    fn start(landfall: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let state = tempfile::tempdir().context("failed to create a temporary folder")?;
        let mut owner = Command::new(landfall)
            .args(["--output", "json", "sandbox", "up", NAME])
            .args(arguments)
            .env("XDG_STATE_HOME", state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to run landfall sandbox up")?;
        let output = owner.stdout.take();
        let mut sandbox = Self { landfall: landfall.to_owned(), owner, state, kubeconfig: PathBuf::new() };
        // The value is complete long before the output ends, which is when the sandbox does.
        let shown = output.and_then(|output| serde_json::Deserializer::from_reader(output).into_iter::<Up>().next());
        sandbox.kubeconfig = shown.context("landfall says why")?.context("landfall says something else")?.kubeconfig;
        Ok(sandbox)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What fails here leaves nothing running either: the servers end with their owner.
        drop(self.owner.kill());
        drop(self.owner.wait());
        let down = Command::new(&self.landfall)
            .args(["--quiet", "sandbox", "down", NAME])
            .env("XDG_STATE_HOME", self.state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        drop(down);
    }
}

/// Which sandboxes to start once so that everything missing gets built.
fn missing(lines: &[Line]) -> Vec<(&'static str, &'static [&'static str])> {
    let absent = |wanted: &dyn Fn(&Line) -> bool| lines.iter().any(|line| line.found.is_none() && wanted(line));
    let is_node = |line: &Line| REAL_NODE.contains(&line.component.as_str());
    let is_old = |line: &Line| line.release.as_deref() == Some("1.24");
    let is_new =
        |line: &Line| line.release.as_deref() == Some("1.36") || ["etcd", "kwok"].contains(&line.component.as_str());
    let mut all: Vec<(&'static str, &'static [&'static str])> = Vec::new();
    if absent(&|line| is_new(line) && !is_node(line)) {
        all.push(("Kubernetes 1.36", &["--kubernetes", "1.36", "--nodes", "1"]));
    }
    if absent(&is_old) {
        all.push(("Kubernetes 1.24", &["--kubernetes", "1.24", "--nodes", "1"]));
    }
    if absent(&is_node) {
        all.push(("real node", &["--kubernetes", "1.36", "--real-node"]));
    }
    all
}

#[derive(Deserialize)]
struct Line {
    component: String,
    release: Option<String>,
    found: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Up {
    kubeconfig: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(component: &str, release: Option<&str>, found: bool) -> Line {
        Line {
            component: component.to_owned(),
            release: release.map(str::to_owned),
            found: found.then(|| serde_json::json!({})),
        }
    }

    #[test]
    fn only_what_is_missing_is_built() {
        let names = |lines: &[Line]| missing(lines).into_iter().map(|(what, _)| what).collect::<Vec<_>>();
        assert!(names(&[line("etcd", None, true), line("kube-apiserver", Some("1.24"), true)]).is_empty());
        assert_eq!(names(&[line("etcd", None, false)]), ["Kubernetes 1.36"]);
        assert_eq!(names(&[line("kube-apiserver", Some("1.24"), false)]), ["Kubernetes 1.24"]);
        assert_eq!(names(&[line("kubelet", Some("1.36"), false)]), ["real node"]);
        // A program that no sandbox builds.
        assert!(names(&[line("terraform", None, false)]).is_empty());
    }
}
