//! What becomes of each PersistentVolume: restored as it is, or left to be provisioned anew for its claim.
//!
//! Velero's volume information decides (pkg/restore/restore.go, `restoreItem` for volumes); where it is missing, the
//! reclaim policy does: what the provider deleted with its claim cannot be pointed at again.

use std::collections::{BTreeMap, BTreeSet};

use model::request::RestoreRequest;
use model::{GroupResource, Reason};
use serde::{Deserialize, Serialize};

use super::archived::ArchivedItem;

/// How a volume's data was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeMethod {
    NativeSnapshot,
    PodVolumeBackup,
    #[serde(rename = "CSISnapshot")]
    CsiSnapshot,
    /// It was not.
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumePlan {
    /// Volumes that are not created; their claims lose the name and get a fresh one.
    pub fresh: BTreeMap<String, Reason>,
    /// Volumes that are created as stored.
    pub kept: BTreeSet<String>,
}

impl VolumePlan {
    pub fn plan(
        request: &RestoreRequest,
        items: &[ArchivedItem],
        selected: &[u32],
        methods: &BTreeMap<String, VolumeMethod>,
    ) -> Self {
        let volumes = GroupResource::new("persistentvolumes", "");
        let mut plan = Self::default();
        for item in selected.iter().filter_map(|at| items.get(*at as usize)).filter(|i| i.id.resource == volumes) {
            let fact = item.more.as_deref().and_then(|m| m.volume.as_ref());
            let deleted = fact.is_some_and(|v| v.reclaim_policy == "Delete");
            let name = item.id.name.clone();
            let fresh = |code: &str, why: &str| Some(Reason::new(code, why));
            let reason = match methods.get(&name) {
                _ if request.restore_volumes == Some(false) && deleted => {
                    fresh("volumes-not-restored", "volumes are not restored by request; the claim gets a fresh one")
                }
                Some(VolumeMethod::NativeSnapshot) => fresh(
                    "native-snapshot",
                    "its data is in a provider's snapshot, which this restore cannot read; the claim gets an empty one",
                ),
                Some(VolumeMethod::PodVolumeBackup | VolumeMethod::CsiSnapshot) => {
                    fresh("provisioned-anew", "its data is restored into a volume that is provisioned anew")
                }
                Some(VolumeMethod::Skipped) | None if deleted => fresh(
                    "data-not-saved",
                    "its data was not saved and its reclaim policy is Delete; the claim gets an empty volume",
                ),
                Some(VolumeMethod::Skipped) | None => None,
            };
            match reason {
                Some(reason) => {
                    plan.fresh.insert(name, reason);
                }
                None => {
                    plan.kept.insert(name);
                }
            }
        }
        plan
    }
}
