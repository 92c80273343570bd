use std::collections::{BTreeMap, BTreeSet};

use model::request::{BackupRequest, KindFilter, LabelChoice, NameFilter};
use model::{ApiResource, Catalog, LabelSelector};

use super::super::kinds::kinds;
use super::super::scope::{NamespaceFact, NamespaceScope};
use super::*;

fn errors(text: &str) -> Vec<String> {
    match Policy::parse(text) {
        Err(PolicyError::Invalid(errors)) => errors,
        other => panic!("{other:?}"),
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|error| panic!("{}", model::chain(&error)))
}

/// A document with one volume rule of these conditions.
fn rule(conditions: &str) -> VolumeRule {
    policy(&format!("version: v1\nvolumePolicies:\n- conditions: {conditions}\n  action: {{type: skip}}\n"))
        .volumes
        .remove(0)
}

#[test]
fn every_mistake_is_told_at_once() {
    let found = errors(
        r#"
version: v2
volumePolicies:
- conditions: {capacity: "10Gi,1Gi", csi: {volumeAttributes: {a: b}}}
  action: {type: delete}
- conditions: {capacity: "1Gi"}
- conditions: {capacity: "x,"}
  action: {type: skip}
includeExcludePolicy:
  includedClusterScopedResources: ["*", nodes]
  excludedClusterScopedResources: [nodes]
clusterScopedFilterPolicy:
  resourceFilters:
  - kinds: ["*"]
  - kinds: [Node]
    names: ["a[b"]
  - kinds: [Node]
namespacedFilterPolicies:
- namespaces: [shop, Shop, "a**", "x[]", "(a)"]
  resourceFilters:
  - {names: [x]}
  - kinds: ["*"]
  - kinds: [Pod, Pod]
    labelSelector: {matchLabels: {a: b}, matchExpressions: [{key: k, operator: Near}, {key: k, operator: In}]}
    orLabelSelectors: [{matchLabels: {"a b": c}}]
- namespaces: [shop]
  resourceFilters: []
- namespaces: []
  resourceFilters: [{kinds: [Pod], labelSelector: {matchExpressions: [{key: k, operator: Exists, values: [x]}]}}]
"#,
    );
    for part in [
        "incompatible version number v2 with supported version v1",
        "volumePolicies[0]: invalid action type delete",
        "volumePolicies[0]: illegal values for capacity 10Gi,1Gi",
        "volumePolicies[0]: csi driver should not be empty",
        "volumePolicies[1]: invalid action type",
        "volumePolicies[1]: wrong format of Capacity 1Gi",
        "volumePolicies[2]: wrong format of Capacity x",
        "cannot use '*' in includes or excludes filters in the policy",
        "excludes list cannot contain an item in the includes list: nodes",
        "clusterScopedFilterPolicy.resourceFilters[0]: kinds must be specified (catch-all is not supported)",
        "clusterScopedFilterPolicy.resourceFilters[1].names[0]: invalid glob pattern \"a[b\"",
        "clusterScopedFilterPolicy: kind \"Node\" appears in both resourceFilters[1] and resourceFilters[2]",
        "namespacedFilterPolicies[0].namespaces[1]",
        "namespacedFilterPolicies[0].namespaces[2]",
        "namespacedFilterPolicies[0].namespaces[3]",
        "namespacedFilterPolicies[0].namespaces[4]",
        "namespacedFilterPolicies[0]: only one catch-all resource filter is allowed",
        "namespacedFilterPolicies[0].resourceFilters[0]: names or excludedNames cannot be specified for catch-all",
        "namespacedFilterPolicies[0]: kind \"Pod\" appears in both resourceFilters[2] and resourceFilters[2]",
        "namespacedFilterPolicies[0].resourceFilters[2]: labelSelector and orLabelSelectors cannot co-exist",
        "resourceFilters[2]: invalid label selector: \"Near\" is not a valid label selector operator",
        "resourceFilters[2]: invalid label selector: \"k\": operator In needs values",
        "orLabelSelectors[0]: invalid label selector: \"a b\" is not a valid label key",
        "namespacedFilterPolicies[1]: at least one resourceFilter must be specified",
        "namespacedFilterPolicies[2]: at least one namespace must be specified",
        "operator Exists takes no values",
        "duplicate namespace pattern 'shop' found in policies [0 1]",
    ] {
        assert!(found.iter().any(|error| error.contains(part)), "{part} is not in {found:#?}");
    }
}

