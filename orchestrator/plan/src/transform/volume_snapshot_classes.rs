//! Transform: volume-snapshot-classes
//!
//! Parameters of a VolumeSnapshotClass name zones for fast restore, an outpost and tags. A list of zones is freed of
//! repetitions.
//!
//! ```yaml
//! apiVersion: snapshot.storage.k8s.io/v1
//! kind: VolumeSnapshotClass
//! metadata: { name: ebs }
//! driver: ebs.csi.aws.com
//! deletionPolicy: Retain
//! parameters:
//!   tagSpecification_1: kubernetes.io/cluster/shop-prod=owned
//!   fastSnapshotRestoreAvailabilityZones: us-east-1a, us-east-1b
//! ```
//! ->
//! ```yaml
//! apiVersion: snapshot.storage.k8s.io/v1
//! kind: VolumeSnapshotClass
//! metadata: { name: ebs }
//! driver: ebs.csi.aws.com
//! deletionPolicy: Retain
//! parameters:
//!   tagSpecification_1: kubernetes.io/cluster/shop-dr=owned
//!   fastSnapshotRestoreAvailabilityZones: us-west-2a, us-west-2b
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct VolumeSnapshotClasses;

const ZONES: &str = "/parameters/fastSnapshotRestoreAvailabilityZones";

impl Transform for VolumeSnapshotClasses {
    fn name(&self) -> &'static str {
        "volume-snapshot-classes"
    }

    fn text(&self) -> &'static str {
        include_str!("volume_snapshot_classes.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        matches!(facts.group, "snapshot.storage.k8s.io" | "groupsnapshot.storage.k8s.io")
            && facts.kind.ends_with("SnapshotClass")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        edit.rewrite("/parameters");
        edit.dedup_commas(ZONES, "the target has fewer zones, so one stands for two");
        edit.require(ZONES, "the zone", "give the zone's slot to both contracts, or pair the zone in a map file")?;
        edit.require("/parameters/outpostArn", "the outpost", "pair it in a map file, or remove it with a rule")?;
        edit.done()
    }
}
