//! Backups of a cluster that fails, into a bucket that fails.

use std::time::Duration;

use engine::shelf;
use model::GroupVersion;
use model::request::{BackupRequest, KindFilter, NameFilter};
use ports::ErrorKind;
use testkit::{Fault, Refusal, StoreVerb, Verb, WhatFails};

use crate::bed::{Bed, CONFIGS};

/// The archive holds the kind exactly once, whole.
async fn holds_all_configs(bed: &Bed, name: &str) {
    let stored = bed.stored(name).await;
    let configs: Vec<&String> = stored.iter().filter(|item| item.starts_with("configmaps shop/c-")).collect();
    assert_eq!(configs.len(), CONFIGS, "{configs:?}");
    let verified = shelf::verify(bed.store.inner(), name).await.unwrap();
    assert!(verified.sound, "{:?}", verified.problems);
    assert_eq!(verified.items as usize, stored.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_begins_the_kind_again_and_not_the_backup() {
    let bed = Bed::new();
    let expired = Fault::refuse(Refusal::expired()).verb(Verb::List).resource("configmaps").skip(2).times(1);
    bed.source.add_fault(expired);
    let outcome = bed.backup("b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("Completed", 0), "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
    let log = bed.source.log();
    let begun = |resource: &str| {
        let first = |call: &testkit::fake_cluster::Call| {
            call.verb == Verb::List
                && call.detail.is_empty()
                && call.resource.as_ref().is_some_and(|r| r.to_string() == resource)
        };
        log.iter().filter(|logged| first(&logged.call)).count()
    };
    assert_eq!((begun("configmaps"), begun("secrets")), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_whose_tokens_always_expire_is_listed_in_one_piece() {
    let bed = Bed::new();
    // Every token is too old by the time it is used; only an unpaged list can succeed.
    for _ in 0..5 {
        let expired = Fault::refuse(Refusal::expired()).verb(Verb::List).resource("configmaps").skip(1).times(1);
        bed.source.add_fault(expired);
    }
    let outcome = bed.backup("b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_break_off_are_asked_for_again_and_nothing_is_stored_twice() {
    let bed = Bed::new();
    for skip in [0, 1, 3] {
        bed.source.add_fault(Fault::cut_list(3).resource("configmaps").skip(skip).times(1));
    }
    bed.source.add_fault(Fault::cut_list(0).resource("orders.example.com").times(2));
    let outcome = bed.backup("b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_and_restarts_are_waited_out() {
    let bed = Bed::new();
    let asked = Duration::from_secs(7);
    bed.source.storm(4, Some(asked));
    bed.source.restart(4);
    for resource in ["secrets", "configmaps", "deployments.apps"] {
        let refusal = Refusal::internal("etcdserver: request timed out");
        bed.source.add_fault(Fault::refuse(refusal).verb(Verb::List).resource(resource).times(6));
    }
    let outcome = bed.backup("b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
    assert!(bed.clock.slept().iter().any(|slept| *slept >= asked), "the server's wish was heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_an_error_and_leaves_nothing_visible() {
    let bed = Bed::new();
    bed.source.add_fault(Fault::refuse(Refusal::unavailable()));
    let error = bed.backup("b").await.unwrap_err();
    assert!(model::chain(&error).contains("connection refused"), "{}", model::chain(&error));
    assert_eq!(bed.visible().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_cannot_be_listed_is_one_error_and_the_rest_is_saved() {
    for refusal in [Refusal::forbidden("secrets is forbidden"), Refusal::internal("conversion webhook is down")] {
        let bed = Bed::new();
        bed.source.add_fault(Fault::refuse(refusal).verb(Verb::List).resource("secrets"));
        let outcome = bed.backup("b").await.unwrap();
        assert_eq!((outcome.phase.as_str(), outcome.errors), ("PartiallyFailed", 1), "{:?}", outcome.messages);
        assert!(outcome.messages.iter().any(|text| text.contains("secrets")), "{:?}", outcome.messages);
        holds_all_configs(&bed, "b").await;
        let stored = bed.stored("b").await;
        assert!(!stored.iter().any(|item| item.starts_with("secrets ")));
        assert!(stored.iter().any(|item| item == "deployments.apps shop/web"));
        assert_eq!(bed.visible().await, ["b"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_aggregated_api_is_one_error_and_the_rest_is_saved() {
    let bed = Bed::new();
    bed.source.break_group_version(GroupVersion::parse("example.com/v1"), Refusal::unavailable());
    let outcome = bed.backup("b").await.unwrap();
    assert_eq!(outcome.phase, "PartiallyFailed", "{:?}", outcome.messages);
    assert!(outcome.messages.iter().any(|text| text.contains("example.com/v1")), "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kind_is_named() {
    let bed = Bed::new();
    let kinds = NameFilter::parse(&["configmaps".to_owned(), "nonsense.example.org".to_owned()], &[]).unwrap();
    let request =
        BackupRequest { kinds: KindFilter::Classic { kinds, cluster_scoped: None }, ..BackupRequest::everything("b") };
    let outcome = bed.backup_of(&request).await.unwrap();
    assert!(outcome.messages.iter().any(|text| text.contains("nonsense.example.org")), "{:?}", outcome.messages);
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_file_the_bucket_refuses_no_backup_becomes_visible() {
    let bed = Bed::new();
    bed.backup("whole").await.unwrap();
    let puts = bed.store.calls().iter().filter(|(verb, _)| *verb == StoreVerb::Put).count();
    assert!(puts >= 8, "{:?}", bed.store.calls());
    for at in 0..puts {
        let bed = Bed::new();
        // Let the ones before it pass, each a fault of its own that does no harm.
        let files: Vec<String> = {
            let calls = bed.backup("probe").await.map(|_| bed.store.calls()).unwrap();
            calls.into_iter().filter(|(verb, _)| *verb == StoreVerb::Put).map(|(_, key)| key).collect()
        };
        let file = files[at].replace("probe", "b");
        bed.store.refuse(StoreVerb::Put, &file, ErrorKind::Denied, 1);
        let error = bed.backup("b").await.unwrap_err();
        assert!(model::chain(&error).contains(&file), "{}", model::chain(&error));
        assert_eq!(bed.visible().await, ["probe"], "refused at {file}");
        // What is left is reported, and is no obstacle to the next run.
        let entries = shelf::backups(bed.store.inner()).await.unwrap();
        assert!(entries.iter().all(|entry| entry.name != "b" || entry.trouble.is_some()));
        assert_eq!(bed.backup("b").await.unwrap().phase, "Completed");
        holds_all_configs(&bed, "b").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_busy_or_loses_answers_gets_a_whole_backup() {
    let bed = Bed::new();
    bed.store.refuse(StoreVerb::Put, "", ErrorKind::Unavailable, 5);
    bed.store.plan(StoreVerb::Put, "velero-backup.json", WhatFails::AnswerLost);
    bed.store.plan(StoreVerb::Put, ".tar.gz", WhatFails::AnswerLost);
    assert_eq!(bed.backup("b").await.unwrap().phase, "Completed");
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_whose_stream_breaks_is_read_on_where_it_broke() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    for bytes in [0, 1, 700, 1500] {
        bed.store.plan(StoreVerb::Get, ".tar.gz", WhatFails::BreaksAfter(bytes));
    }
    bed.store.refuse(StoreVerb::Get, ".tar.gz", ErrorKind::Unavailable, 1);
    holds_all_configs(&bed, "b").await;
    assert_eq!(bed.store.left(), 0, "every fault was met");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_exists_is_not_overwritten() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let error = bed.backup("b").await.unwrap_err();
    assert!(matches!(error, engine::backup::BackupError::Exists(_)), "{error:?}");
    holds_all_configs(&bed, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_decides_per_namespace_and_the_rest_stays() {
    let bed = Bed::new();
    let text = "version: v1\nnamespacedFilterPolicies:\n- namespaces: [shop]\n  resourceFilters:\n  - kinds: [ConfigMap]\n    \
                excludedNames: [\"*1\"]\n";
    let kinds = KindFilter::Scoped { cluster: NameFilter::default(), namespaced: NameFilter::default() };
    let request = BackupRequest { kinds, page_size: 3, ..BackupRequest::everything("all") };
    bed.backup_of(&request).await.unwrap();
    let request = BackupRequest { name: "some".into(), resource_policy: Some(text.into()), ..request };
    let outcome = bed.backup_of(&request).await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.messages);
    let (all, some) = (bed.stored("all").await, bed.stored("some").await);
    let kept = |id: &&String| match id.split_once(" shop/") {
        Some((kind, name)) => kind == "configmaps" && !name.ends_with('1'),
        None => true,
    };
    let expected: Vec<&String> = all.iter().filter(kept).collect();
    assert!(expected.len() < all.len() && expected.iter().any(|id| id.contains(" shop/")), "{all:?}");
    assert_eq!(some.iter().collect::<Vec<_>>(), expected);
    let broken = BackupRequest { name: "no".into(), resource_policy: Some("version: v0".into()), ..request };
    assert!(bed.backup_of(&broken).await.is_err());
}
