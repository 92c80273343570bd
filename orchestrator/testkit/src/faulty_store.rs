//! A store that fails on request, around one that does not.
//!
//! Faults are taken in the order in which they were planned, each by the first call that it fits.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use ports::object_store::{Listing, Reader};
use ports::{Body, ErrorKind, ObjectKey, ObjectMeta, ObjectStore, PortError};
use tokio::io::{AsyncRead, ReadBuf};

use crate::clock::lock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreVerb {
    Put,
    Get,
    Head,
    List,
    Delete,
}

/// One failure to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFault {
    pub verb: StoreVerb,
    /// Only for keys and directories that contain this; empty fits all.
    pub containing: String,
    pub what: WhatFails,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhatFails {
    /// Refused before anything happened.
    Refused { kind: ErrorKind, retry_after: Option<Duration> },
    /// Done, but the answer got lost; for `Put` and `Delete`.
    AnswerLost,
    /// The stream of a `Get` breaks after so many bytes.
    BreaksAfter(u64),
    /// The stream of a `Get` ends after so many bytes, as if that were all.
    EndsAfter(u64),
}

pub struct FaultyStore<S> {
    inner: S,
    faults: Mutex<VecDeque<StoreFault>>,
    calls: Mutex<Vec<(StoreVerb, String)>>,
}

