//! `terraform.plan`: what an apply of a stack would do; changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::handle::check_state;
use super::{Kind, StackHandle, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Plans a Terraform stack and keeps the plan in the run's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The folder of the root module, relative to the scenario's project.
    pub stack: String,
    /// Input variables of the module.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// Files with input variables, relative to the scenario's project; `vars` win over them.
    #[serde(default)]
    pub var_files: Vec<String>,
    /// Where the local state is kept; without it, a folder of this run, unless the stack has a backend.
    pub state: Option<String>,
    /// Settings of the stack's backend that its files leave open, as `bucket`, `key` and `region` of `s3`. Never
    /// credentials.
    #[serde(default)]
    pub backend: BTreeMap<String, Value>,
    /// An existing workspace of the stack's backend.
    pub workspace: Option<String>,
    /// Addresses that the plan may delete or replace although they hold data.
    #[serde(default)]
    pub allow: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub handle: StackHandle,
    pub create: u64,
    pub update: u64,
    pub delete: u64,
    /// Whether applying would change anything.
    pub changes: bool,
}

impl Params {
    fn handle(&self, at: &Simulated<'_>) -> StackHandle {
        StackHandle {
            stack: self.stack.clone(),
            state: self.backend.is_empty().then(|| at.state_of(self.state.as_deref())),
            backend: self.backend.clone(),
            workspace: self.workspace.clone(),
            vars: self.vars.clone(),
            var_files: self.var_files.clone(),
        }
    }
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "terraform.plan";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Nothing, verifies: false, leaves: false };

    fn check(&self) -> Vec<String> {
        check_state(self.state.as_deref(), &self.backend)
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let handle = self.handle(at);
        let exists = at.world.has_stack(&handle);
        let create = if exists { 0 } else { 3 };
        Ok(Outputs { handle, create, update: 0, delete: 0, changes: !exists })
    }
}
