//! What was created and is gone again when it is read back: a loss, unless its owner replaces such things all the time.

use engine::restore::{ItemVerdict, RestoreOutcome};
use serde_json::{Value, json};
use testkit::{Fault, Verb};

use crate::bed::{Bed, empty};

/// A source with a pod of a replica set, one of nobody, and a job that removes itself.
fn bed() -> Bed {
    let bed = Bed::new();
    let pod = |name: &str, owners: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}})
    };
    let owner =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": true}]);
    bed.source.seed(pod("web-1-abcde", owner));
    bed.source.seed(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": "web-1", "namespace": "shop"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}}));
    bed.source.seed(pod("by-hand", json!([])));
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "once", "image": "once:1"}]}});
    bed.source.seed(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": "shop"},
        "spec": {"ttlSecondsAfterFinished": 0, "template": template}}));
    bed
}

async fn restored_without(forgotten: &[(&str, &str)]) -> RestoreOutcome {
    let bed = bed();
    bed.backup("b").await.unwrap();
    let target = empty();
    for (resource, name) in forgotten {
        target.add_fault(Fault::forget().verb(Verb::Create).resource(resource).name(name));
    }
    let outcome = bed.restore(&target, "b").await.unwrap();
    for (resource, name) in forgotten {
        assert!(target.object(resource, Some("shop"), name).is_none(), "{resource} {name}");
    }
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_replaces_is_a_failure_with_a_name() {
    let outcome = restored_without(&[("pods", "by-hand"), ("configmaps", "c-03")]).await;
    let mut found: Vec<_> = outcome.exceptions.iter().map(|e| (e.item.as_str(), e.code.as_str(), e.verdict)).collect();
    found.sort_unstable();
    let gone = |item| (item, "vanished", ItemVerdict::Failed);
    assert_eq!(found, [gone("configmaps shop/c-03"), gone("pods shop/by-hand")]);
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("PartiallyFailed", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_owner_or_its_own_time_limit_removes_was_created_all_the_same() {
    let whole = restored_without(&[]).await;
    let outcome = restored_without(&[("pods", "web-1-abcde"), ("jobs.batch", "once")]).await;
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("Completed", 0), "{:?}", outcome.exceptions);
    assert_eq!((outcome.counts, outcome.warnings), (whole.counts, whole.warnings));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lost_its_labels_is_there_all_the_same() {
    let bed = bed();
    bed.backup("b").await.unwrap();
    let target = empty();
    target.add_fault(Fault::strip_labels().verb(Verb::Create).resource("configmaps"));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("Completed", 0), "{:?}", outcome.exceptions);
    let stripped = target.object("configmaps", Some("shop"), "c-03").unwrap();
    assert!(stripped["metadata"].get("labels").is_none(), "{stripped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_owner_in_the_target_makes_by_itself_is_not_sent_again() {
    let bed = bed();
    bed.backup("b").await.unwrap();
    let target = empty();
    target.add_fault(Fault::forget().verb(Verb::Create).resource("pods").times(2));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.errors, 1, "the pod of nobody: {:?}", outcome.exceptions);
    assert!(target.object("replicasets.apps", Some("shop"), "web-1").is_some());
    target.clear_log();
    let again = bed.restore(&target, "b").await.unwrap();
    assert_eq!((again.phase.as_str(), again.writes), ("Completed", 1), "{:?}", again.exceptions);
    assert!(target.object("pods", Some("shop"), "by-hand").is_some());
    assert!(target.object("pods", Some("shop"), "web-1-abcde").is_none());

    // Where the owner is not there, the pods come first, and it takes them over.
    let target = empty();
    bed.restore(&target, "b").await.unwrap();
    assert!(target.object("pods", Some("shop"), "web-1-abcde").is_some());
}
