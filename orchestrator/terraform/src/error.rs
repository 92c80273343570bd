//! Everything that can go wrong on the way, each with the next thing to do.
//!
//! A run that was started and ended badly is not an error of this enum but an [`crate::aftermath::Aftermath`].

use std::path::PathBuf;

use ports::{ErrorKind, PortError};

use crate::diagnostic::LockInfo;

#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    #[error(
        "neither terraform nor tofu was found in {searched}; nothing was run; install one of at least 1.9, or give its path"
    )]
    NoBinary { searched: String },
    #[error("{} cannot be run; nothing was changed; give the path of terraform or tofu", path.display())]
    NotExecutable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is neither terraform nor tofu: it says {said:?}; nothing was changed", path.display())]
    NotTheTool { path: PathBuf, said: String },
    #[error("{} is {flavour} {found}, which is not supported; nothing was changed; use at least 1.9 and less than 2.0", path.display())]
    WrongVersion { path: PathBuf, flavour: &'static str, found: String },
    #[error("the state in {} was written by {state}, and {tool} would take it over; nothing was changed; run with {state}, or allow the switch", directory.display())]
    ToolSwitch { directory: PathBuf, state: &'static str, tool: &'static str },
    #[error("{} is not a folder with Terraform files; nothing was changed", directory.display())]
    NoStack { directory: PathBuf },
    #[error("workspace {workspace:?} does not exist (there is {}); nothing was changed; create it on purpose: {command}", existing.join(", "))]
    WorkspaceMissing { workspace: String, existing: Vec<String>, command: String },
    #[error("{} is not initialised: {detail}; nothing was changed; next: {command}", directory.display())]
    NotInitialised { directory: PathBuf, detail: String, command: String },
    #[error("the backend of {} is not the one that it was initialised with: {detail}; nothing was changed; next: {command}", directory.display())]
    BackendChanged { directory: PathBuf, detail: String, command: String },
    #[error(
        "the state is locked {}; nothing was changed; wait for the holder, or when it is dead: {command}",
        describe(lock)
    )]
    Locked { lock: Box<LockInfo>, command: String },
    #[error(
        "the saved plan no longer fits the state, which was changed after planning; nothing was changed; plan again: {command}"
    )]
    StalePlan { command: String },
    #[error("{detail}; nothing was changed; plan again: {command}")]
    ExpiredPlan { detail: String, command: String },
    #[error("the saved plan cannot be read: {detail}; nothing was changed; plan again: {command}")]
    BadPlan { detail: String, command: String },
    #[error(
        "the state has a format that cannot be read: {detail}; nothing was changed; use the tool version that wrote it"
    )]
    StateFormat { detail: String },
    #[error("{what} has format version {found:?}, and {supported} is supported; nothing was changed")]
    Format { what: &'static str, found: String, supported: &'static str },
    #[error("variables have no value: {detail}; nothing was changed; set them in the request")]
    MissingVariable { detail: String },
    #[error("{what} failed: {detail}; nothing was changed")]
    Failed { what: String, detail: String },
    #[error("a provider crashed during {what}: {detail}; nothing was changed; the same command may work again")]
    ProviderCrash { what: String, detail: String },
    #[error("the plan is refused: {}; nothing was changed", refusals.join("; "))]
    Refused { refusals: Vec<String> },
    #[error("{} exists: a state was not saved, and a new run would fork it; next: {command}", path.display())]
    ErroredState { path: PathBuf, command: String },
    #[error("the last run under this token left things to settle; next: {next}")]
    RecoveryNeeded { next: String },
    #[error("somebody else is following the run in {}; wait for it to end", folder.display())]
    Busy { folder: PathBuf },
    #[error("a run exists in {}; attach to it", folder.display())]
    RunExists { folder: PathBuf },
    #[error("there is no run in {}", folder.display())]
    NoRun { folder: PathBuf },
    #[error("the run was cancelled before it started; nothing was changed")]
    Cancelled,
    #[error("{what} is longer than {limit} bytes")]
    TooLong { what: String, limit: u64 },
    #[error("{what} is not the JSON it should be")]
    Json {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("cannot {what}")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
}