#[test]
fn the_shape_is_strict() {
    for text in [
        "version: v1\nvolumePolicy: []\n",
        "version: v1\nvolumePolicies: [{conditions: {size: 1}, action: {type: skip}}]\n",
        "version: v1\nvolumePolicies: [{conditions: {pvcPhase: Bound}, action: {type: skip}}]\n",
        "version: v1\nvolumePolicies: [{conditions: {pvcLabels: [a]}, action: {type: skip}}]\n",
        "version: v1\nvolumePolicies: [{action: {type: skip, when: now}}]\n",
        "version: v1\nversion: v1\n",
        "version: v1\nnamespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{kinds: [Pod], labelSelector: {app: web}}]}]\n",
        "version: v1\n---\nversion: v1\n",
        "- version: v1\n",
        "version: [\n",
    ] {
        assert!(matches!(Policy::parse(text), Err(PolicyError::Yaml(_))), "{text}");
    }
    assert!(matches!(Policy::parse(&" ".repeat(2 << 20)), Err(PolicyError::Invalid(_))));
    let many = format!(
        "version: v1\nclusterScopedFilterPolicy: {{resourceFilters: [{{kinds: [Node], names: [{}]}}]}}\n",
        "\"a*\",".repeat(5000)
    );
    assert!(errors(&many).iter().any(|error| error.contains("at most")));
    // Scalars that YAML would read as something else are text where text is wanted.
    let labels = rule("{pvcLabels: {a: true, b: 1}}").conditions.claim_labels;
    assert_eq!(labels, BTreeMap::from([("a".to_owned(), "true".to_owned()), ("b".to_owned(), "1".to_owned())]));
    assert_eq!(policy("version: v1\nvolumePolicies: null\n"), Policy::default());
}

#[test]
fn old_filters_exclude_policies_for_kinds_and_items() {
    for (part, refused) in [
        ("includeExcludePolicy: {}", true),
        ("clusterScopedFilterPolicy: {resourceFilters: [{kinds: [Node]}]}", true),
        ("namespacedFilterPolicies: [{namespaces: [a], resourceFilters: [{}]}]", true),
        ("volumePolicies: [{action: {type: skip}}]", false),
    ] {
        let text = Some(format!("version: v1\n{part}\n"));
        let old = BackupRequest { resource_policy: text.clone(), ..BackupRequest::everything("b") };
        assert_eq!(Policy::of(&old).is_err(), refused, "{part}");
        assert!(Policy::of(&BackupRequest { resource_policy: text, ..scoped(&[], &[]) }).is_ok(), "{part}");
    }
}

