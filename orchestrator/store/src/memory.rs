//! A store in memory, for tests and rehearsals.
//!
//! Cloning shares the objects. Keeps nothing once the last clone is gone.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use ports::object_store::{Listing, Reader};
use ports::{Body, Clock, ObjectKey, ObjectMeta, ObjectStore, PortError};

use crate::listing::{one_level, prefix};

#[derive(Clone, Default)]
pub struct MemoryStore {
    objects: Arc<Mutex<BTreeMap<ObjectKey, Stored>>>,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    modified: Option<Timestamp>,
}

impl MemoryStore {
    /// Objects have no modification time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Objects have the modification time that the clock says.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..Self::default() }
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Stored>> {
        // A map is whole between any two of its operations, whoever panicked.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metas(&self) -> Vec<ObjectMeta> {
        self.objects().iter().map(|(key, stored)| stored.meta(key)).collect()
    }
}

impl Stored {
    fn meta(&self, key: &ObjectKey) -> ObjectMeta {
        ObjectMeta { key: key.clone(), size: self.bytes.len() as u64, modified: self.modified }
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        let bytes = match body {
            Body::Bytes(bytes) => bytes,
            Body::File(path) => Bytes::from(tokio::fs::read(&path).await.map_err(|error| {
                PortError::invalid(format!("failed to read {}", path.display())).with_source(error)
            })?),
        };
        let modified = self.clock.as_ref().map(|clock| clock.now());
        self.objects().insert(key.clone(), Stored { bytes, modified });
        Ok(())
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let stored = self.objects().get(key).cloned();
        let stored = stored.ok_or_else(|| PortError::not_found(format!("no object {key}")))?;
        Ok(Box::pin(Cursor::new(stored.bytes)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        Ok(self.objects().get(key).map(|stored| stored.meta(key)))
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        Ok(one_level(&prefix(directory)?, self.metas().into_iter()))
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        let prefix = prefix(directory)?;
        let mut objects = self.metas();
        objects.retain(|object| object.key.as_str().starts_with(&prefix));
        Ok(Listing { objects, ..Listing::default() })
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.objects().remove(key);
        Ok(())
    }

    async fn presign_get(&self, _: &ObjectKey, _: Duration) -> Result<Option<String>, PortError> {
        Ok(None)
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}
