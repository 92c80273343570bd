//! `backup.run`: backs a cluster up. Undo deletes the backup, unless it is to be kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Contract, Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Backs a cluster up into a location, in Velero's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// A configured location, or a URL: `file:///folder`, `s3://bucket/prefix`.
    pub location: String,
    /// The backup's name; without it, one made from the run.
    pub name: Option<String>,
    /// Namespaces, globs allowed; empty means all.
    #[serde(default)]
    pub include_namespaces: Vec<String>,
    #[serde(default)]
    pub exclude_namespaces: Vec<String>,
    /// Kinds as resources, globs allowed; empty means all.
    #[serde(default)]
    pub include_resources: Vec<String>,
    #[serde(default)]
    pub exclude_resources: Vec<String>,
    /// Whether objects without a namespace are part of it; without it, those that the others need.
    pub cluster_resources: Option<bool>,
    /// Only objects with these labels: `app=web,tier in (a,b)`.
    pub selector: Option<String>,
    /// The infrastructure that the backup remembers, so that a restore can rewrite what points at it. Without it,
    /// the contract that the cluster was connected by.
    pub contract: Option<Contract>,
    /// Whether volumes are backed up too.
    pub volumes: Option<bool>,
    /// Whether the backup outlives the drill.
    #[serde(default)]
    pub keep: bool,
}

/// A backup, as made or as found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub name: String,
    pub location: String,
    /// The data are as of this moment: RPO is counted from it.
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    #[schemars(with = "String")]
    pub completed_at: Timestamp,
    pub items: u64,
    pub warnings: u64,
    /// When each volume's data were taken, as `namespace/claim`, where that is older or newer than the backup.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub volume_times: BTreeMap<String, Timestamp>,
    /// Volumes that are part of the backup without their data.
    #[serde(default)]
    pub volumes_without_data: Vec<String>,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "backup.run";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(1), touches: Touches::Reads, verifies: false, leaves: true };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let name = self.name.clone().unwrap_or_else(|| format!("{}-{}", at.drill, at.step));
        at.back_up(&self.cluster, &self.location, &name, &self.include_namespaces)
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        if !self.keep {
            let name = self.name.clone().unwrap_or_else(|| format!("{}-{}", at.drill, at.step));
            at.delete_own_backup(&self.location, &name);
        }
        Ok(())
    }
}
