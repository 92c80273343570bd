//! Brings a backup from the bucket onto the disk, checked and indexed.
//!
//! The archive is hostile input: `archive` caps and refuses. What is odd about one item is kept as trouble and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use ::ports::{ObjectKey, PortError};
use archive::format::{ContractFile, DigestsFile};
use archive::side::BackupVolumeInfo;
use archive::side::volume_info::BackupMethod;
use archive::{ArchiveError, Caps, Spool, SpoolReader, StoredVersion, Trouble, side};
use model::request::LabelChoice;
use model::{Finding, GroupResource, ItemId, Manifest, Reason, Severity};
use plan::backup::facts::{Keep, Role, observe};
use plan::restore::{ArchivedBody, ArchivedItem, VolumeMethod};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::bucket::BackupKeys;
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

/// A backup on disk.
pub struct OpenedBackup {
    pub name: String,
    /// `velero-backup.json`.
    pub metadata: Manifest,
    /// SHA-256 of the archive.
    pub digest: String,
    /// Sorted by identity.
    pub items: Vec<ArchivedItem>,
    /// The kind of each resource.
    pub kinds: BTreeMap<GroupResource, String>,
    pub volumes: BTreeMap<String, VolumeMethod>,
    pub contract: Option<serde_json::Value>,
    /// Items without any body that reads as an object, and why; they are among the items all the same.
    pub unreadable: BTreeMap<ItemId, String>,
    pub findings: Vec<Finding>,
    pub bodies: SpoolReader,
}

