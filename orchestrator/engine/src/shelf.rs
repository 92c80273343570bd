//! What lies in a bucket: backups and restores, whole, half-written or foreign; and taking them away again.
//!
//! One bad entry never hides the others: each is listed with what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use ::ports::{ErrorKind, ObjectKey, ObjectStore, PortError};
use archive::format::DigestsFile;
use archive::{ArchiveReader, Caps, side};
use jiff::Timestamp;
use model::{Manifest, chain};
use plan::retention::{BackupRecord, Retention, retention};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::bucket::{BACKUPS, BackupKeys, RESTORES, RestoreKeys};

/// A backup as a list shows it.
#[derive(Debug, Clone, Serialize)]
pub struct BackupEntry {
    pub name: String,
    /// What is wrong, when the entry is no readable backup.
    pub trouble: Option<String>,
    #[serde(flatten)]
    pub facts: BackupFacts,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct BackupFacts {
    pub phase: String,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub expiration: Option<Timestamp>,
    pub items: Option<u64>,
    pub warnings: u64,
    pub errors: u64,
}

/// A restore as a list shows it.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreEntry {
    pub name: String,
    pub trouble: Option<String>,
    pub backup: String,
    pub phase: String,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
    pub warnings: u64,
    pub errors: u64,
}

/// What re-reading a backup found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    pub name: String,
    pub sound: bool,
    pub items: u64,
    pub entries: u64,
    pub files: usize,
    pub problems: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Collected {
    pub name: String,
    #[serde(flatten)]
    pub verdict: Retention,
    pub deleted: bool,
    pub trouble: Option<String>,
}

const METADATA_CAP: u64 = 16 << 20;

pub async fn backups(store: &dyn ObjectStore) -> Result<Vec<BackupEntry>, PortError> {
    let listing = store.list(BACKUPS).await?;
    let mut out = Vec::new();
    for name in listing.directories {
        out.push(match facts(store, &name).await {
            Ok(manifest) => BackupEntry { facts: facts_of(&manifest), name, trouble: None },
            Err(trouble) => BackupEntry { name, trouble: Some(trouble), facts: BackupFacts::default() },
        });
    }
    let plain = listing.objects.iter().map(|object| object.key.file_name().to_owned());
    out.extend(plain.chain(listing.foreign).map(|name| BackupEntry {
        name,
        trouble: Some("not a backup: a file where only folders belong".to_owned()),
        facts: BackupFacts::default(),
    }));
    Ok(out)
}

/// The object that makes a backup visible.
pub async fn metadata(store: &dyn ObjectStore, name: &str) -> Result<Manifest, PortError> {
    let keys = keys(name)?;
    let bytes = read(store, &keys.metadata(), METADATA_CAP).await?;
    side::read_metadata(&bytes[..])
        .map_err(|error| PortError::invalid(format!("{} is not usable", keys.metadata())).with_source(error))
}

pub async fn restores(store: &dyn ObjectStore) -> Result<Vec<RestoreEntry>, PortError> {
    let mut out = Vec::new();
    for name in store.list(RESTORES).await?.directories {
        let blank = |trouble: String| RestoreEntry {
            name: name.clone(),
            trouble: Some(trouble),
            backup: String::new(),
            phase: String::new(),
            started: None,
            completed: None,
            warnings: 0,
            errors: 0,
        };
        out.push(match restore_record(store, &name).await {
            Ok(record) => {
                let text =
                    |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
                RestoreEntry {
                    name: name.clone(),
                    trouble: None,
                    backup: text("/restore/spec/backupName"),
                    phase: text("/restore/status/phase"),
                    started: text("/restore/status/startTimestamp").parse().ok(),
                    completed: text("/restore/status/completionTimestamp").parse().ok(),
                    warnings: number("/restore/status/warnings"),
                    errors: number("/restore/status/errors"),
                }
            }
            Err(error) if error.is_not_found() => {
                blank("made by another program; its object is in a cluster".to_owned())
            }
            Err(error) => blank(chain(&error)),
        });
    }
    Ok(out)
}

/// Our record of a restore.
pub async fn restore_record(store: &dyn ObjectStore, name: &str) -> Result<Value, PortError> {
    let keys = RestoreKeys::new(name).map_err(|error| PortError::invalid("not a name").with_source(error))?;
    let bytes = read(store, &keys.record(), METADATA_CAP).await?;
    archive::gzip::from_json(&bytes[..], archive::caps::SIDE_FILE_BYTES)
        .map_err(|error| PortError::invalid(format!("{} is not usable", keys.record())).with_source(error))
}

