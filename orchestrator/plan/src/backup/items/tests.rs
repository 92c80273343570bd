use std::collections::BTreeMap;

use model::request::{KindFilter, LabelChoice, NameFilter};
use serde_json::{Value, json};

use super::super::facts::{Keep, observe};
use super::super::kinds::kinds;
use super::super::scope::NamespaceFact;
use super::*;

/// A small cluster: bodies by kind, seen through the request's own selection.
struct World {
    catalog: Catalog,
    live: BTreeMap<String, NamespaceFact>,
    bodies: Vec<(GroupResource, Value)>,
}

const KINDS: [(&str, &str, &str, bool); 10] = [
    ("", "pods", "Pod", true),
    ("", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("", "persistentvolumes", "PersistentVolume", false),
    ("", "namespaces", "Namespace", false),
    ("", "serviceaccounts", "ServiceAccount", true),
    ("apps", "replicasets", "ReplicaSet", true),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "ClusterRoleBinding", false),
    ("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", false),
    ("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false),
    ("example.com", "widgets", "Widget", true),
];

fn world() -> World {
    let mut catalog = Catalog::default();
    for (group, resource, kind, namespaced) in KINDS {
        catalog.add(ApiResource {
            group: group.into(),
            version: "v1".into(),
            resource: resource.into(),
            singular: kind.to_ascii_lowercase(),
            kind: kind.into(),
            short_names: vec![],
            namespaced,
            verbs: ["list", "create", "get", "delete"].map(str::to_owned).into(),
            subresources: BTreeSet::new(),
        });
    }
    let gr = |text: &str| GroupResource::parse(text);
    let bodies = vec![
        (gr("namespaces"), json!({"metadata": {"name": "shop"}})),
        (gr("namespaces"), json!({"metadata": {"name": "other"}})),
        (
            gr("pods"),
            json!({"metadata": {"name": "db-0", "namespace": "shop", "labels": {"app": "db"},
            "annotations": {"pre.hook.backup.velero.io/command": "freeze"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "db", "controller": true}]},
            "spec": {"containers": [{"name": "main"}], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}}),
        ),
        (
            gr("pods"),
            json!({"metadata": {"name": "gone", "namespace": "shop", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        ),
        (gr("replicasets.apps"), json!({"metadata": {"name": "db", "namespace": "shop"}})),
        (
            gr("persistentvolumeclaims"),
            json!({"metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"}}),
        ),
        (
            gr("persistentvolumes"),
            json!({"metadata": {"name": "pv-1"}, "spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
        ),
        (gr("serviceaccounts"), json!({"metadata": {"name": "web", "namespace": "shop"}})),
        (
            gr("clusterrolebindings.rbac.authorization.k8s.io"),
            json!({"metadata": {"name": "web-reads"},
            "roleRef": {"name": "reader"}, "subjects": [{"kind": "ServiceAccount", "namespace": "shop", "name": "web"}]}),
        ),
        (gr("clusterroles.rbac.authorization.k8s.io"), json!({"metadata": {"name": "reader"}})),
        (gr("clusterroles.rbac.authorization.k8s.io"), json!({"metadata": {"name": "unrelated"}})),
        (gr("customresourcedefinitions.apiextensions.k8s.io"), json!({"metadata": {"name": "widgets.example.com"}})),
        (gr("widgets.example.com"), json!({"metadata": {"name": "w", "namespace": "other"}})),
    ];
    let live = ["shop", "other"].map(|name| (name.to_owned(), NamespaceFact::default())).into();
    World { catalog, live, bodies }
}

/// Plays the engine: lists, answers needs, until there is a plan. Returns the plan and its items in order.
fn run(request: &BackupRequest) -> (BackupPlan, Vec<String>) {
    let world = world();
    let scope = NamespaceScope::plan(&request.namespaces, &world.live);
    let policy = Policy::of(request).unwrap();
    let plan = kinds(request, &policy, &world.catalog, &scope);
    let mut table = FactTable::default();
    for list in &plan.lists {
        table.kind(&list.resource, list.preferred);
    }
    let owners = !request.labels.is_everything();
    let keep = Keep { owners, pod_labels: true, labels: true, volume_details: true };
    let add = |table: &mut FactTable, kind: &GroupResource, body: &Value, selected: bool| {
        let resource = world.catalog.preferred(kind).unwrap();
        let seen = observe(Role::of(kind), keep, body.to_string().as_bytes()).unwrap();
        let number = table.kind(resource, true);
        let namespace = table.namespace(seen.namespace.as_deref());
        table.items.push(ItemFact {
            kind: number,
            namespace,
            name: seen.name,
            selected,
            deleting: seen.deleting,
            opted_out: seen.opted_out,
            more: seen.more,
        });
    };
    let labels = |body: &Value| -> BTreeMap<String, String> {
        serde_json::from_value(body["metadata"]["labels"].clone()).unwrap_or_default()
    };
    for (kind, body) in &world.bodies {
        let Some(list) = plan.lists.iter().find(|list| list.resource.group_resource() == *kind) else { continue };
        let namespace = body["metadata"]["namespace"].as_str();
        let name = body["metadata"]["name"].as_str().unwrap_or_default();
        let rules = &plan.rules.items;
        let selected = rules.selects(&list.resource, namespace, name, &labels(body), &request.labels);
        if selected || kind.resource == "namespaces" {
            add(&mut table, kind, body, selected);
        }
    }
    let mut asked = Asked::default();
    loop {
        match resolve(request, &policy, &plan.rules, &scope, &world.catalog, &table, &asked) {
            Resolution::Done(plan) => {
                let items = plan.segments.iter().flat_map(|s| &s.items);
                let names = items.map(|at| table.id_of(&table.items[*at as usize]).to_string()).collect();
                return (*plan, names);
            }
            Resolution::Need(queries) => {
                for query in queries {
                    for (kind, body) in &world.bodies {
                        let wanted = match &query {
                            Query::Get(id) => *kind == id.resource && body["metadata"]["name"] == id.name.as_str(),
                            Query::List(list) => kind == list,
                        };
                        if wanted {
                            add(&mut table, kind, body, false);
                        }
                    }
                    assert!(asked.answered.insert(query), "the same fact was needed twice");
                }
            }
        }
    }
}

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn scoped(namespaces: &[&str]) -> BackupRequest {
    let filter = KindFilter::Scoped { cluster: NameFilter::default(), namespaced: NameFilter::default() };
    BackupRequest {
        namespaces: NameFilter::parse(&own(namespaces), &[]).unwrap(),
        kinds: filter,
        ..BackupRequest::everything("b")
    }
}

#[test]
fn everything_is_everything_but_what_is_being_deleted() {
    let (plan, names) = run(&BackupRequest::everything("b"));
    assert_eq!(names.len(), 12);
    assert!(!names.contains(&"pods shop/gone".to_owned()));
    assert!(plan.decisions.iter().any(|d| d.reason.code == "being-deleted"));
    assert!(plan.uncovered.iter().any(|u| u.volume.as_deref() == Some("pv-1")));
}

#[test]
fn a_namespace_brings_its_volumes_and_rights_along() {
    let (_, names) = run(&scoped(&["shop"]));
    for expected in [
        "persistentvolumes pv-1",
        "clusterrolebindings.rbac.authorization.k8s.io web-reads",
        "clusterroles.rbac.authorization.k8s.io reader",
        "namespaces shop",
    ] {
        assert!(names.contains(&expected.to_owned()), "{expected} in {names:?}");
    }
    assert!(!names.iter().any(|n| n.contains("unrelated") || n.contains("other")), "{names:?}");
}

#[test]
fn a_custom_resource_brings_its_definition() {
    let (_, names) = run(&scoped(&["other"]));
    assert!(names.contains(&"customresourcedefinitions.apiextensions.k8s.io widgets.example.com".to_owned()));
}

#[test]
fn a_label_brings_owner_claim_volume_and_namespace() {
    let mut request = BackupRequest::everything("b");
    request.kinds = KindFilter::Scoped { cluster: NameFilter::default(), namespaced: NameFilter::default() };
    request.labels = LabelChoice::Matching(model::LabelSelector::parse("app=db").unwrap());
    let (_, mut names) = run(&request);
    names.sort();
    let expected = [
        "namespaces shop",
        "persistentvolumeclaims shop/data",
        "persistentvolumes pv-1",
        "pods shop/db-0",
        "replicasets.apps shop/db",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_hooked_pod_is_a_block_with_its_claim_and_volume() {
    let (plan, names) = run(&scoped(&["shop"]));
    let block = plan.segments.iter().find(|s| !s.before.is_empty()).unwrap();
    assert_eq!(block.items.len(), 3);
    assert_eq!(&names[..3], ["persistentvolumes pv-1", "persistentvolumeclaims shop/data", "pods shop/db-0"]);
    assert_eq!(block.before[0].hook.container, "main");
}

#[test]
fn named_items_go_first_and_missing_ones_are_a_warning() {
    let mut request = BackupRequest::everything("b");
    request.ordered.insert("persistentvolumes".into(), own(&["pv-1", "pv-9"]));
    let (plan, names) = run(&request);
    assert_eq!(names[0], "persistentvolumes pv-1");
    assert!(plan.findings.iter().any(|f| f.reason.code == "ordered-missing"));
}

#[test]
fn planning_twice_gives_the_same() {
    let request = BackupRequest::everything("b");
    assert_eq!(run(&request), run(&request));
}

fn with_policy(request: BackupRequest, text: &str) -> BackupRequest {
    BackupRequest { resource_policy: Some(format!("version: v1\n{text}\n")), ..request }
}

#[test]
fn a_skipped_volume_is_no_warning_and_another_action_stays_one() {
    for (rule, skipped) in [
        ("{conditions: {pvcPhase: [Bound]}, action: {type: skip}}", true),
        ("{conditions: {pvcPhase: [Lost]}, action: {type: skip}}", false),
        ("{action: {type: fs-backup}}", false),
    ] {
        let (plan, _) = run(&with_policy(scoped(&["shop"]), &format!("volumePolicies: [{rule}]")));
        let [uncovered] = plan.uncovered.as_slice() else { panic!("{:?}", plan.uncovered) };
        assert_eq!(uncovered.skipped_by.as_deref(), skipped.then_some("volumePolicies[0]"), "{rule}");
        assert_eq!(uncovered.finding().severity == Severity::Info, skipped, "{rule}");
        assert_eq!(uncovered.why.contains("fs-backup"), rule.contains("fs-backup"), "{rule}");
    }
}

#[test]
fn a_namespace_with_rules_of_its_own_gives_what_they_list_and_what_that_needs() {
    let text = "namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Pod]}]}]";
    let (_, mut names) = run(&with_policy(scoped(&["shop"]), text));
    names.sort();
    // The claim and its volume come along; the owner does not, nobody asked for labels.
    let expected = ["namespaces shop", "persistentvolumeclaims shop/data", "persistentvolumes pv-1", "pods shop/db-0"];
    assert_eq!(names, expected);
}

#[test]
fn names_hold_back_what_would_come_along_and_labels_do_not() {
    let rule = |filter: &str| format!("clusterScopedFilterPolicy: {{resourceFilters: [{filter}]}}");
    for (filter, volume, role) in [
        ("{kinds: [PersistentVolume], names: ['x*']}", false, true),
        ("{kinds: [PersistentVolume], labelSelector: {matchLabels: {a: b}}}", true, true),
        ("{kinds: [ClusterRole], excludedNames: [reader]}", true, false),
        ("{kinds: [ClusterRoleBinding], names: [other]}", true, false),
        ("{kinds: [ClusterRoleBinding], labelSelector: {matchLabels: {a: b}}}", true, true),
    ] {
        let (_, names) = run(&with_policy(scoped(&["shop"]), &rule(filter)));
        let has = |name: &str| names.iter().filter(|n| n.ends_with(name)).count();
        assert_eq!((has(" pv-1"), has(" reader")), (usize::from(volume), usize::from(role)), "{filter}: {names:?}");
    }
    let (_, names) = run(&with_policy(scoped(&["shop"]), &rule("{kinds: [namespaces], names: [other]}")));
    assert!(!names.contains(&"namespaces shop".to_owned()), "{names:?}");
}