impl OpenedBackup {
    /// Lets go of what only planning needs, so that carrying out a plan of many items does not hold it too.
    pub fn forget_items(&mut self) {
        self.items = Vec::new();
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("invalid backup name")]
    Name(#[source] ::ports::object_store::KeyError),
    #[error("there is no backup {name:?} in {location}")]
    Missing { name: String, location: String },
    #[error("failed to read {key}")]
    Get {
        key: ObjectKey,
        #[source]
        source: PortError,
    },
    #[error("failed to read {key}")]
    Read {
        key: ObjectKey,
        #[source]
        source: std::io::Error,
    },
    #[error("{key} is not usable")]
    Content {
        key: ObjectKey,
        #[source]
        source: ArchiveError,
    },
    #[error("{key} is not what was uploaded: its digest differs")]
    Digest { key: ObjectKey },
    #[error("failed to write to the spool; is the disk full?")]
    Spool(#[source] std::io::Error),
    #[error("the unpacking stopped")]
    Unpack(#[source] tokio::task::JoinError),
}

const SIDE_CAP: u64 = 64 << 20;

/// Opens a backup. `labels` says whether labels are worth keeping.
pub async fn open(
    outside: &Outside,
    name: &str,
    labels: &LabelChoice,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<OpenedBackup, OpenError> {
    let keys = BackupKeys::new(name).map_err(OpenError::Name)?;
    let Some(metadata) = fetch(outside, &keys.metadata()).await? else {
        return Err(OpenError::Missing { name: name.to_owned(), location: outside.store.describe() });
    };
    let content = |key: ObjectKey| move |source| OpenError::Content { key, source };
    let metadata = side::read_metadata(&metadata[..]).map_err(content(keys.metadata()))?;
    progress.begin(Stage::Download, None);
    let archive = folder.join("backup.tar.gz");
    let digest = download(outside, &keys.archive(), &archive).await?;
    if let Some(bytes) = fetch(outside, &keys.digests()).await? {
        let digests: DigestsFile = archive::format::read(&bytes[..]).map_err(content(keys.digests()))?;
        if digests.files.get(keys.archive().file_name()).is_some_and(|file| file.sha256 != digest) {
            return Err(OpenError::Digest { key: keys.archive() });
        }
    }
    let volumes = match fetch(outside, &keys.volume_info()).await? {
        Some(bytes) => side::read::<Vec<BackupVolumeInfo>>(&bytes[..]).map_err(content(keys.volume_info()))?,
        None => Vec::new(),
    };
    let contract = match fetch(outside, &keys.contract()).await? {
        Some(bytes) => {
            let file: ContractFile = archive::format::read(&bytes[..]).map_err(content(keys.contract()))?;
            Some(file.contract)
        }
        None => None,
    };
    let spool_path = folder.join("backup.spool");
    let keep_labels = !labels.is_everything();
    let (unpack_from, unpack_to) = (archive.clone(), spool_path.clone());
    let unpacked = tokio::task::spawn_blocking(move || unpack(&unpack_from, &unpack_to, keep_labels))
        .await
        .map_err(OpenError::Unpack)?
        .map_err(|error| match error {
            UnpackError::Archive(source) => OpenError::Content { key: keys.archive(), source },
            UnpackError::Io(source) => OpenError::Spool(source),
        })?;
    let _ = tokio::fs::remove_file(&archive).await;
    progress.end(Stage::Download);
    Ok(OpenedBackup {
        name: name.to_owned(),
        metadata,
        digest,
        items: unpacked.items,
        kinds: unpacked.kinds,
        volumes: volumes.iter().filter_map(method).collect(),
        contract,
        unreadable: unpacked.unreadable,
        findings: unpacked.findings,
        bodies: SpoolReader::new(File::open(&spool_path).map_err(OpenError::Spool)?),
    })
}

/// A side file, whole; `None` when it is not there.
pub(crate) async fn fetch(outside: &Outside, key: &ObjectKey) -> Result<Option<Vec<u8>>, OpenError> {
    let reader = match outside.store.get(key).await {
        Ok(reader) => reader,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(source) => return Err(OpenError::Get { key: key.clone(), source }),
    };
    let mut bytes = Vec::new();
    let read = reader.take(SIDE_CAP).read_to_end(&mut bytes).await;
    read.map_err(|source| OpenError::Read { key: key.clone(), source })?;
    Ok(Some(bytes))
}

async fn download(outside: &Outside, key: &ObjectKey, path: &Path) -> Result<String, OpenError> {
    let mut out = tokio::fs::File::create(path).await.map_err(OpenError::Spool)?;
    let mut reader = outside.store.get(key).await.map_err(|source| OpenError::Get { key: key.clone(), source })?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let n = reader.read(&mut buffer).await.map_err(|source| OpenError::Read { key: key.clone(), source })?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        tokio::io::AsyncWriteExt::write_all(&mut out, &buffer[..n]).await.map_err(OpenError::Spool)?;
    }
    tokio::io::AsyncWriteExt::flush(&mut out).await.map_err(OpenError::Spool)?;
    Ok(hex::encode(hash.finalize()))
}

struct Unpacked {
    items: Vec<ArchivedItem>,
    kinds: BTreeMap<GroupResource, String>,
    unreadable: BTreeMap<ItemId, String>,
    findings: Vec<Finding>,
}

enum UnpackError {
    Archive(ArchiveError),
    Io(std::io::Error),
}

/// What is kept of an item beside its bodies.
#[derive(Default)]
struct Kept {
    labels: BTreeMap<String, String>,
    more: Option<Box<plan::backup::facts::More>>,
}

fn unpack(archive: &Path, spool: &Path, keep_labels: bool) -> Result<Unpacked, UnpackError> {
    let archive = File::open(archive).map_err(UnpackError::Io)?;
    let out = BufWriter::with_capacity(1 << 18, File::create(spool).map_err(UnpackError::Io)?);
    let mut kinds: BTreeMap<GroupResource, BTreeMap<String, u32>> = BTreeMap::new();
    let mut kept: BTreeMap<ItemId, Kept> = BTreeMap::new();
    let unpacked = Spool::unpack(archive, out, Caps::default(), |entry, facts, body| {
        let item = &entry.path.item;
        count(&mut kinds, &item.resource, &facts.kind);
        let role = Role::of(&item.resource);
        let better = !matches!(entry.path.version, StoredVersion::Other(_));
        let wanted = keep_labels || matches!(role, Role::Pod | Role::Claim | Role::Volume);
        if !wanted || (!better && kept.contains_key(item)) {
            return;
        }
        let more = observe(role, Keep::default(), body).ok().and_then(|seen| seen.more);
        let labels = if keep_labels { facts.labels.clone() } else { BTreeMap::new() };
        kept.insert(item.clone(), Kept { labels, more });
    })
    .map_err(UnpackError::Archive)?;
    let mut unreadable = BTreeMap::new();
    let mut findings = Vec::new();
    for trouble in unpacked.troubles {
        match trouble {
            Trouble::BadBody { item, why } if !unpacked.items.contains_key(&item) => {
                unreadable.insert(item, why);
            }
            // Planning looks at the one body there is, and says so of the item.
            Trouble::OtherIdentity { item, .. } if unpacked.items.get(&item).is_some_and(|s| s.bodies.len() == 1) => {}
            trouble => findings.push(Finding {
                severity: Severity::Warning,
                item: None,
                pointer: None,
                reason: Reason::new("odd-archive", trouble.to_string()),
            }),
        }
    }
    let bodiless = |id: &ItemId| ArchivedItem {
        id: Arc::new(id.clone()),
        bodies: Vec::new(),
        labels: BTreeMap::new(),
        more: None,
    };
    let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut items: Vec<ArchivedItem> = unpacked
        .items
        .into_iter()
        .map(|(id, stored)| {
            let Kept { labels, more } = kept.remove(&id).unwrap_or_default();
            let bodies = stored
                .bodies
                .into_iter()
                .map(|body| ArchivedBody {
                    version: shared(&mut names, &body.version),
                    preferred: body.preferred,
                    offset: body.span.offset,
                    length: body.span.length,
                })
                .collect();
            ArchivedItem { id: Arc::new(id), bodies, labels, more }
        })
        .collect();
    if !unreadable.is_empty() {
        items.extend(unreadable.keys().map(bodiless));
        items.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let kinds = kinds.into_iter().filter_map(|(resource, said)| Some((resource, most_said(said)?))).collect();
    Ok(Unpacked { items, kinds, unreadable, findings })
}

/// One copy of a word that many items say.
fn shared(words: &mut BTreeSet<Arc<str>>, word: &str) -> Arc<str> {
    if let Some(known) = words.get(word) {
        return Arc::clone(known);
    }
    let new: Arc<str> = word.into();
    words.insert(Arc::clone(&new));
    new
}

/// What bodies say of which kind a resource is; a single one that lies must not decide for all.
fn count(kinds: &mut BTreeMap<GroupResource, BTreeMap<String, u32>>, resource: &GroupResource, kind: &str) {
    let Some(said) = kinds.get_mut(resource) else {
        kinds.insert(resource.clone(), BTreeMap::from([(kind.to_owned(), 1)]));
        return;
    };
    match said.get_mut(kind) {
        Some(times) => *times += 1,
        None => {
            said.insert(kind.to_owned(), 1);
        }
    }
}

fn most_said(said: BTreeMap<String, u32>) -> Option<String> {
    said.into_iter().max_by_key(|(kind, times)| (*times, std::cmp::Reverse(kind.clone()))).map(|(kind, _)| kind)
}

fn method(info: &BackupVolumeInfo) -> Option<(String, VolumeMethod)> {
    if info.pv_name.is_empty() {
        return None;
    }
    let method = match &info.backup_method {
        None => VolumeMethod::Skipped,
        Some(BackupMethod::NativeSnapshot) => VolumeMethod::NativeSnapshot,
        Some(BackupMethod::PodVolumeBackup) => VolumeMethod::PodVolumeBackup,
        Some(BackupMethod::CsiSnapshot | BackupMethod::Other(_)) => VolumeMethod::CsiSnapshot,
    };
    Some((info.pv_name.clone(), method))
}