/// A gzipped text file beside a backup or a restore.
pub async fn text(store: &dyn ObjectStore, key: &ObjectKey) -> Result<Vec<u8>, PortError> {
    let bytes = read(store, key, archive::caps::SIDE_FILE_BYTES).await?;
    archive::gzip::decompress(&bytes[..], archive::caps::SIDE_FILE_BYTES)
        .map_err(|error| PortError::invalid(format!("{key} is not usable")).with_source(error))
}

/// Removes a backup: its visible object first, so that nothing half-deleted looks whole.
pub async fn delete_backup(store: &dyn ObjectStore, name: &str) -> Result<usize, PortError> {
    let keys = keys(name)?;
    store.delete(&keys.metadata()).await?;
    delete_all(store, &keys.directory()).await
}

pub async fn delete_restore(store: &dyn ObjectStore, name: &str) -> Result<usize, PortError> {
    let keys = RestoreKeys::new(name).map_err(|error| PortError::invalid("not a name").with_source(error))?;
    delete_all(store, &keys.directory()).await
}

/// Reads every file of a backup again: digests, JSON, every entry of the archive, counts.
pub async fn verify(store: &dyn ObjectStore, name: &str) -> Result<Verified, PortError> {
    let keys = keys(name)?;
    let mut verified =
        Verified { name: name.to_owned(), sound: false, items: 0, entries: 0, files: 0, problems: Vec::new() };
    let manifest = match metadata(store, name).await {
        Ok(manifest) => Some(manifest),
        Err(error) if error.kind == ErrorKind::NotFound => {
            verified.problems.push("velero-backup.json is missing: the backup was never completed".to_owned());
            None
        }
        Err(error) => {
            verified.problems.push(chain(&error));
            None
        }
    };
    let listing = store.list(&keys.directory()).await?;
    let digests = match read(store, &keys.digests(), METADATA_CAP).await {
        Ok(bytes) => match archive::format::read::<DigestsFile>(&bytes[..]) {
            Ok(digests) => Some(digests),
            Err(error) => {
                verified.problems.push(format!("{}: {}", keys.digests().file_name(), chain(&error)));
                None
            }
        },
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let present: BTreeSet<&str> = listing.objects.iter().map(|object| object.key.file_name()).collect();
    for missing in digests.iter().flat_map(|d| d.files.keys()).filter(|name| !present.contains(name.as_str())) {
        verified.problems.push(format!("{missing} is missing"));
    }
    if !present.contains(keys.archive().file_name()) {
        verified.problems.push(format!("{} is missing", keys.archive().file_name()));
    }
    for object in &listing.objects {
        verified.files += 1;
        let file = object.key.file_name();
        let expected = digests.as_ref().and_then(|d| d.files.get(file));
        let is_archive = object.key == keys.archive();
        let (digest, problem, counts) = inspect(store, &object.key, is_archive).await?;
        if let Some(problem) = problem {
            verified.problems.push(format!("{file}: {problem}"));
        }
        if expected.is_some_and(|expected| expected.sha256 != digest) {
            verified.problems.push(format!("{file} is not what was uploaded: its digest differs"));
        }
        if let Some((items, entries)) = counts {
            verified.items = items;
            verified.entries = entries;
        }
    }
    if let Some(digests) = &digests
        && digests.items != verified.items
    {
        verified.problems.push(format!("the archive holds {} objects, {} were stored", verified.items, digests.items));
    }
    if manifest.is_some_and(|m| m.name() != name) {
        verified.problems.push("velero-backup.json is another backup's".to_owned());
    }
    verified.sound = verified.problems.is_empty();
    Ok(verified)
}

/// Deletes what has expired. Backups that a restore reads are kept.
pub async fn collect(
    store: &dyn ObjectStore,
    now: Timestamp,
    in_use: &BTreeSet<String>,
    dry_run: bool,
) -> Result<Vec<Collected>, PortError> {
    let entries = backups(store).await?;
    let records: Vec<BackupRecord> = entries
        .iter()
        .filter(|entry| entry.trouble.is_none())
        .map(|entry| BackupRecord {
            name: entry.name.clone(),
            phase: entry.facts.phase.clone(),
            expiration: entry.facts.expiration,
        })
        .collect();
    let mut out = Vec::new();
    for (name, verdict) in retention(&records, in_use, now) {
        let mut collected = Collected { name, verdict, deleted: false, trouble: None };
        if matches!(collected.verdict, Retention::Expired { .. }) && !dry_run {
            match delete_backup(store, &collected.name).await {
                Ok(_) => collected.deleted = true,
                Err(error) => collected.trouble = Some(chain(&error)),
            }
        }
        out.push(collected);
    }
    Ok(out)
}

/// Items of a backup by kind, from its resource list.
pub async fn resource_list(store: &dyn ObjectStore, name: &str) -> Result<BTreeMap<String, Vec<String>>, PortError> {
    let keys = keys(name)?;
    let bytes = read(store, &keys.resource_list(), archive::caps::SIDE_FILE_BYTES).await?;
    archive::gzip::from_json(&bytes[..], archive::caps::SIDE_FILE_BYTES)
        .map_err(|error| PortError::invalid(format!("{} is not usable", keys.resource_list())).with_source(error))
}

async fn inspect(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    is_archive: bool,
) -> Result<(String, Option<String>, Option<(u64, u64)>), PortError> {
    let mut reader = store.get(key).await?;
    let mut file = tempfile::tempfile().map_err(|e| PortError::unavailable("no temporary file").with_source(e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    let broken = |error| PortError::unavailable(format!("failed to read {key}")).with_source(error);
    loop {
        let n = reader.read(&mut buffer).await.map_err(broken)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        std::io::Write::write_all(&mut file, &buffer[..n]).map_err(broken)?;
    }
    let digest = hex::encode(hash.finalize());
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(0)).map_err(broken)?;
    let name = key.file_name().to_owned();
    let checked = tokio::task::spawn_blocking(move || check(&name, file, is_archive)).await;
    let (problem, counts) = checked.map_err(|error| PortError::unavailable("the check stopped").with_source(error))?;
    Ok((digest, problem, counts))
}

fn check(name: &str, file: std::fs::File, is_archive: bool) -> (Option<String>, Option<(u64, u64)>) {
    if is_archive {
        let mut items = BTreeSet::new();
        let mut bad = None;
        let mut body = Vec::new();
        let read = ArchiveReader::new(file, Caps::default()).for_each(|entry, reader| {
            body.clear();
            reader.read_to_end(&mut body).map_err(archive::ArchiveError::Read)?;
            if let Err(error) = Manifest::from_slice(&body) {
                bad.get_or_insert_with(|| format!("{}: {}", entry.path.item, chain(&error)));
            }
            let version = match &entry.path.version {
                archive::StoredVersion::Plain => return Ok::<_, archive::ArchiveError>(()),
                other => format!("{other:?}"),
            };
            let mut hash = Sha256::new();
            hash.update(format!("{} {version}", entry.path.item));
            items.insert(<[u8; 32]>::from(hash.finalize()));
            Ok(())
        });
        return match read {
            Ok(summary) => (bad, Some((items.len() as u64, summary.files))),
            Err(error) => (Some(chain(&error)), None),
        };
    }
    let cap = archive::caps::SIDE_FILE_BYTES;
    let problem = if name.ends_with(".json.gz") || name.ends_with("-results.gz") {
        archive::gzip::from_json::<Value>(file, cap).err().map(|error| chain(&error))
    } else if name.ends_with(".gz") {
        archive::gzip::decompress(file, cap).err().map(|error| chain(&error))
    } else if name.ends_with(".json") {
        serde_json::from_reader::<_, Value>(std::io::BufReader::new(file)).err().map(|error| chain(&error))
    } else {
        None
    };
    (problem, None)
}

async fn facts(store: &dyn ObjectStore, name: &str) -> Result<Manifest, String> {
    metadata(store, name).await.map_err(|error| match error.is_not_found() {
        true => "half-written: velero-backup.json is missing".to_owned(),
        false => chain(&error),
    })
}

fn facts_of(manifest: &Manifest) -> BackupFacts {
    let time = |field: &str| manifest.get_str(&format!("/status/{field}")).and_then(|text| text.parse().ok());
    let number = |pointer: &str| manifest.get(pointer).and_then(Value::as_u64);
    BackupFacts {
        phase: manifest.get_str("/status/phase").unwrap_or("Unknown").to_owned(),
        started: time("startTimestamp"),
        completed: time("completionTimestamp"),
        expiration: time("expiration"),
        items: number("/status/progress/itemsBackedUp"),
        warnings: number("/status/warnings").unwrap_or(0),
        errors: number("/status/errors").unwrap_or(0),
    }
}

async fn delete_all(store: &dyn ObjectStore, directory: &str) -> Result<usize, PortError> {
    let listing = store.list_all(directory).await?;
    for object in &listing.objects {
        store.delete(&object.key).await?;
    }
    Ok(listing.objects.len())
}

async fn read(store: &dyn ObjectStore, key: &ObjectKey, cap: u64) -> Result<Vec<u8>, PortError> {
    let mut bytes = Vec::new();
    let reader = store.get(key).await?;
    reader
        .take(cap + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|error| PortError::unavailable(format!("failed to read {key}")).with_source(error))?;
    if bytes.len() as u64 > cap {
        return Err(PortError::invalid(format!("{key} is larger than {cap} bytes")));
    }
    Ok(bytes)
}

fn keys(name: &str) -> Result<BackupKeys, PortError> {
    BackupKeys::new(name).map_err(|error| PortError::invalid("not a name of a backup").with_source(error))
}
