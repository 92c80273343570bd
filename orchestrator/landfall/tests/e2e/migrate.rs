//! A populated 1.24 cluster into an empty 1.36: what can live there lives there, the rest is named, and a second
//! restore finds nothing to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Bed, Server, until};

const PLATFORM: &str = include_str!("fixtures/platform-1.24.yaml");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_1_24_platform_moves_to_1_36_from_preferred_versions_and_from_every_version() {
    let bed = Bed::new();
    let source = bed.up("source", &["--kubernetes", "1.24", "--nodes", "2"]).await;
    source.create_all(PLATFORM).await;
    available(&source).await;
    let backups: [(&str, &[&str]); 2] = [("preferred", &[]), ("every", &["--every-version"])];
    for (backup, flags) in backups {
        let outcome = bed.backup(backup, "source", flags, &[0]);
        assert_eq!((&outcome["phase"], &outcome["errors"]), (&json!("Completed"), &json!(0)), "{outcome}");
        let verified = bed.verify(backup);
        assert_eq!(verified.code, 0, "{}", verified.stdout);
    }
    bed.down("source");
    for (backup, _) in backups {
        restores(&bed, backup).await;
    }
}

/// Into a cluster of its own, and nothing to do the second time.
async fn restores(bed: &Bed, backup: &str) {
    let name = format!("of-{backup}");
    let target = bed.up(&name, &["--nodes", "2"]).await;
    let plan = bed.restore("plan", backup, &name, &[], &[0, 3]);
    let described = bed.json(&["backup", "describe", backup, "--details", "--location", &bed.location()], &[0]);
    every_item_is_accounted_for(&described, &plan);
    let outcome = bed.restore("run", backup, &name, &[], &[0, 1]);
    assert_eq!(outcome["counts"]["failed"], Value::Null, "{backup}: {outcome:#}");
    lives(&target).await;
    named(&plan, "podsecuritypolicies.policy/restricted");

    available(&target).await;
    let second = format!("{backup}-again");
    let again = bed.restore("plan", backup, &name, &["--name", &second], &[0, 3]);
    let sent: Vec<&Value> = items(&again).filter(|i| i["verdict"] == "create" || i["verdict"] == "update").collect();
    assert_eq!(sent, [&Value::Null; 0], "{backup}: a second plan is empty");
    let outcome = bed.restore("run", backup, &name, &["--name", &second], &[0, 1]);
    assert_eq!(outcome["writes"], 0, "{backup}: a second run writes nothing: {outcome:#}");
    bed.down(&name);
}

/// What the controllers are to make of the platform.
async fn available(server: &Server) {
    until("the web deployment is available", async || {
        server.get("deployments.apps", "shop/web").await["status"]["availableReplicas"] == 2
    })
    .await;
    until("the database runs", async || {
        server.get("statefulsets.apps", "shop/database").await["status"]["readyReplicas"] == 1
    })
    .await;
    until("the claim is bound", async || {
        server.get("persistentvolumeclaims", "shop/archive").await["status"]["phase"] == "Bound"
    })
    .await;
}

fn items(plan: &Value) -> impl Iterator<Item = &Value> {
    plan["items"].as_array().unwrap().iter()
}

fn identity(item: &Value) -> String {
    let text = |key: &str| item[key].as_str().unwrap_or_default();
    let kind = match &item["resource"] {
        Value::String(kind) => kind.clone(),
        kind => panic!("an identity without a kind: {kind}"),
    };
    match text("namespace") {
        "" => format!("{kind}/{}", text("name")),
        namespace => format!("{kind}/{namespace}/{}", text("name")),
    }
}

/// Every object of the backup is in the plan, as an item or as a decision with a reason.
fn every_item_is_accounted_for(described: &Value, plan: &Value) {
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    for decided in items(plan).map(|i| &i["item"]).chain(plan["skipped"].as_array().unwrap().iter().map(|d| &d["item"]))
    {
        let name = identity(decided);
        let (kind, name) = name.split_once('/').unwrap();
        known.insert((kind.split('.').next().unwrap().to_owned(), name.to_owned()));
    }
    let mut missing = Vec::new();
    for (kind, names) in described["resources"].as_object().unwrap() {
        let kind = kind.rsplit('/').next().unwrap().to_ascii_lowercase();
        for name in names.as_array().unwrap() {
            let name = name.as_str().unwrap();
            let plural = |(known, n): &(String, String)| n == name && is_plural(known, &kind);
            if !known.iter().any(plural) {
                missing.push(format!("{kind} {name}"));
            }
        }
    }
    assert_eq!(missing, [""; 0], "objects of the backup that the plan does not mention");
}

fn is_plural(plural: &str, singular: &str) -> bool {
    plural == format!("{singular}s")
        || plural == format!("{singular}es")
        || plural == singular
        || singular.strip_suffix('y').is_some_and(|stem| plural == format!("{stem}ies"))
}

/// The plan says why, in words.
fn named(plan: &Value, item: &str) {
    let decided = items(plan)
        .filter(|i| identity(&i["item"]) == item)
        .flat_map(|i| i["decisions"].as_array().cloned().unwrap_or_default())
        .chain(plan["skipped"].as_array().unwrap().iter().filter(|d| identity(&d["item"]) == item).cloned());
    let reasons: Vec<String> =
        decided.filter_map(|d| d["reason"]["message"].as_str().map(str::to_owned)).filter(|m| !m.is_empty()).collect();
    assert!(!reasons.is_empty(), "{item} is left out without a reason");
}

