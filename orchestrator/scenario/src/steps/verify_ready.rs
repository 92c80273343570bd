//! `verify.ready`: workloads and other objects have become ready.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, Verification};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Waits until Deployments, StatefulSets, DaemonSets, Jobs, claims, Services and custom resources with a `Ready`
/// condition are ready. Nothing found is not a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// Namespaces, globs allowed; empty means those that were restored.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Kinds as resources; empty means all that can be ready.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Objects, as `resource namespace/name`, whose readiness does not matter.
    #[serde(default)]
    pub except: Vec<String>,
    /// How long to wait for readiness.
    #[serde(default = "within")]
    pub within: Period,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.ready";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(30), touches: Touches::Reads, verifies: true, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        let objects = at.cluster(&self.cluster)?.objects.len() as u64;
        at.looked_at(objects, "workloads are ready")
    }
}

fn within() -> Period {
    Period::minutes(10)
}
