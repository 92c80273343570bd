//! Transform: keda
//!
//! Triggers of KEDA name queues, streams, tables and regions, and a TriggerAuthentication perhaps a role.
//!
//! ```yaml
//! apiVersion: keda.sh/v1alpha1
//! kind: ScaledObject
//! metadata: { name: worker, namespace: shop }
//! spec:
//!   scaleTargetRef: { name: worker }
//!   triggers:
//!     - type: aws-sqs-queue
//!       metadata:
//!         queueURL: https://sqs.us-east-1.amazonaws.com/111122223333/orders-prod
//!         queueLength: "5"
//!         awsRegion: us-east-1
//! ```
//! ->
//! ```yaml
//! apiVersion: keda.sh/v1alpha1
//! kind: ScaledObject
//! metadata: { name: worker, namespace: shop }
//! spec:
//!   scaleTargetRef: { name: worker }
//!   triggers:
//!     - type: aws-sqs-queue
//!       metadata:
//!         queueURL: https://sqs.us-west-2.amazonaws.com/444455556666/orders-dr
//!         queueLength: "5"
//!         awsRegion: us-west-2
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "keda",
    text: include_str!("keda.rs"),
    kinds: &[
        ("keda.sh", "ScaledObject"),
        ("keda.sh", "ScaledJob"),
        ("keda.sh", "TriggerAuthentication"),
        ("keda.sh", "ClusterTriggerAuthentication"),
    ],
    fields: &["/spec/triggers", "/spec/podIdentity", "/spec/awsSecretManager"],
    driver: None,
    what: "the queue, stream or table",
    hint: "add it to the target's contract, or map it in a map file",
};
