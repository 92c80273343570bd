use model::request::{LabelChoice, NameFilter};
use model::{ApiResource, LabelSelector};

use super::*;
use crate::backup::facts::{ClaimFact, More};

fn item(text: &str, labels: &[(&str, &str)]) -> ArchivedItem {
    let (kind, rest) = text.split_once(' ').unwrap();
    let kind = GroupResource::parse(kind);
    let id = match rest.split_once('/') {
        Some((namespace, name)) => ItemId::namespaced(kind, namespace, name),
        None => ItemId::cluster(kind, rest),
    };
    let more = (text == "persistentvolumeclaims shop/data").then(|| {
        let claim = Some(ClaimFact { phase: "Bound".into(), volume: "pv-1".into(), ..ClaimFact::default() });
        Box::new(More { claim, ..More::default() })
    });
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    ArchivedItem { id: id.into(), bodies: Vec::new(), labels, more }
}

fn backup() -> Vec<ArchivedItem> {
    let mut items = vec![
        item("namespaces shop", &[]),
        item("namespaces empty", &[]),
        item("pods shop/web", &[("app", "web")]),
        item("persistentvolumeclaims shop/data", &[("app", "web")]),
        item("persistentvolumes pv-1", &[]),
        item("secrets other/key", &[]),
        item("nodes n1", &[]),
        item("widgets.example.com shop/w", &[]),
        item("customresourcedefinitions.apiextensions.k8s.io widgets.example.com", &[]),
    ];
    items.sort_by(|a, b| a.id.cmp(&b.id));
    items
}

fn target() -> Catalog {
    let mut catalog = Catalog::default();
    for (resource, kind, short) in [("pods", "Pod", "po"), ("secrets", "Secret", "sec")] {
        catalog.add(ApiResource {
            group: String::new(),
            version: "v1".into(),
            resource: resource.into(),
            singular: String::new(),
            kind: kind.into(),
            short_names: vec![short.into()],
            namespaced: true,
            verbs: BTreeSet::new(),
            subresources: BTreeSet::new(),
        });
    }
    catalog
}

fn run(adjust: impl FnOnce(&mut RestoreRequest)) -> (Vec<String>, Vec<String>, Vec<Decision>) {
    let mut request = RestoreRequest::everything("r", "b");
    adjust(&mut request);
    let items = backup();
    let selection = select(&request, &items, &target());
    let names = selection.items.iter().map(|at| items[*at as usize].id.to_string()).collect();
    (names, selection.namespaces.into_keys().collect(), selection.decisions)
}

fn names(include: &[&str]) -> NameFilter {
    let own: Vec<String> = include.iter().map(|s| (*s).to_owned()).collect();
    NameFilter::parse(&own, &[]).unwrap()
}

#[test]
fn everything_but_what_belongs_to_the_cluster() {
    let (items, namespaces, decisions) = run(|_| {});
    assert_eq!(items.len(), 6);
    assert_eq!(namespaces, ["empty", "other", "shop"]);
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].reason.code, "never-restored");
}

#[test]
fn a_namespace_brings_what_its_items_need() {
    let (items, namespaces, decisions) = run(|r| r.namespaces = names(&["shop"]));
    assert!(items.contains(&"persistentvolumes pv-1".to_owned()), "{items:?}");
    assert!(items.iter().any(|i| i.starts_with("customresourcedefinitions")), "{items:?}");
    assert!(!items.iter().any(|i| i.contains("other")));
    assert_eq!(namespaces, ["shop"]);
    assert!(decisions.iter().all(|d| !items.contains(&d.item.to_string())), "nothing is skipped and restored");
}

#[test]
fn a_selector_brings_what_its_items_need_and_no_more() {
    let (items, namespaces, _) = run(|r| r.labels = LabelChoice::Matching(LabelSelector::parse("app=web").unwrap()));
    assert_eq!(items, ["persistentvolumeclaims shop/data", "persistentvolumes pv-1", "pods shop/web"]);
    assert_eq!(namespaces, ["shop"]);
}

#[test]
fn short_names_and_mapped_namespaces_work() {
    let (items, namespaces, _) = run(|r| {
        r.kinds = names(&["po"]);
        r.namespace_mapping.insert("shop".into(), "copy".into());
    });
    assert_eq!(items, ["pods shop/web"]);
    assert_eq!(namespaces, ["copy"]);
}

#[test]
fn refused_cluster_scoped_kinds_stay_out_whoever_needs_them() {
    let (items, ..) = run(|r| r.cluster_scoped = Some(false));
    assert!(items.iter().all(|item| item.contains('/')), "{items:?}");
}
