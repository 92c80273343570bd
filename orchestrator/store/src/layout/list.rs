//! What lies in a bucket, told without stumbling over what should not be there.
//!
//! One listing finds every backup, however many there are. Half-written and foreign entries are reported, never
//! followed and never an error.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use ports::{ObjectStore, PortError};

use super::{BACKUPS, BackupFile, BackupKeys, RESTORES, ROOT_DIRECTORIES, RestoreFile, RestoreKeys};

/// Every backup of a location, by name, and what else was found among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupListing {
    pub backups: Vec<ListedBackup>,
    pub odd: Vec<Odd>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreListing {
    pub restores: Vec<ListedRestore>,
    pub odd: Vec<Odd>,
}

/// A backup whose metadata is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBackup {
    pub name: String,
    pub files: BTreeMap<BackupFile, ListedFile>,
}

/// A restore of which anything is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRestore {
    pub name: String,
    pub files: BTreeMap<RestoreFile, ListedFile>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedFile {
    pub size: u64,
    pub modified: Option<Timestamp>,
}

/// Something below `backups/` or `restores/` that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Odd {
    /// A key, or a directory.
    pub path: String,
    pub what: Oddity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// Files of a backup without its metadata: being written, or left by a run that died.
    HalfWritten,
    /// Metadata without an archive; listed, but there is nothing to restore.
    NoArchive,
    /// An object where only directories belong.
    NotADirectory,
    /// A file that does not belong to the backup or restore in whose directory it lies.
    UnknownFile,
    /// A key that cannot be one of ours.
    ForeignKey,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HalfWritten => "has no velero-backup.json: being written, or left by a run that died",
            Self::NoArchive => "has no archive",
            Self::NotADirectory => "is an object where only directories belong",
            Self::UnknownFile => "is not a file of its backup or restore",
            Self::ForeignKey => "is not a usable key",
        })
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.path, self.what)
    }
}

/// Lists every backup of a location.
pub async fn list_backups(store: &dyn ObjectStore) -> Result<BackupListing, PortError> {
    let mut listing = BackupListing::default();
    let found = gather(store, BACKUPS, BackupFile::parse, |name| BackupKeys::new(name).is_ok()).await?;
    listing.odd = found.odd;
    for (name, files) in found.directories {
        let odd = |what| Odd { path: format!("{BACKUPS}/{name}"), what };
        if !files.contains_key(&BackupFile::Metadata) {
            listing.odd.push(odd(Oddity::HalfWritten));
            continue;
        }
        if !files.contains_key(&BackupFile::Archive) {
            listing.odd.push(odd(Oddity::NoArchive));
        }
        listing.backups.push(ListedBackup { name, files });
    }
    listing.odd.sort();
    Ok(listing)
}

/// Lists every restore of a location.
pub async fn list_restores(store: &dyn ObjectStore) -> Result<RestoreListing, PortError> {
    let found = gather(store, RESTORES, RestoreFile::parse, |name| RestoreKeys::new(name).is_ok()).await?;
    let mut odd = found.odd;
    odd.sort();
    let with_files = found.directories.into_iter().filter(|(_, files)| !files.is_empty());
    Ok(RestoreListing { restores: with_files.map(|(name, files)| ListedRestore { name, files }).collect(), odd })
}

/// Directories at a location's root that make it unavailable to Velero.
pub async fn offending_directories(store: &dyn ObjectStore) -> Result<Vec<String>, PortError> {
    let mut directories = store.list("").await?.directories;
    directories.retain(|name| !ROOT_DIRECTORIES.contains(&name.as_str()));
    Ok(directories)
}

struct Found<F> {
    directories: BTreeMap<String, BTreeMap<F, ListedFile>>,
    odd: Vec<Odd>,
}

