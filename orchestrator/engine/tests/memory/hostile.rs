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
pub(crate) async fn forged(entries: &[(ItemId, &str, Vec<u8>)]) -> Bed {
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

pub(crate) fn id(kind: &str, namespace: Option<&str>, name: &str) -> ItemId {
    ItemId { resource: GroupResource::parse(kind), namespace: namespace.map(str::to_owned), name: name.to_owned() }
}

pub(crate) fn config(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace},
        "data": {"from": namespace}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_a_forged_identity_never_lands_where_its_path_does_not_say() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "admin-of-all"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "secret", "namespace": "shop"}});
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
        (id("configmaps", Some("shop"), "secret"), "v1", secret.to_string().into_bytes()),
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
    let codes = [
        ("elsewhere", "forged-identity"),
        ("list", "unreadable-body"),
        ("named", "forged-identity"),
        ("role", "forged-identity"),
        ("secret", "forged-identity"),
        ("words", "unreadable-body"),
    ];
    let expected: Vec<(String, &str)> =
        codes.iter().map(|(name, code)| (format!("configmaps shop/{name}"), *code)).collect();
    assert_eq!(refused(&outcome), expected, "{:?}", outcome.exceptions);
    assert_eq!((outcome.errors, outcome.counts[&ItemVerdict::Blocked]), (6, 6));
    assert!(outcome.exceptions.iter().all(|e| !e.message.is_empty()));
    let log = log(&bed).await;
    for (name, _) in codes {
        let lines = log.lines().filter(|line| line.contains(&format!("name={name:?} namespace=\"shop\"")));
        assert_eq!(lines.filter(|line| line.contains("level=error")).count(), 1, "{name}: {log}");
    }

    // Again: the same refusals, and nothing is touched.
    let dump = target.dump();
    let again = bed.restore(&target, "b").await.unwrap();
    assert_eq!((refused(&again), again.writes), (expected, 0));
    assert_eq!(target.dump(), dump);
}

/// Items that were refused, with their codes, in order.
fn refused(outcome: &engine::restore::RestoreOutcome) -> Vec<(String, &str)> {
    let blocked = outcome.exceptions.iter().filter(|e| e.verdict == ItemVerdict::Blocked);
    let mut found: Vec<_> = blocked.map(|e| (e.item.clone(), e.code.as_str())).collect();
    found.sort();
    found
}

async fn log(bed: &Bed) -> String {
    let keys = RestoreKeys::new("b").unwrap();
    String::from_utf8(engine::shelf::text(bed.store.inner(), &keys.log()).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_or_a_definition_that_is_not_what_its_path_says_changes_nothing_else() {
    let namespace = |name: &str, label: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"level": label}}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "others.example.net"}, "spec": {"group": "example.org", "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [{"name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    let widget = json!({"apiVersion": "example.org/v1", "kind": "Widget",
        "metadata": {"name": "w", "namespace": "shop"}, "spec": {}});
    let crd = "customresourcedefinitions.apiextensions.k8s.io";
    let entries = [
        (id("namespaces", None, "shop"), "v1", namespace("kube-system", "privileged").to_string().into_bytes()),
        (id("namespaces", None, "words"), "v1", b"{\"metadata\": 7}".to_vec()),
        (id("configmaps", Some("shop"), "honest"), "v1", config("shop", "honest").to_string().into_bytes()),
        (id(crd, None, "widgets.example.org"), "v1", definition.to_string().into_bytes()),
        (id("widgets.example.org", Some("shop"), "w"), "v1", widget.to_string().into_bytes()),
    ];
    let bed = forged(&entries).await;
    let target = empty();
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "PartiallyFailed", "{:?}", outcome.exceptions);
    assert!(target.object("configmaps", Some("shop"), "honest").is_some());
    let shop = target.object("namespaces", None, "shop").unwrap();
    assert!(shop["metadata"]["labels"].get("level").is_none(), "{shop}");
    let log = log(&bed).await;
    let said = |name: &str| {
        let line = format!("name={name:?} resource=namespaces");
        log.lines().any(|l| l.contains("level=error") && l.contains(&line))
    };
    assert!(said("shop") && said("words"), "{log}");
    assert_eq!(target.objects(crd), [Value::Null; 0]);
    let widgets: Vec<_> = outcome.exceptions.iter().filter(|e| e.item == "widgets.example.org shop/w").collect();
    assert_eq!((widgets.len(), widgets[0].verdict), (1, ItemVerdict::Blocked), "{:?}", outcome.exceptions);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_definition_stops_its_instances_only_where_nothing_serves_them() {
    let crd = "customresourcedefinitions.apiextensions.k8s.io";
    let order = json!({"apiVersion": "example.com/v1", "kind": "Order", "metadata": {"name": "o", "namespace": "shop"},
        "spec": {}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let entries = [
        (id("namespaces", None, "shop"), "v1", namespace.to_string().into_bytes()),
        (id(crd, None, "orders.example.com"), "v1", b"cut".to_vec()),
        (id("orders.example.com", Some("shop"), "o"), "v1", order.to_string().into_bytes()),
    ];
    let bed = forged(&entries).await;
    let definition = bed.source.object(crd, None, "orders.example.com").unwrap();
    for served in [false, true] {
        let target = empty();
        if served {
            target.seed(definition.clone());
        }
        let outcome = bed.restore(&target, "b").await.unwrap();
        assert_eq!(outcome.phase, "PartiallyFailed");
        assert_eq!(
            target.object("orders.example.com", Some("shop"), "o").is_some(),
            served,
            "{:?}",
            outcome.exceptions
        );
        let of_order: Vec<_> = outcome.exceptions.iter().filter(|e| e.item == "orders.example.com shop/o").collect();
        assert_eq!(of_order.len(), usize::from(!served), "{:?}", outcome.exceptions);
    }
}
