//! Restores into a cluster that refuses, forgets and is busy.

use std::time::Duration;

use engine::restore::{ItemVerdict, RestoreOutcome};
use model::Verdict;
use model::request::{ExistingPolicy, RestoreRequest};
use ports::ErrorKind;
use serde_json::{Value, json};
use testkit::{Fault, Refusal, StoreVerb, Verb};

use crate::bed::{Bed, empty, meant, unlabelled};

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_and_a_second_run_writes_nothing() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
    let writes = target.writes().len();
    assert_eq!(outcome.writes as usize, writes, "the outcome counts the writes");

    let again = bed.plan_of(&target, &RestoreRequest::everything("again", "b")).await.unwrap();
    let counts = again.file.counts();
    assert_eq!((counts.create, counts.update, counts.blocked), (0, 0, 0));
    target.clear_log();
    let outcome = bed.restore_of(&target, &RestoreRequest::everything("again", "b")).await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.writes), ("Completed", 0), "{:?}", outcome.exceptions);
    assert_eq!(target.writes(), []);
    // With updates allowed there is nothing to do either.
    let update = RestoreRequest { existing: ExistingPolicy::Update, ..RestoreRequest::everything("with-updates", "b") };
    assert_eq!(bed.restore_of(&target, &update).await.unwrap().writes, 0);
    assert_eq!(target.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_looked_up_and_end_as_created() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    target.add_fault(Fault::lose_answer().verb(Verb::Create).skip(1).times(15));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.exceptions.len()), ("Completed", 0), "{:?}", outcome.exceptions);
    assert_eq!(
        outcome.counts.get(&ItemVerdict::Skipped),
        bed.restore(&empty(), "b").await.unwrap().counts.get(&ItemVerdict::Skipped)
    );
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_and_restarts_are_waited_out() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let busy = Refusal::throttled(Some(Duration::from_secs(3)));
    target.add_fault(Fault::refuse(busy.clone()).verb(Verb::Create).times(8));
    target.add_fault(Fault::refuse(busy).verb(Verb::Create).resource("configmaps").times(60));
    target.add_fault(Fault::refuse(Refusal::unavailable()).verb(Verb::List).times(6));
    let changed = Refusal::internal("etcdserver: leader changed");
    target.add_fault(Fault::refuse(changed).verb(Verb::Create).resource("orders.example.com").times(20));
    target.add_fault(Fault::cut_list(1).times(3));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

