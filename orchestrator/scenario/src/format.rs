//! What a drill's journal looks like on disk: JSON lines, a versioned header first, one record a line.
//!
//! Reads and writes text; where the text is kept and made durable is the journal port's business. What the events
//! mean is the saga's. A last line that was torn by a crash counts as not written; damage before it is an error.

mod read;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use read::{read, read_to_damage};

/// A newer major version is refused. A newer minor one is read but never appended to.
pub const MAJOR: u32 = 1;
pub const MINOR: u32 = 0;

/// What a step gave, by name.
pub type Outputs = BTreeMap<String, Value>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Proves the scenario and destroys what it built.
    Drill,
    /// The real thing: keeps what it built, and the cutover steps run.
    Recovery,
}

/// The first line: which run of which scenario this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `1.0`.
    pub journal: String,
    pub drill: String,
    pub scenario: String,
    /// SHA-256 of the scenario's text: the run keeps its own copy, and this tells whether it is the same.
    pub scenario_digest: String,
    pub kind: RunKind,
    /// The inputs as given, defaults filled in.
    pub inputs: Outputs,
    /// The run's own folder, for `${run.folder}`.
    pub folder: String,
    /// The program that runs the drill, for `${run.landfall}`: a path, or a name found in `PATH`.
    #[serde(default = "program")]
    pub landfall: String,
    pub opened: Timestamp,
}

/// One line after the first: `number` counts from 1 without a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub number: u64,
    pub at: Timestamp,
    pub event: Event,
}

/// What happened. Every effect has a `started` before it, made durable before the effect begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// A new process took over; whatever had no ending is unknown and will be run again.
    Resumed,
    Started {
        step: String,
        attempt: u32,
    },
    Succeeded {
        step: String,
        attempt: u32,
        outputs: Outputs,
    },
    Failed {
        step: String,
        attempt: u32,
        failure: Failure,
    },
    /// The step could not even be started: a reference has no value, or one of another type.
    Refused {
        step: String,
        failure: Failure,
    },
    Skipped {
        step: String,
        because: Skip,
    },
    /// A person was asked; nothing runs meanwhile.
    Asked {
        step: String,
    },
    Approved {
        step: String,
        by: String,
        comment: String,
    },
    Rejected {
        step: String,
        by: String,
        comment: String,
    },
    /// A person wants a failed step run again.
    RetryRequested {
        step: String,
        by: String,
    },
    /// A person goes on without a failed step. What it would have verified counts as not verified.
    SkipRequested {
        step: String,
        by: String,
        comment: String,
    },
    /// A person ends the run. With `undo` the choice of the scenario is overruled.
    CancelRequested {
        mode: CancelMode,
        by: String,
        undo: Option<bool>,
    },
    /// No further step is started.
    Stopped {
        because: StopReason,
    },
    UndoBegan,
    UndoStarted {
        step: String,
        attempt: u32,
    },
    Undone {
        step: String,
        attempt: u32,
        /// What was looked at to be sure that nothing is left.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        seen: Vec<String>,
    },
    UndoFailed {
        step: String,
        attempt: u32,
        failure: Failure,
        left: Vec<String>,
    },
    /// A person, or a sweep, wants what was left or kept destroyed now.
    UndoRequested {
        by: String,
    },
    Finished {
        verdict: Verdict,
    },
}

/// Why a step did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Skip {
    /// Its `when` does not hold for this run.
    When { condition: String },
    /// It uses the output of a step that was skipped.
    Missing { step: String },
    /// A step that it needs failed.
    NeedsFailed { step: String },
    /// The run was stopped before its turn.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelMode {
    /// What is in flight may finish; nothing new starts.
    Finish,
    /// What is in flight is interrupted.
    Now,
}

