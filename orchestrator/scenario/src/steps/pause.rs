//! `pause`: waits for a time, or until a person says to go on. The saga handles it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Touches, Traits, approve};
use crate::format::{Failure, FailureKind};
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Stops here. With `for`, goes on by itself after that time; without it, when a person says so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// How long.
    #[serde(rename = "for")]
    pub length: Option<Period>,
    /// Why, for the person who looks at it.
    #[serde(default)]
    pub message: String,
}

impl Kind for Params {
    type Outputs = approve::Outputs;
    const USES: &'static str = "pause";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(24), touches: Touches::Everything, verifies: false, leaves: false };

    fn simulate(&self, _at: &mut Simulated<'_>) -> Result<approve::Outputs, Failure> {
        Err(Failure::new(FailureKind::Invalid, "a pause is never run"))
    }
}
