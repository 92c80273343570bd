//! What every `ports::ObjectStore` must do, run on memory, on disk and on real servers.
//!
//! Each check works below a directory of its own and panics with what was expected; none assumes an empty store.
//! Keys of which one is a directory of the other are left out: file systems cannot hold both.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use ports::{Body, ErrorKind, ObjectKey, ObjectStore};
use tokio::io::AsyncReadExt;

/// How much a run asks of a store.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Objects in one directory; more than a page of the far side's listing.
    pub objects: usize,
    /// Bytes of the largest object; more than one part of an upload.
    pub large: usize,
}

impl Effort {
    /// What S3 needs: more than 1,000 objects, more than two parts of 8 MiB.
    pub const FULL: Self = Self { objects: 1100, large: 20 * 1024 * 1024 + 7 };
    /// For stores without pages and parts.
    pub const SMALL: Self = Self { objects: 60, large: 3 * 1024 * 1024 + 7 };
}

/// Every check, one after another.
pub async fn conformance(store: &dyn ObjectStore, effort: Effort) {
    what_was_put_is_read(store).await;
    putting_replaces(store).await;
    files_are_streamed(store, effort.large).await;
    what_is_missing_is_not_found(store).await;
    deleting_is_idempotent_and_visible(store).await;
    listings_have_levels(store).await;
    listings_are_complete_and_sorted(store, effort.objects).await;
    odd_keys_are_kept_as_they_are(store).await;
    directories_that_climb_are_refused(store).await;
    readers_never_see_a_part(store).await;
    presigned_urls_are_urls(store).await;
}

pub async fn what_was_put_is_read(store: &dyn ObjectStore) {
    for (at, bytes) in [(0, Vec::new()), (1, b"x".to_vec()), (2, (0..=255).cycle().take(70_000).collect())] {
        let key = key(&format!("suite/read/{at}"));
        put(store, &key, bytes.clone()).await;
        assert!(read(store, &key).await == bytes, "{key} is not what was put");
        let meta = store.head(&key).await.expect("head works").expect("what was put is there");
        assert_eq!((meta.key, meta.size), (key, bytes.len() as u64));
    }
}

pub async fn putting_replaces(store: &dyn ObjectStore) {
    let key = key("suite/replace/it");
    for text in ["a longer text", "short", ""] {
        put(store, &key, text).await;
        assert_eq!(read(store, &key).await, text.as_bytes());
    }
    let listing = store.list("suite/replace").await.expect("list works");
    assert_eq!(listing.objects.len(), 1, "{listing:?}");
}

pub async fn files_are_streamed(store: &dyn ObjectStore, large: usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, size) in [("empty", 0), ("small", 100), ("large", large)] {
        let bytes: Vec<u8> = (0..size).map(|at| (at ^ (at >> 8) ^ (at >> 17)) as u8).collect();
        let path = directory.path().join(name);
        std::fs::write(&path, &bytes).expect("a temporary file");
        let key = key(&format!("suite/files/{name}"));
        store.put(&key, Body::File(path)).await.expect("put of a file works");
        assert!(read(store, &key).await == bytes, "{key} is not what was in the file");
        assert_eq!(store.head(&key).await.expect("head works").map(|meta| meta.size), Some(size as u64));
    }
    let missing = store.put(&key("suite/files/none"), Body::File(directory.path().join("none"))).await;
    assert_eq!(missing.expect_err("a missing file cannot be stored").kind, ErrorKind::Invalid);
    assert_eq!(store.head(&key("suite/files/none")).await.expect("head works"), None);
}

pub async fn what_is_missing_is_not_found(store: &dyn ObjectStore) {
    for text in ["suite/missing", "suite/missing/deep/er"] {
        let key = key(text);
        let error = store.get(&key).await.err().expect("what is missing cannot be read");
        assert!(error.is_not_found(), "{error:?}");
        assert_eq!(store.head(&key).await.expect("head of what is missing works"), None);
        for listing in [store.list(text).await, store.list_all(text).await] {
            assert_eq!(listing.expect("a missing directory is an empty one"), Default::default());
        }
    }
}

pub async fn deleting_is_idempotent_and_visible(store: &dyn ObjectStore) {
    let key = key("suite/delete/directory/it");
    put(store, &key, "x").await;
    for _ in 0..2 {
        store.delete(&key).await.expect("delete works, also of what is gone");
        assert!(store.get(&key).await.err().is_some_and(|error| error.is_not_found()));
        assert_eq!(store.head(&key).await.expect("head works"), None);
        let listing = store.list("suite/delete").await.expect("list works");
        assert_eq!(listing, Default::default(), "a directory goes with its last object");
    }
    put(store, &key, "again").await;
    assert_eq!(read(store, &key).await, b"again");
}