async fn gather<F: Ord>(
    store: &dyn ObjectStore,
    root: &str,
    parse: impl Fn(&str, &str) -> Option<F>,
    is_name: impl Fn(&str) -> bool,
) -> Result<Found<F>, PortError> {
    let listing = store.list_all(root).await?;
    let mut directories: BTreeMap<String, BTreeMap<F, ListedFile>> = BTreeMap::new();
    let mut odd: Vec<Odd> = listing.foreign.into_iter().map(|path| Odd { path, what: Oddity::ForeignKey }).collect();
    for object in listing.objects {
        let key = object.key.as_str();
        let below = key.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
        let Some((name, file)) = below.and_then(|rest| rest.split_once('/')) else {
            odd.push(Odd { path: key.to_owned(), what: Oddity::NotADirectory });
            continue;
        };
        if !is_name(name) {
            odd.push(Odd { path: key.to_owned(), what: Oddity::ForeignKey });
            continue;
        }
        let files = directories.entry(name.to_owned()).or_default();
        match parse(name, file) {
            Some(file) => {
                files.insert(file, ListedFile { size: object.size, modified: object.modified });
            }
            None => odd.push(Odd { path: key.to_owned(), what: Oddity::UnknownFile }),
        }
    }
    Ok(Found { directories, odd })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use bytes::Bytes;
    use ports::{Body, ObjectKey};

    #[tokio::test]
    async fn good_backups_are_listed_and_everything_else_is_reported() {
        let store = filled(&[
            "backups/a/velero-backup.json",
            "backups/a/a.tar.gz",
            "backups/a/a-results.gz",
            "backups/a/notes.txt",
            "backups/a/deep/er/a.tar.gz",
            "backups/half/half.tar.gz",
            "backups/bare/velero-backup.json",
            "backups/stray",
            "backups/other/b.tar.gz",
            "kopia/x/y",
        ])
        .await;
        let listing = list_backups(&store).await.unwrap();
        let names: Vec<_> = listing.backups.iter().map(|backup| (backup.name.as_str(), backup.files.len())).collect();
        assert_eq!(names, [("a", 3), ("bare", 1)]);
        let odd: Vec<_> = listing.odd.iter().map(|odd| (odd.path.as_str(), odd.what)).collect();
        assert_eq!(
            odd,
            [
                ("backups/a/deep/er/a.tar.gz", Oddity::UnknownFile),
                ("backups/a/notes.txt", Oddity::UnknownFile),
                ("backups/bare", Oddity::NoArchive),
                ("backups/half", Oddity::HalfWritten),
                ("backups/other", Oddity::HalfWritten),
                ("backups/other/b.tar.gz", Oddity::UnknownFile),
                ("backups/stray", Oddity::NotADirectory),
            ]
        );
    }

    #[tokio::test]
    async fn restores_are_listed_by_their_files() {
        let store =
            filled(&["restores/r/r-volumeinfo.json.gz", "restores/r/restore-r-results.gz", "restores/x/y"]).await;
        let listing = list_restores(&store).await.unwrap();
        assert_eq!(listing.restores.len(), 1);
        assert_eq!(listing.restores[0].files.len(), 2);
        assert_eq!(listing.odd, [Odd { path: "restores/x/y".into(), what: Oddity::UnknownFile }]);
    }

    #[tokio::test]
    async fn an_empty_location_has_no_backups() {
        assert_eq!(list_backups(&MemoryStore::new()).await.unwrap(), BackupListing::default());
    }

    #[tokio::test]
    async fn directories_that_velero_refuses_are_named() {
        let store = filled(&["backups/a/b", "kopia/a", "mine/a", "file"]).await;
        assert_eq!(offending_directories(&store).await.unwrap(), ["mine"]);
    }

    async fn filled(keys: &[&str]) -> MemoryStore {
        let store = MemoryStore::new();
        for key in keys {
            store.put(&ObjectKey::parse(key).unwrap(), Body::Bytes(Bytes::new())).await.unwrap();
        }
        store
    }
}
