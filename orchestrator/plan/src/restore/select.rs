//! Which items of a backup are restored.
//!
//! Follows Velero's rules (pkg/restore/restore.go): namespaces are matched as the backup names them, cluster-scoped
//! kinds come along only when every namespace does, unless asked otherwise. What a selected item needs, and the
//! definition of its kind when the target lacks it, comes along.

use std::collections::{BTreeMap, BTreeSet};

use model::request::{NameFilter, RestoreRequest};
use model::{Catalog, Decision, Glob, GroupResource, ItemId, Pass, Reason, Verdict};

use super::archived::ArchivedItem;

/// Kinds that no restore creates: they belong to a cluster, to a moment, or to the backup tool itself.
/// Velero: pkg/controller/restore_controller.go.
pub const NEVER_RESTORED: [&str; 9] = [
    "nodes",
    "events",
    "events.events.k8s.io",
    "backups.velero.io",
    "restores.velero.io",
    "resticrepositories.velero.io",
    "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "backuprepositories.velero.io",
];

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Positions in the backup's items, in their order. Namespaces are not among them.
    pub items: Vec<u32>,
    /// Namespaces to ensure, as the target names them, with the backup's object where there is one.
    pub namespaces: BTreeMap<String, Option<u32>>,
    pub decisions: Vec<Decision>,
}

pub fn select(request: &RestoreRequest, items: &[ArchivedItem], target: &Catalog) -> Selection {
    let filter = Filter::new(request, items, target);
    let mut chosen = vec![false; items.len()];
    let mut selection = Selection::default();
    for (at, item) in items.iter().enumerate() {
        let verdict = filter.admits(item).and_then(|()| match request.labels.admits(&item.labels) {
            true => Ok(()),
            false if item.bodies.is_empty() => Err(Reason::new(
                "unreadable-body",
                "its body is no object, so nobody knows whether the selector matches",
            )),
            false => Err(Reason::new("label-selector", "the request's selector does not match")),
        });
        match verdict {
            Ok(()) => chosen[at] = true,
            Err(reason) => selection.skip(&item.id, reason),
        }
    }
    let positions = Positions::of(items);
    let mut queue: Vec<usize> = (0..items.len()).filter(|at| chosen[*at]).collect();
    while let Some(at) = queue.pop() {
        for id in needs(&items[at], target) {
            let Some(next) = positions.find(&id) else { continue };
            if !chosen[next] && filter.admits_related(&items[next]).is_ok() {
                chosen[next] = true;
                selection.decisions.retain(|decision| decision.item != id);
                queue.push(next);
            }
        }
    }
    selection.ensure_namespaces(request, items, &chosen);
    let is_namespace = |item: &ArchivedItem| item.id.resource == GroupResource::new("namespaces", "");
    let wanted = (0..items.len()).filter(|at| chosen[*at] && !is_namespace(&items[*at]));
    selection.items = wanted.map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
    selection
}

/// The namespace that an item's namespace becomes.
pub fn mapped<'a>(request: &'a RestoreRequest, namespace: &'a str) -> &'a str {
    request.namespace_mapping.get(namespace).map_or(namespace, String::as_str)
}

struct Filter<'a> {
    request: &'a RestoreRequest,
    kinds: NameFilter,
    cluster_scoped: bool,
    never: BTreeSet<&'static str>,
}

impl<'a> Filter<'a> {
    fn new(request: &'a RestoreRequest, items: &[ArchivedItem], target: &Catalog) -> Self {
        let archived: BTreeSet<&GroupResource> = items.iter().map(|item| &item.id.resource).collect();
        let resolve = |globs: &[Glob]| -> Vec<Glob> {
            globs.iter().flat_map(|glob| resolve_kind(glob, &archived, target)).collect()
        };
        Self {
            request,
            kinds: NameFilter { include: resolve(&request.kinds.include), exclude: resolve(&request.kinds.exclude) },
            cluster_scoped: request.cluster_scoped.unwrap_or(request.namespaces.is_everything()),
            never: NEVER_RESTORED.into(),
        }
    }

    fn admits(&self, item: &ArchivedItem) -> Result<(), Reason> {
        if item.id.namespace.is_none() && !self.cluster_scoped {
            let why = "cluster-scoped kinds are not restored with a selection of namespaces; ask for them";
            return Err(Reason::new("cluster-scoped", why));
        }
        self.admits_kind_and_namespace(item)
    }

    /// What another item needs passes without labels, and cluster-wide unless that was refused outright.
    fn admits_related(&self, item: &ArchivedItem) -> Result<(), Reason> {
        if item.id.namespace.is_none() && self.request.cluster_scoped == Some(false) {
            return Err(Reason::new("cluster-scoped", "the request refuses cluster-scoped kinds"));
        }
        self.admits_kind_and_namespace(item)
    }

