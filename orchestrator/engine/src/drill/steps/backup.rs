//! What steps know of a backup in a location: whether it is whole and whose it is, as its files say.

use std::collections::BTreeMap;

use ::ports::{ObjectKey, ObjectStore};
use archive::format::ContractFile;
use archive::side::{self, BackupVolumeInfo};
use jiff::Timestamp;
use scenario::steps::backup_run::Outputs;
use scenario::{Failure, FailureKind};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::bucket::BackupKeys;
use crate::drill::step::{TOKEN, broke, failed};
use crate::shelf;

const SIDE_CAP: u64 = 64 << 20;

/// A backup that is whole enough to be listed.
pub(super) struct Stored {
    pub(super) outputs: Outputs,
    pub(super) phase: String,
    pub(super) errors: u64,
    /// The token of the step that made it, if a step did.
    pub(super) token: Option<String>,
    pub(super) schedule: Option<String>,
}

/// Reads what a location says of a backup; `None` when there is none of that name.
pub(super) async fn stored(store: &dyn ObjectStore, location: &str, name: &str) -> Result<Option<Stored>, Failure> {
    let what = || format!("failed to read backup {name} in {location}");
    let metadata = match shelf::metadata(store, name).await {
        Ok(metadata) => metadata,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(failed(what(), &error)),
    };
    let keys = keys(name)?;
    let mut volume_times = BTreeMap::new();
    let mut volumes_without_data = Vec::new();
    if let Some(bytes) = side_file(store, &keys.volume_info()).await? {
        let volumes: Vec<BackupVolumeInfo> = side::read(&bytes[..]).map_err(|error| broke(what(), &error))?;
        for volume in volumes {
            let claim = match volume.pvc_name.is_empty() {
                true => volume.pv_name.clone(),
                false => format!("{}/{}", volume.pvc_namespace, volume.pvc_name),
            };
            match (&volume.backup_method, volume.start_timestamp) {
                (Some(_), Some(at)) if !volume.skipped => {
                    volume_times.insert(claim, at.0);
                }
                (Some(_), None) if !volume.skipped => {}
                _ => volumes_without_data.push(claim),
            }
        }
    }
    let time =
        |field: &str| metadata.get_str(&format!("/status/{field}")).and_then(|text| text.parse::<Timestamp>().ok());
    let number = |pointer: &str| metadata.get(pointer).and_then(Value::as_u64).unwrap_or(0);
    let started_at = time("startTimestamp").or_else(|| time("completionTimestamp"));
    let Some(started_at) = started_at else {
        let message = format!("backup {name} in {location} does not say when it was made");
        return Err(Failure::new(FailureKind::Invalid, message));
    };
    volumes_without_data.sort();
    Ok(Some(Stored {
        phase: metadata.get_str("/status/phase").unwrap_or("Unknown").to_owned(),
        errors: number("/status/errors"),
        token: metadata.annotation(TOKEN).map(str::to_owned),
        schedule: metadata.label("velero.io/schedule-name").map(str::to_owned),
        outputs: Outputs {
            name: name.to_owned(),
            location: location.to_owned(),
            started_at,
            completed_at: time("completionTimestamp").unwrap_or(started_at),
            items: number("/status/progress/itemsBackedUp"),
            warnings: number("/status/warnings"),
            volume_times,
            volumes_without_data,
        },
    }))
}

/// The infrastructure that a backup remembers.
pub(super) async fn remembered(store: &dyn ObjectStore, name: &str) -> Result<Option<Value>, Failure> {
    let keys = keys(name)?;
    let Some(bytes) = side_file(store, &keys.contract()).await? else { return Ok(None) };
    let file: Result<ContractFile, _> = archive::format::read(&bytes[..]);
    file.map(|file| Some(file.contract)).map_err(|error| broke(format!("{} cannot be used", keys.contract()), &error))
}

pub(super) fn keys(name: &str) -> Result<BackupKeys, Failure> {
    BackupKeys::new(name).map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))
}

async fn side_file(store: &dyn ObjectStore, key: &ObjectKey) -> Result<Option<Vec<u8>>, Failure> {
    let reader = match store.get(key).await {
        Ok(reader) => reader,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(failed(format!("failed to read {key}"), &error)),
    };
    let mut bytes = Vec::new();
    let read = reader.take(SIDE_CAP).read_to_end(&mut bytes).await;
    read.map_err(|error| Failure::new(FailureKind::Unavailable, format!("failed to read {key}: {error}")))?;
    Ok(Some(bytes))
}
