//! Transform: cert-manager
//!
//! An Issuer that proves domains through Route 53 names a region, a hosted zone and a role.
//!
//! ```yaml
//! apiVersion: cert-manager.io/v1
//! kind: ClusterIssuer
//! metadata: { name: letsencrypt }
//! spec:
//!   acme:
//!     server: https://acme-v02.api.letsencrypt.org/directory
//!     solvers:
//!       - dns01:
//!           route53:
//!             region: us-east-1
//!             hostedZoneID: Z0123456789ABCDEF
//!             role: arn:aws:iam::111122223333:role/cert-manager-prod
//! ```
//! ->
//! ```yaml
//! apiVersion: cert-manager.io/v1
//! kind: ClusterIssuer
//! metadata: { name: letsencrypt }
//! spec:
//!   acme:
//!     server: https://acme-v02.api.letsencrypt.org/directory
//!     solvers:
//!       - dns01:
//!           route53:
//!             region: us-west-2
//!             hostedZoneID: Z0223456789ABCDEF
//!             role: arn:aws:iam::444455556666:role/cert-manager-dr
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "cert-manager",
    text: include_str!("cert_manager.rs"),
    kinds: &[
        ("cert-manager.io", "Issuer"),
        ("cert-manager.io", "ClusterIssuer"),
        ("awspca.cert-manager.io", "AWSPCAIssuer"),
        ("awspca.cert-manager.io", "AWSPCAClusterIssuer"),
    ],
    fields: &["/spec/acme/solvers", "/spec/arn", "/spec/region"],
    driver: None,
    what: "the zone, role or authority",
    hint: "add it to dns.zones or workload_iam of the target's contract, or map it",
};
