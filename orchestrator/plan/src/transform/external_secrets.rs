//! Transform: external-secrets
//!
//! A SecretStore names a region and a role, an ExternalSecret perhaps secrets by ARN, whose last six characters are
//! random and differ in every region.
//!
//! ```yaml
//! apiVersion: external-secrets.io/v1
//! kind: ExternalSecret
//! metadata: { name: orders-db, namespace: shop }
//! spec:
//!   secretStoreRef: { kind: SecretStore, name: aws }
//!   data:
//!     - secretKey: password
//!       remoteRef: { key: "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-orders-AbCdEf", property: password }
//! ```
//! ->
//! ```yaml
//! apiVersion: external-secrets.io/v1
//! kind: ExternalSecret
//! metadata: { name: orders-db, namespace: shop }
//! spec:
//!   secretStoreRef: { kind: SecretStore, name: aws }
//!   data:
//!     - secretKey: password
//!       remoteRef: { key: "arn:aws:secretsmanager:us-west-2:444455556666:secret:rds!db-orders-GhIjKl", property: password }
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "external-secrets",
    text: include_str!("external_secrets.rs"),
    kinds: &[
        ("external-secrets.io", "SecretStore"),
        ("external-secrets.io", "ClusterSecretStore"),
        ("external-secrets.io", "ExternalSecret"),
        ("external-secrets.io", "ClusterExternalSecret"),
        ("external-secrets.io", "PushSecret"),
        ("generators.external-secrets.io", "ECRAuthorizationToken"),
        ("generators.external-secrets.io", "STSSessionToken"),
    ],
    fields: &[
        "/spec/provider",
        "/spec/data",
        "/spec/dataFrom",
        "/spec/externalSecretSpec",
        "/spec/region",
        "/spec/role",
    ],
    driver: None,
    what: "the secret or role",
    hint: "add it to the target's contract, or map it in a map file",
};
