//! What a backup is asked to save.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::filter::{LabelChoice, NameFilter};
use super::hook::BackupHooks;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    pub name: String,
    pub namespaces: NameFilter,
    pub kinds: KindFilter,
    pub labels: LabelChoice,
    /// Kind → names that go first, in this order; `namespace/name`, or `name` for cluster-scoped kinds.
    pub ordered: BTreeMap<String, Vec<String>>,
    pub hooks: Vec<BackupHooks>,
    /// Save every served version of each object instead of the preferred one.
    pub every_version: bool,
    /// `None` decides by volume, as Velero does.
    pub snapshot_volumes: Option<bool>,
    pub default_volumes_to_fs_backup: bool,
    /// Volume and filter policies, as YAML; checked by the planner.
    pub resource_policy: Option<String>,
    pub ttl: Duration,
    /// Objects a page.
    pub page_size: u32,
}

/// Velero's two filter models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindFilter {
    /// One list for all kinds; cluster-scoped ones never, always, or (`None`) when all namespaces are in.
    Classic { kinds: NameFilter, cluster_scoped: Option<bool> },
    /// A list for each scope; cluster-scoped kinds are out unless named, apart from what namespaced items relate to.
    Scoped { cluster: NameFilter, namespaced: NameFilter },
}

pub const DEFAULT_TTL: Duration = Duration::from_secs(720 * 3600);
pub const DEFAULT_PAGE_SIZE: u32 = 500;

impl BackupRequest {
    /// Everything in the cluster.
    pub fn everything(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespaces: NameFilter::default(),
            kinds: KindFilter::Classic { kinds: NameFilter::default(), cluster_scoped: Some(true) },
            labels: LabelChoice::Everything,
            ordered: BTreeMap::new(),
            hooks: Vec::new(),
            every_version: false,
            snapshot_volumes: None,
            default_volumes_to_fs_backup: false,
            resource_policy: None,
            ttl: DEFAULT_TTL,
            page_size: DEFAULT_PAGE_SIZE,
        }
    }
}