#[test]
fn conditions_hold_for_what_they_describe() {
    let labels = BTreeMap::from([("app".to_owned(), "db".to_owned()), ("tier".to_owned(), "1".to_owned())]);
    let attributes = BTreeMap::from([("nas".to_owned(), "yes".to_owned())]);
    let modes = ["ReadWriteOnce".to_owned(), "ReadOnlyMany".to_owned()];
    let csi = Subject {
        capacity: Quantity::parse("10Gi").unwrap(),
        class: "gp3",
        source: "csi",
        csi: Some(("ebs.csi.aws.com", Some(&attributes))),
        claim_labels: Some(&labels),
        claim_phase: "Bound",
        claim_mode: "Filesystem",
        claim_access: &modes,
        ..Subject::default()
    };
    let nfs = Subject { source: "nfs", nfs: Some(("10.0.0.1", "/data")), ..Subject::default() };
    for (conditions, on_csi, on_nfs) in [
        ("{}", true, true),
        ("", true, true),
        ("{capacity: ','}", true, true),
        ("{capacity: '10Gi,'}", true, false),
        ("{capacity: ',10Gi'}", true, true),
        ("{capacity: '10240Mi , 10Gi'}", true, false),
        ("{capacity: '0,9Gi'}", false, true),
        ("{capacity: '10737418241,20Gi'}", false, false),
        ("{storageClass: [gp2, gp3]}", true, false),
        ("{storageClass: ['']}", false, false),
        ("{storageClass: []}", true, true),
        ("{nfs: {}}", false, true),
        ("{nfs: }", true, true),
        ("{nfs: {server: 10.0.0.1}}", false, true),
        ("{nfs: {server: 10.0.0.1, path: /other}}", false, false),
        ("{nfs: {path: /data}}", false, true),
        ("{csi: {}}", true, false),
        ("{csi: {driver: ebs.csi.aws.com}}", true, false),
        ("{csi: {driver: efs.csi.aws.com}}", false, false),
        ("{csi: {driver: ebs.csi.aws.com, volumeAttributes: {nas: 'yes'}}}", true, false),
        ("{csi: {driver: ebs.csi.aws.com, volumeAttributes: {nas: 'yes', b: c}}}", false, false),
        ("{volumeTypes: [nfs, local]}", false, true),
        ("{volumeTypes: [csi, nfs]}", true, true),
        ("{pvcLabels: {app: db}}", true, false),
        ("{pvcLabels: {app: db, other: x}}", false, false),
        ("{pvcPhase: [Pending, Bound]}", true, false),
        ("{pvcPhase: [Lost]}", false, false),
        ("{pvcVolumeMode: Filesystem}", true, false),
        ("{pvcVolumeMode: filesystem}", false, false),
        ("{pvcAccessModes: [ReadOnlyMany, ReadWriteOnce]}", true, false),
        ("{pvcAccessModes: [ReadWriteOnce]}", false, false),
        ("{storageClass: [gp3], pvcPhase: [Lost]}", false, false),
    ] {
        let rule = rule(conditions);
        assert_eq!((rule.matches(&csi), rule.matches(&nfs)), (on_csi, on_nfs), "{conditions}");
    }
    let storageos = Subject { source: "storageos", ..Subject::default() };
    assert!(rule("{volumeTypes: [storageOS]}").matches(&storageos));
    let odd = policy("version: v1\nvolumePolicies: [{conditions: {volumeTypes: [floppy]}, action: {type: skip}}]\n");
    assert!(odd.warnings[0].contains("floppy"));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let text = "version: v1\nvolumePolicies:\n- conditions: {storageClass: [a]}\n  action: {type: snapshot, parameters: {k: [1]}}\n\
                - conditions: {storageClass: [a, b]}\n  action: {type: skip}\n- action: {type: custom}\n";
    let policy = policy(text);
    let of = |class| policy.action_for(&Subject { class, ..Subject::default() });
    assert_eq!(of("a"), Some((0, Action::Snapshot)));
    assert_eq!(of("b"), Some((1, Action::Skip)));
    assert_eq!(of("c"), Some((2, Action::Custom)));
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (group, resource, kind, namespaced) in [
        ("", "pods", "Pod", true),
        ("", "configmaps", "ConfigMap", true),
        ("", "secrets", "Secret", true),
        ("", "nodes", "Node", false),
        ("", "namespaces", "Namespace", false),
        ("storage.k8s.io", "storageclasses", "StorageClass", false),
    ] {
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
    catalog
}

fn names(include: &[&str], exclude: &[&str]) -> NameFilter {
    let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    NameFilter::parse_scoped(&own(include), &own(exclude)).unwrap()
}

/// A request of the new filters, with these namespaced kinds.
fn scoped(include: &[&str], exclude: &[&str]) -> BackupRequest {
    let filter = KindFilter::Scoped { cluster: NameFilter::default(), namespaced: names(include, exclude) };
    BackupRequest { kinds: filter, ..BackupRequest::everything("b") }
}

fn scope(filter: &NameFilter) -> NamespaceScope {
    let live = ["shop", "shop-a", "shop-b", "other"].map(|name| (name.to_owned(), NamespaceFact::default())).into();
    NamespaceScope::plan(filter, &live)
}

/// The namespaced kinds that are listed.
fn listed(request: &BackupRequest, text: &str) -> (Vec<String>, Vec<String>) {
    let plan = kinds(request, &policy(text), &catalog(), &scope(&request.namespaces));
    let lists = plan.lists.iter().filter(|list| list.resource.resource != "namespaces");
    let mut found: Vec<String> = lists.map(|list| list.resource.resource.clone()).collect();
    found.sort();
    (found, plan.findings.into_iter().map(|finding| finding.reason.message).collect())
}

#[test]
fn kinds_of_the_request_beat_kinds_of_the_policy() {
    let text = |lists: &str| format!("version: v1\nincludeExcludePolicy: {{{lists}}}\n");
    let exclude = text("excludedNamespaceScopedResources: [Secret, cm*]");
    let include = text("includedNamespaceScopedResources: [secrets]");
    for (request, text, expected) in [
        (scoped(&[], &[]), &exclude, vec!["configmaps", "nodes", "pods", "storageclasses"]),
        (scoped(&["secrets"], &[]), &exclude, vec!["secrets"]),
        (scoped(&["*"], &[]), &exclude, vec!["configmaps", "pods", "secrets"]),
        (scoped(&[], &[]), &include, vec!["secrets"]),
        (scoped(&["pods"], &[]), &include, vec!["pods", "secrets"]),
        (scoped(&[], &["secrets"]), &include, vec![]),
        (scoped(&["pods"], &[]), &text("excludedNamespaceScopedResources: [p*]"), vec!["pods"]),
        (
            scoped(&["pods"], &[]),
            &text("includedClusterScopedResources: [storageclasses]"),
            vec!["pods", "storageclasses"],
        ),
        (scoped(&[], &[]), &text("excludedClusterScopedResources: [nodes]"), vec!["configmaps", "pods", "secrets"]),
    ] {
        let (found, _) = listed(&request, text);
        let expected: Vec<&str> = expected.into_iter().filter(|kind| *kind != "x").collect();
        // A request that lists nothing by default lists cluster-scoped kinds only for the whole cluster.
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        let namespaced = |kinds: &[&str]| {
            kinds
                .iter()
                .filter(|k| !["nodes", "storageclasses"].contains(k))
                .map(|k| (*k).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(namespaced(&found), namespaced(&expected), "{text} {:?}", request.kinds);
        if text.contains("ClusterScoped") {
            assert_eq!(found, expected, "{text}");
        }
    }
}

#[test]
fn entries_without_effect_are_warned_of() {
    let text = "version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets, Node, gizmo]}\n\
                clusterScopedFilterPolicy: {resourceFilters: [{kinds: [ConfigMap]}]}\n\
                namespacedFilterPolicies: [{namespaces: [shop], resourceFilters: [{kinds: [Secret, widgets, Node]}]}]\n";
    let (_, findings) = listed(&scoped(&[], &[]), text);
    for part in
        ["Node is cluster-scoped", "names gizmo", "ConfigMap is namespace-scoped", "names widgets", "lists secrets"]
    {
        assert!(findings.iter().any(|finding| finding.contains(part)), "{part} is not in {findings:#?}");
    }
}

const FILTERS: &str = r#"
version: v1
clusterScopedFilterPolicy:
  resourceFilters:
  - kinds: [StorageClass]
    names: ["my-*"]
    labelSelector: {matchLabels: {keep: "yes"}}
namespacedFilterPolicies:
- namespaces: ["shop-*"]
  resourceFilters:
  - kinds: [ConfigMap]
    names: ["app-*"]
    excludedNames: ["*-tmp"]
  - kinds: ["*"]
    orLabelSelectors:
    - matchLabels: {app: web}
    - matchExpressions: [{key: tier, operator: In, values: [a, b]}]
- namespaces: [shop-b, shop]
  resourceFilters:
  - kinds: [pods]
"#;

#[test]
fn items_are_selected_where_they_live() {
    let catalog = catalog();
    let (rules, findings) = ItemRules::resolve(&policy(FILTERS), &catalog);
    assert_eq!(findings, []);
    let request = LabelChoice::Matching(LabelSelector::parse("team=x").unwrap());
    for (kind, namespace, name, labels, listed, related) in [
        ("configmaps", Some("shop-a"), "app-one", "", true, true),
        ("configmaps", Some("shop-a"), "app-tmp", "", false, false),
        ("configmaps", Some("shop-a"), "other", "app=web", false, false),
        ("secrets", Some("shop-a"), "s", "app=web", true, true),
        ("secrets", Some("shop-a"), "s", "tier=b", true, true),
        ("secrets", Some("shop-a"), "s", "team=x", false, true),
        ("secrets", Some("shop-b"), "s", "app=web", false, true),
        ("pods", Some("shop-b"), "p", "", true, true),
        ("pods", Some("shop"), "p", "", true, true),
        ("configmaps", Some("shop"), "app-one", "team=x", false, true),
        ("pods", Some("other"), "p", "", false, true),
        ("pods", Some("other"), "p", "team=x", true, true),
        ("storageclasses.storage.k8s.io", None, "my-fast", "keep=yes", true, true),
        ("storageclasses.storage.k8s.io", None, "my-fast", "team=x", false, true),
        ("storageclasses.storage.k8s.io", None, "standard", "keep=yes", false, false),
        ("nodes", None, "n", "team=x", true, true),
        ("nodes", None, "n", "keep=yes", false, true),
    ] {
        let resource = catalog.preferred(&model::GroupResource::parse(kind)).unwrap();
        let labels = LabelSelector::parse(labels).unwrap().match_labels;
        let found = rules.selects(resource, namespace, name, &labels, &request);
        assert_eq!(found, listed, "{kind} {namespace:?} {name} {labels:?}");
        assert_eq!(rules.admits_related(resource, namespace, name), related, "{kind} {namespace:?} {name}");
    }
}

#[test]
fn the_server_is_asked_for_no_more_than_the_rules_need() {
    let text = |plan: &super::super::KindsPlan, request: &BackupRequest, kind: &str| {
        let list = plan.lists.iter().find(|list| list.resource.resource == kind).unwrap();
        let asks = list.asks(request, &plan.rules).into_iter();
        let part = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        asks.map(|ask| format!("{} {}", part(ask.namespace), part(ask.selector))).collect::<Vec<_>>()
    };
    let labels = LabelChoice::Matching(LabelSelector::parse("team=x").unwrap());
    let cluster = names(&["storageclasses", "nodes"], &[]);
    let kinds_of = KindFilter::Scoped { cluster, namespaced: NameFilter::default() };
    let request = BackupRequest { labels, kinds: kinds_of, ..scoped(&[], &[]) };
    let policy = policy(FILTERS);
    let plan = kinds(&request, &policy, &catalog(), &scope(&request.namespaces));
    assert_eq!(text(&plan, &request, "pods"), ["- -"]);
    assert_eq!(text(&plan, &request, "storageclasses"), ["- keep=yes"]);
    assert_eq!(text(&plan, &request, "nodes"), ["- team=x"]);
    let request = BackupRequest { namespaces: names(&["shop", "shop-a", "other"], &[]), ..request };
    let plan = kinds(&request, &policy, &catalog(), &scope(&request.namespaces));
    assert_eq!(text(&plan, &request, "pods"), ["other team=x", "shop -", "shop-a app=web", "shop-a tier in (a,b)"]);
    assert_eq!(text(&plan, &request, "secrets"), ["other team=x", "shop-a app=web", "shop-a tier in (a,b)"]);
    let plan = kinds(&request, &Policy::default(), &catalog(), &scope(&request.namespaces));
    assert_eq!(text(&plan, &request, "secrets"), ["other team=x", "shop team=x", "shop-a team=x"]);
}
