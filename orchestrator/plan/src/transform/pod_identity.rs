//! Transform: pod-identity
//!
//! When the target gives a service account its role by Pod Identity, the IRSA annotations go: the association in
//! Terraform is what counts, and the trust policies of IRSA would name an issuer that no longer exists.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: worker
//!   namespace: shop
//!   annotations:
//!     eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/shop-worker-prod
//!     eks.amazonaws.com/sts-regional-endpoints: "true"
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: ServiceAccount
//! metadata:
//!   name: worker
//!   namespace: shop
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

pub(super) struct PodIdentity;

const ANNOTATIONS: &[&str] = &[
    "eks.amazonaws.com/role-arn",
    "eks.amazonaws.com/audience",
    "eks.amazonaws.com/sts-regional-endpoints",
    "eks.amazonaws.com/token-expiration",
];

impl Transform for PodIdentity {
    fn name(&self) -> &'static str {
        "pod-identity"
    }

    fn text(&self) -> &'static str {
        include_str!("pod_identity.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "ServiceAccount")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let namespace = infra.target_namespace(manifest.namespace().unwrap_or_default());
        if !infra.uses_pod_identity(namespace, manifest.name()) {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        for key in ANNOTATIONS {
            edit.remove(&annotation(key), "the target gives this service account its role by Pod Identity");
        }
        edit.done()
    }
}
