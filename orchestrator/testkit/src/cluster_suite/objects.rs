//! Single objects: written, read, refused.

use bytes::Bytes;
use ports::ErrorKind;
use ports::cluster::{ObjectRef, PatchKind};
use serde_json::{Value, json};

use super::{Suite, bytes, config_map, parse, refused};

pub(super) async fn create_read_delete(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("crud").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "one" };
    let created = suite.create(&maps, &namespace, &config_map("one")).await.unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        assert!(created["metadata"][field].as_str().is_some_and(|text| !text.is_empty()), "{field} is set");
    }
    let read = suite.get(&maps, &namespace, "one").await.unwrap();
    assert_eq!(read["metadata"], created["metadata"]);
    assert_eq!(
        (&read["apiVersion"], &read["kind"], &read["data"]),
        (&json!("v1"), &json!("ConfigMap"), &json!({"a": "1"}))
    );
    let again = suite.create(&maps, &namespace, &config_map("one")).await;
    assert!(again.as_ref().is_err_and(ports::PortError::is_already_exists));
    refused(again, ErrorKind::Conflict, "AlreadyExists");
    suite.cluster.delete(&object).await.unwrap();
    refused(suite.cluster.delete(&object).await, ErrorKind::NotFound, "NotFound");
    refused(suite.cluster.get(&object).await, ErrorKind::NotFound, "NotFound");
    refused(suite.cluster.replace(&object, bytes(&config_map("one"))).await, ErrorKind::NotFound, "NotFound");
}

pub(super) async fn dry_run_leaves_nothing(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("dry").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "dry" };
    let answer = suite.cluster.create(&object, bytes(&config_map("dry")), true).await.unwrap();
    assert_eq!(parse(&answer)["data"], json!({"a": "1"}));
    refused(suite.cluster.get(&object).await, ErrorKind::NotFound, "NotFound");
    let nameless = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}});
    refused(suite.cluster.create(&object, bytes(&nameless), true).await, ErrorKind::Invalid, "Invalid");
}

pub(super) async fn creates_are_refused_for_a_reason(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("refused").await, suite.resource("v1", "ConfigMap"));
    let with = |pointer: &str, value: Value| {
        let mut map = config_map("x");
        *map.pointer_mut(pointer).unwrap() = value;
        map
    };
    refused(suite.create(&maps, "no-such-namespace", &config_map("x")).await, ErrorKind::NotFound, "NotFound");
    let elsewhere = with("/metadata", json!({"name": "x", "namespace": "default"}));
    refused(suite.create(&maps, &namespace, &elsewhere).await, ErrorKind::Invalid, "BadRequest");
    let other_kind = with("/kind", json!("Secret"));
    refused(suite.create(&maps, &namespace, &other_kind).await, ErrorKind::Invalid, "BadRequest");
    let bad_name = with("/metadata/name", json!("Not_A_Name"));
    refused(suite.create(&maps, &namespace, &bad_name).await, ErrorKind::Invalid, "Invalid");
    let versioned = with("/metadata", json!({"name": "x", "resourceVersion": "5"}));
    refused(suite.create(&maps, &namespace, &versioned).await, ErrorKind::Invalid, "");
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "x" };
    let outcome = suite.cluster.create(&object, Bytes::from_static(b"{"), false).await;
    refused(outcome, ErrorKind::Invalid, "BadRequest");
    let nowhere = ObjectRef { resource: &maps, namespace: None, name: "x" };
    assert_eq!(suite.cluster.get(&nowhere).await.unwrap_err().kind, ErrorKind::Invalid);
    for name in ["", "..", "a/b", "a%2Fb"] {
        let hostile = ObjectRef { name, ..object };
        assert_eq!(suite.cluster.get(&hostile).await.unwrap_err().kind, ErrorKind::Invalid, "{name:?}");
    }
    let mut unknown = maps.clone();
    unknown.resource = "widgets".into();
    refused(suite.create(&unknown, &namespace, &config_map("x")).await, ErrorKind::NotFound, "NotFound");
    refused(suite.get(&maps, &namespace, "x").await, ErrorKind::NotFound, "NotFound");
}

