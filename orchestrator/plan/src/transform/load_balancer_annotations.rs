//! Transform: load-balancer-annotations
//!
//! Annotations of the AWS Load Balancer Controller on Ingresses and Services name subnets, security groups,
//! certificates, web ACLs, target groups and buckets. Each gets its counterpart; lists are freed of what folding two
//! zones into one repeats. Elastic IPs and private addresses that have no counterpart are dropped, because the controller
//! then picks addresses itself; anything else without a counterpart blocks the object.
//!
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: web
//!   namespace: shop
//!   annotations:
//!     alb.ingress.kubernetes.io/subnets: subnet-01000000000000021, subnet-01000000000000022
//!     alb.ingress.kubernetes.io/certificate-arn: arn:aws:acm:us-east-1:111122223333:certificate/11111111-0000-4000-8000-000000000001
//!     alb.ingress.kubernetes.io/load-balancer-attributes: access_logs.s3.enabled=true,access_logs.s3.bucket=shop-logs-prod
//!     alb.ingress.kubernetes.io/frontend-nlb-eip-allocations: eipalloc-0aaaaaaaaaaaaaaaa
//! spec: { ingressClassName: alb }
//! ```
//! ->
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: Ingress
//! metadata:
//!   name: web
//!   namespace: shop
//!   annotations:
//!     alb.ingress.kubernetes.io/subnets: subnet-02000000000000021, subnet-02000000000000022
//!     alb.ingress.kubernetes.io/certificate-arn: arn:aws:acm:us-west-2:444455556666:certificate/22222222-0000-4000-8000-000000000001
//!     alb.ingress.kubernetes.io/load-balancer-attributes: access_logs.s3.enabled=true,access_logs.s3.bucket=shop-logs-dr
//! spec: { ingressClassName: alb }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

pub(super) struct LoadBalancerAnnotations;

const PREFIXES: &[&str] = &["alb.ingress.kubernetes.io/", "service.beta.kubernetes.io/aws-load-balancer-"];

/// The controller chooses by itself when these are absent.
const PINS: &[&str] = &["eip-allocations", "ipam-ipv4-pool-id", "customer-owned-ipv4-pool"];

/// Addresses inside the old network's ranges, which no contract pairs.
const ADDRESSES: &[&str] = &["private-ipv4-addresses", "ipv6-addresses", "source-nat-ipv6-prefixes"];

const NAMES: &[&str] =
    &["alb.ingress.kubernetes.io/load-balancer-name", "service.beta.kubernetes.io/aws-load-balancer-name"];

impl Transform for LoadBalancerAnnotations {
    fn name(&self) -> &'static str {
        "load-balancer-annotations"
    }

    fn text(&self) -> &'static str {
        include_str!("load_balancer_annotations.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "Service")
            || facts.is("networking.k8s.io", "Ingress")
            || facts.is("gateway.networking.k8s.io", "Gateway")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let keys: Vec<String> = manifest
            .annotations()
            .map(|(key, _)| key.to_owned())
            .filter(|key| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
            .collect();
        let same_network = infra.source.get("cluster.vpc_id") == infra.target.get("cluster.vpc_id");
        let mut edit = Edit::new(manifest, infra);
        for key in keys {
            let pointer = annotation(&key);
            if infra.options.drop_load_balancer_names && NAMES.contains(&key.as_str()) {
                edit.remove(&pointer, "a load balancer's name is unique in its account and region");
                continue;
            }
            let before = edit.text(&pointer).map(str::to_owned);
            edit.rewrite(&pointer);
            if key.ends_with("subnets") || key.ends_with("security-groups") {
                edit.dedup_commas(&pointer, "the target has fewer zones, so one subnet stands for two");
            }
            if PINS.iter().any(|pin| key.ends_with(pin)) && edit.leftover_at(&pointer).is_some() {
                edit.remove(&pointer, "the pinned address has no counterpart; the controller picks one");
            } else if ADDRESSES.iter().any(|pin| key.ends_with(pin)) && !same_network {
                if edit.text(&pointer).map(str::to_owned) == before {
                    edit.remove(&pointer, "the address lies in the source's network; the controller picks one");
                }
            } else if key.ends_with("-tags") || key.ends_with("/tags") {
                // Tags are remarks: what is left in them is found by the leak scan.
            } else {
                edit.require(&pointer, "the value", "pair it in a map file, or change the annotation with a rule")?;
            }
        }
        edit.done()
    }
}
