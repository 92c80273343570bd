//! `terraform.apply`: builds a stack and reads its contract. Undo destroys what the state says was built.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::handle::check_state;
use super::{Contract, Kind, StackHandle, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Applies a Terraform stack through a saved plan behind the policy gate, and reads its contract.
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
    /// Whether the stack existed before and must outlive the run: undo then leaves it alone.
    #[serde(default)]
    pub keep: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// How to find the stack again, for `terraform.destroy`.
    pub handle: StackHandle,
    /// The stack's `dr_contract` output; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// The other outputs, sensitive ones left out.
    #[serde(default)]
    pub outputs: BTreeMap<String, Value>,
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
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
    const USES: &'static str = "terraform.apply";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(2), touches: Touches::Nothing, verifies: false, leaves: true };

    fn check(&self) -> Vec<String> {
        check_state(self.state.as_deref(), &self.backend)
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let handle = self.handle(at);
        let contract = at.apply_stack(&handle);
        Ok(Outputs {
            handle,
            contract: Some(Contract(contract)),
            outputs: BTreeMap::new(),
            created: 3,
            updated: 0,
            deleted: 0,
        })
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        if !self.keep {
            let handle = self.handle(at);
            at.world.destroy_stack(&handle);
        }
        Ok(())
    }
}