impl TerraformError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// A stable code.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoBinary { .. } => "NoBinary",
            Self::NotExecutable { .. } => "NotExecutable",
            Self::NotTheTool { .. } => "NotTheTool",
            Self::WrongVersion { .. } => "WrongVersion",
            Self::ToolSwitch { .. } => "ToolSwitch",
            Self::NoStack { .. } => "NoStack",
            Self::WorkspaceMissing { .. } => "WorkspaceMissing",
            Self::NotInitialised { .. } => "NotInitialised",
            Self::BackendChanged { .. } => "BackendChanged",
            Self::Locked { .. } => "Locked",
            Self::StalePlan { .. } => "StalePlan",
            Self::ExpiredPlan { .. } => "ExpiredPlan",
            Self::BadPlan { .. } => "BadPlan",
            Self::StateFormat { .. } => "StateFormat",
            Self::Format { .. } => "Format",
            Self::MissingVariable { .. } => "MissingVariable",
            Self::Failed { .. } => "Failed",
            Self::ProviderCrash { .. } => "ProviderCrash",
            Self::Refused { .. } => "PolicyRefused",
            Self::ErroredState { .. } | Self::RecoveryNeeded { .. } => "RecoveryNeeded",
            Self::Busy { .. } => "Busy",
            Self::RunExists { .. } => "RunExists",
            Self::NoRun { .. } => "NoRun",
            Self::Cancelled => "Cancelled",
            Self::TooLong { .. } => "TooLong",
            Self::Json { .. } => "Json",
            Self::Io { .. } => "Io",
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoBinary { .. } | Self::NoStack { .. } | Self::WorkspaceMissing { .. } | Self::NoRun { .. } => {
                ErrorKind::NotFound
            }
            Self::Locked { .. }
            | Self::StalePlan { .. }
            | Self::ExpiredPlan { .. }
            | Self::ErroredState { .. }
            | Self::RecoveryNeeded { .. }
            | Self::Busy { .. }
            | Self::RunExists { .. }
            | Self::Cancelled
            | Self::ToolSwitch { .. } => ErrorKind::Conflict,
            Self::Refused { .. } => ErrorKind::Denied,
            Self::ProviderCrash { .. } | Self::Io { .. } => ErrorKind::Unavailable,
            Self::NotExecutable { .. }
            | Self::NotTheTool { .. }
            | Self::WrongVersion { .. }
            | Self::NotInitialised { .. }
            | Self::BackendChanged { .. }
            | Self::BadPlan { .. }
            | Self::StateFormat { .. }
            | Self::Format { .. }
            | Self::MissingVariable { .. }
            | Self::Failed { .. }
            | Self::TooLong { .. }
            | Self::Json { .. } => ErrorKind::Invalid,
        }
    }
}

impl From<TerraformError> for PortError {
    fn from(error: TerraformError) -> Self {
        let port = PortError::new(error.kind(), error.to_string()).with_reason(error.reason());
        match error {
            TerraformError::NotExecutable { source, .. } | TerraformError::Io { source, .. } => {
                port.with_source(source)
            }
            TerraformError::Json { source, .. } => port.with_source(source),
            _ => port,
        }
    }
}

/// `by root@vm since … for OperationTypeApply (id …)`.
pub(crate) fn describe(lock: &LockInfo) -> String {
    if lock.id.is_empty() && lock.who.is_empty() {
        return "by somebody whom the backend does not name".into();
    }
    if lock.only_id {
        return format!("(id {}); the backend does not say by whom or since when", lock.id);
    }
    format!("by {} since {} for {} (id {})", lock.who, lock.created, lock.operation, lock.id)
}