pub async fn listings_have_levels(store: &dyn ObjectStore) {
    let keys = ["a-b/x", "a.b", "a/1/x", "a/2", "a/2-3/y", "ab/c/d/e", "z"];
    for text in keys {
        put(store, &key(&format!("suite/levels/{text}")), text).await;
    }
    let level = |directory: &'static str| async move {
        let listing = store.list(directory).await.expect("list works");
        assert_eq!(listing.foreign, Vec::<String>::new());
        let objects: Vec<String> = listing.objects.iter().map(|object| object.key.to_string()).collect();
        (objects, listing.directories)
    };
    let expected = (strings(&["suite/levels/a.b", "suite/levels/z"]), strings(&["a", "a-b", "ab"]));
    assert_eq!(level("suite/levels").await, expected);
    assert_eq!(level("suite/levels/").await, expected, "a trailing slash means nothing");
    assert_eq!(level("suite/levels/a").await, (strings(&["suite/levels/a/2"]), strings(&["1", "2-3"])));
    let below = store.list_all("suite/levels").await.expect("list_all works");
    let below: Vec<String> = below.objects.iter().map(|object| object.key.to_string()).collect();
    let all: Vec<String> = keys.iter().map(|text| format!("suite/levels/{text}")).collect();
    assert_eq!(below, all);
    let (_, root) = level("").await;
    assert!(root.contains(&"suite".to_owned()), "{root:?}");
    let sizes = store.list("suite/levels").await.expect("list works");
    assert_eq!(sizes.objects.iter().map(|object| object.size).collect::<Vec<_>>(), [3, 1]);
}

pub async fn listings_are_complete_and_sorted(store: &dyn ObjectStore, objects: usize) {
    let keys: Vec<ObjectKey> = (0..objects).map(|at| key(&format!("suite/many/{at:05}/o{at:05}"))).collect();
    let put = |key: ObjectKey| async move { put(store, &key, key.file_name().to_owned()).await };
    stream::iter(keys.clone()).map(put).buffer_unordered(16).collect::<Vec<()>>().await;
    let listing = store.list_all("suite/many").await.expect("list_all works");
    assert!(listing.objects.iter().map(|object| &object.key).eq(&keys), "{} of {objects}", listing.objects.len());
    let directories = store.list("suite/many").await.expect("list works").directories;
    assert!(directories.iter().eq(&(0..objects).map(|at| format!("{at:05}")).collect::<Vec<_>>()));
    let delete = |key: ObjectKey| async move { store.delete(&key).await.expect("delete works") };
    stream::iter(keys).map(delete).buffer_unordered(16).collect::<Vec<()>>().await;
    assert_eq!(store.list_all("suite/many").await.expect("list_all works"), Default::default());
}

pub async fn odd_keys_are_kept_as_they_are(store: &dyn ObjectStore) {
    let names = [
        " leading", "a b", "a+b", "a%2Fb", "a&b=c", "a?b", "a#b", "a'b", "a\"b", "a<b>", "a;b,c", "a:b", "a*b", "(a)",
        "a@b!$", "~a", "..a", "a..", "...", "日本", "é", "e\u{301}", "🦀",
    ];
    let mut expected: Vec<String> = names.iter().map(|name| format!("suite/odd/{name}")).collect();
    for text in &expected {
        put(store, &key(text), text.clone()).await;
    }
    for text in &expected {
        assert_eq!(read(store, &key(text)).await, text.as_bytes(), "{text}");
        assert!(store.head(&key(text)).await.expect("head works").is_some(), "{text}");
    }
    expected.sort();
    let listing = store.list("suite/odd").await.expect("list works");
    let listed: Vec<String> = listing.objects.iter().map(|object| object.key.to_string()).collect();
    assert_eq!(listed, expected);
    for text in &expected {
        store.delete(&key(text)).await.expect("delete works");
    }
    assert_eq!(store.list_all("suite/odd").await.expect("list_all works"), Default::default());
}

