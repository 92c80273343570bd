//! Which items are stored, in which order, with which hooks around them.
//!
//! Works on facts alone. Returns what it still needs to know instead of guessing; the engine observes that and calls
//! again. The same facts give the same plan.

use std::collections::{BTreeMap, BTreeSet};

use model::request::BackupRequest;
use model::{ApiResource, Catalog, Decision, Finding, GroupResource, ItemId, Pass, Reason, Severity, Verdict};

use super::facts::{FactTable, ItemFact, Role};
use super::hooks::{HookCall, pod_hooks};
use super::kinds::KindRules;
use super::policy::Policy;
use super::policy::filter::Fate;
use super::relations::{BINDINGS, Query, ROLES, Relation, binds, relations};
use super::scope::NamespaceScope;
use super::volumes::{Uncovered, uncovered};

/// A run of items that is stored as one block; hooks run before and after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    pub before: Vec<HookCall>,
    /// Indices into [`FactTable::items`].
    pub items: Vec<u32>,
    pub after: Vec<HookCall>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupPlan {
    pub segments: Vec<Segment>,
    pub decisions: Vec<Decision>,
    pub findings: Vec<Finding>,
    pub uncovered: Vec<Uncovered>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    Need(BTreeSet<Query>),
    Done(Box<BackupPlan>),
}

/// What is known about queries that were already asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Queries that have been answered, whatever the answer was.
    pub answered: BTreeSet<Query>,
}

pub fn resolve(
    request: &BackupRequest,
    policy: &Policy,
    rules: &KindRules,
    scope: &NamespaceScope,
    catalog: &Catalog,
    table: &FactTable,
    asked: &Asked,
) -> Resolution {
    let mut run = Run::new(table, scope, rules, catalog, asked);
    run.select();
    run.follow_relations();
    run.namespaces(request);
    run.definitions();
    if !run.need.is_empty() {
        return Resolution::Need(run.need);
    }
    Resolution::Done(Box::new(run.plan(request, policy)))
}

impl BackupPlan {
    pub fn item_count(&self) -> usize {
        self.segments.iter().map(|segment| segment.items.len()).sum()
    }
}

struct Run<'a> {
    scope: &'a NamespaceScope,
    rules: &'a KindRules,
    catalog: &'a Catalog,
    table: &'a FactTable,
    asked: &'a Asked,
    index: Index,
    included: Vec<bool>,
    need: BTreeSet<Query>,
    decisions: Vec<Decision>,
    findings: Vec<Finding>,
}

/// Finds items by identity: positions sorted by kind, namespace and name.
struct Index {
    sorted: Vec<u32>,
    /// Kind number of a resource's preferred version.
    kinds: BTreeMap<GroupResource, Vec<u32>>,
    /// Positions of cluster role bindings.
    bindings: Vec<usize>,
}

impl Index {
    fn of(table: &FactTable) -> Self {
        let mut sorted: Vec<u32> = (0..u32::try_from(table.items.len()).unwrap_or(u32::MAX)).collect();
        // What was selected stands before what was only fetched, so that the first of equals is the one that counts.
        let order = |at: &u32| {
            let item = &table.items[*at as usize];
            (key(item), !item.selected)
        };
        sorted.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        let mut kinds: BTreeMap<GroupResource, Vec<u32>> = BTreeMap::new();
        for (number, (resource, ..)) in table.kinds.iter().enumerate() {
            kinds.entry(resource.group_resource()).or_default().push(u32::try_from(number).unwrap_or(u32::MAX));
        }
        let mut bindings: Vec<usize> = sorted.iter().map(|at| *at as usize).collect();
        bindings.retain(|at| table.role_of(&table.items[*at]) == Role::ClusterRoleBinding);
        bindings.dedup_by_key(|at| key(&table.items[*at]));
        Self { sorted, kinds, bindings }
    }

    /// Every version of an object that was seen, each once.
    fn find(&self, table: &FactTable, id: &ItemId) -> Vec<u32> {
        let Some(namespace) = table.namespace_number(id.namespace.as_deref()) else { return Vec::new() };
        let kinds = self.kinds.get(&id.resource).map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for kind in kinds {
            let wanted = (*kind, namespace, id.name.as_str());
            let start = self.sorted.partition_point(|i| key(&table.items[*i as usize]) < wanted);
            let first = self.sorted.get(start).filter(|at| key(&table.items[**at as usize]) == wanted);
            found.extend(first.copied());
        }
        found
    }
}

