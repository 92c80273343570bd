//! Transform: load-balancer-resources
//!
//! The AWS Load Balancer Controller's own kinds: IngressClassParams, TargetGroupBinding and the Gateway API's
//! configurations get their subnets, groups, certificates and target groups replaced. A TargetGroupBinding that the
//! controller made for an Ingress or a Service is held back: the target's controller makes its own.
//!
//! ```yaml
//! apiVersion: elbv2.k8s.aws/v1beta1
//! kind: TargetGroupBinding
//! metadata: { name: web, namespace: shop }
//! spec:
//!   serviceRef: { name: web, port: 80 }
//!   targetGroupARN: arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/1111111111111111
//!   vpcID: vpc-01000000000000001
//!   networking:
//!     ingress: [{ from: [{ securityGroup: { groupID: sg-01000000000000003 } }], ports: [{ port: 8080 }] }]
//! ```
//! ->
//! ```yaml
//! apiVersion: elbv2.k8s.aws/v1beta1
//! kind: TargetGroupBinding
//! metadata: { name: web, namespace: shop }
//! spec:
//!   serviceRef: { name: web, port: 80 }
//!   targetGroupARN: arn:aws:elasticloadbalancing:us-west-2:444455556666:targetgroup/web/2222222222222222
//!   vpcID: vpc-02000000000000001
//!   networking:
//!     ingress: [{ from: [{ securityGroup: { groupID: sg-02000000000000003 } }], ports: [{ port: 8080 }] }]
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest, Reason};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct LoadBalancerResources;

const STACK_LABELS: &[&str] = &[
    "ingress.k8s.aws/stack",
    "service.k8s.aws/stack",
    "gateway.k8s.aws/stack",
    "ingress.eks.amazonaws.com/stack",
    "service.eks.amazonaws.com/stack",
];

/// Labels that come with the stack labels, one for each part of the name.
const STACK_PARTS: &[&str] =
    &["ingress.k8s.aws/stack-name", "service.k8s.aws/stack-name", "gateway.k8s.aws/stack-name"];

impl Transform for LoadBalancerResources {
    fn name(&self) -> &'static str {
        "load-balancer-resources"
    }

    fn text(&self) -> &'static str {
        include_str!("load_balancer_resources.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        matches!(facts.group, "elbv2.k8s.aws" | "gateway.k8s.aws")
            || (facts.group == "eks.amazonaws.com" && matches!(facts.kind, "IngressClassParams" | "TargetGroupBinding"))
    }

    fn hold_back(&self, manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        let made = STACK_LABELS.iter().chain(STACK_PARTS).any(|label| manifest.label(label).is_some());
        (manifest.kind() == "TargetGroupBinding" && made).then(|| {
            Reason::new("controller-made", "the load balancer controller made this binding; the target's makes its own")
        })
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        edit.rewrite("/spec");
        for list in ["/spec/subnets/ids", "/spec/loadBalancerSubnets", "/spec/securityGroups"] {
            edit.dedup_list(list, "the target has fewer zones, so one subnet stands for two");
        }
        for subnet in edit.members("/spec/loadBalancerSubnets") {
            for pin in ["eipAllocation", "privateIPv4Allocation", "ipv6Allocation"] {
                let pointer = format!("{subnet}/{pin}");
                if edit.leftover_at(&pointer).is_some() {
                    edit.remove(&pointer, "the pinned address has no counterpart; the controller picks one");
                }
            }
        }
        if infra.options.drop_load_balancer_names {
            edit.remove("/spec/loadBalancerName", "a load balancer's name is unique in its account and region");
        }
        edit.require("/spec", "the value", "add it to the target's contract or pair it in a map file")?;
        edit.done()
    }
}
