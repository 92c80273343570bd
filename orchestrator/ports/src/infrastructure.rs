//! Infrastructure that is described in a folder, planned, applied, read and taken down.
//!
//! The words are the domain's: a stack is a folder that describes an environment, a run is one apply or destroy of
//! it. What tool does the work, and how it is started, is the implementation's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::PortError;

/// Names the work of one step of one drill, so that asking twice is asking once.
///
/// It becomes a folder name: 1 to 100 of `a-z A-Z 0-9 . _ -`, not starting with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunToken(String);

/// A stack, and what it is wanted to be.
#[derive(Clone, PartialEq, Default)]
pub struct StackRequest {
    /// The folder that describes the infrastructure.
    pub directory: PathBuf,
    /// A named copy of the stack's state; it must exist. `None` is the one that is selected.
    pub workspace: Option<String>,
    /// Values of the stack's variables. They may be secret: `Debug` shows their names only.
    pub variables: BTreeMap<String, Value>,
    /// Where the stack's state is kept, when its own description leaves that open: the settings of its backend.
    pub state_location: BTreeMap<String, Value>,
    /// Addresses that may be deleted or replaced although they hold data. A prefix covers what is below it.
    pub allow: BTreeSet<String>,
    /// A finished run under the same token does not count: the work is planned again. For a person who repeats a
    /// command; a drill's step leaves it off.
    pub again: bool,
}

/// What a plan would do to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackAction {
    Create,
    Update,
    Replace,
    Delete,
    /// Stays in the world, leaves the state.
    Forget,
    /// Is in the world, enters the state.
    Import,
    Read,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackChange {
    pub address: String,
    pub kind: String,
    pub action: StackAction,
    /// Why, in the tool's word: `tainted`, `cannot_update`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A change that policy does not let through, and what would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackRefusal {
    /// Empty when the whole plan is refused.
    pub address: String,
    /// Kebab-case: `stateful-delete`, `stateful-replace`, `plan-errored`.
    pub code: String,
    pub message: String,
}

/// What an apply would do. Holds no values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackPlan {
    pub changes: Vec<StackChange>,
    /// Units of work: what progress counts up to.
    pub total: u64,
    /// Not empty: `apply` would refuse too.
    pub refusals: Vec<StackRefusal>,
    /// Whether an apply would change anything, outputs included.
    pub applyable: bool,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StackResource {
    pub address: String,
    /// What the provider calls it; empty when it did not say.
    pub id: String,
}

/// How a run ended, and everything it is known to have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a run that ended is not a run that succeeded"]
pub struct StackOutcome {
    pub ending: StackEnding,
    pub created: Vec<StackResource>,
    pub updated: Vec<StackResource>,
    pub deleted: Vec<StackResource>,
    /// Work that failed; what it was working on may half exist.
    pub failed: Vec<String>,
    /// Work that began and of which nothing more is known.
    pub unknown: Vec<String>,
    /// Set unless the ending is `Done`: what happened, what was created, what is unknown, the next command.
    pub message: String,
    /// What to do next, in order; empty after `Done`.
    pub next: Vec<NextStep>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackEnding {
    Done,
    /// The tool said what went wrong.
    Failed,
    /// Asked to stop, and stopped.
    Interrupted,
    /// The tool died; what it was doing is unknown.
    Died,
    /// The work was done or not, but the record of it was not saved where it belongs.
    StateNotSaved,
}

/// One step towards a state that can be planned on again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// Kebab-case: `wait`, `unlock`, `read-state`, `push-state`, `import`, `check`, `untaint`, `retry`.
    pub code: String,
    /// What it is about: an address, a lock's id, a file; may be empty.
    pub subject: String,
    pub message: String,
    /// Something to type; empty when there is nothing.
    pub command: String,
    /// Whether it may be done without asking anybody.
    pub safe: bool,
}

/// What is known about a stack after something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackDiagnosis {
    /// Whether a run under this token is still going on.
    pub running: bool,
    pub steps: Vec<NextStep>,
    /// Import blocks for what was created and is in no state; empty when there is none.
    pub imports: String,
    /// Things worth knowing that need no step.
    pub notes: Vec<String>,
}

/// What a person has allowed a recovery to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveryApproval {
    /// The id of the lock that may be broken.
    pub unlock: Option<String>,
    /// Addresses that were found healthy and need not be replaced.
    pub untaint: BTreeSet<String>,
    /// Whether what was created and lost from the state may be imported by the next apply.
    pub import: bool,
    /// Addresses whose whereabouts a person has looked into; they hold up no further apply.
    pub checked: BTreeSet<String>,
}

/// One difference between the world and the state, or between the state and the description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackDrift {
    pub address: String,
    pub kind: String,
    /// The resource is gone from the world.
    pub deleted: bool,
    /// The description asks for something else than what is there.
    pub planned: Option<StackAction>,
    /// Attributes that differ, as dotted paths, without their values.
    pub attributes: Vec<String>,
}

/// A value that a stack offers. `Debug` hides sensitive ones.
#[derive(Clone, PartialEq)]
pub struct StackOutput {
    pub value: Value,
    pub sensitive: bool,
}