fn key(item: &ItemFact) -> (u32, u32, &str) {
    (item.kind, item.namespace, &item.name)
}

impl<'a> Run<'a> {
    fn new(
        table: &'a FactTable,
        scope: &'a NamespaceScope,
        rules: &'a KindRules,
        catalog: &'a Catalog,
        asked: &'a Asked,
    ) -> Self {
        Self {
            scope,
            rules,
            catalog,
            table,
            asked,
            index: Index::of(table),
            included: vec![false; table.items.len()],
            need: BTreeSet::new(),
            decisions: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn skip(&mut self, at: usize, code: &str, message: &str) {
        let item = self.table.id_of(&self.table.items[at]);
        let reason = Reason::new(code, message);
        self.decisions.push(Decision { item, pass: Pass::Select, verdict: Verdict::Skip, reason });
    }

    /// Whether nothing about the item itself keeps it out; says so when something does.
    fn storable(&mut self, at: usize) -> bool {
        let item = &self.table.items[at];
        if item.deleting {
            self.skip(at, "being-deleted", "the object is being deleted");
            return false;
        }
        if item.opted_out {
            self.skip(at, "opted-out", "the object carries velero.io/exclude-from-backup=true");
            return false;
        }
        true
    }

    fn select(&mut self) {
        let mut seen = None;
        let order = std::mem::take(&mut self.index.sorted);
        for at in &order {
            let at = *at as usize;
            let item = &self.table.items[at];
            let is_namespace = is_kind(self.table.resource_of(item), "namespaces", "");
            let inside = self.table.namespace_of(item).is_none_or(|ns| self.scope.admits(ns));
            // Two selectors may have found the same object.
            let again = seen == Some(key(item));
            seen = Some(key(item));
            if item.selected && inside && !is_namespace && !again {
                self.included[at] = self.storable(at);
            }
        }
        self.index.sorted = order;
    }

    fn follow_relations(&mut self) {
        let mut queue: Vec<usize> = (0..self.included.len()).filter(|at| self.included[*at]).collect();
        while let Some(at) = queue.pop() {
            for relation in relations(&self.table.items[at], self.table, self.catalog) {
                let found = match &relation {
                    Relation::Item(id) => self.related(id),
                    Relation::BindingsOf { namespace, account } => self.bindings(namespace, account),
                };
                for next in found {
                    if !self.included[next] && self.storable(next) {
                        self.included[next] = true;
                        queue.push(next);
                    }
                }
            }
        }
    }

    /// The related item if it may come along; asks for it when nobody has seen it.
    fn related(&mut self, id: &ItemId) -> Vec<usize> {
        let Some(resource) = self.catalog.preferred(&id.resource) else { return Vec::new() };
        let inside = id.namespace.as_deref().is_none_or(|ns| self.scope.admits(ns));
        if !inside || !self.rules.admits_related(resource) {
            return Vec::new();
        }
        if !self.rules.items.admits_related(resource, id.namespace.as_deref(), &id.name) {
            return Vec::new();
        }
        let found = self.index.find(self.table, id);
        if found.is_empty() {
            let query = Query::Get(id.clone());
            if self.asked.answered.contains(&query) {
                let message = format!("{id} is needed by a stored item but does not exist");
                self.warn(id, "related-missing", message);
            } else {
                self.need.insert(query);
            }
        }
        found.into_iter().map(|at| at as usize).collect()
    }

    fn bindings(&mut self, namespace: &str, account: &str) -> Vec<usize> {
        let kind = GroupResource::new(BINDINGS.0, BINDINGS.1);
        let Some(resource) = self.catalog.preferred(&kind) else { return Vec::new() };
        if !self.rules.admits_related(resource) {
            return Vec::new();
        }
        let listed = self.rules.lists_all(resource);
        let query = Query::List(kind.clone());
        if !listed && !self.asked.answered.contains(&query) {
            self.need.insert(query);
            return Vec::new();
        }
        let wanted = |at: &&usize| {
            let item = &self.table.items[**at];
            binds(item, namespace, account) && self.rules.items.admits_related(resource, None, &item.name)
        };
        let mut found: Vec<usize> = self.index.bindings.iter().filter(wanted).copied().collect();
        let roles: BTreeSet<String> = found
            .iter()
            .filter_map(|at| self.table.items[*at].more.as_deref()?.binding.as_ref())
            .map(|binding| binding.role.clone())
            .collect();
        for role in roles {
            found.extend(self.related(&ItemId::cluster(GroupResource::new(ROLES.0, ROLES.1), role)));
        }
        found
    }

    /// Namespace objects: of what is asked for by name, and of every stored item.
    fn namespaces(&mut self, request: &BackupRequest) {
        let kind = GroupResource::new("namespaces", "");
        let Some(resource) = self.catalog.preferred(&kind) else { return };
        if self.rules.lists(resource).is_err() {
            return;
        }
        let lived_in: BTreeSet<u32> =
            self.table.items.iter().zip(&self.included).filter(|(_, yes)| **yes).map(|(i, _)| i.namespace).collect();
        let numbers = self.index.kinds.get(&kind).cloned().unwrap_or_default();
        let by_name_alone = request.labels.is_everything() || !self.scope.all;
        let governed = matches!(self.rules.items.fate(resource, None), Fate::Filter(_));
        for at in 0..self.table.items.len() {
            let item = &self.table.items[at];
            if !numbers.contains(&item.kind) || !self.scope.admits(&item.name) {
                continue;
            }
            let number = self.table.namespace_number(Some(&item.name));
            // A policy that names the kind is exact; else whatever is stored brings its namespace.
            let wanted =
                item.selected || (!governed && (by_name_alone || number.is_some_and(|n| lived_in.contains(&n))));
            if wanted {
                self.included[at] = self.storable(at);
            }
        }
    }

    /// The definition of every custom resource of which something is stored.
    fn definitions(&mut self) {
        let kind = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
        let Some(resource) = self.catalog.preferred(&kind) else { return };
        if !self.rules.admits_related(resource) {
            return;
        }
        let stored: BTreeSet<GroupResource> = self
            .table
            .items
            .iter()
            .zip(&self.included)
            .filter(|(_, yes)| **yes)
            .map(|(item, _)| self.table.resource_of(item).group_resource())
            .filter(|kind| !is_builtin(&kind.group))
            .collect();
        for custom in stored {
            let id = ItemId::cluster(kind.clone(), custom.to_string());
            if !self.rules.items.admits_related(resource, None, &id.name) {
                continue;
            }
            let query = Query::Get(id.clone());
            let found = self.index.find(self.table, &id);
            if found.is_empty() && !self.asked.answered.contains(&query) {
                // Kinds of aggregated APIs have no definition; the answer is then "not found", and that is fine.
                self.need.insert(query);
            }
            for at in found {
                let at = at as usize;
                if !self.included[at] {
                    self.included[at] = self.storable(at);
                }
            }
        }
    }

    fn warn(&mut self, item: &ItemId, code: &str, message: String) {
        let finding = Finding {
            severity: Severity::Warning,
            item: Some(item.clone()),
            pointer: None,
            reason: Reason::new(code, message),
        };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn plan(mut self, request: &BackupRequest, policy: &Policy) -> BackupPlan {
        let mut rest: Vec<u32> = self.index.sorted.iter().copied().filter(|at| self.included[*at as usize]).collect();
        // Kinds were numbered in the order of listing, which is the order of storing.
        rest.sort_by_key(|at| self.table.items[*at as usize].kind);
        let mut placed = vec![false; self.table.items.len()];
        let mut segments = Vec::new();
        let first = self.ordered(request);
        place(&mut placed, &first);
        segments.push(Segment { items: first, ..Segment::default() });
        segments.extend(self.hooked(request, &mut placed));
        rest.retain(|at| !placed[*at as usize]);
        segments.push(Segment { items: rest, ..Segment::default() });
        segments.retain(|segment| !segment.items.is_empty());
        let items = self.table.items.iter().zip(&self.included).filter(|(_, yes)| **yes).map(|(item, _)| item);
        let uncovered = uncovered(items, self.table, policy);
        BackupPlan { segments, decisions: self.decisions, findings: self.findings, uncovered }
    }

    /// Items that the request names to go first.
    fn ordered(&mut self, request: &BackupRequest) -> Vec<u32> {
        let mut out = Vec::new();
        for (kind, names) in &request.ordered {
            let resource = self.catalog.resolve(kind).unwrap_or_else(|| GroupResource::parse(kind));
            for name in names {
                let id = match name.split_once('/') {
                    Some((namespace, name)) => ItemId::namespaced(resource.clone(), namespace, name),
                    None => ItemId::cluster(resource.clone(), name),
                };
                let found = self.index.find(self.table, &id);
                let found: Vec<u32> = found.into_iter().filter(|at| self.included[*at as usize]).collect();
                if found.is_empty() {
                    self.warn(&id, "ordered-missing", format!("{id} is to go first but is not in this backup"));
                }
                out.extend(found.into_iter().filter(|at| !out.contains(at)).collect::<Vec<_>>());
            }
        }
        out
    }

    /// One block for each group of hooked pods that share claims: their volumes, their claims, the pods.
    fn hooked(&mut self, request: &BackupRequest, placed: &mut [bool]) -> Vec<Segment> {
        let mut blocks: Vec<(BTreeSet<u32>, Segment)> = Vec::new();
        for (at, item) in self.table.items.iter().enumerate() {
            if !self.included[at] || placed[at] || self.table.role_of(item) != Role::Pod {
                continue;
            }
            let hooks = pod_hooks(item, self.table, &request.hooks);
            self.findings.extend(hooks.findings);
            if hooks.before.is_empty() && hooks.after.is_empty() {
                continue;
            }
            let own = self.block_of(at);
            let mut segment = Segment { before: hooks.before, items: Vec::new(), after: hooks.after };
            let mut members = own;
            // Merge every earlier block that shares a claim or a volume.
            let (shared, apart): (Vec<_>, Vec<_>) =
                blocks.into_iter().partition(|(theirs, _)| !theirs.is_disjoint(&members));
            blocks = apart;
            for (theirs, other) in shared {
                members.extend(theirs);
                segment.before.splice(0..0, other.before);
                segment.after.splice(0..0, other.after);
            }
            blocks.push((members, segment));
        }
        let mut out = Vec::new();
        for (members, mut segment) in blocks {
            segment.items = members.into_iter().filter(|at| !placed[*at as usize]).collect();
            // Volumes, then claims, then pods: what is needed stands before what needs it.
            segment.items.sort_by_key(|at| match self.table.role_of(&self.table.items[*at as usize]) {
                Role::Volume => 0,
                Role::Claim => 1,
                _ => 2,
            });
            place(placed, &segment.items);
            out.push(segment);
        }
        out
    }

    /// A pod with its claims and their volumes, as far as they are stored.
    fn block_of(&self, pod: usize) -> BTreeSet<u32> {
        let mut block = BTreeSet::new();
        let mut queue = vec![pod];
        while let Some(at) = queue.pop() {
            if !self.included[at] || !block.insert(u32::try_from(at).unwrap_or(u32::MAX)) {
                continue;
            }
            for relation in relations(&self.table.items[at], self.table, self.catalog) {
                let Relation::Item(id) = relation else { continue };
                let wanted = ["persistentvolumeclaims", "persistentvolumes"].contains(&id.resource.resource.as_str());
                if wanted && id.resource.group.is_empty() {
                    queue.extend(self.index.find(self.table, &id).into_iter().map(|at| at as usize));
                }
            }
        }
        block
    }
}

fn place(placed: &mut [bool], items: &[u32]) {
    for at in items {
        placed[*at as usize] = true;
    }
}

fn is_kind(resource: &ApiResource, name: &str, group: &str) -> bool {
    resource.resource == name && resource.group == group
}

/// Groups that the apiserver serves from its own code; their kinds have no definition.
fn is_builtin(group: &str) -> bool {
    const BUILTIN: [&str; 16] = [
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    ];
    !group.contains('.') || BUILTIN.contains(&group)
}

#[cfg(test)]
mod tests;
