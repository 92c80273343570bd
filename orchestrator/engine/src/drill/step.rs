//! What every step gets to work with, and how it says that it failed.
//!
//! Knows no kind of step; those are in `steps`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::ports::{Clock, Cluster, ErrorKind, PortError};
use scenario::format::Outputs;
use scenario::saga::{InterruptReason, Status, StepOutcome};
use scenario::steps::{ClusterHandle, Contract, Reach};
use scenario::{Failure, FailureKind, Need, Saga, Uses};
use serde_json::Value;
use tokio::sync::watch;

use super::observer::{DrillObserver, StepProgress};
use super::workshop::{OpenLocation, Workshop};

/// Marks what a step made in a cluster, so that the step finds its own again.
pub const TOKEN: &str = "landfall.dev/token";

/// One attempt at one step.
pub struct StepContext {
    pub workshop: Arc<dyn Workshop>,
    pub clock: Arc<dyn Clock>,
    /// The run as it stood when the attempt began.
    pub saga: Arc<Saga>,
    pub step: String,
    /// The same for every attempt at this step in this run, and for its undoing.
    pub token: String,
    observer: Arc<dyn DrillObserver>,
    stop: watch::Receiver<Option<InterruptReason>>,
    last: Mutex<StepProgress>,
}

/// What a cluster stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// It was there before this run, and stays.
    Foreign,
    /// A stack that this run built, and that its undoing destroys.
    Ours,
    /// A stack that this run built and destroyed.
    Gone,
}

/// A step, or its undoing, that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFailed {
    pub failure: Failure,
    /// For undoing: what is left, for a person who has to remove it.
    pub left: Vec<String>,
}

impl StepContext {
    pub(super) fn new(
        workshop: Arc<dyn Workshop>,
        observer: Arc<dyn DrillObserver>,
        saga: Arc<Saga>,
        step: String,
        token: String,
        stop: watch::Receiver<Option<InterruptReason>>,
    ) -> Self {
        let clock = workshop.clock();
        Self { workshop, clock, saga, step, token, observer, stop, last: Mutex::default() }
    }

    /// Shows what is being done.
    pub fn say(&self, text: impl Into<String>) {
        self.show(StepProgress { text: text.into(), ..StepProgress::default() });
    }