/// How to stop a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StackCancel {
    /// Lets what is running finish and starts nothing else.
    AfterCurrent,
    /// Asks the tool to stop now; resources in the making may be left half done and be replaced later.
    Interrupt,
    /// Asks a second time: the tool leaves at once and may lose what it did last.
    Force,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StackPhase {
    Prepare,
    Plan,
    Apply,
    Destroy,
    Drift,
}

/// One piece of work in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StackUnit {
    pub address: String,
    pub action: StackAction,
    pub elapsed: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum StackEvent {
    Phase {
        phase: StackPhase,
    },
    Progress {
        phase: StackPhase,
        done: u64,
        failed: u64,
        total: u64,
        /// 0 to 1, weighted by how long each kind of resource usually takes.
        fraction: f64,
        running: Vec<StackUnit>,
    },
    /// One finished piece of work.
    Finished {
        address: String,
        action: StackAction,
        id: String,
        elapsed: Duration,
    },
    Message {
        severity: model::Severity,
        text: String,
        address: Option<String>,
    },
}

/// Hears what a run does while it runs; must not block.
pub trait StackProgress: Send + Sync {
    fn report(&self, event: StackEvent);
}

/// Hears nothing.
pub struct Silent;

/// Runs the infrastructure half of a scenario.
///
/// # Expected flow
/// `plan` to show what would happen, `apply` to make it so, `contract` for what came of it, `destroy` to undo.
///
/// # Guarantees
/// - `apply` and `destroy` plan, pass the policy gate and run exactly what was planned. A plan made under the same
///   token and request is what `apply` runs, or it is refused when the world moved on.
/// - A run goes on when the caller dies. The same call with the same token attaches to it, reads what it missed and
///   returns the outcome that the first call would have returned; a finished run is returned, not repeated.
/// - A run that did not end well is repeated only when nothing that it created is missing from the state. Otherwise
///   the call is refused (`Conflict`, reason `RecoveryNeeded`), and `diagnose` says what to do.
/// - Deleting or replacing what holds data is refused (`Denied`, reason `PolicyRefused`) unless the request allows
///   the address. `destroy` may always delete what was created under the same token.
/// - Dropping the future never kills the tool.
/// - No value that is marked sensitive comes out, except from `outputs`.
#[async_trait]
pub trait Infrastructure: Send + Sync {
    async fn plan(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackPlan, PortError>;

    async fn apply(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError>;

    async fn destroy(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError>;

    /// Waits for the run under this token, if there is one, and returns how it ended. Starts nothing.
    async fn attach(&self, token: &RunToken, progress: &dyn StackProgress) -> Result<Option<StackOutcome>, PortError>;

    /// Stops the run under this token, from any process. `NotFound` when there is none.
    async fn cancel(&self, token: &RunToken, how: StackCancel) -> Result<(), PortError>;

    async fn outputs(&self, request: &StackRequest) -> Result<BTreeMap<String, StackOutput>, PortError>;

    /// The raw infrastructure contract; `None` when the stack offers none, or nothing stands.
    async fn contract(&self, request: &StackRequest) -> Result<Option<Value>, PortError>;

    /// Differences that mean something, between the world, the state and the description. Changes nothing.
    async fn drift(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<Vec<StackDrift>, PortError>;

    /// Looks for what an abnormal end leaves behind. Changes nothing.
    async fn diagnose(&self, request: &StackRequest, token: &RunToken) -> Result<StackDiagnosis, PortError>;

    /// Does the safe steps of the diagnosis and the approved ones, and returns what is left to do.
    async fn recover(
        &self,
        request: &StackRequest,
        token: &RunToken,
        approval: &RecoveryApproval,
    ) -> Result<StackDiagnosis, PortError>;
}

impl RunToken {
    pub fn new(text: impl Into<String>) -> Result<Self, PortError> {
        let text = text.into();
        let fits = (1..=100).contains(&text.len()) && !text.starts_with('.');
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            Ok(Self(text))
        } else {
            Err(PortError::invalid("a run's token is 1 to 100 letters, digits, `.`, `_` or `-`, no dot first"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StackRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackRequest")
            .field("directory", &self.directory)
            .field("workspace", &self.workspace)
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("state_location", &self.state_location.keys().collect::<Vec<_>>())
            .field("allow", &self.allow)
            .field("again", &self.again)
            .finish()
    }
}

impl fmt::Debug for StackOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("(sensitive)") } else { fmt::Debug::fmt(&self.value, f) }
    }
}

impl StackProgress for Silent {
    fn report(&self, _event: StackEvent) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_safe_folder_name() {
        assert!(RunToken::new("drill-7.infrastructure").is_ok());
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "ü", &"x".repeat(101)] {
            assert!(RunToken::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_values() {
        let request = StackRequest {
            variables: BTreeMap::from([("password".into(), Value::from("hunter2"))]),
            state_location: BTreeMap::from([("secret_key".into(), "hunter2".into())]),
            ..Default::default()
        };
        assert!(!format!("{request:?}").contains("hunter2"));
        assert!(!format!("{:?}", StackOutput { value: "hunter2".into(), sensitive: true }).contains("hunter2"));
    }
}
