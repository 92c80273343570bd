//! The test bed: a folder with a configuration, a runs folder, a tool, and a listener that can be waited on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use ports::PortError;
use ports::infrastructure::{Infrastructure, RunToken, Silent, StackEvent, StackOutcome, StackProgress, StackRequest};
use serde_json::Value;
use terraform::{Environment, Settings, TerraformInfrastructure};
use testkit::skip::{Why, skip};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Nothing here takes longer than this, on a machine however slow.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Bed {
    folder: tempfile::TempDir,
    pub(crate) settings: Settings,
    pub(crate) request: StackRequest,
}

/// The binary of a test, or the reason why there is none.
pub(crate) fn tool(program: &str) -> Option<PathBuf> {
    let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    let path = environment.get(&OsString::from("PATH")).cloned().unwrap_or_default();
    let home = environment.get(&OsString::from("HOME")).map(PathBuf::from).unwrap_or_default();
    let built = home.join(".cache/landfall/testbed/tofu-1.11.14");
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push(built);
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        // OpenTofu is built from its Go module; Terraform's own does not build outside of its repository.
        let why = if program == "terraform" { Why::NotInRegistry } else { Why::NotSetUp };
        skip(std::thread::current().name().unwrap_or("test"), why, &format!("{program} is not installed"));
    }
    found
}

/// Makes a test of each function for each binary.
macro_rules! for_each_tool {
    ($($name:ident),+ $(,)?) => {
        mod terraform_ {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(tool) = crate::runner::bed::tool("terraform") {
                    crate::runner::bed::patiently(super::$name(tool)).await;
                }
            })+
        }
        mod tofu {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(tool) = crate::runner::bed::tool("tofu") {
                    crate::runner::bed::patiently(super::$name(tool)).await;
                }
            })+
        }
    };
}
pub(crate) use for_each_tool;

pub(crate) async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("the test takes too long")
}

pub(crate) fn token(text: &str) -> RunToken {
    RunToken::new(text).unwrap()
}

/// What the tests let the tool inherit: the real environment, with traps in it.
pub(crate) fn environment() -> Environment {
    let traps = [
        ("TF_CLI_ARGS", "-no-such-flag"),
        ("TF_CLI_ARGS_apply", "-no-such-flag"),
        ("TF_WORKSPACE", "typo"),
        ("TF_LOG", "trace"),
        ("TF_INPUT", "1"),
    ];
    let mut all: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    all.extend(traps.map(|(key, value)| (key.into(), value.into())));
    Environment::inherit(all)
}

impl Bed {
    pub(crate) fn new(tool: &Path, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a stack");
        std::fs::create_dir(&directory).unwrap();
        let mut settings = Settings::new(folder.path().join("runs"), environment());
        settings.tool = Some(tool.to_owned());
        settings.lock_timeout = Duration::ZERO;
        let request = StackRequest { directory, ..Default::default() };
        let bed = Self { folder, settings, request };
        bed.write(configuration);
        bed
    }

    pub(crate) fn write(&self, configuration: &str) {
        let text = configuration.replace("FOLDER", &self.folder.path().display().to_string());
        std::fs::write(self.request.directory.join("main.tf"), text).unwrap();
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.request.variables.insert(name.into(), value.into());
    }

    pub(crate) fn driver(&self) -> TerraformInfrastructure {
        TerraformInfrastructure::new(self.settings.clone())
    }

    pub(crate) async fn apply(&self, name: &str) -> Result<StackOutcome, PortError> {
        self.driver().apply(&self.request, &token(name), &Silent).await
    }

    pub(crate) async fn destroy(&self, name: &str) -> Result<StackOutcome, PortError> {
        self.driver().destroy(&self.request, &token(name), &Silent).await
    }

    /// The same apply as a task of its own, and what it says.
    pub(crate) fn applying(&self, name: &str) -> (tokio::task::JoinHandle<Result<StackOutcome, PortError>>, Heard) {
        let (ear, heard) = ear();
        let (driver, request, token) = (self.driver(), self.request.clone(), token(name));
        (tokio::spawn(async move { driver.apply(&request, &token, &ear).await }), heard)
    }

