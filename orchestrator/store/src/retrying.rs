//! A store that tries again when the far side is busy or away.
//!
//! Every operation of a store may be repeated: `put` replaces, `delete` of what is gone succeeds. A stream that breaks
//! is carried on where it broke, unless the object has changed meanwhile; then the reader gets the error.

mod resuming;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
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
    policy: RetryPolicy,
    seed: u64,
}

impl RetryingStore {
    /// `seed` should differ between processes, so that they do not come back together; see `RetryPolicy::delay`.
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, policy: RetryPolicy, seed: u64) -> Self {
        Self { inner, clock, policy, seed }
    }

    /// A plain stream, which may break.
    async fn open(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        retry(&*self.clock, &self.policy, self.seed(key.as_str()), |_| self.inner.get(key)).await
    }

    /// Different keys wait different times.
    fn seed(&self, key: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, key).hash(&mut hasher);
        hasher.finish()
    }
}

#[async_trait]
impl ObjectStore for RetryingStore {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        let seed = self.seed(key.as_str());
        retry(&*self.clock, &self.policy, seed, |_| self.inner.put(key, body.clone())).await
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let first = self.open(key).await?;
        Ok(Box::pin(Resuming::new(self.clone(), key.clone(), first)))
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        retry(&*self.clock, &self.policy, self.seed(key.as_str()), |_| self.inner.head(key)).await
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        retry(&*self.clock, &self.policy, self.seed(directory), |_| self.inner.list(directory)).await
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        retry(&*self.clock, &self.policy, self.seed(directory), |_| self.inner.list_all(directory)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        retry(&*self.clock, &self.policy, self.seed(key.as_str()), |_| self.inner.delete(key)).await
    }

    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError> {
        let seed = self.seed(key.as_str());
        retry(&*self.clock, &self.policy, seed, |_| self.inner.presign_get(key, valid_for)).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}
