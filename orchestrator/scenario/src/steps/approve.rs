//! `approve`: nothing after it happens until a person says yes. The saga handles it; the engine only asks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Touches, Traits};
use crate::format::{Failure, FailureKind};
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Asks for an approval. An answer that never comes fails the step when its timeout is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// What is asked.
    pub message: String,
    /// Who may answer, by the names that they give with `--by`; empty means anybody.
    #[serde(default)]
    pub approvers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub by: String,
    #[serde(default)]
    pub comment: String,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "approve";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(4), touches: Touches::Everything, verifies: false, leaves: false };

    fn check(&self) -> Vec<String> {
        if self.message.trim().is_empty() { vec!["say in \"message\" what is asked".to_owned()] } else { Vec::new() }
    }

    fn simulate(&self, _at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        Err(Failure::new(FailureKind::Invalid, "an approval is never run"))
    }
}
