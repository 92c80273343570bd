//! Transform: karpenter
//!
//! An EC2NodeClass names a node role, subnets, groups, images, keys and tags, a NodePool zones (see zones). Each gets its
//! counterpart; an image or a capacity reservation that exists only in the source's region blocks the class. NodeClaims
//! stand for machines of the old cluster and are held back.
//!
//! ```yaml
//! apiVersion: karpenter.k8s.aws/v1
//! kind: EC2NodeClass
//! metadata:
//!   name: default
//!   annotations: { karpenter.k8s.aws/ec2nodeclass-hash: "123" }
//!   finalizers: [karpenter.k8s.aws/termination]
//! spec:
//!   role: shop-prod-node
//!   amiSelectorTerms: [{ alias: bottlerocket@latest }]
//!   subnetSelectorTerms: [{ tags: { karpenter.sh/discovery: shop-prod } }, { id: subnet-01000000000000011 }]
//!   securityGroupSelectorTerms: [{ id: sg-01000000000000002 }]
//!   tags: { kubernetes.io/cluster/shop-prod: owned }
//! ```
//! ->
//! ```yaml
//! apiVersion: karpenter.k8s.aws/v1
//! kind: EC2NodeClass
//! metadata: { name: default }
//! spec:
//!   role: shop-dr-node
//!   amiSelectorTerms: [{ alias: bottlerocket@latest }]
//!   subnetSelectorTerms: [{ tags: { karpenter.sh/discovery: shop-dr } }, { id: subnet-02000000000000011 }]
//!   securityGroupSelectorTerms: [{ id: sg-02000000000000002 }]
//!   tags: { kubernetes.io/cluster/shop-dr: owned }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest, Reason};
use serde_json::Value;

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

pub(super) struct Karpenter;

const HASHES: &[&str] = &[
    "karpenter.k8s.aws/ec2nodeclass-hash",
    "karpenter.k8s.aws/ec2nodeclass-hash-version",
    "karpenter.sh/nodepool-hash",
    "karpenter.sh/nodepool-hash-version",
    "karpenter.sh/stored-version-migrated",
];

impl Transform for Karpenter {
    fn name(&self) -> &'static str {
        "karpenter"
    }

    fn text(&self) -> &'static str {
        include_str!("karpenter.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        matches!(facts.group, "karpenter.sh" | "karpenter.k8s.aws")
    }

    fn hold_back(&self, manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        (manifest.kind() == "NodeClaim").then(|| {
            Reason::new("controller-made", "a NodeClaim is a machine of the old cluster; Karpenter claims new ones")
        })
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for key in HASHES {
            edit.remove(&annotation(key), "Karpenter computes it anew");
        }
        for pointer in edit.members("/metadata/finalizers").into_iter().rev() {
            if edit.text(&pointer).is_some_and(|finalizer| finalizer.starts_with("karpenter.")) {
                edit.remove(&pointer, "Karpenter sets it anew");
            }
        }
        if edit.manifest.get("/metadata/finalizers").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            edit.manifest.remove("/metadata/finalizers");
        }
        edit.rewrite("/spec");
        for list in ["/spec/subnetSelectorTerms", "/spec/securityGroupSelectorTerms"] {
            edit.dedup_list(list, "the target has fewer zones, so one subnet stands for two");
        }
        let required = [
            "/spec/role",
            "/spec/subnetSelectorTerms",
            "/spec/securityGroupSelectorTerms",
            "/spec/amiSelectorTerms",
            "/spec/capacityReservationSelectorTerms",
            "/spec/blockDeviceMappings",
        ];
        for pointer in required {
            edit.require(pointer, "the value", "pair it in a map file, or select by alias or tag instead")?;
        }
        edit.done()
    }
}
