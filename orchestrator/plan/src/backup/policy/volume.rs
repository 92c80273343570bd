//! Which rule of a policy a volume meets.
//!
//! All conditions of a rule have to hold; a condition that is not written holds always.

use std::collections::{BTreeMap, BTreeSet};

use super::quantity::Quantity;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeRule {
    pub conditions: Conditions,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Action {
    /// The volume's data is left out on purpose.
    #[default]
    Skip,
    FsBackup,
    Snapshot,
    /// Something else saves the data.
    Custom,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// From, and up to; zero is open.
    pub capacity: (Quantity, Quantity),
    pub storage_class: Vec<String>,
    /// Server and path; an empty one is any.
    pub nfs: Option<(String, String)>,
    pub csi: Option<(String, BTreeMap<String, String>)>,
    pub types: Vec<String>,
    pub claim_labels: BTreeMap<String, String>,
    pub claim_phase: Vec<String>,
    pub claim_mode: String,
    pub claim_access: BTreeSet<String>,
}

/// A volume as conditions see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    pub capacity: Quantity,
    pub class: &'a str,
    /// The field that describes it: `csi`, `nfs`, `hostPath`.
    pub source: &'a str,
    pub nfs: Option<(&'a str, &'a str)>,
    pub csi: Option<(&'a str, Option<&'a BTreeMap<String, String>>)>,
    pub claim_labels: Option<&'a BTreeMap<String, String>>,
    pub claim_phase: &'a str,
    pub claim_mode: &'a str,
    pub claim_access: &'a [String],
}

/// What `volumeTypes` may name, by the name that Velero gives it.
pub const TYPES: [&str; 30] = [
    "awsAzureDisk",
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageOS",
    "vsphereVolume",
];

impl Action {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "skip" => Self::Skip,
            "fs-backup" => Self::FsBackup,
            "snapshot" => Self::Snapshot,
            "custom" => Self::Custom,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::FsBackup => "fs-backup",
            Self::Snapshot => "snapshot",
            Self::Custom => "custom",
        }
    }
}

impl VolumeRule {
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let wanted = &self.conditions;
        let (low, high) = wanted.capacity;
        let any_of =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|x| !value.is_empty() && x == value);
        // Velero's name for one source differs from the API's.
        let source = if subject.source == "storageos" { "storageOS" } else { subject.source };
        low <= subject.capacity
            && (high.is_zero() || subject.capacity <= high)
            && any_of(&wanted.storage_class, subject.class)
            && wanted.nfs.as_ref().is_none_or(|nfs| nfs_matches(nfs, subject.nfs))
            && wanted.csi.as_ref().is_none_or(|csi| csi_matches(csi, subject))
            && any_of(&wanted.types, source)
            && wanted.claim_labels.iter().all(|(k, v)| subject.claim_labels.and_then(|l| l.get(k)) == Some(v))
            && any_of(&wanted.claim_phase, subject.claim_phase)
            && (wanted.claim_mode.is_empty() || wanted.claim_mode == subject.claim_mode)
            && access_matches(&wanted.claim_access, subject.claim_access)
    }
}

fn nfs_matches((server, path): &(String, String), found: Option<(&str, &str)>) -> bool {
    found.is_some_and(|(s, p)| (server.is_empty() || server == s) && (path.is_empty() || path == p))
}

fn csi_matches((driver, attributes): &(String, BTreeMap<String, String>), subject: &Subject<'_>) -> bool {
    subject.csi.is_some_and(|(found, known)| {
        driver.is_empty()
            || (driver == found && attributes.iter().all(|(k, v)| known.and_then(|known| known.get(k)) == Some(v)))
    })
}

/// Exactly the same modes, in any order.
fn access_matches(wanted: &BTreeSet<String>, found: &[String]) -> bool {
    wanted.is_empty() || (wanted.len() == found.len() && found.iter().all(|mode| wanted.contains(mode)))
}
