//! A store on disk survives `kill -9` at any moment: every object is whole, and nothing else is seen.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use ports::{Body, ObjectKey, ObjectStore};
use store::DiskStore;
use testkit::Moments;
use tokio::io::AsyncReadExt;

const DIRECTORY: &str = "LANDFALL_TEST_KILLED_STORE";
const SIZE: usize = 300_000;

/// The process that is killed is this test once more, told to write.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how the writer learns where")]
async fn a_killed_writer_leaves_whole_objects_only() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return write_until_killed(directory.as_ref()).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = DiskStore::open(directory.path());
    for changes_before in moments() {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["a_killed_writer_leaves_whole_objects_only", "--exact", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut known = names(directory.path());
        let mut changes = 0;
        while changes <= changes_before {
            assert!(writer.try_wait().unwrap().is_none(), "the writer ended by itself");
            let now = names(directory.path());
            changes += usize::from(now != known);
            known = now;
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let listing = store.list_all("").await.unwrap();
        assert_eq!(listing.foreign, Vec::<String>::new());
        for object in &listing.objects {
            let mut bytes = Vec::new();
            store.get(&object.key).await.unwrap().read_to_end(&mut bytes).await.unwrap();
            assert_eq!(object.size, SIZE as u64);
            assert!(bytes.len() == SIZE && bytes.iter().all(|byte| *byte == bytes[0]), "{} is torn", object.key);
        }
    }
    // What the killed ones left is swept by the next writer of the directory.
    store.put(&ObjectKey::parse("a/end").unwrap(), Body::Bytes(Bytes::from(vec![1; SIZE]))).await.unwrap();
    assert!(names(directory.path()).iter().all(|(_, name)| !name.to_string_lossy().starts_with('.')));
}

/// After how many changes seen from outside each writer is killed.
fn moments() -> Vec<usize> {
    Moments::of("store").counts(&[0, 3, 6, 9, 12, 15], 20, 30)
}

async fn write_until_killed(directory: &Path) {
    let store = DiskStore::open(directory);
    for at in 0u64.. {
        // Few keys, so that most writes replace.
        let key = ObjectKey::parse(&format!("a/{}", at % 5)).unwrap();
        store.put(&key, Body::Bytes(Bytes::from(vec![at as u8; SIZE]))).await.unwrap();
    }
}

/// The files of the directory that is written, parts included; a replaced file is another one.
fn names(directory: &Path) -> BTreeSet<(u64, OsString)> {
    let entries = std::fs::read_dir(directory.join("a")).into_iter().flatten().flatten();
    entries.map(|entry| (entry.ino(), entry.file_name())).collect()
}