/// Why no further step was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum StopReason {
    /// Every step has ended.
    Completed,
    StepFailed {
        step: String,
    },
    Cancelled {
        by: String,
    },
    /// The time budget is used up.
    Budget {
        limit: String,
    },
    /// What was built has reached the end of its life.
    TimeToLive {
        limit: String,
    },
    StopCondition {
        condition: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    NotFound,
    Conflict,
    Denied,
    Throttled,
    Invalid,
    Unavailable,
    /// A check ran, and its answer is no.
    NotVerified,
    /// A check could not be made; this is never a pass.
    NotChecked,
    TimedOut,
    Interrupted,
    Rejected,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub kind: FailureKind,
    /// The whole chain of causes as one text.
    pub message: String,
    /// The next step, as a sentence; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// What the step found before it failed: counts, findings; the same names as its outputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: Outputs,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// Every check that applies was made and was good, the objectives were met, and nothing is left that should not be.
    Passed,
    /// Not verified. What was built is undone, unless the run keeps it.
    Failed {
        reasons: Vec<String>,
    },
    /// Something could not be undone, and a person has to.
    Stuck {
        step: String,
        what_to_do: String,
        left: Vec<String>,
    },
    Cancelled {
        by: String,
    },
}

/// A journal as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub header: Header,
    pub records: Vec<Record>,
    /// How many bytes are good: cut the file to this length before appending to it.
    pub good_bytes: u64,
    /// A last line that counts as not written.
    pub torn: bool,
    /// Written by a newer minor version: may be read, must not be appended to.
    pub read_only: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal is empty: the run never began")]
    Empty,
    #[error("line {line} of the journal is damaged")]
    Damaged {
        line: usize,
        #[source]
        source: Option<serde_json::Error>,
    },
    #[error("line {line} of the journal has number {found} where {expected} follows: lines are missing or doubled")]
    Gap { line: usize, expected: u64, found: u64 },
    #[error("the journal was written in format {found}; this version reads {MAJOR}.x")]
    Version { found: String },
}

impl Header {
    pub fn version() -> String {
        format!("{MAJOR}.{MINOR}")
    }

    /// The line to write first, its end included.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }
}

impl Record {
    /// The line to append, its end included; it counts as written only once it is durable.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self).map(|line| line + "\n")
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drill => "drill",
            Self::Recovery => "recovery",
        })
    }
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: String::new(), details: Outputs::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    #[must_use]
    pub fn details(mut self, details: Outputs) -> Self {
        self.details = details;
        self
    }

    /// Whether trying the same again may help. A denial or an invalid request stays what it is.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            FailureKind::NotFound
            | FailureKind::Conflict
            | FailureKind::Throttled
            | FailureKind::Unavailable
            | FailureKind::NotVerified
            | FailureKind::NotChecked
            | FailureKind::TimedOut
            | FailureKind::Other => true,
            FailureKind::Denied | FailureKind::Invalid | FailureKind::Interrupted | FailureKind::Rejected => false,
        }
    }
}

impl Verdict {
    /// One word, as users see it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed { .. } => "Failed",
            Self::Stuck { .. } => "Stuck",
            Self::Cancelled { .. } => "Cancelled",
        }
    }
}

impl Event {
    /// The step that the event is about, if it is about one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Started { step, .. }
            | Self::Succeeded { step, .. }
            | Self::Failed { step, .. }
            | Self::Refused { step, .. }
            | Self::Skipped { step, .. }
            | Self::Asked { step }
            | Self::Approved { step, .. }
            | Self::Rejected { step, .. }
            | Self::RetryRequested { step, .. }
            | Self::SkipRequested { step, .. }
            | Self::UndoStarted { step, .. }
            | Self::Undone { step, .. }
            | Self::UndoFailed { step, .. } => Some(step),
            Self::Resumed
            | Self::CancelRequested { .. }
            | Self::Stopped { .. }
            | Self::UndoBegan
            | Self::UndoRequested { .. }
            | Self::Finished { .. } => None,
        }
    }
}

fn program() -> String {
    "landfall".to_owned()
}

#[cfg(test)]
mod tests;
