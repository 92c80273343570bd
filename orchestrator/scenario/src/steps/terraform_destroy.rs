//! `terraform.destroy`: destroys a stack. There is no undo: what was destroyed stays so.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, StackHandle, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Destroys a stack: tidies up early, or plays the disaster in a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which stack: `${step.handle}` of the step that applied it.
    pub applied: StackHandle,
    /// Addresses that may be deleted although they hold data. A stack built by this run needs none.
    #[serde(default)]
    pub allow: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub destroyed: u64,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "terraform.destroy";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(2), touches: Touches::Changes, verifies: false, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        Ok(Outputs { destroyed: if at.world.destroy_stack(&self.applied) { 3 } else { 0 } })
    }
}
