//! A store that tries again when the far side is busy or away.
//!
//! Every operation of a store may be repeated: `put` replaces, `delete` of what is gone succeeds. A stream that breaks
//! is carried on where it broke, unless the object has changed meanwhile; then the reader gets the error.

mod resuming;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::object_store::{Listing, Reader};
use ports::retry::{RetryPolicy, retry};
use ports::{Body, Clock, ObjectKey, ObjectMeta, ObjectStore, PortError};

use resuming::Resuming;

#[derive(Clone)]
pub struct RetryingStore {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    asking: RetryPolicy,
    writing: RetryPolicy,
}

impl RetryingStore {
    /// Somebody waits for an answer, and an endpoint that was mistyped never gives one: questions are given up soon. A
    /// file is what all the work before it was done for, so it is worth waiting for a server that restarts.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock, asking: RetryPolicy::BRIEF, writing: RetryPolicy::PATIENT }
    }

    /// A plain stream, which may break.
    async fn open(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        retry(&*self.clock, &self.asking, || self.inner.get(key)).await
    }
}

#[async_trait]
impl ObjectStore for RetryingStore {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        retry(&*self.clock, &self.writing, || self.inner.put(key, body.clone())).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let first = self.open(key).await?;
        Ok(Box::pin(Resuming::new(self.clone(), key.clone(), first)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        retry(&*self.clock, &self.asking, || self.inner.head(key)).await
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        retry(&*self.clock, &self.asking, || self.inner.list(directory)).await
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        retry(&*self.clock, &self.asking, || self.inner.list_all(directory)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        retry(&*self.clock, &self.asking, || self.inner.delete(key)).await
    }

    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError> {
        retry(&*self.clock, &self.asking, || self.inner.presign_get(key, valid_for)).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
