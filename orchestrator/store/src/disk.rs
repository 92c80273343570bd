//! A store in a directory: each object a file, each `/` of a key a directory.
//!
//! Survives being killed: an object is written beside its place, synced and renamed into it. Follows no symbolic link
//! below its root. Two keys of which one is a directory of the other cannot both exist here.

mod part;
mod walk;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use ports::object_store::{Listing, Reader};
use ports::{Body, ErrorKind, ObjectKey, ObjectMeta, ObjectStore, PortError};

use crate::listing::prefix;

/// How often a write begins again because another one's clean-up took its directory away.
const RACES: usize = 16;

#[derive(Debug, Clone)]
pub struct DiskStore {
    root: PathBuf,
}

impl DiskStore {
    /// A store in a directory that must be there when it is used.
    ///
    /// It is not created on the way, because a missing one may be a disk that is not mounted.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Creates the directory first, readable to its owner only.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, PortError> {
        let root = root.into();
        part::create_directories(&root).map_err(|error| explain(error, &format!("create {}", root.display())))?;
        Ok(Self { root })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    async fn blocking<T: Send + 'static>(
        &self,
        what: String,
        work: impl FnOnce(&Path) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        let root = self.root.clone();
        let done = tokio::task::spawn_blocking(move || {
            require_root(&root)?;
            work(&root).map_err(|failure| match failure {
                Failure::Io(error) => explain(error, &what),
                Failure::Port(error) => error,
            })
        });
        done.await.map_err(|error| PortError::unavailable("the file operation stopped").with_source(error))?
    }
}

#[async_trait]
impl ObjectStore for DiskStore {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        let key = key.clone();
        self.blocking(format!("write {key}"), move |root| put(root, &key, &body)).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let key = key.clone();
        let opened = self.blocking(format!("read {key}"), move |root| {
            let path = resolve(root, &key)?.ok_or_else(|| missing(&key))?;
            Ok(File::open(path)?)
        });
        Ok(Box::pin(tokio::fs::File::from_std(opened.await?)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        let key = key.clone();
        self.blocking(format!("look at {key}"), move |root| {
            let Some(path) = resolve(root, &key)? else { return Ok(None) };
            Ok(Some(walk::meta(key, &fs::symlink_metadata(path)?)))
        })
        .await
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        let prefix = prefix(directory)?;
        self.blocking(format!("list {directory:?}"), move |root| Ok(walk::one_level(root, &prefix)?)).await
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        let prefix = prefix(directory)?;
        self.blocking(format!("list {directory:?}"), move |root| Ok(walk::everything(root, &prefix)?)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let key = key.clone();
        self.blocking(format!("delete {key}"), move |root| delete(root, &key)).await
    }

    async fn presign_get(&self, _: &ObjectKey, _: Duration) -> Result<Option<String>, PortError> {
        Ok(None)
    }

    fn describe(&self) -> String {
        format!("file://{}", self.root.display())
    }
}

enum Failure {
    Io(io::Error),
    Port(PortError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

fn put(root: &Path, key: &ObjectKey, body: &Body) -> Result<(), Failure> {
    if part::is_part(key.file_name()) {
        return Err(PortError::invalid(format!("{key} is a name that the store uses itself")).into());
    }
    let mut races = 0;
    loop {
        let path = place(root, key)?;
        match part::write(&path, body) {
            Err(part::WriteError::Source(error)) => {
                return Err(PortError::invalid("failed to read the file to store").with_source(error).into());
            }
            // A clean-up of the last object beside this one took the directory away.
            Err(part::WriteError::Target(error)) if error.kind() == io::ErrorKind::NotFound && races < RACES => {
                races += 1;
            }
            Err(part::WriteError::Target(error)) => return Err(error.into()),
            Ok(()) => return Ok(()),
        }
    }
}

fn delete(root: &Path, key: &ObjectKey) -> Result<(), Failure> {
    let Some(path) = resolve(root, key)? else { return Ok(()) };
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // What holds no object is no directory of a bucket.
    let mut directory = path.parent();
    while let Some(parent) = directory.filter(|parent| *parent != root && parent.starts_with(root)) {
        part::sweep(parent);
        if fs::remove_dir(parent).is_err() {
            part::sync_directory(parent)?;
            return Ok(());
        }
        directory = parent.parent();
    }
    part::sync_directory(root)?;
    Ok(())
}

/// Where an object that is there lies; `None` when it is not there. Follows no symbolic link.
fn resolve(root: &Path, key: &ObjectKey) -> Result<Option<PathBuf>, Failure> {
    let mut path = root.to_path_buf();
    let mut segments = key.as_str().split('/').peekable();
    while let Some(segment) = segments.next() {
        path.push(segment);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_last = segments.peek().is_none();
        let fits = if is_last { metadata.is_file() } else { metadata.is_dir() };
        if !fits || (is_last && part::is_part(segment)) {
            return Ok(None);
        }
    }
    Ok(Some(path))
}

/// Where an object is to lie; refuses to go through anything that is not a directory.
fn place(root: &Path, key: &ObjectKey) -> Result<PathBuf, Failure> {
    let mut path = root.to_path_buf();
    let mut segments = key.as_str().split('/').peekable();
    while let Some(segment) = segments.next() {
        path.push(segment);
        let is_last = segments.peek().is_none();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if is_last && metadata.is_file() || !is_last && metadata.is_dir() => {}
            Ok(_) => {
                let what = if is_last { "is a directory or a link" } else { "is not a directory" };
                return Err(PortError::invalid(format!("failed to write {key}: {} {what}", path.display())).into());
            }
            Err(error) if is_absence(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(path)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn missing(key: &ObjectKey) -> PortError {
    PortError::not_found(format!("no object {key}"))
}

fn require_root(root: &Path) -> Result<(), PortError> {
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(PortError::invalid(format!("{} is not a directory", root.display()))),
        Err(error) if is_absence(&error) => {
            // Not `NotFound`: a missing object is expected now and then, a missing store is not.
            let message = format!("the directory {} is not there", root.display());
            Err(PortError::invalid(message).with_reason("NoSuchBucket"))
        }
        Err(error) => Err(explain(error, &format!("look at {}", root.display()))),
    }
}

fn explain(error: io::Error, what: &str) -> PortError {
    use io::ErrorKind as Io;
    let (kind, reason) = match error.kind() {
        Io::NotFound => (ErrorKind::NotFound, None),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::Denied, None),
        // Waiting frees no disk; somebody must act.
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (ErrorKind::Invalid, Some("StorageFull")),
        Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename | Io::InvalidInput | Io::DirectoryNotEmpty => {
            (ErrorKind::Invalid, None)
        }
        _ => (ErrorKind::Unavailable, None),
    };
    let mut explained = PortError::new(kind, format!("failed to {what}"));
    explained.reason = reason.map(str::to_owned);
    explained.with_source(error)
}

#[cfg(test)]
mod tests;