    /// Shows how far it is; the same again is not shown.
    pub fn show(&self, progress: StepProgress) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != progress {
            self.observer.progress(&self.step, &progress);
            *last = progress;
        }
    }

    /// Waits until somebody wants this attempt to end.
    pub async fn interrupted(&self) -> InterruptReason {
        let mut stop = self.stop.clone();
        let because = stop.wait_for(Option::is_some).await.ok().and_then(|because| *because);
        match because {
            Some(because) => because,
            // The driver is gone; it takes this task with it.
            None => std::future::pending().await,
        }
    }

    /// Why this attempt is to end, when somebody wants that.
    pub fn stop_reason(&self) -> Option<InterruptReason> {
        *self.stop.borrow()
    }

    pub async fn cluster(&self, handle: &ClusterHandle) -> Result<Arc<dyn Cluster>, Failure> {
        let connected = self.workshop.cluster(handle).await;
        connected.map_err(|error| failed(format!("failed to connect to {}", handle.name), &error))
    }

    pub async fn location(&self, location: &str) -> Result<OpenLocation, Failure> {
        let opened = self.workshop.location(location).await;
        opened.map_err(|error| failed(format!("failed to open the location {location}"), &error))
    }

    /// A path of the scenario's, which may be relative to its project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.workshop.project().join(path)
    }

    /// The run's folder.
    pub fn run_folder(&self) -> &Path {
        Path::new(&self.saga.header().folder)
    }

    /// This step's own folder in the run's, made when it is not there.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = self.run_folder().join("steps").join(&self.step);
        match std::fs::create_dir_all(&folder) {
            Ok(()) => Ok(folder),
            Err(error) => Err(disk("make the step's folder", &folder, &error)),
        }
    }

    /// A folder for this attempt alone; it goes when the value does.
    pub fn scratch(&self) -> Result<tempfile::TempDir, Failure> {
        let folder = self.folder()?;
        // What a killed attempt left behind has no other owner.
        if let Ok(entries) = std::fs::read_dir(&folder) {
            for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("scratch-")) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let made = tempfile::Builder::new().prefix("scratch-").tempdir_in(&folder);
        made.map_err(|error| disk("make a folder for temporary files", &folder, &error))
    }

    /// What another step gave, as it stood when this attempt began.
    pub fn outputs_of(&self, step: &str) -> Option<&Outputs> {
        self.saga.state(step)?.outputs.as_ref()
    }

    /// Steps that have given outputs, the one that settled last first.
    pub fn settled(&self) -> Vec<(&scenario::Step, &Outputs)> {
        let mut steps: Vec<_> = self
            .saga
            .steps()
            .filter_map(|(step, state)| Some((state.settled?, step, state.outputs.as_ref()?)))
            .collect();
        steps.sort_by_key(|(at, _, _)| std::cmp::Reverse(*at));
        steps.into_iter().map(|(_, step, outputs)| (step, outputs)).collect()
    }

    /// The token of any step of this run.
    pub fn token_of(&self, step: &str) -> String {
        self.saga.token(step)
    }

    /// What this attempt said last.
    pub(super) fn last_said(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// What a cluster stands on, as far as this run knows.
    pub fn ground(&self, handle: &ClusterHandle) -> Ground {
        let Some(contract) = contract_of(handle) else { return Ground::Foreign };
        let built = self.saga.steps().find(|(step, state)| {
            step.uses == Uses::TerraformApply
                && step.with.get("keep") != Some(&Value::Bool(true))
                && state.outputs.as_ref().and_then(|outputs| outputs.get("contract")) == Some(&contract.0)
        });
        let Some((built, state)) = built else { return Ground::Foreign };
        if state.status == Status::Undone {
            return Ground::Gone;
        }
        let destroyed = self.saga.steps().any(|(step, state)| {
            step.uses == Uses::TerraformDestroy
                && step.needs.get(&built.id) == Some(&Need::Output)
                && state.outcome == Some(StepOutcome::Succeeded)
        });
        if destroyed { Ground::Gone } else { Ground::Ours }
    }

    /// The name of what this step makes, unless the scenario gives one.
    pub fn name(&self) -> String {
        let text = format!("{}-{}", self.saga.header().drill, self.step);
        let good = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' { c } else { '-' };
        let name: String = text.to_ascii_lowercase().chars().map(good).collect();
        let name = name.trim_matches('-');
        // Names of objects are at most 63 long where they become labels; the token keeps cut ones apart.
        if name.len() <= 63 {
            name.to_owned()
        } else {
            format!("{}-{}", &name[..54], &self.token[..8.min(self.token.len())])
        }
    }

    /// A uid that is the same for every attempt.
    pub fn uid(&self) -> String {
        use sha2::{Digest, Sha256};
        let hash = hex::encode(Sha256::digest(format!("uid/{}", self.token)));
        format!("{}-{}-5{}-8{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
    }
}

/// The contract that a cluster was connected by.
pub(super) fn contract_of(handle: &ClusterHandle) -> Option<&Contract> {
    match &handle.reach {
        Reach::Contract { contract } => Some(contract),
        Reach::Kubeconfig { .. } | Reach::Sandbox { .. } | Reach::Eks { .. } => None,
    }
}

/// Reads a contract as a step gives it.
pub(super) fn read_contract(contract: &Value, whose: &str) -> Result<infra::Contract, Failure> {
    infra::Contract::from_value(contract).map_err(|error| {
        Failure::new(FailureKind::Invalid, format!("{whose} contract cannot be used: {}", model::chain(&error)))
    })
}

impl From<Failure> for StepFailed {
    fn from(failure: Failure) -> Self {
        Self { failure, left: Vec::new() }
    }
}

pub(super) fn kind_of(kind: ErrorKind) -> FailureKind {
    match kind {
        ErrorKind::NotFound => FailureKind::NotFound,
        ErrorKind::Conflict => FailureKind::Conflict,
        ErrorKind::Denied => FailureKind::Denied,
        ErrorKind::Throttled => FailureKind::Throttled,
        ErrorKind::Invalid => FailureKind::Invalid,
        ErrorKind::Unavailable => FailureKind::Unavailable,
    }
}

/// A port's error as a failure: what was tried, and the whole chain of causes.
pub(super) fn failed(what: impl std::fmt::Display, error: &PortError) -> Failure {
    Failure::new(kind_of(error.kind), format!("{what}: {}", model::chain(error)))
}

/// Any other error: its kind is the kind of the first port error among its causes.
pub(super) fn broke(what: impl std::fmt::Display, error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut kind = FailureKind::Other;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(port) = error.downcast_ref::<PortError>() {
            kind = kind_of(port.kind);
            break;
        }
        cause = error.source();
    }
    Failure::new(kind, format!("{what}: {}", model::chain(error)))
}

pub(super) fn disk(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => FailureKind::NotFound,
        std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
        _ => FailureKind::Unavailable,
    };
    let failure = Failure::new(kind, format!("failed to {what} {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            failure.hint("the disk is full; make room and retry the step")
        }
        _ => failure,
    }
}
