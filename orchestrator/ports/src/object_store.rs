//! A bucket: keys and bytes, on S3, on disk or in memory.
//!
//! Knows nothing of backups; where a backup's files lie is `engine::bucket`'s business.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::AsyncRead;

use crate::error::PortError;

/// A key inside a store's root: segments joined by `/`, none empty, none `.` or `..`, at most 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// What to store: bytes at hand, or a file that is streamed.
#[derive(Debug, Clone)]
pub enum Body {
    Bytes(Bytes),
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    pub key: ObjectKey,
    pub size: u64,
    pub modified: Option<Timestamp>,
}

/// One level of a listing: the objects, and the "directories" one segment below, without the trailing `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    pub objects: Vec<ObjectMeta>,
    pub directories: Vec<String>,
    /// Keys that are there but cannot be an `ObjectKey`; reported, never followed.
    pub foreign: Vec<String>,
}

pub type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// A place for objects.
///
/// # Guarantees
/// - `put` is atomic: a reader sees the old object, the new one, or none, never a part. It replaces.
/// - After `put` or `delete` returns, `get`, `head` and `list` show it.
/// - `delete` of what is not there succeeds. `get` of what is not there is `NotFound`.
/// - `list` and `list_all` are complete however many pages the far side needs, and sorted by key.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError>;
    /// Streams an object; an error in the middle comes as an I/O error of the reader.
    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError>;
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError>;
    /// One level below `directory` (`""` is the root).
    async fn list(&self, directory: &str) -> Result<Listing, PortError>;
    /// Every object below `directory`, at any depth.
    async fn list_all(&self, directory: &str) -> Result<Listing, PortError>;
    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError>;
    /// A URL that reads the object for a while without credentials; `None` where the store has no such thing.
    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError>;
    /// Where this store is, for people: `s3://bucket/prefix`, `file:///srv/backups`.
    fn describe(&self) -> String;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid object key {0:?}")]
pub struct KeyError(pub String);

impl ObjectKey {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let good = |segment: &str| !segment.is_empty() && segment != "." && segment != "..";
        if text.len() > 1024 || text.chars().any(char::is_control) || !text.split('/').all(good) {
            return Err(KeyError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_climb() {
        for text in ["", "/a", "a/", "a//b", "a/../b", "..", "a/./b", "a\nb", "a\0"] {
            assert!(ObjectKey::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(ObjectKey::parse("backups/b/velero-backup.json").unwrap().file_name(), "velero-backup.json");
    }
}
