use super::*;
use bytes::Bytes;
use std::os::unix::fs::{PermissionsExt, symlink};
use tokio::io::AsyncReadExt;

#[tokio::test]
async fn parts_of_dead_writers_are_invisible_and_swept() {
    let (directory, store) = fresh();
    put_text(&store, "a/b", "one").await;
    let left = directory.path().join("a/.landfall-part-1-1");
    fs::write(&left, "half").unwrap();
    assert_eq!(keys(&store).await, ["a/b"]);
    put_text(&store, "a/c", "two").await;
    assert!(!left.exists());
}

#[tokio::test]
async fn parts_of_living_writers_are_left_alone() {
    let (directory, store) = fresh();
    put_text(&store, "a/b", "one").await;
    let path = directory.path().join("a/.landfall-part-1-1");
    let living = File::create(&path).unwrap();
    living.lock().unwrap();
    put_text(&store, "a/c", "two").await;
    assert!(path.exists());
}

#[tokio::test]
async fn a_directory_goes_with_its_last_object() {
    let (directory, store) = fresh();
    put_text(&store, "backups/b/x", "").await;
    put_text(&store, "backups/b/y", "").await;
    store.delete(&key("backups/b/x")).await.unwrap();
    assert_eq!(store.list("backups").await.unwrap().directories, ["b"]);
    store.delete(&key("backups/b/y")).await.unwrap();
    assert!(!directory.path().join("backups").exists());
    assert!(directory.path().exists());
}

#[tokio::test]
async fn empty_directories_are_not_listed() {
    let (directory, store) = fresh();
    fs::create_dir_all(directory.path().join("a/b/c")).unwrap();
    assert_eq!(store.list("").await.unwrap(), Listing::default());
}

#[tokio::test]
async fn links_are_reported_and_never_followed() {
    let (directory, store) = fresh();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    symlink(outside.path(), directory.path().join("door")).unwrap();
    symlink(outside.path().join("secret"), directory.path().join("file")).unwrap();
    let listing = store.list_all("").await.unwrap();
    assert_eq!((listing.objects.len(), listing.foreign), (0, vec!["door".to_owned(), "file".to_owned()]));
    assert_eq!(store.list("door").await.unwrap(), Listing::default());
    for text in ["door/secret", "file"] {
        assert!(store.get(&key(text)).await.err().unwrap().is_not_found(), "{text}");
        assert_eq!(store.head(&key(text)).await.unwrap(), None);
        let outcome = store.put(&key(text), Body::Bytes(Bytes::from_static(b"x"))).await;
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Invalid, "{text}");
        store.delete(&key(text)).await.unwrap();
    }
    assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "s");
}

#[tokio::test]
async fn a_missing_root_is_not_an_empty_store() {
    let (directory, store) = fresh();
    let gone = DiskStore::open(directory.path().join("not-mounted"));
    for error in [
        gone.list("").await.err().unwrap(),
        gone.head(&key("a")).await.err().unwrap(),
        gone.put(&key("a"), Body::Bytes(Bytes::new())).await.err().unwrap(),
        gone.get(&key("a")).await.err().unwrap(),
    ] {
        assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Invalid, Some("NoSuchBucket")));
    }
    assert!(!gone.root().exists());
    drop(store);
}

#[tokio::test]
async fn objects_are_for_their_owner_only() {
    let (directory, store) = fresh();
    put_text(&store, "a/b", "secret").await;
    let mode = |path: &str| fs::metadata(directory.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("a"), mode("a/b")), (0o700, 0o600));
}

#[tokio::test]
async fn a_failed_write_leaves_the_old_object() {
    let (_directory, store) = fresh();
    put_text(&store, "a/b", "old").await;
    let outcome = store.put(&key("a/b"), Body::File("/nonexistent/file".into())).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Invalid);
    // A directory opens, and fails when it is read: the write is under way by then.
    let outcome = store.put(&key("a/b"), Body::File("/".into())).await;
    assert!(outcome.is_err());
    let mut text = String::new();
    store.get(&key("a/b")).await.unwrap().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "old");
    assert_eq!(keys(&store).await, ["a/b"]);
    assert_eq!(fs::read_dir(store.root().join("a")).unwrap().count(), 1);
}

#[tokio::test]
async fn an_object_is_not_a_directory_of_another() {
    let (_directory, store) = fresh();
    put_text(&store, "a", "").await;
    put_text(&store, "b/c", "").await;
    for text in ["a/b", "b"] {
        let outcome = store.put(&key(text), Body::Bytes(Bytes::new())).await;
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Invalid, "{text}");
    }
    assert!(store.get(&key("b")).await.err().unwrap().is_not_found());
    assert!(store.get(&key("a/b")).await.err().unwrap().is_not_found());
    store.delete(&key("b")).await.unwrap();
    assert_eq!(keys(&store).await, ["a", "b/c"]);
}

#[tokio::test]
async fn writers_and_deleters_of_one_directory_do_not_break_each_other() {
    let (_directory, store) = fresh();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            for round in 0..20 {
                let key = key(&format!("x/y/{writer}"));
                store.put(&key, Body::Bytes(Bytes::from(format!("{round}")))).await.unwrap();
                store.delete(&key).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.list("").await.unwrap(), Listing::default());
}

fn fresh() -> (tempfile::TempDir, DiskStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = DiskStore::open(directory.path());
    (directory, store)
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

async fn put_text(store: &DiskStore, at: &str, text: &'static str) {
    store.put(&key(at), Body::Bytes(Bytes::from_static(text.as_bytes()))).await.unwrap();
}

async fn keys(store: &DiskStore) -> Vec<String> {
    store.list_all("").await.unwrap().objects.into_iter().map(|object| object.key.to_string()).collect()
}
