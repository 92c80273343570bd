//! Transform: storage-classes
//!
//! Parameters of a StorageClass or a VolumeAttributesClass name keys, file systems, subnets, groups and buckets. A class
//! that the target's contract describes gets the key from there; other values get their pairs. The parameter names of the
//! EBS driver are read in any spelling. Because a class cannot be edited afterwards, one that still names the source is
//! blocked.
//!
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: StorageClass
//! metadata: { name: gp3-encrypted }
//! provisioner: ebs.csi.aws.com
//! parameters:
//!   type: gp3
//!   kmsKeyId: arn:aws:kms:us-east-1:111122223333:key/1a1b2c3d-0000-4000-8000-000000000001
//!   tagSpecification_1: kubernetes.io/cluster/shop-prod=owned
//! allowedTopologies:
//!   - matchLabelExpressions:
//!       - { key: topology.ebs.csi.aws.com/zone, values: [us-east-1a, us-east-1b] }
//! ```
//! ->
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: StorageClass
//! metadata: { name: gp3-encrypted }
//! provisioner: ebs.csi.aws.com
//! parameters:
//!   type: gp3
//!   kmsKeyId: arn:aws:kms:us-west-2:444455556666:key/2a1b2c3d-0000-4000-8000-000000000002
//!   tagSpecification_1: kubernetes.io/cluster/shop-dr=owned
//! allowedTopologies:
//!   - matchLabelExpressions:
//!       - { key: topology.ebs.csi.aws.com/zone, values: [us-east-1a, us-east-1b] }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest, pointer};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct StorageClasses;

impl Transform for StorageClasses {
    fn name(&self) -> &'static str {
        "storage-classes"
    }

    fn text(&self) -> &'static str {
        include_str!("storage_classes.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.group == "storage.k8s.io" && matches!(facts.kind, "StorageClass" | "VolumeAttributesClass")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let name = manifest.name().to_owned();
        let keys: Vec<String> = match manifest.get("/parameters").and_then(|p| p.as_object()) {
            Some(parameters) => parameters.keys().cloned().collect(),
            None => Vec::new(),
        };
        let class = infra.target.body().storage_classes.get(&name);
        let mut edit = Edit::new(manifest, infra);
        for key in keys {
            let pointer = pointer::join(["parameters", &key]);
            let described = class.and_then(|class| class.kms_key_arn.clone());
            if let Some(arn) = described.filter(|_| key.eq_ignore_ascii_case("kmsKeyId")) {
                edit.set(&pointer, arn, &format!("storage_classes.{name}.kms_key_arn by contract key"));
            }
            edit.rewrite(&pointer);
            if key.eq_ignore_ascii_case("subnetId") || key.eq_ignore_ascii_case("securityGroupIds") {
                edit.dedup_commas(&pointer, "the target has fewer zones, so one subnet stands for two");
            }
            // Tags are remarks.
            if !key.to_ascii_lowercase().starts_with("tagspecification") {
                edit.require(
                    &pointer,
                    "the parameter",
                    "add it to kms, file_systems or network of the target's contract",
                )?;
            }
        }
        edit.rewrite("/mountOptions");
        edit.done()
    }
}
