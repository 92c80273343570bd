//! `restore.run`: restores a backup into a cluster. Undo deletes the objects that it created there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Contract, Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Restores a backup: converts API versions, rewrites what points at the old infrastructure, applies wave by wave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The backup's name: `${step.name}`.
    pub backup: String,
    /// Where the backup is; without it, where the step that `backup` refers to found it.
    pub location: String,
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    #[serde(default)]
    pub include_namespaces: Vec<String>,
    #[serde(default)]
    pub exclude_namespaces: Vec<String>,
    #[serde(default)]
    pub include_resources: Vec<String>,
    #[serde(default)]
    pub exclude_resources: Vec<String>,
    /// Whether objects without a namespace are part of it; without it, those that the others need.
    pub cluster_resources: Option<bool>,
    /// From a namespace of the backup to one of the target.
    #[serde(default)]
    pub namespace_mapping: BTreeMap<String, String>,
    /// What happens to objects that the target already has.
    #[serde(default)]
    pub existing: Existing,
    /// The source's infrastructure; without it, what the backup remembers.
    pub source: Option<Contract>,
    /// The target's infrastructure; without it, the contract that the cluster was connected by.
    pub target: Option<Contract>,
    /// Answers to the decisions that conversions leave open: `pod-security-policy: skip`.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// A file with rewrite rules of your own.
    pub rules: Option<String>,
    /// Whether pairs that were only inferred are used for rewriting.
    #[serde(default)]
    pub accept_inferred: bool,
    /// How many items may be blocked or fail without failing the step.
    #[serde(default)]
    pub tolerate: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// They stay as they are; a difference is reported.
    #[default]
    Keep,
    /// They become as in the backup.
    Update,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub name: String,
    /// Velero's word: `Completed`, `PartiallyFailed`.
    pub phase: String,
    #[schemars(with = "String")]
    pub started_at: Timestamp,
    #[schemars(with = "String")]
    pub completed_at: Timestamp,
    pub created: u64,
    pub updated: u64,
    pub skipped: u64,
    pub failed: u64,
    pub blocked: u64,
    pub warnings: u64,
    /// By kind, as `deployments.apps`.
    #[serde(default)]
    pub kinds: BTreeMap<String, KindCounts>,
    #[serde(default)]
    pub conversions: Vec<Conversion>,
    /// By transform: how many fields of how many objects.
    #[serde(default)]
    pub rewrites: Vec<Rewrite>,
    /// Volumes that came back without their data.
    #[serde(default)]
    pub volumes_without_data: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindCounts {
    /// In the backup.
    pub expected: u64,
    pub created: u64,
    pub updated: u64,
    pub skipped: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    pub kind: String,
    pub from: String,
    pub to: String,
    pub items: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rewrite {
    pub transform: String,
    pub items: u64,
    pub fields: u64,
    /// One example, `before → after`, never from a Secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub example: String,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "restore.run";
    const TRAITS: Traits =
        Traits { timeout: Period::hours(2), touches: Touches::Changes, verifies: false, leaves: true };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let backup = at.backup(&self.location, &self.backup)?.clone();
        let (started_at, token, name) = (at.now, at.token.to_owned(), format!("{}-{}", at.drill, at.step));
        let cluster = at.cluster(&self.cluster)?;
        let mut counts = KindCounts::default();
        for ((namespace, object), body) in &backup.objects {
            if !self.include_namespaces.is_empty() && !self.include_namespaces.contains(namespace) {
                continue;
            }
            let namespace = self.namespace_mapping.get(namespace).unwrap_or(namespace);
            counts.expected += 1;
            match cluster.create(namespace, object, body, &token) {
                true => counts.created += 1,
                false => counts.skipped += 1,
            }
        }
        Ok(Outputs {
            name,
            phase: "Completed".to_owned(),
            started_at,
            completed_at: started_at,
            created: counts.created,
            updated: 0,
            skipped: counts.skipped,
            failed: 0,
            blocked: 0,
            warnings: 0,
            kinds: BTreeMap::from([("configmaps".to_owned(), counts)]),
            conversions: vec![Conversion {
                kind: "CronJob".to_owned(),
                from: "batch/v1beta1".to_owned(),
                to: "batch/v1".to_owned(),
                items: 1,
            }],
            rewrites: vec![Rewrite {
                transform: "rewrite-role-arn".to_owned(),
                items: 1,
                fields: 1,
                example: String::new(),
            }],
            volumes_without_data: backup.volumes_without_data.clone(),
        })
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        at.delete_own_objects(&self.cluster);
        Ok(())
    }
}
