//! `cluster.wait`: waits until a cluster can take workloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, is_known};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Waits for nodes, add-ons and conditions. The step's timeout limits the waiting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// At least so many nodes are Ready.
    #[serde(default)]
    pub nodes: u32,
    /// Deployments and DaemonSets, as `namespace/name`, that must be available.
    #[serde(default)]
    pub addons: Vec<String>,
    /// Other objects and what they must say of themselves.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// The kind, as a resource: `certificates.cert-manager.io`.
    pub resource: String,
    pub namespace: Option<String>,
    /// One object; without it, all of them, and at least one.
    pub name: Option<String>,
    /// The type of the condition: `Ready`.
    pub condition: String,
    /// Its status.
    #[serde(default = "yes")]
    pub status: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub nodes: u32,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "cluster.wait";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(15), touches: Touches::Reads, verifies: false, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.nodes == 0 && self.addons.is_empty() && self.conditions.is_empty() {
            problems.push("there is nothing to wait for; give nodes, addons or conditions".to_owned());
        }
        for addon in self.addons.iter().filter(|addon| is_known(addon)) {
            if addon.split_once('/').is_none_or(|(namespace, name)| namespace.is_empty() || name.is_empty()) {
                problems.push(format!("an add-on is written namespace/name, not {addon:?}"));
            }
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        at.cluster(&self.cluster)?;
        Ok(Outputs { nodes: self.nodes.max(2) })
    }
}

fn yes() -> String {
    "True".to_owned()
}