fn reasons(outcome: &RestoreOutcome) -> Vec<(&str, &str)> {
    outcome.exceptions.iter().map(|e| (e.item.as_str(), e.code.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refused_item_has_one_code_and_the_rest_goes_on() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let refusals = [
        ("c-03", Refusal::forbidden("exceeded quota: small, requested: configmaps=1, used: 3, limited: 3"), "quota"),
        ("c-07", Refusal::invalid("ConfigMap \"c-07\" is invalid: data: Too long"), "invalid"),
        ("c-11", Refusal::forbidden("admission webhook \"guard.example.com\" denied the request: no"), "admission"),
        ("c-12", Refusal::invalid("admission webhook \"guard.example.com\" denied the request: bad"), "admission"),
        ("c-15", Refusal::forbidden("configmaps is forbidden: User cannot create"), "denied"),
    ];
    for (name, refusal, _) in &refusals {
        target.add_fault(Fault::refuse(refusal.clone()).verb(Verb::Create).resource("configmaps").name(name).times(1));
    }
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("PartiallyFailed", 5), "{:?}", outcome.exceptions);
    let expected: Vec<(String, &str)> =
        refusals.iter().map(|(name, _, code)| (format!("configmaps shop/{name}"), *code)).collect();
    let mut found = reasons(&outcome);
    found.sort_unstable();
    assert_eq!(found, expected.iter().map(|(item, code)| (item.as_str(), *code)).collect::<Vec<_>>());
    assert!(outcome.exceptions.iter().all(|e| e.verdict == ItemVerdict::Failed && !e.message.is_empty()));

    // The same restore again finishes the rest and touches nothing that is done.
    let before = target.dump();
    target.clear_log();
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.phase.as_str(), outcome.writes), ("Completed", 5), "{:?}", outcome.exceptions);
    assert!(target.writes().iter().all(|call| call.verb == Verb::Create));
    let after = target.dump();
    assert!(before.iter().all(|(name, object)| after.get(name) == Some(object)), "what was done was touched");
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_left_alone_or_updated_and_immutable_is_said() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let config = |name: &str, immutable: bool| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop",
            "labels": {"mine": "yes"}}, "data": {"number": "other"}, "immutable": immutable})
    };
    target.seed(config("c-01", false));
    target.seed(config("c-02", true));
    let outcome = bed.restore(&target, "b").await.unwrap();
    let differs = [("configmaps shop/c-01", "exists-differs"), ("configmaps shop/c-02", "exists-differs")];
    assert_eq!(reasons(&outcome), differs);
    assert_eq!((outcome.phase.as_str(), outcome.warnings), ("Completed", 2));
    let kept = target.object("configmaps", Some("shop"), "c-01").unwrap();
    assert_eq!(kept["data"], json!({"number": "other"}), "nobody asked for an update");

    let update = RestoreRequest { existing: ExistingPolicy::Update, ..RestoreRequest::everything("b", "b") };
    target.clear_log();
    let outcome = bed.restore_of(&target, &update).await.unwrap();
    assert_eq!(reasons(&outcome), [("configmaps shop/c-02", "immutable")], "{:?}", outcome.exceptions);
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("PartiallyFailed", 1));
    let updated = target.object("configmaps", Some("shop"), "c-01").unwrap();
    assert_eq!(updated["data"], json!({"number": "1"}));
    assert!(updated["metadata"]["labels"].get("mine").is_none(), "what only the target had is gone: {updated}");
    let touched: Vec<String> = target.writes().iter().map(|call| call.name.clone()).collect();
    assert!(touched.iter().all(|name| name == "c-01" || name == "c-02"), "{touched:?}");
    // Done is done: only what failed is tried again.
    target.clear_log();
    bed.restore_of(&target, &update).await.unwrap();
    assert!(target.writes().iter().all(|call| call.name == "c-02"), "{:?}", target.writes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_writes_nothing_and_holds_when_nothing_changed() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let request = RestoreRequest::everything("b", "b");
    let planned = bed.plan_of(&target, &request).await.unwrap();
    assert_eq!(target.writes(), []);
    let again = bed.plan_of(&target, &request).await.unwrap();
    engine::restore::same_plan(&planned.file, &again.file).unwrap();
    assert_eq!(serde_json::to_string(&planned.file).unwrap(), serde_json::to_string(&again.file).unwrap());
    // An object that appears makes it stale, whatever it holds.
    target.seed(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "pay"}}));
    let now = bed.plan_of(&target, &request).await.unwrap();
    let stale = engine::restore::same_plan(&planned.file, &now.file).unwrap_err().to_string();
    assert!(stale.contains("secrets pay/key"), "{stale}");
    assert!(planned.file.items.iter().any(|item| item.verdict == Verdict::Create));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_cannot_be_written_does_not_undo_a_restore() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    bed.store.refuse(StoreVerb::Put, "restores/", ErrorKind::Denied, 50);
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!((outcome.recorded.clone(), outcome.warnings), (None, 1));
    assert_eq!(unlabelled(&target), unlabelled(&bed.source));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_going_away_is_waited_for() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    bed.restore(&target, "b").await.unwrap();
    let undisturbed = meant(&target);
    let target = empty();
    let refusal = Refusal::new(
        ErrorKind::Conflict,
        Some("NamespaceTerminating"),
        "forbidden: unable to create new content in namespace shop because it is being terminated",
    );
    target.add_fault(Fault::refuse(refusal).verb(Verb::Create).resource("configmaps").times(30));
    let outcome = bed.restore(&target, "b").await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
    assert_eq!(meant(&target), undisturbed);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_mapped_everywhere() {
    let bed = Bed::new();
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "readers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]});
    bed.source.seed(binding);
    bed.backup("b").await.unwrap();
    let target = empty();
    let mut request = RestoreRequest { cluster_scoped: Some(true), ..RestoreRequest::everything("r", "b") };
    request.namespace_mapping.insert("shop".to_owned(), "store".to_owned());
    let outcome = bed.restore_of(&target, &request).await.unwrap();
    assert_eq!(outcome.phase, "Completed", "{:?}", outcome.exceptions);
    assert!(target.object("namespaces", None, "shop").is_none());
    let of = |objects: Vec<Value>, namespace: &str| {
        objects.iter().filter(|object| object["metadata"]["namespace"] == namespace).count()
    };
    for kind in ["configmaps", "orders.example.com", "deployments.apps", "services", "serviceaccounts"] {
        assert_eq!(of(target.objects(kind), "store"), of(bed.source.objects(kind), "shop"), "{kind}");
        assert_eq!(of(target.objects(kind), "shop"), 0, "{kind}");
    }
    let binding = target.object("clusterrolebindings.rbac.authorization.k8s.io", None, "readers").unwrap();
    assert_eq!(binding["subjects"][0]["namespace"], "store");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_namespaces_that_are_there_are_looked_into() {
    let bed = Bed::new();
    bed.backup("b").await.unwrap();
    let target = empty();
    let request = RestoreRequest::everything("r", "b");
    let looked_into = |kind: &str| -> Vec<Option<String>> {
        let log = target.log();
        let lists = log.iter().map(|logged| &logged.call).filter(|call| call.verb == Verb::List);
        let of_kind = lists.filter(|call| call.resource.as_ref().is_some_and(|found| found.to_string() == kind));
        of_kind.map(|call| call.namespace.clone()).collect()
    };
    let planned = bed.plan_of(&target, &request).await.unwrap();
    assert_eq!(looked_into("configmaps"), []);
    let cluster_wide = looked_into("storageclasses.storage.k8s.io");
    assert_eq!(cluster_wide, [None], "what has no namespace is looked for all the same");

    // What is there is found where it can be, and what others keep elsewhere is not asked for.
    target.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c-01", "namespace": "shop"}});
    target.seed(config);
    target.clear_log();
    let now = bed.plan_of(&target, &request).await.unwrap();
    assert_eq!(looked_into("configmaps"), [Some("shop".to_owned())]);
    assert_eq!(looked_into("secrets"), []);
    let creates = |plan: &engine::restore::PlannedRestore| plan.file.counts().create;
    assert_eq!(creates(&now), creates(&planned) - 2, "the namespace and the object");

    // Who may not list namespaces looks everywhere.
    target.add_fault(Fault::refuse(Refusal::forbidden("no")).verb(Verb::List).resource("namespaces"));
    target.clear_log();
    let blind = bed.plan_of(&target, &request).await.unwrap();
    assert!(!looked_into("secrets").is_empty());
    assert_eq!(creates(&blind), creates(&planned) + 4 - 1, "the object; the server's own four namespaces are not seen");
}
