//! Transform: fsx-volumes
//!
//! A PersistentVolume on FSx for Lustre names its file system three times: by id, by host and by mount name, which differs
//! in every file system.
//!
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: scratch }
//! spec:
//!   csi:
//!     driver: fsx.csi.aws.com
//!     volumeHandle: fs-01000000000000002
//!     volumeAttributes: { dnsname: fs-01000000000000002.fsx.us-east-1.amazonaws.com, mountname: abcdefgh }
//! ```
//! ->
//! ```yaml
//! apiVersion: v1
//! kind: PersistentVolume
//! metadata: { name: scratch }
//! spec:
//!   csi:
//!     driver: fsx.csi.aws.com
//!     volumeHandle: fs-02000000000000002
//!     volumeAttributes: { dnsname: fs-02000000000000002.fsx.us-west-2.amazonaws.com, mountname: ijklmnop }
//! ```

use super::fields::FieldTransform;

pub(super) const TRANSFORM: FieldTransform = FieldTransform {
    name: "fsx-volumes",
    text: include_str!("fsx_volumes.rs"),
    kinds: &[("", "PersistentVolume")],
    fields: &["/spec/csi"],
    driver: Some("fsx.csi.aws.com"),
    what: "the file system",
    hint: "add it to file_systems of the target's contract",
};