pub(super) async fn names_are_generated(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("generated").await, suite.resource("v1", "ConfigMap"));
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}});
    let mut names = Vec::new();
    for _ in 0..2 {
        let created = suite.create(&maps, &namespace, &body).await.unwrap();
        names.push(created["metadata"]["name"].as_str().unwrap().to_owned());
    }
    assert!(names.iter().all(|name| name.starts_with("made-") && name.len() > 5));
    assert_ne!(names[0], names[1]);
}

pub(super) async fn old_resource_versions_conflict(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("conflict").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "c" };
    let first = suite.create(&maps, &namespace, &config_map("c")).await.unwrap();
    let mut second = first.clone();
    second["data"] = json!({"a": "2"});
    let changed = parse(&suite.cluster.replace(&object, bytes(&second)).await.unwrap());
    assert_ne!(changed["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    assert_eq!(changed["metadata"]["uid"], first["metadata"]["uid"]);
    second["data"] = json!({"a": "3"});
    refused(suite.cluster.replace(&object, bytes(&second)).await, ErrorKind::Conflict, "Conflict");
    let same = parse(&suite.cluster.replace(&object, bytes(&changed)).await.unwrap());
    assert_eq!(same["metadata"]["resourceVersion"], changed["metadata"]["resourceVersion"], "no change, no write");
    let mut renamed = changed.clone();
    renamed["metadata"]["name"] = json!("other");
    refused(suite.cluster.replace(&object, bytes(&renamed)).await, ErrorKind::Invalid, "BadRequest");
    let mut reborn = changed;
    reborn["metadata"]["uid"] = json!("11111111-2222-4333-8444-555555555555");
    refused(suite.cluster.replace(&object, bytes(&reborn)).await, ErrorKind::Conflict, "Conflict");
}

pub(super) async fn patches(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("patches").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "p" };
    suite.create(&maps, &namespace, &config_map("p")).await.unwrap();
    let patch = async |kind, body: Value| {
        let answer = suite.cluster.patch(&object, kind, bytes(&body)).await.unwrap();
        parse(&answer)["data"].clone()
    };
    assert_eq!(patch(PatchKind::Merge, json!({"data": {"b": "2"}})).await, json!({"a": "1", "b": "2"}));
    assert_eq!(patch(PatchKind::Merge, json!({"data": {"a": null}})).await, json!({"b": "2"}));
    let add = json!([{"op": "add", "path": "/data/c", "value": "3"}]);
    assert_eq!(patch(PatchKind::Json, add).await, json!({"b": "2", "c": "3"}));
    assert_eq!(patch(PatchKind::Strategic, json!({"data": {"d": "4"}})).await, json!({"b": "2", "c": "3", "d": "4"}));
    let test = bytes(&json!([{"op": "test", "path": "/data/b", "value": "no"}]));
    refused(suite.cluster.patch(&object, PatchKind::Json, test).await, ErrorKind::Invalid, "Invalid");
    let apply = PatchKind::Apply { field_manager: "suite" };
    let applied = ObjectRef { name: "applied", ..object };
    for value in ["1", "2"] {
        let body =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"a": value}});
        let answer = parse(&suite.cluster.patch(&applied, apply, bytes(&body)).await.unwrap());
        assert_eq!(answer["data"], json!({"a": value}));
    }
    let missing = ObjectRef { name: "missing", ..object };
    let outcome = suite.cluster.patch(&missing, PatchKind::Merge, bytes(&json!({"data": {}}))).await;
    refused(outcome, ErrorKind::NotFound, "NotFound");
}