/// Everything of the platform that 1.36 has a place for, with what its conversion must keep.
async fn lives(target: &Server) {
    let names = [
        ("namespaces", "shop"),
        ("namespaces", "pay"),
        ("customresourcedefinitions.apiextensions.k8s.io", "orders.shop.example.com"),
        ("customresourcedefinitions.apiextensions.k8s.io", "tenants.shop.example.com"),
        ("tenants.shop.example.com", "acme"),
        ("serviceaccounts", "shop/web"),
        ("limitranges", "pay/limits"),
        ("resourcequotas", "pay/quota"),
        ("rolebindings.rbac.authorization.k8s.io", "shop/readers"),
        ("clusterroles.rbac.authorization.k8s.io", "shop-operator"),
        ("clusterrolebindings.rbac.authorization.k8s.io", "shop-operators"),
        ("priorityclasses.scheduling.k8s.io", "urgent"),
        ("storageclasses.storage.k8s.io", "slow"),
        ("persistentvolumes", "archive"),
        ("services", "shop/legacy"),
        ("endpoints", "shop/legacy"),
        ("daemonsets.apps", "pay/agent"),
        ("ingressclasses.networking.k8s.io", "edge"),
        ("networkpolicies.networking.k8s.io", "shop/database"),
        ("validatingwebhookconfigurations.admissionregistration.k8s.io", "shop"),
        ("replicationcontrollers", "pay/old"),
        ("jobs.batch", "pay/migrate"),
        ("pods", "pay/bare"),
    ];
    for (kind, name) in names {
        target.get(kind, name).await;
    }
    let fields: [(&str, &str, &str, Value); 21] = [
        ("orders.shop.example.com", "shop/first", "/spec", json!({"item": "lamp", "count": 2})),
        ("orders.shop.example.com", "shop/second", "/metadata/finalizers", json!(["shop.example.com/settle"])),
        ("secrets", "shop/database", "/data", json!({"password": "AAECAwT/", "user": "c2hvcA=="})),
        ("configmaps", "shop/settings", "/binaryData/logo", json!("iVBORw0KGgo=")),
        ("configmaps", "shop/settings", "/metadata/labels/tier", json!("front")),
        ("runtimeclasses.node.k8s.io", "sandboxed", "/overhead/podFixed/memory", json!("32Mi")),
        ("services", "shop/database", "/spec/clusterIP", json!("None")),
        ("services", "shop/web", "/spec/type", json!("NodePort")),
        ("endpointslices.discovery.k8s.io", "shop/legacy-by-hand", "/endpoints/0/nodeName", json!("node-a")),
        ("endpointslices.discovery.k8s.io", "shop/legacy-by-hand", "/endpoints/0/zone", json!("zone-a")),
        ("deployments.apps", "shop/web", "/spec/replicas", json!(2)),
        ("statefulsets.apps", "shop/database", "/spec/serviceName", json!("database")),
        ("cronjobs.batch", "shop/nightly", "/spec/schedule", json!("0 3 * * *")),
        ("cronjobs.batch", "shop/nightly", "/spec/suspend", json!(true)),
        ("poddisruptionbudgets.policy", "shop/web", "/spec/minAvailable", json!(1)),
        ("poddisruptionbudgets.policy", "shop/web", "/spec/selector/matchLabels/app", json!("web")),
        (
            "horizontalpodautoscalers.autoscaling",
            "shop/web",
            "/spec/behavior/scaleDown/stabilizationWindowSeconds",
            json!(60),
        ),
        (
            "horizontalpodautoscalers.autoscaling",
            "shop/database",
            "/spec/metrics/0/resource/target/averageValue",
            json!("100Mi"),
        ),
        ("ingresses.networking.k8s.io", "shop/web", "/spec/rules/0/host", json!("shop.example.com")),
        (
            "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            "shop",
            "/spec/limited/nominalConcurrencyShares",
            json!(10),
        ),
        ("flowschemas.flowcontrol.apiserver.k8s.io", "shop", "/spec/matchingPrecedence", json!(5000)),
    ];
    for (kind, name, pointer, value) in fields {
        let object = target.get(kind, name).await;
        assert_eq!(object.pointer(pointer), Some(&value), "{kind} {name} {pointer}: {object:#}");
    }
    // What selected no pod in policy/v1beta1 must select none in policy/v1, where {} selects all.
    let nothing = target.get("poddisruptionbudgets.policy", "shop/nothing").await;
    assert_ne!(nothing["spec"]["selector"], json!({}), "a budget for nothing became one for everything");
    // The role that granted extensions/ingresses grants them where they are now.
    let groups = target.get("roles.rbac.authorization.k8s.io", "shop/reader").await["rules"].to_string();
    assert!(groups.contains("networking.k8s.io"), "{groups}");
    let metrics = target.get("horizontalpodautoscalers.autoscaling", "shop/web").await["spec"]["metrics"].clone();
    assert_eq!(metrics.as_array().unwrap().len(), 2, "{metrics}");
}