    fn admits_kind_and_namespace(&self, item: &ArchivedItem) -> Result<(), Reason> {
        let kind = item.id.resource.to_string();
        if self.never.contains(kind.as_str()) {
            return Err(Reason::new("never-restored", format!("{kind} belong to the cluster that made them")));
        }
        // What only tells of the moment comes back when it is asked for by name, and not otherwise.
        if let Some(why) = versions::runtime::runtime_state(&item.id.resource).filter(|_| !self.kinds.names(&kind)) {
            return Err(Reason::new("runtime-state", format!("{kind}: {why}")));
        }
        if self.kinds.excludes(&kind) {
            return Err(Reason::new("kind-excluded", format!("the request excludes {kind}")));
        }
        if !self.kinds.admits(&kind) {
            return Err(Reason::new("kind-not-included", format!("the request does not include {kind}")));
        }
        let namespace = match &item.id.namespace {
            Some(namespace) => Some(namespace),
            None if kind == "namespaces" => Some(&item.id.name),
            None => None,
        };
        match namespace.filter(|name| !self.request.namespaces.admits(name)) {
            Some(name) => Err(Reason::new("namespace-excluded", format!("namespace {name} is not in the selection"))),
            None => Ok(()),
        }
    }
}

impl Selection {
    fn skip(&mut self, item: &ItemId, reason: Reason) {
        let decision = Decision { item: item.clone(), pass: Pass::Select, verdict: Verdict::Skip, reason };
        self.decisions.push(decision);
    }

    fn ensure_namespaces(&mut self, request: &RestoreRequest, items: &[ArchivedItem], chosen: &[bool]) {
        let kind = GroupResource::new("namespaces", "");
        let mut objects: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, item) in items.iter().enumerate().filter(|(_, item)| item.id.resource == kind) {
            objects.insert(&item.id.name, u32::try_from(at).unwrap_or(u32::MAX));
            if chosen[at] {
                let target = mapped(request, &item.id.name).to_owned();
                self.namespaces.entry(target).or_insert(u32::try_from(at).ok());
            }
        }
        let lived_in: BTreeSet<&str> =
            items.iter().zip(chosen).filter(|(_, yes)| **yes).filter_map(|(i, _)| i.id.namespace.as_deref()).collect();
        for namespace in lived_in {
            let object = objects.get(namespace).copied();
            self.namespaces.entry(mapped(request, namespace).to_owned()).or_insert(object);
        }
        let ensured: BTreeSet<u32> = self.namespaces.values().flatten().copied().collect();
        self.decisions.retain(|decision| {
            decision.item.resource != kind
                || !objects.get(decision.item.name.as_str()).is_some_and(|at| ensured.contains(at))
        });
    }
}

/// Finds items by identity; the backup's items are sorted.
struct Positions<'a> {
    items: &'a [ArchivedItem],
}

impl<'a> Positions<'a> {
    fn of(items: &'a [ArchivedItem]) -> Self {
        debug_assert!(items.is_sorted_by(|a, b| a.id < b.id), "items come sorted by identity");
        Self { items }
    }

    fn find(&self, id: &ItemId) -> Option<usize> {
        self.items.binary_search_by(|item| (*item.id).cmp(id)).ok()
    }
}

fn needs(item: &ArchivedItem, target: &Catalog) -> Vec<ItemId> {
    let core = |resource: &str| GroupResource::new(resource, "");
    let mut out = Vec::new();
    let more = item.more.as_deref();
    if let (Some(pod), Some(namespace)) = (more.and_then(|m| m.pod.as_ref()), &item.id.namespace) {
        for claim in pod.volumes.iter().filter_map(|(_, _, claim)| claim.as_deref()) {
            out.push(ItemId::namespaced(core("persistentvolumeclaims"), namespace, claim));
        }
        if !pod.priority_class.is_empty() {
            let kind = GroupResource::new("priorityclasses", "scheduling.k8s.io");
            out.push(ItemId::cluster(kind, &pod.priority_class));
        }
    }
    if let Some(claim) = more.and_then(|m| m.claim.as_ref()).filter(|c| !c.volume.is_empty()) {
        out.push(ItemId::cluster(core("persistentvolumes"), &claim.volume));
    }
    if item.id.resource.group.contains('.') && target.preferred(&item.id.resource).is_none() {
        let kind = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
        out.push(ItemId::cluster(kind, item.id.resource.to_string()));
    }
    out
}

/// What a word in a list means: a kind of the target, or one that only the backup knows.
fn resolve_kind(glob: &Glob, archived: &BTreeSet<&GroupResource>, target: &Catalog) -> Vec<Glob> {
    if !glob.is_literal() || archived.iter().any(|kind| kind.to_string() == glob.as_str()) {
        return vec![glob.clone()];
    }
    let mut names: BTreeSet<String> = target.resolve(glob.as_str()).map(|kind| kind.to_string()).into_iter().collect();
    let word = glob.as_str().to_ascii_lowercase();
    // A kind that moved to another group since is still what the person means.
    names.extend(archived.iter().filter(|kind| kind.resource == word).map(|kind| kind.to_string()));
    let found: Vec<Glob> = names.iter().filter_map(|name| Glob::parse(name).ok()).collect();
    if found.is_empty() { vec![glob.clone()] } else { found }
}

#[cfg(test)]
mod tests;
