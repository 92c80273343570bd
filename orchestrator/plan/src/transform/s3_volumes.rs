//! Transform: s3-volumes
//!
//! A PersistentVolume of Mountpoint for S3 names a bucket, and its mount options a region and perhaps a key.
//!
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: assets }
//! spec:
//!   mountOptions: [allow-delete, region us-east-1]
//!   csi:
//!     driver: s3.csi.aws.com
//!     volumeHandle: assets-volume
//!     volumeAttributes: { bucketName: shop-assets-prod }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: assets }
//! spec:
//!   mountOptions: [allow-delete, region us-west-2]
//!   csi:
//!     driver: s3.csi.aws.com
//!     volumeHandle: assets-volume
//!     volumeAttributes: { bucketName: shop-assets-dr }
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "s3-volumes",
    text: include_str!("s3_volumes.rs"),
    kinds: &[("", "PersistentVolume")],
    fields: &["/spec/csi", "/spec/mountOptions"],
    driver: Some("s3.csi.aws.com"),
    what: "the bucket's region or key",
    hint: "add it to buckets or kms of the target's contract",
};
