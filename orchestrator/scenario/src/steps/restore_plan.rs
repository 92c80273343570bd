//! `restore.plan`: decides what a restore would do, item by item; changes nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Contract, Kind, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Plans a restore and keeps the plan in the run's folder for review.
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
    /// From a namespace of the backup to one of the target.
    #[serde(default)]
    pub namespace_mapping: BTreeMap<String, String>,
    /// The source's infrastructure; without it, what the backup remembers.
    pub source: Option<Contract>,
    /// The target's infrastructure; without it, the contract that the cluster was connected by.
    pub target: Option<Contract>,
    /// Answers to the decisions that conversions leave open: `pod-security-policy: skip`.
    #[serde(default)]
    pub choices: BTreeMap<String, String>,
    /// A file with rewrite rules of your own.
    pub rules: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub create: u64,
    pub update: u64,
    pub skip: u64,
    pub convert: u64,
    pub rewrite: u64,
    /// Items that need a decision of a person.
    pub blocked: u64,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "restore.plan";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(15), touches: Touches::Reads, verifies: false, leaves: false };

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let objects = at.backup(&self.location, &self.backup)?.objects.len() as u64;
        at.cluster(&self.cluster)?;
        Ok(Outputs { create: objects, update: 0, skip: 0, convert: 1, rewrite: 2, blocked: 0 })
    }
}
