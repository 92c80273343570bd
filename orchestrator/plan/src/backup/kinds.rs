//! Which kinds a backup lists, from the request's filters and what the server serves.
//!
//! Follows both of Velero's filter models. One deviation: a request without any filter means the whole cluster, as
//! Velero's documentation promises.

use std::collections::BTreeSet;

use model::request::{BackupRequest, KindFilter, NameFilter};
use model::{ApiResource, Catalog, Glob, GroupResource, Reason};

use super::facts::Role;
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
}

/// The request's kind filter, its names resolved against the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRules {
    filter: KindFilter,
    whole_cluster: bool,
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

pub fn kinds(request: &BackupRequest, catalog: &Catalog, scope: &NamespaceScope) -> KindsPlan {
    let rules = KindRules::resolve(&request.kinds, catalog, scope);
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
    KindsPlan { lists, rules, skipped }
}

impl KindRules {
    fn resolve(filter: &KindFilter, catalog: &Catalog, scope: &NamespaceScope) -> Self {
        let resolved = |filter: &NameFilter| NameFilter {
            include: resolve_names(&filter.include, catalog),
            exclude: resolve_names(&filter.exclude, catalog),
        };
        let filter = match filter {
            KindFilter::Classic { kinds, cluster_scoped } => {
                KindFilter::Classic { kinds: resolved(kinds), cluster_scoped: *cluster_scoped }
            }
            KindFilter::Scoped { cluster, namespaced } => {
                KindFilter::Scoped { cluster: resolved(cluster), namespaced: resolved(namespaced) }
            }
        };
        Self { filter, whole_cluster: scope.is_everything() }
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
                match (namespaced.excludes(&name), namespaced.admits(&name)) {
                    (true, _) => Err(excluded()),
                    (_, false) => Err(not_included()),
                    (false, true) => Ok(()),
                }
            }
            KindFilter::Scoped { cluster, namespaced } => {
                if cluster.excludes(&name) {
                    return Err(excluded());
                }
                let full = cluster.include.is_empty()
                    && cluster.exclude.is_empty()
                    && namespaced.is_everything()
                    && self.whole_cluster;
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
            KindFilter::Scoped { namespaced, .. } if resource.namespaced => namespaced.admits(&name),
            KindFilter::Scoped { cluster, .. } => !cluster.excludes(&name),
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
