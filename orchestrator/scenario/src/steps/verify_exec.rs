//! `verify.exec`: a command inside a container says that all is well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, Verification};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Runs a command in a running pod and checks its exit code and output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    pub namespace: String,
    /// Labels that select the pod; the first ready one by name is taken.
    pub selector: Option<String>,
    /// The pod's name, instead of a selector.
    pub pod: Option<String>,
    /// The container; without it, the pod's first.
    pub container: Option<String>,
    /// The program and its arguments; no shell is involved.
    pub command: Vec<String>,
    #[serde(default)]
    pub exit_code: i32,
    /// A text that the standard output must contain.
    pub stdout_contains: Option<String>,
    /// How long to keep trying.
    #[serde(default = "within")]
    pub within: Period,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.exec";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Reads, verifies: true, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.command.first().is_none_or(String::is_empty) {
            problems.push("the command is empty".to_owned());
        }
        if self.selector.is_some() == self.pod.is_some() {
            problems.push("give exactly one of selector and pod".to_owned());
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        at.cluster(&self.cluster)?;
        at.looked_at(1, "the command succeeded")
    }
}

fn within() -> Period {
    Period::minutes(5)
}
