//! Transform: load-balancer-state
//!
//! Finalizers of the AWS Load Balancer Controller and the address of a load balancer are the old cluster's. Kept, the
//! finalizers would hold every deletion until a controller removes load balancers that it never made, and the address
//! would send external-dns to the old load balancer.
//!
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: web
//!   namespace: shop
//!   finalizers: [ingress.k8s.aws/resources, example.com/audit]
//! spec: { ingressClassName: alb }
//! status: { loadBalancer: { ingress: [{ hostname: k8s-shop-web-1.us-east-1.elb.amazonaws.com }] } }
//! ```
//! ->
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: web
//!   namespace: shop
//!   finalizers: [example.com/audit]
//! spec: { ingressClassName: alb }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};
use serde_json::Value;

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct LoadBalancerState;

const FINALIZERS: &[&str] = &[
    "ingress.k8s.aws/resources",
    "service.k8s.aws/resources",
    "elbv2.k8s.aws/resources",
    "gateway.k8s.aws/alb",
    "gateway.k8s.aws/nlb",
    "gateway.k8s.aws/resources",
    "service.eks.amazonaws.com/resources",
    "ingress.eks.amazonaws.com/resources",
    "eks.amazonaws.com/resources",
    "service.kubernetes.io/load-balancer-cleanup",
];

const FINALIZER_PREFIXES: &[&str] = &["group.ingress.k8s.aws/", "group.ingress.eks.amazonaws.com/"];

impl Transform for LoadBalancerState {
    fn name(&self) -> &'static str {
        "load-balancer-state"
    }

    fn text(&self) -> &'static str {
        include_str!("load_balancer_state.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "Service")
            || facts.is("networking.k8s.io", "Ingress")
            || matches!(facts.group, "elbv2.k8s.aws" | "gateway.networking.k8s.io" | "gateway.k8s.aws")
            || (facts.group == "eks.amazonaws.com" && facts.kind == "TargetGroupBinding")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for pointer in edit.members("/metadata/finalizers").into_iter().rev() {
            let ours = edit.text(&pointer).is_some_and(|finalizer| {
                FINALIZERS.contains(&finalizer) || FINALIZER_PREFIXES.iter().any(|prefix| finalizer.starts_with(prefix))
            });
            if ours {
                edit.remove(&pointer, "the finalizer guards load balancers of the old cluster");
            }
        }
        if edit.manifest.get("/metadata/finalizers").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            edit.manifest.remove("/metadata/finalizers");
        }
        for status in ["/status/loadBalancer", "/status/addresses"] {
            edit.remove(status, "the address is the old load balancer's");
        }
        if edit.manifest.get("/status").and_then(Value::as_object).is_some_and(|status| status.is_empty()) {
            edit.manifest.remove("/status");
        }
        edit.done()
    }
}
