//! The files beside the archive, with the exact keys of Velero's.
//!
//! Only their content; which of them lie where in a bucket is `engine::bucket`'s business. Custom resources among them
//! are `Manifest`s. Every file but `velero-backup.json` is gzipped; an absent file means the same as an empty one.

pub mod go_time;
pub mod log;
pub mod operations;
pub mod resource_list;
pub mod results;
pub mod snapshots;
pub mod volume_info;

use std::io::Read;

use model::Manifest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::caps::{METADATA_BYTES, SIDE_FILE_BYTES};
use crate::error::ArchiveError;
use crate::gzip;

pub use operations::{
    BackupOperation, BackupOperationSpec, OperationPhase, OperationStatus, ResourceIdentifier, RestoreOperation,
    RestoreOperationSpec,
};
pub use resource_list::{ResourceList, RestoredAs};
pub use results::{Messages, Results};
pub use snapshots::{SnapshotPhase, VolumeSnapshot, VolumeSnapshotSpec, VolumeSnapshotStatus};
pub use volume_info::{BackupVolumeInfo, RestoreVolumeInfo};

/// Reads one side file; `null`, which Go writes for a list without elements, is the empty value.
pub fn read<T: DeserializeOwned + Default>(file: impl Read) -> Result<T, ArchiveError> {
    Ok(gzip::from_json::<Option<T>>(file, SIDE_FILE_BYTES)?.unwrap_or_default())
}

/// One side file as it is stored.
pub fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, ArchiveError> {
    gzip::json(value)
}

/// A file that is a list of custom resources: pod volume backups, and the three CSI files of older versions.
///
/// An element may lack `kind` and `apiVersion`, because the file's name says them.
pub fn read_manifests(file: impl Read) -> Result<Vec<Manifest>, ArchiveError> {
    read(file)
}

/// Such a file as it is stored; Go writes `null` when it has no elements, and so does this.
pub fn write_manifests(manifests: &[Manifest]) -> Result<Vec<u8>, ArchiveError> {
    write(&(!manifests.is_empty()).then_some(manifests))
}

/// `velero-backup.json`: plain JSON, two spaces of indent, kind and apiVersion first.
pub fn write_metadata(backup: &Manifest) -> Result<Vec<u8>, ArchiveError> {
    serde_json::to_vec_pretty(backup).map_err(ArchiveError::Json)
}

/// Reads `velero-backup.json` and refuses what is not a Backup of velero.io/v1, as Velero's own decoder does.
pub fn read_metadata(file: impl Read) -> Result<Manifest, ArchiveError> {
    let mut bytes = Vec::new();
    file.take(METADATA_BYTES + 1).read_to_end(&mut bytes).map_err(ArchiveError::Read)?;
    if bytes.len() as u64 > METADATA_BYTES {
        return Err(ArchiveError::OverCap { what: "bytes of metadata", limit: METADATA_BYTES });
    }
    let backup: Manifest = serde_json::from_slice(&bytes).map_err(ArchiveError::Json)?;
    if backup.api_version() != "velero.io/v1" || backup.kind() != "Backup" {
        return Err(ArchiveError::Corrupt { what: "the metadata is not a Backup of velero.io/v1", source: None });
    }
    Ok(backup)
}

/// Takes `null` for an absent value, as Go's decoder does.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
