//! `verify.objects`: what is in the cluster is what was in the backup.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, Verification};
use crate::format::{Failure, FailureKind};
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Compares counts by kind, and digests of bodies, with the backup; what a restore changes on purpose is allowed for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// The backup to compare with; without it, the one that was restored.
    pub backup: String,
    /// Where the backup is; without it, where the restore found it.
    pub location: String,
    #[serde(default)]
    pub include_namespaces: Vec<String>,
    #[serde(default)]
    pub namespace_mapping: BTreeMap<String, String>,
    /// Kinds, as resources, that may differ: events, leases and their like always may.
    #[serde(default)]
    pub except: BTreeSet<String>,
    /// Whether bodies are compared too, not only whether each object is there.
    #[serde(default = "yes")]
    pub digests: bool,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.objects";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(30), touches: Touches::Reads, verifies: true, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        let backup = at.backup(&self.location, &self.backup)?.clone();
        let cluster = at.cluster(&self.cluster)?;
        let mut checked = 0;
        for ((namespace, name), body) in &backup.objects {
            if !self.include_namespaces.is_empty() && !self.include_namespaces.contains(namespace) {
                continue;
            }
            checked += 1;
            let namespace = self.namespace_mapping.get(namespace).unwrap_or(namespace);
            if cluster.body(namespace, name) != Some(body.as_str()) {
                return Err(Failure::new(FailureKind::NotVerified, format!("{namespace}/{name} is not as backed up")));
            }
        }
        at.looked_at(checked, "objects are as in the backup")
    }
}

fn yes() -> bool {
    true
}
