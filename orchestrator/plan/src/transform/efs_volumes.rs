//! Transform: efs-volumes
//!
//! A PersistentVolume on EFS names a file system, perhaps a path, and an access point: `fs-…:/path:fsap-…`, in newer
//! drivers also `efs:fs-…::fsap-…` and `s3files:fs-…`. Each gets its counterpart. The address of a mount target belongs
//! to the source's network and is dropped, so that the driver looks the target's up.
//!
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: uploads }
//! spec:
//!   csi:
//!     driver: efs.csi.aws.com
//!     volumeHandle: fs-01000000000000001::fsap-01000000000000001
//!     volumeAttributes: { encryptInTransit: "true", mounttargetip: 10.10.17.9 }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: uploads }
//! spec:
//!   csi:
//!     driver: efs.csi.aws.com
//!     volumeHandle: fs-02000000000000001::fsap-02000000000000001
//!     volumeAttributes: { encryptInTransit: "true" }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct EfsVolumes;

impl Transform for EfsVolumes {
    fn name(&self) -> &'static str {
        "efs-volumes"
    }

    fn text(&self) -> &'static str {
        include_str!("efs_volumes.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "PersistentVolume")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        if manifest.get_str("/spec/csi/driver") != Some("efs.csi.aws.com") {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        let address = "/spec/csi/volumeAttributes/mounttargetip";
        let before = edit.text(address).map(str::to_owned);
        edit.rewrite("/spec/csi");
        if before.is_some() && edit.text(address).map(str::to_owned) == before {
            edit.remove(address, "the mount target's address lies in the source's network; the driver looks it up");
        }
        edit.require("/spec/csi/volumeHandle", "the file system", "add it to file_systems of the target's contract")?;
        edit.done()
    }
}