impl<S: ObjectStore> FaultyStore<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, faults: Mutex::default(), calls: Mutex::default() }
    }

    pub fn plan(&self, verb: StoreVerb, containing: &str, what: WhatFails) {
        lock(&self.faults).push_back(StoreFault { verb, containing: containing.to_owned(), what });
    }

    /// Plans the same refusal `times` times.
    pub fn refuse(&self, verb: StoreVerb, containing: &str, kind: ErrorKind, times: usize) {
        for _ in 0..times {
            self.plan(verb, containing, WhatFails::Refused { kind, retry_after: None });
        }
    }

    /// Every call so far, with its key or directory.
    pub fn calls(&self) -> Vec<(StoreVerb, String)> {
        lock(&self.calls).clone()
    }

    /// Faults that no call has met yet.
    pub fn left(&self) -> usize {
        lock(&self.faults).len()
    }

    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn call(&self, verb: StoreVerb, at: &str) -> Result<Option<WhatFails>, PortError> {
        lock(&self.calls).push((verb, at.to_owned()));
        let mut faults = lock(&self.faults);
        let Some(found) = faults.iter().position(|fault| fault.verb == verb && at.contains(&fault.containing)) else {
            return Ok(None);
        };
        match faults.remove(found).map(|fault| fault.what) {
            Some(WhatFails::Refused { kind, retry_after }) => {
                Err(PortError::new(kind, format!("planned fault of {verb:?} {at}")).with_retry_after(retry_after))
            }
            other => Ok(other),
        }
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for FaultyStore<S> {
    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), PortError> {
        let fault = self.call(StoreVerb::Put, key.as_str())?;
        self.inner.put(key, body).await?;
        lost(fault)
    }

    async fn get(&self, key: &ObjectKey) -> Result<Reader, PortError> {
        let fault = self.call(StoreVerb::Get, key.as_str())?;
        let inner = self.inner.get(key).await?;
        Ok(match fault {
            Some(WhatFails::BreaksAfter(left)) => Box::pin(Cut { inner, left, breaks: true }),
            Some(WhatFails::EndsAfter(left)) => Box::pin(Cut { inner, left, breaks: false }),
            _ => inner,
        })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>, PortError> {
        self.call(StoreVerb::Head, key.as_str())?;
        self.inner.head(key).await
    }

    async fn list(&self, directory: &str) -> Result<Listing, PortError> {
        self.call(StoreVerb::List, directory)?;
        self.inner.list(directory).await
    }

    async fn list_all(&self, directory: &str) -> Result<Listing, PortError> {
        self.call(StoreVerb::List, directory)?;
        self.inner.list_all(directory).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let fault = self.call(StoreVerb::Delete, key.as_str())?;
        self.inner.delete(key).await?;
        lost(fault)
    }

    async fn presign_get(&self, key: &ObjectKey, valid_for: Duration) -> Result<Option<String>, PortError> {
        self.inner.presign_get(key, valid_for).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

fn lost(fault: Option<WhatFails>) -> Result<(), PortError> {
    match fault {
        Some(WhatFails::AnswerLost) => Err(PortError::unavailable("the answer got lost, as planned")),
        _ => Ok(()),
    }
}

struct Cut {
    inner: Reader,
    left: u64,
    breaks: bool,
}

impl AsyncRead for Cut {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let broken = || io::Error::new(io::ErrorKind::ConnectionReset, "the stream broke, as planned");
            return Poll::Ready(if self.breaks { Err(broken()) } else { Ok(()) });
        }
        let mut piece = vec![0; buffer.remaining().min(usize::try_from(self.left).unwrap_or(usize::MAX))];
        let mut within = ReadBuf::new(&mut piece);
        ready!(self.inner.as_mut().poll_read(ctx, &mut within))?;
        buffer.put_slice(within.filled());
        self.left -= within.filled().len() as u64;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ports::retry::RetryPolicy;
    use store::{MemoryStore, RetryingStore};
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::FakeClock;
    use crate::object_store_suite::{put, read};

    #[tokio::test]
    async fn a_busy_store_is_asked_again_and_no_sooner_than_it_says() {
        let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
        let clock = Arc::new(FakeClock::jumping());
        let store = RetryingStore::new(faulty.clone(), clock.clone());
        let key = ObjectKey::parse("a/b").unwrap();
        let asked = Duration::from_secs(3);
        let throttled = WhatFails::Refused { kind: ErrorKind::Throttled, retry_after: Some(asked) };
        faulty.plan(StoreVerb::Put, "", throttled);
        faulty.plan(StoreVerb::Put, "", WhatFails::AnswerLost);
        put(&store, &key, "x").await;
        assert_eq!(faulty.calls().len(), 3);
        let slept = clock.slept();
        assert!(slept.len() == 2 && slept[0] >= asked, "{slept:?}");
        faulty.refuse(StoreVerb::Get, "", ErrorKind::Unavailable, 2);
        assert_eq!(read(&store, &key).await, b"x");
        assert_eq!(faulty.left(), 0);
    }

    #[tokio::test]
    async fn a_refusal_for_good_is_not_repeated_and_a_long_one_ends() {
        let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
        let clock = Arc::new(FakeClock::jumping());
        let store = RetryingStore::new(faulty.clone(), clock);
        let key = ObjectKey::parse("a").unwrap();
        faulty.refuse(StoreVerb::Put, "", ErrorKind::Denied, 1);
        let error = store.put(&key, Body::Bytes("x".into())).await.unwrap_err();
        assert_eq!((error.kind, faulty.calls().len()), (ErrorKind::Denied, 1));
        faulty.refuse(StoreVerb::List, "", ErrorKind::Unavailable, 100);
        assert_eq!(store.list_all("").await.unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(faulty.calls().len(), 1 + RetryPolicy::BRIEF.attempts as usize);
    }

    #[tokio::test]
    async fn streams_break_where_planned() {
        let store = FaultyStore::new(MemoryStore::new());
        let key = ObjectKey::parse("a").unwrap();
        put(&store, &key, "0123456789").await;
        store.plan(StoreVerb::Get, "", WhatFails::BreaksAfter(4));
        store.plan(StoreVerb::Get, "", WhatFails::EndsAfter(6));
        let mut bytes = Vec::new();
        let broken = store.get(&key).await.unwrap().read_to_end(&mut bytes).await;
        assert_eq!((broken.unwrap_err().kind(), bytes.as_slice()), (io::ErrorKind::ConnectionReset, &b"0123"[..]));
        assert_eq!(read(&store, &key).await, b"012345");
        assert_eq!(read(&store, &key).await, b"0123456789");
    }

    #[tokio::test]
    async fn a_broken_stream_is_carried_on_where_it_broke() {
        let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
        let clock = Arc::new(FakeClock::jumping());
        let store = RetryingStore::new(faulty.clone(), clock);
        let key = ObjectKey::parse("a").unwrap();
        let bytes: Vec<u8> = (0..1_000_000u32).map(|at| (at ^ (at >> 9)) as u8).collect();
        put(&store, &key, bytes.clone()).await;
        for at in [0, 10, 400_000, 300_000, 999_999, 1_000_000] {
            faulty.plan(StoreVerb::Get, "", WhatFails::BreaksAfter(at));
        }
        faulty.refuse(StoreVerb::Get, "", ErrorKind::Unavailable, 1);
        assert!(read(&store, &key).await == bytes);
        assert_eq!(faulty.left(), 0);
    }

    #[tokio::test]
    async fn a_stream_that_keeps_breaking_at_the_same_place_fails() {
        let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
        let store = RetryingStore::new(faulty.clone(), Arc::new(FakeClock::jumping()));
        let key = ObjectKey::parse("a").unwrap();
        put(&store, &key, "0123456789").await;
        for _ in 0..100 {
            faulty.plan(StoreVerb::Get, "", WhatFails::BreaksAfter(4));
        }
        let mut reader = store.get(&key).await.unwrap();
        let mut bytes = Vec::new();
        let error = reader.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!((error.kind(), bytes.as_slice()), (io::ErrorKind::ConnectionReset, &b"0123"[..]));
        assert!(faulty.left() > 90);
        // Failed is failed: reading on is not the end of the object.
        assert!(reader.read_to_end(&mut bytes).await.is_err());
    }

    #[tokio::test]
    async fn an_object_that_was_replaced_is_not_carried_on() {
        for replacement in ["abcd56789x", "01"] {
            let faulty = Arc::new(FaultyStore::new(MemoryStore::new()));
            let store = RetryingStore::new(faulty.clone(), Arc::new(FakeClock::jumping()));
            let key = ObjectKey::parse("a").unwrap();
            put(&store, &key, "0123456789").await;
            faulty.plan(StoreVerb::Get, "", WhatFails::BreaksAfter(4));
            let mut reader = store.get(&key).await.unwrap();
            let mut begin = [0; 4];
            reader.read_exact(&mut begin).await.unwrap();
            put(&store, &key, replacement).await;
            let error = reader.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.to_string(), "a was replaced while it was being read");
        }
    }
}
