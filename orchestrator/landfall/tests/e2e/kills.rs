//! kill -9 of a backup and of a restore: nothing half-made looks whole, and the same command ends where an undisturbed
//! one does.
//!
//! Three kills each; with `LANDFALL_SOAK=ROUNDS:SEED` twenty in each round, at moments drawn from the seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Moments;

use crate::support::{Bed, Server, namespace};

const OBJECTS: usize = 400;
const KINDS: [&str; 5] = ["configmaps", "secrets", "services", "serviceaccounts", "orders.example.com"];

/// Fractions of an undisturbed run at which to kill.
fn moments(what: &str) -> Vec<f64> {
    Moments::of(what).fractions(3, 20)
}

async fn populated(bed: &Bed) -> Server {
    let server = bed.up("source", &[]).await;
    server.create(&namespace("shop")).await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "orders.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "orders", "singular": "order", "kind": "Order", "listKind": "OrderList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]},
    });
    server.create(&definition).await;
    server.create(&object("example.com/v1", "Order", "o-0", json!({"spec": {"n": 0}}))).await;
    let configs = server.resource("configmaps", None).await;
    let secrets = server.resource("secrets", None).await;
    for number in 0..OBJECTS {
        let data = json!({"data": {"number": number.to_string(), "filler": "x".repeat(500)}});
        server.create_as(&configs, &object("v1", "ConfigMap", &format!("c-{number}"), data)).await;
        let data = json!({"stringData": {"number": number.to_string()}});
        server.create_as(&secrets, &object("v1", "Secret", &format!("s-{number}"), data)).await;
    }
    for number in 1..20 {
        server.create(&object("example.com/v1", "Order", &format!("o-{number}"), json!({"spec": {"n": number}}))).await;
        let ports = json!({"spec": {"ports": [{"port": 80}]}});
        server.create(&object("v1", "Service", &format!("v-{number}"), ports)).await;
        server.create(&object("v1", "ServiceAccount", &format!("a-{number}"), json!({}))).await;
    }
    server
}

fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}});
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object
}

/// Runs until it ends, or kills it at that point of what an undisturbed run takes; true when it was killed.
fn killed_at(bed: &Bed, arguments: &[&str], whole: Duration, point: f64) -> bool {
    let mut child = bed.start(arguments);
    let begin = Instant::now();
    let deadline = whole.mul_f64(point);
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if begin.elapsed() >= deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_killed_at_any_moment_is_whole_or_not_listed_as_complete() {
    let bed = Bed::new();
    populated(&bed).await;
    let location = bed.location();
    let begin = Instant::now();
    bed.backup("undisturbed", "source", &[], &[0]);
    let whole = begin.elapsed();
    let items = |name: &str| {
        let listed = bed.json(&["backup", "get", "--location", &location], &[0]);
        let entry = listed.as_array().unwrap().iter().find(|entry| entry["name"] == name).cloned();
        entry.filter(|entry| entry["trouble"].is_null()).map(|entry| entry["items"].clone())
    };
    let expected = items("undisturbed").unwrap();
    let mut kills = 0;
    for (round, point) in moments("backup").into_iter().enumerate() {
        let name = format!("killed-{round}");
        let arguments = ["backup", "run", &name, "--location", &location, "--sandbox", "source", "--quiet"];
        kills += usize::from(killed_at(&bed, &arguments, whole, point));
        let verified = bed.verify(&name);
        match items(&name) {
            Some(_) => assert_eq!(verified.code, 0, "listed as complete, refused: {}", verified.stdout),
            None => assert_ne!(verified.code, 0, "not listed, but sound: {}", verified.stdout),
        }
        // The same command again makes it whole, unless it was whole before the kill.
        let again = bed.run(&arguments);
        assert!(again.code == 0 || (again.code == 5 && items(&name).is_some()), "{} {}", again.code, again.stderr);
        assert_eq!(items(&name).as_ref(), Some(&expected), "killed at {point}");
        assert_eq!(bed.verify(&name).code, 0, "killed at {point}");
    }
    assert!(kills > 0, "every run ended before its kill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_killed_at_any_moment_ends_as_undisturbed_when_run_again() {
    let bed = Bed::new();
    let source = populated(&bed).await;
    bed.backup("all", "source", &["--include-namespaces", "shop", "--include-cluster-resources=true"], &[0]);
    drop(source);
    bed.down("source");
    let location = bed.location();
    let begin = Instant::now();
    let target = bed.up("undisturbed", &[]).await;
    let coming_up = begin.elapsed();
    let begin = Instant::now();
    bed.restore("run", "all", "undisturbed", &["--name", "undisturbed"], &[0]);
    let whole = begin.elapsed();
    let expected = state(&target).await;
    assert!(expected.len() > 2 * OBJECTS, "{} objects, up in {coming_up:?}", expected.len());
    bed.down("undisturbed");
    let mut kills = 0;
    for (round, point) in moments("restore").into_iter().enumerate() {
        let name = format!("target-{round}");
        let target = bed.up(&name, &[]).await;
        let arguments =
            ["restore", "run", "all", "--location", &location, "--sandbox", &name, "--name", "undisturbed", "--quiet"];
        kills += usize::from(killed_at(&bed, &arguments, whole, point));
        let again = bed.run(&arguments);
        assert_eq!(again.code, 0, "killed at {point}: {} {}", again.stdout, again.stderr);
        let found = state(&target).await;
        for (object, expected) in &expected {
            assert_eq!(found.get(object), Some(expected), "{object}, killed at {point}");
        }
        assert_eq!(found.len(), expected.len(), "killed at {point}");
        let third = bed.restore("run", "all", &name, &["--name", "third"], &[0]);
        assert_eq!(third["writes"], 0, "killed at {point}");
        bed.down(&name);
    }
    assert!(kills > 0, "every run ended before its kill");
}

/// Everything of the restored kinds, without what differs between any two servers.
async fn state(server: &Server) -> BTreeMap<String, Value> {
    let mut all = server.meant(&["shop"], &KINDS).await;
    all.retain(|name, _| !name.contains("kube-root-ca.crt"));
    for object in all.values_mut() {
        if let Some(ports) = object.pointer_mut("/spec/ports").and_then(Value::as_array_mut) {
            ports.iter_mut().for_each(|port| {
                port.as_object_mut().unwrap().remove("nodePort");
            });
        }
    }
    all
}
