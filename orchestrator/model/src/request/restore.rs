//! What a restore is asked to bring back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::filter::{LabelChoice, NameFilter};
use super::hook::RestoreHooks;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestoreRequest {
    pub name: String,
    pub backup: String,
    /// Matched against the namespaces of the backup, before mapping.
    pub namespaces: NameFilter,
    pub kinds: NameFilter,
    /// Cluster-scoped kinds: never, always, or (`None`) when all namespaces are in.
    pub cluster_scoped: Option<bool>,
    pub labels: LabelChoice,
    /// Namespace in the backup → namespace in the target.
    pub namespace_mapping: BTreeMap<String, String>,
    pub existing: ExistingPolicy,
    /// Kinds whose status is restored; `None` restores no status but what an annotation asks for.
    pub status_of: Option<NameFilter>,
    pub preserve_node_ports: bool,
    /// `Some(false)` makes fresh volumes.
    pub restore_volumes: Option<bool>,
    pub keep_owner_references: bool,
    pub keep_managed_fields: bool,
    pub hooks: Vec<RestoreHooks>,
    /// Velero's resource modifiers, as YAML; checked by the planner.
    pub resource_modifiers: Option<String>,
    /// Namespaces whose items go before all others inside each wave.
    pub first: Vec<String>,
}

/// What to do with an object that exists in the target and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExistingPolicy {
    /// Leave it alone and say so.
    #[default]
    None,
    /// Patch it to what the backup holds.
    Update,
}

impl RestoreRequest {
    /// Everything of a backup.
    pub fn everything(name: impl Into<String>, backup: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            backup: backup.into(),
            namespaces: NameFilter::default(),
            kinds: NameFilter::default(),
            cluster_scoped: None,
            labels: LabelChoice::Everything,
            namespace_mapping: BTreeMap::new(),
            existing: ExistingPolicy::None,
            status_of: None,
            preserve_node_ports: false,
            restore_volumes: None,
            keep_owner_references: false,
            keep_managed_fields: false,
            hooks: Vec::new(),
            resource_modifiers: None,
            first: Vec::new(),
        }
    }
}