pub async fn directories_that_climb_are_refused(store: &dyn ObjectStore) {
    for directory in ["..", "suite/../..", "suite//x", "/suite", "."] {
        for outcome in [store.list(directory).await, store.list_all(directory).await] {
            let error = outcome.expect_err("a directory that is not one of ours is refused");
            assert_eq!(error.kind, ErrorKind::Invalid, "{directory}: {error:?}");
        }
    }
}

/// Whoever reads while others write gets one whole value, never a part and never a mixture.
///
/// A stream that fails is neither: some servers keep checksums apart from their objects, and a reader then notices
/// that the two do not fit.
pub async fn readers_never_see_a_part(store: &dyn ObjectStore) {
    let key = &key("suite/whole/it");
    let value = |byte: u8| Bytes::from(vec![byte; 200_000 + usize::from(byte) * 1000]);
    put(store, key, value(1)).await;
    let writes =
        stream::iter(2..20u8).map(|byte| put(store, key, value(byte))).buffer_unordered(4).collect::<Vec<()>>();
    let reads = stream::iter(0..40).map(|_| try_read(store, key)).buffer_unordered(4).collect::<Vec<_>>();
    let ((), reads) = futures::join!(async { drop(writes.await) }, reads);
    let whole: Vec<Vec<u8>> = reads.into_iter().filter_map(Result::ok).collect();
    assert!(!whole.is_empty(), "no reader got anything");
    for bytes in whole.into_iter().chain([read(store, key).await]) {
        let first = *bytes.first().expect("never empty");
        assert!(bytes == value(first), "{} bytes that begin with {first}", bytes.len());
    }
}

async fn try_read(store: &dyn ObjectStore, key: &ObjectKey) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = store.get(key).await.expect("what is replaced is always there");
    reader.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Where there are such URLs; whether one can be read without credentials is for the store's own tests.
pub async fn presigned_urls_are_urls(store: &dyn ObjectStore) {
    let key = key("suite/presigned/it");
    put(store, &key, "x").await;
    if let Some(url) = store.presign_get(&key, Duration::from_secs(600)).await.expect("presign works or says no") {
        assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
        assert!(url.contains("suite/presigned/it?"), "{url}");
    }
    assert!(!store.describe().is_empty());
}

/// Puts bytes and expects it to work.
pub async fn put(store: &dyn ObjectStore, key: &ObjectKey, bytes: impl Into<Bytes>) {
    if let Err(error) = store.put(key, Body::Bytes(bytes.into())).await {
        panic!("put of {key}: {}", model::chain(&error));
    }
}

/// Reads all of an object and expects it to work.
pub async fn read(store: &dyn ObjectStore, key: &ObjectKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    match store.get(key).await {
        Ok(mut reader) => reader.read_to_end(&mut bytes).await.expect("the stream ends well"),
        Err(error) => panic!("get of {key}: {}", model::chain(&error)),
    };
    bytes
}

/// A file of zeros that costs no disk, for uploads of any size.
pub fn sparse_file(path: &Path, size: u64) -> io::Result<()> {
    std::fs::File::create(path)?.set_len(size)
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("the suite's own keys are good")
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::{DiskStore, MemoryStore, PrefixStore, RetryingStore};

    use super::*;
    use crate::FakeClock;

    #[tokio::test]
    async fn memory() {
        conformance(&MemoryStore::new(), Effort::SMALL).await;
    }

    #[tokio::test]
    async fn disk() {
        let directory = tempfile::tempdir().unwrap();
        conformance(&DiskStore::open(directory.path()), Effort::SMALL).await;
    }

    #[tokio::test]
    async fn a_prefix_sees_only_what_is_below_it() {
        let inner = Arc::new(MemoryStore::new());
        for text in ["suite/x", "pre", "pre/fixed/suite/x", "pre-fix/x"] {
            put(&*inner, &key(text), text).await;
        }
        let store = PrefixStore::new(inner.clone(), "/pre/fix/").unwrap();
        conformance(&store, Effort::SMALL).await;
        let mut outside = inner.list_all("").await.unwrap().objects;
        outside.retain(|object| !object.key.as_str().starts_with("pre/fix/"));
        assert_eq!(outside.len(), 4);
        assert_eq!(store.describe(), "memory/pre/fix");
        conformance(&PrefixStore::new(inner, "").unwrap(), Effort::SMALL).await;
    }

    #[tokio::test]
    async fn retrying_changes_nothing_that_works() {
        let clock = Arc::new(FakeClock::jumping());
        let store = RetryingStore::new(Arc::new(MemoryStore::new()), clock);
        conformance(&store, Effort::SMALL).await;
    }
}
