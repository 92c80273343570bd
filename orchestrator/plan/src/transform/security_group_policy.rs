//! Transform: security-group-policy
//!
//! A SecurityGroupPolicy gives pods groups of their own; each gets its counterpart.
//!
//! ```yaml
//! apiVersion: vpcresources.k8s.aws/v1beta1
//! kind: SecurityGroupPolicy
//! metadata: { name: database-clients, namespace: shop }
//! spec:
//!   podSelector: { matchLabels: { app: web } }
//!   securityGroups: { groupIds: [sg-01000000000000004] }
//! ```
//! ->
//! ```yaml
//! apiVersion: vpcresources.k8s.aws/v1beta1
//! kind: SecurityGroupPolicy
//! metadata: { name: database-clients, namespace: shop }
//! spec:
//!   podSelector: { matchLabels: { app: web } }
//!   securityGroups: { groupIds: [sg-02000000000000004] }
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "security-group-policy",
    text: include_str!("security_group_policy.rs"),
    kinds: &[("vpcresources.k8s.aws", "SecurityGroupPolicy")],
    fields: &["/spec/securityGroups"],
    driver: None,
    what: "the security group",
    hint: "add it to network.security_groups of the target's contract",
};
