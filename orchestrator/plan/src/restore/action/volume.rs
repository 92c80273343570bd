//! Claims and volumes: what bound them to each other, and to data that is not there.
//! Velero: pkg/restore/actions/pvc_action.go, pkg/restore/restore.go (`resetVolumeBindingInfo`).

use model::{Change, Manifest};
use serde_json::Value;

use super::{ActionContext, Changes, NotRestored};

const OF_THE_OLD_BINDING: [&str; 7] = [
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "velero.io/volume-snapshot-name",
    "velero.io/data-upload-name",
];

pub(super) fn reset_claim(claim: &mut Manifest, context: &ActionContext<'_>, changes: &mut Changes) {
    for annotation in OF_THE_OLD_BINDING {
        claim.remove_annotation(annotation);
    }
    let volume = claim.get_str("/spec/volumeName").unwrap_or_default().to_owned();
    if volume.is_empty() {
        return;
    }
    let fresh = match context.volumes.fresh.get(&volume) {
        Some(reason) => Some(reason.message.clone()),
        None if context.volumes.kept.contains(&volume) => None,
        None => Some("its volume is not part of this restore".to_owned()),
    };
    if let Some(because) = fresh {
        if let Some(before) = claim.remove("/spec/volumeName") {
            changes.push(Change::removed("/spec/volumeName", before, because));
        }
        if context.restore_volumes == Some(false) {
            claim.remove("/spec/dataSource");
            claim.remove("/spec/dataSourceRef");
        }
    }
}

pub(super) fn reset_volume(volume: &mut Manifest, context: &ActionContext<'_>) -> Result<(), NotRestored> {
    if let Some(reason) = context.volumes.fresh.get(volume.name()) {
        return Err(NotRestored(reason.clone()));
    }
    volume.remove_annotation("pv.kubernetes.io/bind-completed");
    volume.remove_annotation("pv.kubernetes.io/bound-by-controller");
    if let Some(claim) = volume.get_mut("/spec/claimRef").and_then(Value::as_object_mut) {
        claim.remove("uid");
        claim.remove("resourceVersion");
        let namespace = claim.get("namespace").and_then(Value::as_str).unwrap_or_default();
        if let Some(mapped) = context.namespace_mapping.get(namespace) {
            claim.insert("namespace".to_owned(), mapped.clone().into());
        }
    }
    Ok(())
}
