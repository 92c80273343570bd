//! Transform: ebs-volumes
//!
//! A PersistentVolume on EBS names a volume that exists in one zone of one region. With a pair (a volume that was
//! restored from a snapshot and mapped) the handle is replaced; in another region without one, the object is blocked
//! instead of leaving pods waiting for a volume that cannot be attached.
//!
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: pvc-1 }
//! spec:
//!   storageClassName: gp3
//!   csi: { driver: ebs.csi.aws.com, volumeHandle: vol-0123456789abcdef0, fsType: ext4 }
//! ```
//! ->
//! ```text
//! blocked: no-counterpart
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct EbsVolumes;

const DRIVERS: &[&str] = &["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"];

impl Transform for EbsVolumes {
    fn name(&self) -> &'static str {
        "ebs-volumes"
    }

    fn text(&self) -> &'static str {
        include_str!("ebs_volumes.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "PersistentVolume")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let is_csi = manifest.get_str("/spec/csi/driver").is_some_and(|driver| DRIVERS.contains(&driver));
        let handle = if is_csi { "/spec/csi/volumeHandle" } else { "/spec/awsElasticBlockStore/volumeID" };
        if manifest.get_str(handle).is_none() {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        edit.rewrite(handle);
        edit.rewrite("/spec/csi/volumeAttributes");
        // In the same region and account the volume is still there.
        let body = |contract: &infra::Contract| (contract.body().region.clone(), contract.body().account_id.clone());
        if body(&infra.source) != body(&infra.target) {
            let hint = "restore the volume's data from a snapshot or by file, or map the volume in a map file";
            edit.require(handle, "the volume", hint)?;
        }
        edit.done()
    }
}
