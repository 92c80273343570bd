//! `command`: runs a program of the user's, without any of landfall's rights.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Runs a program. It gets no credentials and no environment but what is named here. It may be run again when a run
/// is resumed, so it must bear that; `LANDFALL_TOKEN` in its environment is the same every time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The program and its arguments; no shell is involved.
    pub run: Vec<String>,
    /// What undoing runs; without it there is nothing to undo.
    #[serde(default)]
    pub undo: Vec<String>,
    /// The environment; nothing is inherited but `PATH` and `HOME`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The working folder; without it, the run's folder.
    pub folder: Option<String>,
    /// The exit code that means success.
    #[serde(default)]
    pub exit_code: i32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub exit_code: i32,
    /// The standard output, cut to 64 KiB.
    pub stdout: String,
    /// The standard output read as JSON, when it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "command";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(30), touches: Touches::Everything, verifies: false, leaves: true };

    fn traits(&self) -> Traits {
        Traits { leaves: !self.undo.is_empty(), ..Self::TRAITS }
    }

    fn check(&self) -> Vec<String> {
        if self.run.first().is_none_or(String::is_empty) { vec!["\"run\" is empty".to_owned()] } else { Vec::new() }
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        if !self.undo.is_empty() {
            let token = at.token.to_owned();
            at.world.commands.insert(token);
        }
        Ok(Outputs { exit_code: self.exit_code, stdout: String::new(), json: Some(Value::Null) })
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        at.world.commands.remove(at.token);
        Ok(())
    }
}
