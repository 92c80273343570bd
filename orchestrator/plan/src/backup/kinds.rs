//! Which kinds a backup lists, from the request's filters and what the server serves.
//!
//! Follows both of Velero's filter models. One deviation: a request without any filter means the whole cluster, as
//! Velero's documentation promises.

use std::collections::BTreeSet;

use model::request::{BackupRequest, KindFilter, NameFilter};
use model::{ApiResource, Catalog, Finding, Glob, GroupResource, Reason};

use super::facts::Role;
use super::policy::filter::{Fate, ItemRules, warning, wrong_scope};
use super::policy::{KindLists, Policy};
use super::scope::NamespaceScope;

/// One kind to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindList {
    pub resource: ApiResource,
    /// The version is the one that the server prefers for this kind: it is stored under the plain path too.
    pub preferred: bool,
    pub role: Role,
    /// `None` lists the whole cluster at once.
    pub namespaces: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindsPlan {
    pub lists: Vec<KindList>,
    pub rules: KindRules,
    /// Kinds that are served and not listed, with the reason.
    pub skipped: Vec<(GroupResource, Reason)>,
    /// Entries of the resource policy that have no effect here.
    pub findings: Vec<Finding>,
}

/// The request's kind filter and its policy, names resolved against the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRules {
    filter: KindFilter,
    /// Kinds of the policy; whatever the request names itself is stronger.
    policy: KindLists,
    whole_cluster: bool,
    /// Which items of the kinds are in, where the policy says so.
    pub items: ItemRules,
    /// The request's labels leave items out of every list.
    by_label: bool,
}

/// One question to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// `None` asks for the whole cluster.
    pub namespace: Option<String>,
    pub selector: Option<String>,
}

const VERBS: [&str; 4] = ["list", "create", "get", "delete"];

/// Never listed: a backup's own volume snapshots come in by relation, others belong to what made them.
const SNAPSHOT_KINDS: [&str; 2] =
    ["volumesnapshots.snapshot.storage.k8s.io", "volumesnapshotcontents.snapshot.storage.k8s.io"];

/// Groups that show the same objects; the first one that serves the kind is listed. Velero: pkg/backup/item_collector.go.
const COHABITING: [(&str, [&str; 2]); 5] = [
    ("deployments", ["apps", "extensions"]),
    ("daemonsets", ["apps", "extensions"]),
    ("replicasets", ["apps", "extensions"]),
    ("networkpolicies", ["networking.k8s.io", "extensions"]),
    ("events", ["", "events.k8s.io"]),
];

pub fn kinds(request: &BackupRequest, policy: &Policy, catalog: &Catalog, scope: &NamespaceScope) -> KindsPlan {
    let (rules, findings) = KindRules::resolve(request, policy, catalog, scope);
    let mut lists = Vec::new();
    let mut skipped = Vec::new();
    let distinct: BTreeSet<GroupResource> = catalog.resources().map(ApiResource::group_resource).collect();
    for kind in distinct {
        let versions = catalog.versions_of(&kind);
        let Some(preferred) = versions.first() else { continue };
        if let Err(reason) = listable(preferred, catalog).and_then(|()| rules.lists(preferred)) {
            skipped.push((kind, reason));
            continue;
        }
        let namespaces = match (preferred.namespaced, scope.all) {
            (true, false) => Some(scope.included.clone()),
            _ => None,
        };
        let wanted = if request.every_version { versions.as_slice() } else { &versions[..1] };
        for (at, resource) in wanted.iter().enumerate() {
            lists.push(KindList {
                resource: (*resource).clone(),
                preferred: at == 0,
                role: if at == 0 { Role::of(&kind) } else { Role::Plain },
                namespaces: namespaces.clone(),
            });
        }
    }
    lists.sort_by_key(|list| order(&list.resource));
    KindsPlan { lists, rules, skipped, findings }
}

impl KindList {
    /// What to ask the server for; where one answer covers namespaces with rules of their own, it is asked without
    /// labels, and [`ItemRules::selects`] tells its items apart.
    pub fn asks(&self, request: &BackupRequest, rules: &KindRules) -> Vec<Ask> {
        let in_namespace = |namespace: Option<&String>| {
            let labels = match rules.items.fate(&self.resource, namespace.map(String::as_str)) {
                Fate::Request => &request.labels,
                Fate::Filter(filter) => &filter.labels,
                Fate::Out => return Vec::new(),
            };
            labels.queries().into_iter().map(|selector| Ask { namespace: namespace.cloned(), selector }).collect()
        };
        match &self.namespaces {
            Some(namespaces) => namespaces.iter().flat_map(|namespace| in_namespace(Some(namespace))).collect(),
            None if self.resource.namespaced && rules.items.govern(&self.resource) => {
                vec![Ask { namespace: None, selector: None }]
            }
            None if self.resource.namespaced => {
                request.labels.queries().into_iter().map(|selector| Ask { namespace: None, selector }).collect()
            }
            None => in_namespace(None),
        }
    }
}

