//! Transform: vpc-cni
//!
//! An ENIConfig gives pods their subnet and groups, and is often named after its zone, because nodes find it by their zone
//! label; then its name changes with the zone. Of two zones that fold into one, the second's ENIConfig is held back. What
//! the CNI itself keeps (CNINode, PolicyEndpoint) is made anew in the target.
//!
//! ```yaml
//! apiVersion: crd.k8s.amazonaws.com/v1alpha1
//! kind: ENIConfig
//! metadata: { name: us-east-1a }
//! spec: { subnet: subnet-01000000000000011, securityGroups: [sg-01000000000000002] }
//! ```
//! ->
//! ```yaml
//! apiVersion: crd.k8s.amazonaws.com/v1alpha1
//! kind: ENIConfig
//! metadata: { name: us-west-2a }
//! spec: { subnet: subnet-02000000000000011, securityGroups: [sg-02000000000000002] }
//! ```

use infra::{InfraPair, ValueClass};
use model::{Blocked, Change, Manifest, Reason};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct VpcCni;

impl Transform for VpcCni {
    fn name(&self) -> &'static str {
        "vpc-cni"
    }

    fn text(&self) -> &'static str {
        include_str!("vpc_cni.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("crd.k8s.amazonaws.com", "ENIConfig")
            || facts.is("vpcresources.k8s.aws", "CNINode")
            || facts.is("networking.k8s.aws", "PolicyEndpoint")
    }

    fn renames(&self) -> bool {
        true
    }

    fn hold_back(&self, manifest: &Manifest, infra: &InfraPair) -> Option<Reason> {
        if manifest.kind() != "ENIConfig" {
            return Some(Reason::new(
                "controller-made",
                "the VPC CNI made this object for the old cluster and makes its own",
            ));
        }
        let target = infra.target_of(manifest.name(), ValueClass::Zone)?;
        let same = |pair: &&infra::Pair| pair.class == ValueClass::Zone && pair.target == target;
        let first = infra.pairs.all().iter().filter(same).map(|pair| pair.source.as_str()).min()?;
        (first != manifest.name()).then(|| {
            Reason::new("zone-folded", format!("its zone becomes {target}, for which the ENIConfig of {first} stands"))
        })
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let name = infra.target_of(manifest.name(), ValueClass::Zone).map(str::to_owned);
        let mut edit = Edit::new(manifest, infra);
        if let Some(name) = name {
            edit.set("/metadata/name", name, "nodes find their ENIConfig by the name of their zone");
        }
        edit.rewrite("/spec");
        edit.require("/spec", "the subnet or group", "add it to network of the target's contract")?;
        edit.done()
    }
}
