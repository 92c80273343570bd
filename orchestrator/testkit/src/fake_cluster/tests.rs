//! The fake keeps the contract, and its faults hit what they are told to.

use std::time::Duration;

use futures::TryStreamExt;
use ports::ErrorKind;
use serde_json::json;

use super::*;
use crate::cluster_suite;

#[tokio::test]
async fn the_fake_passes_the_suite() {
    cluster_suite::run(&FakeCluster::standard(), "suite").await;
}

#[tokio::test]
async fn a_fault_hits_the_requests_it_names() {
    let fake = FakeCluster::standard();
    let maps = resource(&fake.catalog(), "v1", "ConfigMap");
    fake.add_fault(Fault::refuse(Refusal::internal("boom")).verb(Verb::Create).resource("configmaps").skip(1).times(1));
    let outcomes = [create(&fake, &maps, "a").await, create(&fake, &maps, "b").await, create(&fake, &maps, "b").await];
    assert_eq!(outcomes.map(|outcome| outcome.map_err(|e| e.kind)), [Ok(()), Err(ErrorKind::Unavailable), Ok(())]);
    fake.storm(1, Some(Duration::from_secs(2)));
    let error = create(&fake, &maps, "c").await.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Throttled, Some(Duration::from_secs(2))));
    fake.restart(2);
    assert!(fake.discover().await.is_err() && fake.get_path("/readyz").await.is_err());
    assert!(fake.discover().await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_is_done_all_the_same() {
    let fake = FakeCluster::standard();
    let maps = resource(&fake.catalog(), "v1", "ConfigMap");
    fake.add_fault(Fault::lose_answer().verb(Verb::Create).times(1));
    assert!(create(&fake, &maps, "a").await.unwrap_err().is_retryable());
    assert!(create(&fake, &maps, "a").await.unwrap_err().is_already_exists());
}

#[tokio::test]
async fn after_the_kill_nothing_happens_until_revival() {
    let fake = FakeCluster::standard();
    let maps = resource(&fake.catalog(), "v1", "ConfigMap");
    fake.kill_after(1);
    create(&fake, &maps, "a").await.unwrap();
    assert_eq!(create(&fake, &maps, "b").await.unwrap_err().reason.as_deref(), Some("Killed"));
    fake.revive();
    assert_eq!(fake.objects("configmaps").len(), 1);
    assert_eq!(fake.writes().len(), 2);
    assert_eq!(fake.log()[1].error, Some((ErrorKind::Unavailable, Some("Killed".into()))));
}

#[tokio::test]
async fn lists_break_off_and_tokens_expire_on_request() {
    let fake = FakeCluster::standard();
    let maps = resource(&fake.catalog(), "v1", "ConfigMap");
    for name in ["a", "b", "c"] {
        create(&fake, &maps, name).await.unwrap();
    }
    let query = |token: Option<String>| ListQuery {
        resource: &maps,
        namespace: Some("default"),
        label_selector: None,
        limit: 2,
        continue_token: token,
    };
    fake.add_fault(Fault::cut_list(1).times(1));
    let mut stream = fake.list(&query(None)).await.unwrap();
    assert!(matches!(stream.try_next().await, Ok(Some(ListEvent::Item(_)))));
    assert!(stream.try_next().await.unwrap_err().is_retryable());
    let events: Vec<ListEvent> = fake.list(&query(None)).await.unwrap().try_collect().await.unwrap();
    let Some(ListEvent::End { continue_token, .. }) = events.last() else { panic!("no end") };
    fake.expire_tokens();
    assert!(fake.list(&query(continue_token.clone())).await.err().unwrap().is_expired());
}

#[tokio::test]
async fn namespaces_go_with_what_is_in_them_unless_nobody_cleans_up() {
    let fake = FakeCluster::standard();
    fake.seed(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}));
    let namespaces = resource(&fake.catalog(), "v1", "Namespace");
    fake.delete(&ObjectRef { resource: &namespaces, namespace: None, name: "shop" }).await.unwrap();
    assert!(fake.object("namespaces", None, "shop").is_none() && fake.objects("secrets").is_empty());
    fake.seed(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "bare"}}));
    fake.set_namespace_controller(false);
    fake.delete(&ObjectRef { resource: &namespaces, namespace: None, name: "bare" }).await.unwrap();
    assert_eq!(fake.object("namespaces", None, "bare").unwrap()["status"]["phase"], json!("Terminating"));
}

#[tokio::test]
async fn held_definitions_are_not_served() {
    let fake = FakeCluster::standard();
    fake.hold_crds(true);
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.x.io"}, "spec": {"group": "x.io", "scope": "Cluster",
        "versions": [{"name": "v1", "served": true, "storage": true}], "names": {"plural": "gadgets", "kind": "Gadget"}}});
    fake.seed(crd);
    assert!(fake.catalog().resolve("gadgets").is_none());
    fake.hold_crds(false);
    assert!(fake.catalog().resolve("gadgets").is_some());
}

#[tokio::test]
async fn garbage_is_what_has_lost_all_its_owners() {
    let fake = FakeCluster::standard();
    let owned = |name: &str, uid: &str| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default",
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}})
    };
    fake.seed(json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "owner", "namespace": "default", "uid": "u-1"}}));
    fake.seed(owned("kept", "u-1"));
    fake.seed(owned("gone", "u-2"));
    fake.collect_garbage();
    let names: Vec<_> = fake.objects("configmaps").iter().map(|o| o["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["kept", "owner"]);
}

#[tokio::test]
async fn concurrency_is_seen() {
    let fake = FakeCluster::standard();
    let asked = (0..5).map(|_| fake.discover());
    futures::future::join_all(asked).await;
    assert_eq!(fake.most_in_flight(), 5);
}

async fn create(fake: &FakeCluster, maps: &ApiResource, name: &str) -> Result<(), PortError> {
    let object = ObjectRef { resource: maps, namespace: Some("default"), name };
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    fake.create(&object, Bytes::from(body.to_string()), false).await.map(|_| ())
}
