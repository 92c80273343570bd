//! Backups that somebody tampered with, cut or forged.

use archive::{ArchiveOptions, ArchiveWriter};
use bytes::Bytes;
use engine::bucket::{BackupKeys, RestoreKeys};
use engine::restore::{ItemVerdict, RestoreError};
use model::{GroupResource, ItemId};
use ports::{Body, Clock, ObjectKey, ObjectStore};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::bed::{Bed, empty};

async fn read(bed: &Bed, key: &ObjectKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    bed.store.inner().get(key).await.unwrap().read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn write(bed: &Bed, key: &ObjectKey, bytes: Vec<u8>) {
    bed.store.inner().put(key, Body::Bytes(Bytes::from(bytes))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_archive_is_refused_before_anything_is_written() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let keys = BackupKeys::new("b").unwrap();
    let whole = read(&bed, &keys.archive()).await;
    for at in [10, whole.len() / 2, whole.len() - 10] {
        let mut tampered = whole.clone();
        tampered[at] ^= 0x40;
        write(&bed, &keys.archive(), tampered).await;
        let target = empty();
        let error = bed.restore(&target, "b").await.unwrap_err();
        assert!(matches!(error, RestoreError::Open(_)), "{error:?}");
        assert!(model::chain(&error).contains("digest differs"), "{}", model::chain(&error));
        assert_eq!(target.writes(), []);
        let verified = engine::shelf::verify(bed.store.inner(), "b").await.unwrap();
        assert!(!verified.sound && !verified.problems.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_archive_without_digests_is_refused_too() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let keys = BackupKeys::new("b").unwrap();
    let whole = read(&bed, &keys.archive()).await;
    // Velero writes no digests; a cut archive must be seen by itself.
    bed.store.inner().delete(&keys.digests()).await.unwrap();
    assert_eq!(bed.restore(&empty(), "b").await.unwrap().phase, "Completed");
    for length in [0, 1, 20, whole.len() / 3, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        write(&bed, &keys.archive(), whole[..length].to_vec()).await;
        let target = empty();
        let error = bed.restore(&target, "b").await.unwrap_err();
        assert!(matches!(error, RestoreError::Open(_)), "{length}: {error:?}");
        assert_eq!(target.writes(), [], "{length}");
        assert!(!engine::shelf::verify(bed.store.inner(), "b").await.unwrap().sound, "{length}");
    }
    bed.store.inner().delete(&keys.archive()).await.unwrap();
    assert!(matches!(bed.restore(&empty(), "b").await.unwrap_err(), RestoreError::Open(_)));
}

/// A backup whose archive holds these bodies, under these identities.
async fn forged(entries: &[(ItemId, &str, Vec<u8>)]) -> Bed {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let keys = BackupKeys::new("b").unwrap();
    let mut writer = ArchiveWriter::new(Vec::new(), &ArchiveOptions::new(bed.clock.now())).unwrap();
    for (id, version, body) in entries {
        writer.append(id, version, true, body).unwrap();
    }
    write(&bed, &keys.archive(), writer.finish().unwrap().0).await;
    bed.store.inner().delete(&keys.digests()).await.unwrap();
    bed
}

fn id(kind: &str, namespace: Option<&str>, name: &str) -> ItemId {
    ItemId { resource: GroupResource::parse(kind), namespace: namespace.map(str::to_owned), name: name.to_owned() }
}

fn config(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"from": namespace}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_a_forged_identity_never_lands_where_its_path_does_not_say() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "admin-of-all"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    let entries = [
        (id("namespaces", None, "shop"), "v1", namespace.to_string().into_bytes()),
        (id("configmaps", Some("shop"), "honest"), "v1", config("shop", "honest").to_string().into_bytes()),
        (
            id("configmaps", Some("shop"), "elsewhere"),
            "v1",
            config("kube-system", "elsewhere").to_string().into_bytes(),
        ),
        (id("configmaps", Some("shop"), "named"), "v1", config("shop", "another").to_string().into_bytes()),
        (id("configmaps", Some("shop"), "role"), "v1", role.to_string().into_bytes()),
        (id("configmaps", Some("shop"), "words"), "v1", b"not json".to_vec()),
        (id("configmaps", Some("shop"), "list"), "v1", b"[1, 2]".to_vec()),
    ];
    let bed = forged(&entries).await;
    let target = empty();
    let before = target.dump();
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "PartiallyFailed", "{:?}", outcome.exceptions);
    let new: Vec<String> = target.dump().into_keys().filter(|name| !before.contains_key(name)).collect();
    assert!(new.contains(&"configmaps/shop/honest".to_owned()), "{new:?}");
    assert!(new.iter().all(|name| name == "namespaces/shop" || name.starts_with("configmaps/shop/")), "{new:?}");
    assert!(target.object("configmaps", Some("kube-system"), "elsewhere").is_none());
    assert!(target.object("configmaps", Some("shop"), "another").is_none());
    assert!(target.object("clusterroles.rbac.authorization.k8s.io", None, "admin-of-all").is_none());
    // A body that is no object is no item; it is named all the same.
    let keys = RestoreKeys::new("b").unwrap();
    let log = String::from_utf8(engine::shelf::text(bed.store.inner(), &keys.log()).await.unwrap()).unwrap();
    assert!(log.contains("shop/words") && log.contains("shop/list"), "{log}");
    for name in ["elsewhere", "named", "role"] {
        let item = format!("configmaps shop/{name}");
        let found: Vec<_> = outcome.exceptions.iter().filter(|e| e.item == item).collect();
        assert_eq!(found.len(), 1, "{item}: {:?}", outcome.exceptions);
        assert!(!found[0].code.is_empty() && !found[0].message.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kind_is_blocked_by_name_and_the_rest_goes_on() {
    let widget = json!({"apiVersion": "example.org/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop"}, "spec": {}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let entries = [
        (id("namespaces", None, "shop"), "v1", namespace.to_string().into_bytes()),
        (id("widgets.example.org", Some("shop"), "w"), "v1", widget.to_string().into_bytes()),
        (id("configmaps", Some("shop"), "honest"), "v1", config("shop", "honest").to_string().into_bytes()),
    ];
    let bed = forged(&entries).await;
    let target = empty();
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert!(target.object("configmaps", Some("shop"), "honest").is_some());
    let found: Vec<_> = outcome.exceptions.iter().filter(|e| e.item.contains("widgets.example.org")).collect();
    assert_eq!(found.len(), 1, "{:?}", outcome.exceptions);
    assert!(matches!(found[0].verdict, ItemVerdict::Blocked | ItemVerdict::Skipped) && !found[0].message.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_no_backup_is_refused() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let keys = BackupKeys::new("b").unwrap();
    for bytes in [&b""[..], b"{}", b"[]", b"{\"kind\": \"Secret\"}", b"\x1f\x8b"] {
        write(&bed, &keys.metadata(), bytes.to_vec()).await;
        let error = bed.restore(&empty(), "b").await.unwrap_err();
        assert!(matches!(error, RestoreError::Open(_)), "{error:?}");
        assert_eq!(bed.visible().await, [""; 0]);
    }
}
