//! Every limit on what is read from a bucket, in one place.
//!
//! Limits are far above what a cluster can hold and far below what would fill a machine by itself.

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// The most that a side file may hold once decompressed; Velero's own limit.
pub const SIDE_FILE_BYTES: u64 = GIB;

/// The most that `velero-backup.json` may hold.
pub const METADATA_BYTES: u64 = 64 * MIB;

/// Limits on one archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes of the whole tar once decompressed.
    pub decompressed_bytes: u64,
    /// Entries of any type.
    pub entries: u64,
    /// Bytes of one entry's body; an object of Kubernetes is at most a few MiB, because etcd holds no more.
    pub entry_bytes: u64,
    /// Bytes of one entry's path.
    pub path_bytes: usize,
    /// Segments of one entry's path.
    pub path_depth: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            decompressed_bytes: 64 * GIB,
            entries: 20_000_000,
            entry_bytes: 64 * MIB,
            path_bytes: 4096,
            path_depth: 32,
        }
    }
}
