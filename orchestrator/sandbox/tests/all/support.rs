//! What the tests share: two at a time or alone, settings with a folder of their own, skipping loudly.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use sandbox::{Sandbox, SandboxName, Settings, Silent, Supervisor, UpRequest};
use serde_json::Value;
use tempfile::TempDir;
use testkit::room::{Place, Room};

/// Each waits for its servers half of the time.
static ROOM: Room = Room::for_tests(2);

/// A state folder of its own, the cache of the user, and a place among the tests.
pub(crate) struct Bench {
    pub(crate) settings: Settings,
    pub(crate) folder: TempDir,
    _place: Place,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::at(ROOM.take())
    }

    /// For tests that look at the whole host, change it, or measure: nothing else runs beside them.
    pub(crate) fn alone() -> Self {
        Self::at(ROOM.take_all())
    }

    fn at(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = Supervisor { program: example("supervisor"), arguments: Vec::new() };
        let mut settings = Settings::new(Self::user_cache(), folder.path().join("state"), supervisor);
        settings.assets = paths("LANDFALL_ASSETS").into_iter().chain(paths("KUBEBUILDER_ASSETS")).collect();
        settings.path = paths("PATH");
        Self { settings, folder, _place: place }
    }

    /// The cache of the user, so that a build is done once.
    pub(crate) fn user_cache() -> PathBuf {
        let root = match variable("XDG_CACHE_HOME") {
            cache if cache.is_empty() => PathBuf::from(variable("HOME")).join(".cache"),
            cache => PathBuf::from(cache),
        };
        root.join("landfall")
    }

    pub(crate) fn request(&self, name: &str) -> UpRequest {
        UpRequest::new(SandboxName::parse(name).unwrap())
    }

    pub(crate) async fn up(&self, request: &UpRequest) -> Sandbox {
        Sandbox::up(&self.settings, request, &Silent).await.unwrap_or_else(|error| panic!("{}", model::chain(&error)))
    }

    /// Every process that has this bench's state folder in its environment, on its command line, or works in it.
    pub(crate) fn processes(&self) -> Vec<String> {
        testkit::processes::of(self.folder.path())
    }
}

/// The programs in `examples/`, which `cargo test` builds beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: run all tests of this crate, which builds it", path.display());
    path
}

/// One GET with the kubeconfig's certificates, by curl: another client than our own.
pub(crate) fn get(sandbox_folder: &Path, server: &str, path: &str) -> Value {
    let pki = sandbox_folder.join("pki");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"])
        .arg("--cacert")
        .arg(pki.join("ca.crt"))
        .arg("--cert")
        .arg(pki.join("administrator.crt"))
        .arg("--key")
        .arg(pki.join("administrator.key"))
        .arg(format!("{server}{path}"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// One request with a body, by curl; a failure is a panic.
pub(crate) fn send(folder: &Path, server: &str, method: &str, path: &str, body: &Value) -> Value {
    let pki = folder.join("pki");
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--request", method])
        .args(["--header", "Content-Type: application/json", "--data", &body.to_string()])
        .arg("--cacert")
        .arg(pki.join("ca.crt"))
        .arg("--cert")
        .arg(pki.join("administrator.crt"))
        .arg("--key")
        .arg(pki.join("administrator.key"))
        .arg(format!("{server}{path}"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_ne!(answer["status"], "Failure", "{answer}");
    answer
}

/// Polls until it holds; two minutes are for the slowest machine.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), waiting).await.unwrap_or_else(|_| panic!("not: {what}"));
}

/// Says why a test does not run. On CI that is a failure, except where the machine cannot give what is needed.
pub(crate) fn skip(name: &str, reason: &str, is_machine: bool) {
    eprintln!("SKIP {name}: {reason}");
    assert!(is_machine || variable("CI") != "true", "{name} must not be skipped on CI: {reason}");
}

fn paths(name: &str) -> Vec<PathBuf> {
    std::env::split_paths(&variable(name)).filter(|path| !path.as_os_str().is_empty()).collect()
}

#[expect(clippy::disallowed_methods, reason = "tests are their own composition root")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// A process that brings a sandbox up, to be killed.
pub(crate) struct Owner {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Owner {
    pub(crate) fn start(bench: &Bench, name: &str, nodes: u32) -> Self {
        Self::start_with(bench, name, nodes, false)
    }

    pub(crate) fn start_with(bench: &Bench, name: &str, nodes: u32, real: bool) -> Self {
        let settings = &bench.settings;
        let mut child = Command::new(example("owner"))
            .arg(&settings.supervisor.program)
            .args([&settings.cache, &settings.state])
            .arg(std::env::join_paths(&settings.assets).unwrap())
            .arg(std::env::join_paths(&settings.path).unwrap())
            .args([name, "1.36", &nodes.to_string(), "stay", if real { "real" } else { "" }])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for that many events more, and one; false when the sandbox was up before.
    pub(crate) fn hear(&mut self, more: usize) -> bool {
        for _ in 0..=more {
            let line = self.lines.next().expect("the owner has ended").unwrap();
            assert!(!line.starts_with("error"), "{line}");
            if line.starts_with("up ") {
                return false;
            }
        }
        true
    }

    /// Waits until that process is being started; false when the sandbox was up before.
    pub(crate) fn hear_start_of(&mut self, process: &str) -> bool {
        self.hear_line(&format!("Starting {{ process: {process:?} }}"))
    }

    /// Waits for that line; false when the sandbox was up before.
    pub(crate) fn hear_line(&mut self, wanted: &str) -> bool {
        self.lines.by_ref().map_while(Result::ok).take_while(|line| !line.starts_with("up ")).any(|line| line == wanted)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
