//! `cluster.apply`: applies a folder of manifests. Undo deletes the objects that it created.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Applies every YAML and JSON file of a folder, in an order that works: namespaces and definitions first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// The folder, relative to the scenario's project; subfolders included.
    pub manifests: String,
    /// For namespaced objects that name no namespace.
    pub namespace: Option<String>,
    /// Takes over fields that another manager owns.
    #[serde(default)]
    pub force: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// The namespaces that the manifests touch.
    pub namespaces: Vec<String>,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "cluster.apply";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(15), touches: Touches::Changes, verifies: false, leaves: true };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let namespace = self.namespace.clone().unwrap_or_else(|| "shop".to_owned());
        let token = at.token.to_owned();
        let cluster = at.cluster(&self.cluster)?;
        let created = (1..=5).filter(|n| cluster.create(&namespace, &format!("applied-{n}"), "v1", &token)).count();
        Ok(Outputs { created: created as u64, updated: 0, unchanged: 5 - created as u64, namespaces: vec![namespace] })
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        at.delete_own_objects(&self.cluster);
        Ok(())
    }
}