/// The request's list over the policy's.
struct Layers<'a> {
    request: &'a NameFilter,
    policy: &'a NameFilter,
}

impl Layers<'_> {
    fn excludes(&self, name: &str) -> bool {
        self.request.excludes(name) || (!self.request.names(name) && self.policy.excludes(name))
    }

    fn names(&self, name: &str) -> bool {
        !self.excludes(name) && (self.request.names(name) || self.policy.names(name))
    }

    fn admits(&self, name: &str) -> bool {
        let open = self.request.include.is_empty() && self.policy.include.is_empty();
        if open { !self.excludes(name) } else { self.names(name) }
    }

    /// Nothing is named on either side.
    fn is_empty(&self) -> bool {
        let empty = |filter: &NameFilter| filter.include.is_empty() && filter.exclude.is_empty();
        empty(self.request) && empty(self.policy)
    }

    fn is_everything(&self) -> bool {
        self.request.is_everything() && self.policy.is_everything()
    }
}

impl KindRules {
    fn resolve(
        request: &BackupRequest,
        policy: &Policy,
        catalog: &Catalog,
        scope: &NamespaceScope,
    ) -> (Self, Vec<Finding>) {
        let resolved = |filter: &NameFilter| NameFilter {
            include: resolve_names(&filter.include, catalog),
            exclude: resolve_names(&filter.exclude, catalog),
        };
        let filter = match &request.kinds {
            KindFilter::Classic { kinds, cluster_scoped } => {
                KindFilter::Classic { kinds: resolved(kinds), cluster_scoped: *cluster_scoped }
            }
            KindFilter::Scoped { cluster, namespaced } => {
                KindFilter::Scoped { cluster: resolved(cluster), namespaced: resolved(namespaced) }
            }
        };
        let (items, mut findings) = ItemRules::resolve(policy, catalog);
        findings.extend(policy.warnings.iter().map(|text| warning("policy-entry", text.clone())));
        let lists = policy.kinds.as_ref().map(|lists| policy_lists(lists, catalog, &mut findings)).unwrap_or_default();
        let whole_cluster = scope.is_everything();
        let by_label = !request.labels.is_everything();
        let rules = Self { filter, policy: lists, whole_cluster, items, by_label };
        let named: BTreeSet<&GroupResource> = rules.items.namespaced_kinds().collect();
        for kind in named {
            if catalog.preferred(kind).is_some_and(|resource| rules.lists(resource).is_err()) {
                let message = format!(
                    "namespacedFilterPolicies lists {kind}, which this backup leaves out; its entry has no effect"
                );
                findings.push(warning("policy-kind-out", message));
            }
        }
        (rules, findings)
    }

    /// Whether every item of a kind that may come along has been listed already.
    pub fn lists_all(&self, resource: &ApiResource) -> bool {
        self.lists(resource).is_ok() && !self.by_label && !self.items.govern(resource)
    }

    fn cluster<'a>(&'a self, request: &'a NameFilter) -> Layers<'a> {
        Layers { request, policy: &self.policy.cluster }
    }

    fn namespaced<'a>(&'a self, request: &'a NameFilter) -> Layers<'a> {
        Layers { request, policy: &self.policy.namespaced }
    }

    /// Whether a kind is collected.
    pub fn lists(&self, resource: &ApiResource) -> Result<(), Reason> {
        let name = resource.group_resource().to_string();
        let excluded = || Reason::new("kind-excluded", format!("the request excludes {name}"));
        let not_included = || Reason::new("kind-not-included", format!("the request does not include {name}"));
        let is_namespaces = name == "namespaces";
        match &self.filter {
            KindFilter::Classic { kinds, cluster_scoped } => {
                if !resource.namespaced {
                    let by_default = self.whole_cluster || is_namespaces;
                    if !cluster_scoped.unwrap_or(by_default) {
                        return Err(Reason::new("cluster-scoped", format!("cluster-scoped kinds are out: {name}")));
                    }
                }
                match (kinds.excludes(&name), kinds.admits(&name)) {
                    (true, _) => Err(excluded()),
                    (_, false) => Err(not_included()),
                    (false, true) => Ok(()),
                }
            }
            KindFilter::Scoped { namespaced, .. } if resource.namespaced => {
                let namespaced = self.namespaced(namespaced);
                match (namespaced.excludes(&name), namespaced.admits(&name)) {
                    (true, _) => Err(excluded()),
                    (_, false) => Err(not_included()),
                    (false, true) => Ok(()),
                }
            }
            KindFilter::Scoped { cluster, namespaced } => {
                let (cluster, namespaced) = (self.cluster(cluster), self.namespaced(namespaced));
                if cluster.excludes(&name) {
                    return Err(excluded());
                }
                let full = cluster.is_empty() && namespaced.is_everything() && self.whole_cluster;
                if cluster.names(&name) || is_namespaces || full { Ok(()) } else { Err(not_included()) }
            }
        }
    }

