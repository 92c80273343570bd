//! A store below a prefix of another one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::object_store::{KeyError, Listing, Reader};
use ports::{Body, ObjectKey, ObjectMeta, ObjectStore, PortError};

/// Sees only what lies below the prefix, under keys without it.
#[derive(Clone)]
pub struct PrefixStore {
    inner: Arc<dyn ObjectStore>,
    /// Without slashes at its ends; empty for all of the inner store.
    prefix: String,
}

impl PrefixStore {
    /// Slashes at the prefix's ends mean nothing, as in Velero's locations.
    pub fn new(inner: Arc<dyn ObjectStore>, prefix: &str) -> Result<Self, KeyError> {
        let prefix = prefix.trim_matches('/').to_owned();
        if !prefix.is_empty() {
            ObjectKey::parse(&prefix)?;
        }
        Ok(Self { inner, prefix })
    }

    fn outer(&self, key: &ObjectKey) -> Result<ObjectKey, PortError> {
        if self.prefix.is_empty() {
            return Ok(key.clone());
        }
        ObjectKey::parse(&format!("{}/{key}", self.prefix))
            .map_err(|error| PortError::invalid("the key with its prefix is too long").with_source(error))
    }

    fn outer_directory(&self, directory: &str) -> Result<String, PortError> {
        // Checked before joining, so that nothing climbs out of the prefix.
        let inner = crate::listing::prefix(directory)?;
        Ok(format!("{}/{inner}", self.prefix).trim_matches('/').to_owned())
    }

    fn strip(&self, listing: Listing) -> Listing {
        if self.prefix.is_empty() {
            return listing;
        }
        let below = |key: &str| Some(key.strip_prefix(&self.prefix)?.strip_prefix('/')?.to_owned());
        let strip = |mut object: ObjectMeta| {
            object.key = ObjectKey::parse(&below(object.key.as_str())?).ok()?;
            Some(object)
        };
        Listing {
            objects: listing.objects.into_iter().filter_map(strip).collect(),
            directories: listing.directories,
            foreign: listing.foreign.into_iter().map(|key| below(&key).unwrap_or(key)).collect(),
        }
    }
}

#[async_trait]
impl ObjectStore for PrefixStore {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        self.inner.put(&self.outer(key)?, body).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        self.inner.get(&self.outer(key)?).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        let found = self.inner.head(&self.outer(key)?).await?;
        Ok(found.map(|meta| ObjectMeta { key: key.clone(), ..meta }))
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        Ok(self.strip(self.inner.list(&self.outer_directory(directory)?).await?))
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        Ok(self.strip(self.inner.list_all(&self.outer_directory(directory)?).await?))
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.inner.delete(&self.outer(key)?).await
    }

    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError> {
        self.inner.presign_get(&self.outer(key)?, valid_for).await
    }

    fn describe(&self) -> String {
        let inner = self.inner.describe();
        if self.prefix.is_empty() { inner } else { format!("{}/{}", inner.trim_end_matches('/'), self.prefix) }
    }
}
