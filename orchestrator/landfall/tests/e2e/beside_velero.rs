//! Velero 1.18.3 beside us: it restores what we saved, we read and restore what it saved, and both restore alike.
//!
//! Velero's server runs out of the cluster. Without its programs in the cache these tests are skipped by name.

mod bytes;
mod platform;
mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use archive::StoredVersion;
use serde_json::{Value, json};
use testkit::s3_server::S3Server;
use testkit::skip::{Why, skip};

use crate::support::{Bed, until};
use bytes::same_bytes_as_tar;
use platform::{CUSTOM, platform};
use programs::{Programs, Velero};

const KINDS: [&str; 20] = [
    "configmaps",
    "secrets",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "pods",
    "limitranges",
    "resourcequotas",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "widgets.e2e.example.com",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn velero_and_we_restore_each_others_backups_alike() {
    const NAME: &str = "velero_and_we_restore_each_others_backups_alike";
    let Some(programs) = Programs::find() else {
        return skip(NAME, Why::NotSetUp, "Velero and its AWS plugin are not built");
    };
    let bucket = match S3Server::start() {
        Ok(bucket) => bucket,
        Err(why) => return skip(NAME, Why::NotSetUp, &why),
    };
    let bed = Bed::new();
    let source = bed.up("source", &[]).await;
    source.create_all(&platform()).await;
    until("the custom kind is served", async || source.catalog().await.resolve("widgets.e2e.example.com").is_some())
        .await;
    source.create_all(CUSTOM).await;
    let meant = restored(source.meant(&["shop"], &KINDS).await, "shop");
    assert!(meant.len() > 10, "the source holds only {:?}", meant.keys());

    landfall(&bed, &bucket, &["backup", "run", "ours", "--sandbox", "source", "--include-namespaces", "shop"], 0);
    {
        let velero = programs.start(&bed, &source, "source", &bucket, &[]).await;
        velero.backup(&source, "theirs", json!({"includedNamespaces": ["shop"]})).await;
    }
    {
        // The whole cluster, with every version of every kind.
        let flags = ["--features=EnableAPIGroupVersions"];
        let velero = programs.start(&bed, &source, "every-version", &bucket, &flags).await;
        velero.backup(&source, "everything", json!({"includeClusterResources": true})).await;
    }
    bed.down("source");
    let archive = |name: &str| bucket.data().join(S3Server::BUCKET).join(format!("backups/{name}/{name}.tar.gz"));
    let versions = same_bytes_as_tar(&bed, &archive("theirs"));
    assert!(versions.iter().all(|version| !matches!(version, StoredVersion::Other(_))), "{versions:?}");
    let versions = same_bytes_as_tar(&bed, &archive("everything"));
    assert!(versions.contains(&StoredVersion::Other("v1".to_owned())), "only preferred versions: {versions:?}");

    // Ours, by Velero; theirs, by Velero and by us, each into namespaces of its own.
    let target = bed.up("target", &[]).await;
    {
        let velero = programs.start(&bed, &target, "target", &bucket, &[]).await;
        for backup in ["ours", "theirs"] {
            until("Velero knows the backup", async || {
                target.find("backups.velero.io", &format!("velero/{backup}")).await.is_some()
            })
            .await;
        }
        velero_shows(&bed, &velero, &bucket, &meant);
        velero.restore(&target, "of-ours", "ours", "shop").await;
        velero.restore(&target, "of-theirs", "theirs", "shop-velero").await;
    }
    let mapping = ["restore", "run", "theirs", "--sandbox", "target", "--namespace-mappings", "shop:shop-landfall"];
    landfall(&bed, &bucket, &[&mapping[..], &["--name", "by-us"]].concat(), 0);

    let by_velero = target.meant(&["shop"], &KINDS).await;
    assert_same(&meant, &restored(by_velero, "shop"), "what Velero restored from our backup");
    let theirs = restored(target.meant(&["shop-velero"], &KINDS).await, "shop-velero");
    let ours = restored(target.meant(&["shop-landfall"], &KINDS).await, "shop-landfall");
    assert_same(&theirs, &ours, "what we restored from Velero's backup, against Velero");
    for namespace in ["shop", "shop-velero", "shop-landfall"] {
        let labels = target.get("namespaces", namespace).await["metadata"]["labels"].clone();
        assert_eq!(labels["team"], "shop", "{namespace}: {labels}");
    }
}

/// Velero's command line on our backup: everything that we saved is described, the log and the archive are ours.
fn velero_shows(bed: &Bed, velero: &Velero, bucket: &S3Server, meant: &BTreeMap<String, Value>) {
    let folder = bucket.data().join(S3Server::BUCKET).join("backups/ours");
    let described = velero.cli(&["backup", "describe", "ours", "--details"]);
    assert_eq!(described.code, 0, "{}", described.stderr);
    let lines: BTreeSet<&str> = described.stdout.lines().map(str::trim).collect();
    let has = |line: &str| assert!(lines.contains(line), "no {line:?} in {}", described.stdout);
    let compact: BTreeSet<String> =
        lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let metadata: Value = serde_json::from_slice(&std::fs::read(folder.join("velero-backup.json")).unwrap()).unwrap();
    let items = metadata["status"]["progress"]["itemsBackedUp"].as_u64().unwrap();
    for line in [
        "Phase: Completed".to_owned(),
        format!("Items backed up: {items}"),
        format!("Total items to be backed up: {items}"),
    ] {
        assert!(compact.contains(&line), "no {line:?} in {}", described.stdout);
    }
    for kind in ["v1/ConfigMap:", "apps/v1/Deployment:", "e2e.example.com/v1/Widget:", "networking.k8s.io/v1/Ingress:"]
    {
        has(kind);
    }
    for key in meant.keys() {
        // `configmaps shop/settings`, or `… /name` of what is in no namespace.
        let name = key.split_once(' ').unwrap().1;
        if name.starts_with("shop/") {
            has(&format!("- {name}"));
        }
    }
    has("- widgets.e2e.example.com");

    let logs = velero.cli(&["backup", "logs", "ours"]);
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    let kept = Command::new("gzip").arg("-dc").arg(folder.join("ours-logs.gz")).output().unwrap();
    assert!(kept.status.success() && kept.stdout.starts_with(b"time="), "{}", String::from_utf8_lossy(&kept.stdout));
    assert_eq!(
        logs.stdout.trim(),
        String::from_utf8_lossy(&kept.stdout).trim(),
        "the log is not what is in the bucket"
    );

    let file = bed.path("by-velero.tar.gz");
    let downloaded = velero.cli(&["backup", "download", "ours", "--output", file.to_str().unwrap()]);
    assert_eq!(downloaded.code, 0, "{}", downloaded.stderr);
    let kept = std::fs::read(folder.join("ours.tar.gz")).unwrap();
    assert!(std::fs::read(&file).unwrap() == kept, "the download is not what is in the bucket");
}

/// As the source would hold it: without what restores add, and with the source's namespace.
fn restored(objects: BTreeMap<String, Value>, namespace: &str) -> BTreeMap<String, Value> {
    let objects = objects.into_iter().map(|(key, mut object)| {
        let metadata = object["metadata"].as_object_mut().unwrap();
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.starts_with("velero.io/"));
            if labels.is_empty() {
                metadata.remove("labels");
            }
        }
        if metadata.get("namespace").is_some() {
            metadata.insert("namespace".to_owned(), "shop".into());
        }
        // Given by each server anew.
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().unwrap().remove("nodePort");
        }
        for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            if subject["namespace"] == namespace {
                subject["namespace"] = "shop".into();
            }
        }
        (key.replace(&format!("{namespace}/"), "shop/"), object)
    });
    objects.filter(|(key, _)| !key.contains("velero.io")).collect()
}

fn assert_same(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>, what: &str) {
    let expected: BTreeMap<_, _> = expected.iter().filter(|(key, _)| !key.contains("velero.io")).collect();
    let keys = |map: Vec<&String>| map.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(keys(expected.keys().copied().collect()), keys(found.keys().collect()), "{what}: other objects");
    for (key, object) in expected {
        assert_eq!(object, &found[key], "{what}: {key} differs");
    }
}

fn landfall(bed: &Bed, bucket: &S3Server, arguments: &[&str], code: i32) {
    let location =
        format!("s3://{}?region={}&path-style=true&endpoint={}", S3Server::BUCKET, S3Server::REGION, bucket.endpoint());
    let mut command = bed.command(arguments);
    command.args(["--location", &location, "--output", "json", "--quiet"]);
    command.env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
}
