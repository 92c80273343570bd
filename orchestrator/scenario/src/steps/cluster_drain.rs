//! `cluster.drain`: removes what would keep Terraform from destroying the infrastructure under a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Deletes load balancers, volumes, node claims and target-group bindings, and waits until their cloud objects are
/// gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// When to drain.
    #[serde(default)]
    pub at: Moment,
    /// Only in these namespaces; empty means in all.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Claims of volumes that are kept when their namespace is left alone, as `namespace/name`.
    #[serde(default)]
    pub keep_claims: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// When the step runs.
    #[default]
    Now,
    /// When the step is undone: put it right after the cluster's connection, and it drains before the stack under the
    /// cluster is destroyed, however the run ends.
    Undo,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub deleted: u64,
    /// What was waited for, by kind.
    pub gone: Vec<String>,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "cluster.drain";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(30), touches: Touches::Changes, verifies: false, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        at.cluster(&self.cluster)?;
        if self.at == Moment::Undo {
            return Ok(Outputs { deleted: 0, gone: Vec::new() });
        }
        Ok(Outputs { deleted: 2, gone: vec!["services".to_owned(), "persistentvolumeclaims".to_owned()] })
    }
}
