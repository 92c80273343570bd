//! What others stand on fails: definitions, namespaces, webhooks, a kind of which no request goes through.

use std::sync::Arc;

use engine::restore::{ItemVerdict, RestoreOutcome};
use model::GroupResource;
use model::request::RestoreRequest;
use serde_json::json;
use testkit::{FakeClock, FakeCluster, Fault, Refusal, Verb};

use crate::bed::{Bed, CONFIGS, empty, unlabelled};

const CRD: &str = "customresourcedefinitions.apiextensions.k8s.io";

async fn backed_up() -> Bed {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    bed
}

/// The code and the message of everything of one kind.
fn told<'a>(outcome: &'a RestoreOutcome, kind: &str) -> Vec<(&'a str, &'a str)> {
    let of_kind = outcome.exceptions.iter().filter(|e| e.item.starts_with(&format!("{kind} ")));
    of_kind.map(|e| (e.code.as_str(), e.message.as_str())).collect()
}

fn creates(cluster: &FakeCluster, resource: &str) -> usize {
    let resource = GroupResource::parse(resource);
    let calls = cluster.writes();
    calls.iter().filter(|call| call.verb == Verb::Create && call.resource.as_ref() == Some(&resource)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_a_definition_that_is_never_established_fail_at_once_and_name_it() {
    let bed = backed_up().await;
    let target = empty();
    target.hold_crds(true);
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "PartiallyFailed");
    let definition = told(&outcome, CRD);
    assert_eq!((definition.len(), definition[0].0), (1, "not-established"), "{:?}", outcome.exceptions);
    let orders = told(&outcome, "orders.example.com");
    assert_eq!(orders.len(), 7);
    assert!(
        orders.iter().all(|(code, message)| *code == "definition-failed" && message.contains("orders.example.com"))
    );
    assert_eq!(creates(&target, "orders.example.com"), 0, "nobody asks for what cannot be");
    assert!(target.object("deployments.apps", Some("shop"), "web").is_some(), "the rest goes on");

    target.hold_crds(false);
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.writes), ("Completed", 7), "{:?}", outcome.exceptions);
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lives_in_a_namespace_that_was_refused_is_not_tried() {
    let bed = backed_up().await;
    let target = empty();
    let refusal = Refusal::forbidden("namespaces is forbidden: User cannot create");
    target.add_fault(Fault::refuse(refusal).verb(Verb::Create).resource("namespaces").name("shop").times(1));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(told(&outcome, "namespaces").len(), 1, "{:?}", outcome.exceptions);
    let configs = told(&outcome, "configmaps");
    assert_eq!(configs.len(), CONFIGS);
    assert!(configs.iter().all(|(code, message)| *code == "namespace-failed" && message.contains("shop")));
    assert_eq!(creates(&target, "configmaps"), 0);
    assert!(target.object("secrets", Some("pay"), "key").is_some(), "the rest goes on");
    assert_eq!(bed.restore(&target, "b").await.unwrap().phase, "Completed");
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_does_not_work_is_asked_a_few_times_and_named() {
    let bed = backed_up().await;
    let target = empty();
    let broken = "Internal error occurred: failed calling webhook \"guard.example.com\": failed to call webhook: \
                  an error on the server (\"\") has prevented the request from succeeding";
    target.add_fault(Fault::refuse(Refusal::internal(broken)).verb(Verb::Create).resource("configmaps"));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "PartiallyFailed");
    let configs = told(&outcome, "configmaps");
    assert_eq!(configs.len(), CONFIGS, "{:?}", outcome.exceptions);
    assert!(configs.iter().all(|(code, said)| *code == "webhook-failed" && said.contains("guard.example.com")));
    let tries = creates(&target, "configmaps");
    assert!(tries <= CONFIGS * 5, "{tries} requests for {CONFIGS} objects");
    assert!(target.object("secrets", Some("pay"), "key").is_some(), "the rest goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_back_off_side_by_side() {
    let bed = backed_up().await;
    let target = empty();
    let busy = u32::try_from(CONFIGS).unwrap();
    target.add_fault(Fault::refuse(Refusal::unavailable()).verb(Verb::Create).resource("configmaps").times(busy));
    let clock = Arc::new(FakeClock::standing());
    let bed = Bed { clock: clock.clone(), source: bed.source.clone(), store: bed.store.clone() };
    let driver = async {
        for turn in 0.. {
            assert!(turn < 10_000_000, "items wait for each other: {:?}", clock.slept());
            tokio::task::yield_now().await;
            if clock.slept().len() >= CONFIGS {
                break;
            }
        }
        assert_eq!(creates(&target, "configmaps"), CONFIGS, "everybody asked once before anybody asked again");
        for _ in 0..10_000_000 {
            clock.advance(std::time::Duration::from_millis(50));
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::select! {
        outcome = bed.restore(&target, "b") => outcome.unwrap(),
        () = driver => panic!("the restore never ends"),
    };
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_never_gets_through_does_not_hold_up_the_rest_for_ever() {
    let bed = Bed::new();
    for number in 0..200 {
        bed.source.seed(json!({"apiVersion": "v1", "kind": "Secret", "data": {},
            "metadata": {"name": format!("s-{number:03}"), "namespace": "pay"}}));
    }
    bed.backup("b").await.unwrap();
    let target = empty();
    target.add_fault(Fault::refuse(Refusal::unavailable()).verb(Verb::Create).resource("secrets"));
    let outcome = bed.restore_of(&target, &RestoreRequest::everything("b", "b")).await.unwrap();
    let secrets = told(&outcome, "secrets");
    assert_eq!(secrets.len(), 201);
    assert!(secrets.iter().all(|(code, _)| *code == "unavailable"));
    assert_eq!(outcome.counts[&ItemVerdict::Failed], 201, "{:?}", outcome.by_kind);
    // The first ones are as patient as a restart needs; those behind them ask twice.
    let tries = creates(&target, "secrets");
    assert!(tries < 201 * 9, "{tries} requests");
    assert!(target.object("configmaps", Some("shop"), "c-01").is_some(), "the rest goes on");
}