    /// A FIFO that `slow` waits for.
    pub(crate) fn gate(&self) -> Gate {
        Gate::new(self.folder.path().join("gate"))
    }

    /// The folder of the latest run of a kind under a token.
    pub(crate) fn run(&self, name: &str, kind: &str) -> PathBuf {
        let mut all: Vec<PathBuf> = std::fs::read_dir(self.settings.runs.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(&format!("-{kind}")))
            .collect();
        all.sort();
        all.pop().unwrap()
    }

    /// The ids of everything in the state, by address.
    pub(crate) async fn ids(&self) -> BTreeMap<String, String> {
        let stack = self.driver().stack(&self.request).await.unwrap();
        let state = stack.state_pull().await.unwrap();
        let instances = state.into_iter().flat_map(|state| state.instances);
        instances.map(|one| (one.address.clone(), one.id("id").unwrap())).collect()
    }
}

/// Holds up whoever reads from a FIFO.
pub(crate) struct Gate(PathBuf);

impl Gate {
    fn new(path: PathBuf) -> Self {
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        Self(path)
    }

    /// Lets the readers that wait, or the next one that comes, go on. Gives up as soon as nobody polls it.
    pub(crate) async fn open(&self) {
        while !self.try_open() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets every reader go on that comes before the work is done.
    pub(crate) async fn open_while<T>(&self, work: impl Future<Output = T>) -> T {
        let opening = async {
            loop {
                self.open().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = opening => unreachable!("it never ends by itself"),
        }
    }

    /// Lets the readers that wait go on; false when there is none.
    pub(crate) fn try_open(&self) -> bool {
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::fcntl::OFlag::O_NONBLOCK.bits());
        options.write(true).open(&self.0).is_ok()
    }
}

/// Nobody is left waiting when a test is over, however it ended.
impl Drop for Gate {
    fn drop(&mut self) {
        self.try_open();
    }
}

pub(crate) struct Ear(Mutex<UnboundedSender<StackEvent>>);

/// What was said, one after the other.
pub(crate) struct Heard {
    receiver: UnboundedReceiver<StackEvent>,
    pub(crate) all: Vec<StackEvent>,
}

pub(crate) fn ear() -> (Ear, Heard) {
    let (sender, receiver) = unbounded_channel();
    (Ear(Mutex::new(sender)), Heard { receiver, all: Vec::new() })
}

impl StackProgress for Ear {
    fn report(&self, event: StackEvent) {
        // Nobody may be listening any more.
        let _ = self.0.lock().unwrap().send(event);
    }
}

impl Heard {
    /// Waits for an event.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&StackEvent) -> bool) {
        while let Some(event) = self.receiver.recv().await {
            self.all.push(event);
            if is_it(&self.all[self.all.len() - 1]) {
                return;
            }
        }
        panic!("it never came: {:#?}", self.all);
    }

    /// Waits until a resource is held up at its gate, and everything else is done.
    pub(crate) async fn until_held(&mut self, address: &str, done: u64) {
        self.until(|event| match event {
            StackEvent::Progress { running, done: so_far, .. } => {
                *so_far == done && running.iter().any(|unit| unit.address == address)
            }
            _ => false,
        })
        .await;
        // The provisioner says that it runs; only then has the command a reader at the gate.
        let said =
            |event: &StackEvent| matches!(event, StackEvent::Message { text, .. } if text.starts_with("Executing"));
        if !self.all.iter().any(said) {
            self.until(said).await;
        }
    }

    /// Everything up to the end.
    pub(crate) async fn rest(mut self) -> Vec<StackEvent> {
        while let Some(event) = self.receiver.recv().await {
            self.all.push(event);
        }
        self.all
    }
}

/// Two quick resources and a slow one that comes after them.
pub(crate) const SLOW: &str = r#"
resource "terraform_data" "quick" {
  count = 2
  input = "q${count.index}"
}
resource "terraform_data" "slow" {
  input      = "s"
  depends_on = [terraform_data.quick]
  provisioner "local-exec" {
    command = "exec cat 'FOLDER/gate'"
  }
}
"#;
