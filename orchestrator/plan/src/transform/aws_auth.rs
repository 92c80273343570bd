//! Transform: aws-auth
//!
//! The ConfigMap `aws-auth` maps the old cluster's node and user roles into the cluster. Restored, it would lock the
//! target's nodes out or let the source's people in, so it is never restored; access entries in Terraform replace it.
//!
//! ```yaml
//! apiVersion: v1
//! kind: ConfigMap
//! metadata: { name: aws-auth, namespace: kube-system }
//! data:
//!   mapRoles: |
//!     - rolearn: arn:aws:iam::111122223333:role/shop-prod-node
//!       username: system:node:{{EC2PrivateDNSName}}
//! ```
//! ->
//! ```text
//! held back: aws-auth
//! ```

use infra::InfraPair;
use model::{Manifest, Reason};

use super::{Facts, Transform};

pub(super) struct AwsAuth;

impl Transform for AwsAuth {
    fn name(&self) -> &'static str {
        "aws-auth"
    }

    fn text(&self) -> &'static str {
        include_str!("aws_auth.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("", "ConfigMap") && facts.name == "aws-auth" && facts.namespace == Some("kube-system")
    }

    fn hold_back(&self, _manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        Some(Reason::new(
            "aws-auth",
            "aws-auth names the source cluster's roles; the target's access entries replace it",
        ))
    }
}