    /// Whether an item may come along because another one needs it. Label selectors do not apply to it.
    pub fn admits_related(&self, resource: &ApiResource) -> bool {
        let name = resource.group_resource().to_string();
        match &self.filter {
            KindFilter::Classic { kinds, cluster_scoped } => {
                if kinds.excludes(&name) {
                    return false;
                }
                match (resource.namespaced, cluster_scoped) {
                    (true, _) => kinds.admits(&name),
                    (false, Some(wanted)) => *wanted,
                    (false, None) => kinds.admits(&name),
                }
            }
            KindFilter::Scoped { namespaced, .. } if resource.namespaced => self.namespaced(namespaced).admits(&name),
            KindFilter::Scoped { cluster, .. } => !self.cluster(cluster).excludes(&name),
        }
    }
}

fn listable(resource: &ApiResource, catalog: &Catalog) -> Result<(), Reason> {
    let name = resource.group_resource().to_string();
    if let Some(verb) = VERBS.iter().find(|verb| !resource.has_verb(verb)) {
        return Err(Reason::new("not-storable", format!("{name} does not support {verb}")));
    }
    if SNAPSHOT_KINDS.contains(&name.as_str()) {
        return Err(Reason::new("snapshot-kind", format!("{name} is saved only for volumes of this backup")));
    }
    for (kind, groups) in COHABITING {
        let shown_by = groups.iter().find(|g| catalog.preferred(&GroupResource::new(kind, **g)).is_some());
        if resource.resource == kind
            && groups.contains(&resource.group.as_str())
            && shown_by.is_some_and(|g| *g != resource.group)
        {
            return Err(Reason::new("cohabiting", format!("the same objects are saved as {kind} of another group")));
        }
    }
    Ok(())
}

/// Core kinds first, pods and their volumes before all; the group that old servers share last.
fn order(resource: &ApiResource) -> (u8, u8, String, String, String) {
    let group = match resource.group.as_str() {
        "" => 0,
        "extensions" => 2,
        _ => 1,
    };
    let kind = match (resource.group.as_str(), resource.resource.as_str()) {
        ("", "pods") => 0,
        ("", "persistentvolumeclaims") => 1,
        ("", "persistentvolumes") => 2,
        _ => 3,
    };
    (group, kind, resource.group.clone(), resource.resource.clone(), resource.version.clone())
}

/// Plain names become what the server calls them; patterns and unknown names stay as they are.
fn resolve_names(names: &[Glob], catalog: &Catalog) -> Vec<Glob> {
    let resolve = |glob: &Glob| {
        let found = if glob.is_literal() { catalog.resolve(glob.as_str()) } else { None };
        found.and_then(|kind| Glob::parse(&kind.to_string()).ok()).unwrap_or_else(|| glob.clone())
    };
    names.iter().map(resolve).collect()
}

/// The policy's kinds as the server calls them, without those of the other scope.
fn policy_lists(lists: &KindLists, catalog: &Catalog, findings: &mut Vec<Finding>) -> KindLists {
    let scope_of = |glob: &Glob| {
        let kind = glob.is_literal().then(|| catalog.resolve(glob.as_str())).flatten()?;
        catalog.preferred(&kind).map(|resource| resource.namespaced)
    };
    for (glob, namespaced) in lists.names().filter(|(glob, _)| glob.is_literal()) {
        match scope_of(glob) {
            Some(scope) if scope == namespaced => {}
            Some(_) => findings.push(wrong_scope("includeExcludePolicy", glob.as_str(), namespaced)),
            None => {
                let message = format!("includeExcludePolicy names {glob}, which this cluster does not serve");
                findings.push(warning("policy-unknown-kind", message));
            }
        }
    }
    let resolved = |filter: &NameFilter, namespaced: bool| {
        let fits = |globs: &[Glob]| {
            let fitting = globs.iter().filter(|glob| scope_of(glob).is_none_or(|scope| scope == namespaced));
            resolve_names(&fitting.cloned().collect::<Vec<_>>(), catalog)
        };
        NameFilter { include: fits(&filter.include), exclude: fits(&filter.exclude) }
    };
    KindLists { cluster: resolved(&lists.cluster, false), namespaced: resolved(&lists.namespaced, true) }
}
