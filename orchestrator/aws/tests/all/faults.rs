use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ports::{Body, Clock, ErrorKind, ObjectStore};
use store::RetryingStore;
use testkit::object_store_suite::{put, read};

use super::{connection, key, open, server, settings};

#[tokio::test]
async fn a_server_that_is_away_is_unavailable() {
    let Some(mut server) = server("a_server_that_is_away_is_unavailable") else { return };
    let store = open(&connection(), settings(&server)).await;
    put(&store, &key("a"), "x").await;
    server.stop();
    for error in [
        store.get(&key("a")).await.err().unwrap(),
        store.head(&key("a")).await.err().unwrap(),
        store.put(&key("a"), Body::Bytes("y".into())).await.err().unwrap(),
        store.list("").await.err().unwrap(),
    ] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
        assert!(model::chain(&error).contains("onnection refused"), "{}", model::chain(&error));
    }
}

/// The clock of the world, whose sleeps bring the server back.
struct Reviving {
    server: std::sync::Mutex<testkit::S3Server>,
}

#[async_trait]
impl Clock for Reviving {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    async fn sleep(&self, _: Duration) {
        self.server.lock().unwrap().restart().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_asked_again() {
    let Some(mut server) = server("a_server_that_comes_back_is_asked_again") else { return };
    let inner = Arc::new(open(&connection(), settings(&server)).await);
    put(&*inner, &key("a"), "before").await;
    server.stop();
    let clock = Arc::new(Reviving { server: std::sync::Mutex::new(server) });
    let store = RetryingStore::new(inner, clock.clone());
    assert_eq!(read(&store, &key("a")).await, b"before");
    clock.server.lock().unwrap().stop();
    put(&store, &key("a"), "after").await;
    assert_eq!(read(&store, &key("a")).await, b"after");
}