pub(super) async fn status_is_written_by_its_subresource_only(suite: &Suite<'_>) {
    let (namespace, deployments) = (suite.namespace("status").await, suite.resource("apps/v1", "Deployment"));
    let object = ObjectRef { resource: &deployments, namespace: Some(&namespace), name: "d" };
    let labels = json!({"app": "d"});
    let body = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "example.com/main"}]}}},
        "status": {"replicas": 7}});
    let created = suite.create(&deployments, &namespace, &body).await.unwrap();
    assert_eq!(created["status"]["replicas"], Value::Null);
    assert_eq!(created["metadata"]["generation"], json!(1));
    let mut with_status = created.clone();
    with_status["status"] = json!({"replicas": 3, "observedGeneration": 1});
    with_status["spec"]["replicas"] = json!(9);
    let written = suite.cluster.replace_subresource(&object, "status", bytes(&with_status)).await.unwrap();
    let written = parse(&written);
    assert_eq!((&written["status"]["replicas"], &written["spec"]["replicas"]), (&json!(3), &json!(1)));
    let mut changed = written.clone();
    changed["spec"]["replicas"] = json!(2);
    changed["status"]["replicas"] = json!(8);
    let changed = parse(&suite.cluster.replace(&object, bytes(&changed)).await.unwrap());
    assert_eq!((&changed["status"]["replicas"], &changed["metadata"]["generation"]), (&json!(3), &json!(2)));
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d", "namespace": namespace},
        "spec": {"replicas": 5}});
    suite.cluster.replace_subresource(&object, "scale", bytes(&scale)).await.unwrap();
    assert_eq!(suite.get(&deployments, &namespace, "d").await.unwrap()["spec"]["replicas"], json!(5));
    let outcome = suite.cluster.replace_subresource(&object, "nonsense", bytes(&scale)).await;
    refused(outcome, ErrorKind::NotFound, "NotFound");
}

pub(super) async fn finalizers_hold(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("held").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "held" };
    let mut body = config_map("held");
    body["metadata"]["finalizers"] = json!(["landfall.dev/suite"]);
    suite.create(&maps, &namespace, &body).await.unwrap();
    suite.cluster.delete(&object).await.unwrap();
    let held = suite.get(&maps, &namespace, "held").await.unwrap();
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    refused(suite.create(&maps, &namespace, &body).await, ErrorKind::Conflict, "AlreadyExists");
    let release = bytes(&json!({"metadata": {"finalizers": null}}));
    suite.cluster.patch(&object, PatchKind::Merge, release).await.unwrap();
    refused(suite.cluster.get(&object).await, ErrorKind::NotFound, "NotFound");
}

pub(super) async fn immutable_things_stay(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("immutable").await, suite.resource("v1", "ConfigMap"));
    let object = ObjectRef { resource: &maps, namespace: Some(&namespace), name: "i" };
    let mut body = config_map("i");
    body["immutable"] = json!(true);
    let mut created = suite.create(&maps, &namespace, &body).await.unwrap();
    if created["immutable"] != json!(true) {
        // Servers before 1.18 do not know the field.
        return;
    }
    created["data"] = json!({"a": "2"});
    refused(suite.cluster.replace(&object, bytes(&created)).await, ErrorKind::Invalid, "Invalid");
}

pub(super) async fn terminating_namespaces_take_nothing(suite: &Suite<'_>) {
    let (namespace, maps) = (suite.namespace("going").await, suite.resource("v1", "ConfigMap"));
    let mut body = config_map("held");
    // Holds the namespace whether or not somebody empties it.
    body["metadata"]["finalizers"] = json!(["landfall.dev/suite"]);
    suite.create(&maps, &namespace, &body).await.unwrap();
    let namespaces = suite.resource("v1", "Namespace");
    let object = ObjectRef { resource: &namespaces, namespace: None, name: &namespace };
    suite.cluster.delete(&object).await.unwrap();
    let read = parse(&suite.cluster.get(&object).await.unwrap());
    assert_eq!(read["status"]["phase"], json!("Terminating"));
    let late = suite.create(&maps, &namespace, &config_map("late")).await;
    refused(late, ErrorKind::Conflict, "NamespaceTerminating");
}
