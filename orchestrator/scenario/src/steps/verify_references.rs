//! `verify.references`: nothing in the target points at the source's infrastructure any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Contract, Kind, Touches, Traits, Verification};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Scans live objects for identifiers of the source: account, region, networks, roles, keys, endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// The source's infrastructure; without it, what the restored backup remembers.
    pub source: Option<Contract>,
    /// Namespaces, globs allowed; empty means those that were restored.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Which finds fail the step.
    #[serde(default)]
    pub require: Require,
    /// Finds that are meant to be: a JSON pointer with `*` for any part, or an identifier.
    #[serde(default)]
    pub except: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// No find in a typed place; one in free text is a warning.
    #[default]
    NoErrors,
    /// No find at all.
    None,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.references";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Reads, verifies: true, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        let objects = at.cluster(&self.cluster)?.objects.len() as u64;
        at.looked_at(objects, "no reference to the source is left")
    }
}
