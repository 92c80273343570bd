//! Transform: volume-snapshot-contents
//!
//! A VolumeSnapshotContent names a snapshot, and perhaps the volume it was made from. A snapshot that was copied and
//! mapped gets its counterpart; one that exists only in the source blocks the object. What the source's driver reported
//! in the status is dropped.
//!
//! ```yaml
//! apiVersion: snapshot.storage.k8s.io/v1
//! kind: VolumeSnapshotContent
//! metadata: { name: snapcontent-1 }
//! spec:
//!   driver: ebs.csi.aws.com
//!   deletionPolicy: Retain
//!   source: { snapshotHandle: snap-0123456789abcdef0 }
//!   volumeSnapshotRef: { name: data, namespace: shop }
//! ```
//! ->
//! ```text
//! blocked: no-counterpart
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct VolumeSnapshotContents;

impl Transform for VolumeSnapshotContents {
    fn name(&self) -> &'static str {
        "volume-snapshot-contents"
    }

    fn text(&self) -> &'static str {
        include_str!("volume_snapshot_contents.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        matches!(facts.group, "snapshot.storage.k8s.io" | "groupsnapshot.storage.k8s.io")
            && facts.kind.ends_with("SnapshotContent")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        edit.rewrite("/spec/source");
        edit.remove("/status/snapshotHandle", "the source's driver reported it");
        let place = |contract: &infra::Contract| (contract.body().region.clone(), contract.body().account_id.clone());
        if place(&infra.source) != place(&infra.target) {
            edit.require("/spec/source", "the snapshot", "copy the snapshot to the target and map it in a map file")?;
        }
        edit.done()
    }
}
