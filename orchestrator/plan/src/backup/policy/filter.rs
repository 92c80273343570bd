//! Which items a policy selects, once its kinds are known to the server.
//!
//! In a namespace that a policy matches, only what it lists is selected, and the request's labels do not count there.
//! Cluster-scoped kinds that a policy names are refined; others stay as the request says. Items that come along for
//! another's sake are held back by names alone, never by labels or by not being listed.

use std::collections::BTreeMap;

use model::request::{LabelChoice, NameFilter};
use model::{ApiResource, Catalog, Finding, Glob, GroupResource, Reason, Severity};

use super::Policy;

/// Items of some kinds; no kind is every kind that nothing else in its policy lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemFilter {
    pub kinds: Vec<String>,
    pub labels: LabelChoice,
    pub names: NameFilter,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespacePolicy {
    pub namespaces: Vec<Glob>,
    pub filters: Vec<ItemFilter>,
}

/// The item filters of a policy, their kinds resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemRules {
    cluster: KindFilters,
    namespaced: Vec<(Vec<Glob>, KindFilters)>,
}

/// What becomes of the items of a kind in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    /// The request's own labels decide.
    Request,
    /// The kind is not listed here.
    Out,
    Filter(&'a ItemFilter),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct KindFilters {
    kinds: BTreeMap<GroupResource, ItemFilter>,
    rest: Option<ItemFilter>,
}

impl ItemRules {
    /// Resolves a policy's kinds; says which of its entries can have no effect.
    pub fn resolve(policy: &Policy, catalog: &Catalog) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let cluster = KindFilters::resolve(&policy.cluster, false, "clusterScopedFilterPolicy", catalog, &mut findings);
        let mut namespaced = Vec::new();
        for (at, entry) in policy.namespaced.iter().enumerate() {
            let place = format!("namespacedFilterPolicies[{at}]");
            let filters = KindFilters::resolve(&entry.filters, true, &place, catalog, &mut findings);
            namespaced.push((entry.namespaces.clone(), filters));
        }
        (Self { cluster, namespaced }, findings)
    }

    /// Whether the items of a kind may have to be told apart one by one.
    pub fn govern(&self, resource: &ApiResource) -> bool {
        if resource.namespaced {
            !self.namespaced.is_empty()
        } else {
            self.cluster.kinds.contains_key(&resource.group_resource())
        }
    }

    pub fn fate(&self, resource: &ApiResource, namespace: Option<&str>) -> Fate<'_> {
        let kind = resource.group_resource();
        match namespace {
            None => self.cluster.kinds.get(&kind).map_or(Fate::Request, Fate::Filter),
            Some(namespace) => match self.policy_of(namespace) {
                None => Fate::Request,
                Some(filters) => filters.kinds.get(&kind).or(filters.rest.as_ref()).map_or(Fate::Out, Fate::Filter),
            },
        }
    }

    /// Whether an item that was listed is in.
    pub fn selects(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        name: &str,
        labels: &Labels,
        request: &LabelChoice,
    ) -> bool {
        match self.fate(resource, namespace) {
            Fate::Request => request.admits(labels),
            Fate::Out => false,
            Fate::Filter(filter) => filter.names.admits(name) && filter.labels.admits(labels),
        }
    }

    /// Whether an item may come along for another's sake.
    pub fn admits_related(&self, resource: &ApiResource, namespace: Option<&str>, name: &str) -> bool {
        match self.fate(resource, namespace) {
            Fate::Filter(filter) => filter.names.admits(name),
            Fate::Request | Fate::Out => true,
        }
    }

    /// Kinds that some namespace's policy lists by name.
    pub(crate) fn namespaced_kinds(&self) -> impl Iterator<Item = &GroupResource> {
        self.namespaced.iter().flat_map(|(_, filters)| filters.kinds.keys())
    }

    /// A namespace's own name wins over patterns; of patterns, the first wins.
    fn policy_of(&self, namespace: &str) -> Option<&KindFilters> {
        let exact = |globs: &[Glob]| globs.iter().any(|g| g.is_literal() && g.as_str() == namespace);
        let matches = |globs: &[Glob]| globs.iter().any(|g| g.matches(namespace));
        let found = self.namespaced.iter().find(|(globs, _)| exact(globs));
        found.or_else(|| self.namespaced.iter().find(|(globs, _)| matches(globs))).map(|(_, filters)| filters)
    }
}

type Labels = BTreeMap<String, String>;

impl KindFilters {
    fn resolve(
        filters: &[ItemFilter],
        namespaced: bool,
        place: &str,
        catalog: &Catalog,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut out = Self::default();
        for filter in filters {
            if filter.kinds.is_empty() {
                out.rest = Some(filter.clone());
            }
            for word in &filter.kinds {
                let Some(kind) = catalog.resolve(word) else {
                    let message =
                        format!("{place} of the resource policy names {word}, which this cluster does not serve");
                    findings.push(warning("policy-unknown-kind", message));
                    continue;
                };
                if catalog.preferred(&kind).is_some_and(|resource| resource.namespaced != namespaced) {
                    findings.push(wrong_scope(place, word, namespaced));
                    continue;
                }
                out.kinds.entry(kind).or_insert_with(|| filter.clone());
            }
        }
        out
    }
}

pub(crate) fn wrong_scope(place: &str, word: &str, wants_namespaced: bool) -> Finding {
    let (is, wants) = if wants_namespaced { ("cluster", "namespaced") } else { ("namespace", "cluster-scoped") };
    let message =
        format!("{place} of the resource policy is for {wants} kinds; {word} is {is}-scoped and is ignored there");
    warning("policy-wrong-scope", message)
}

pub(crate) fn warning(code: &str, message: String) -> Finding {
    Finding { severity: Severity::Warning, item: None, pointer: None, reason: Reason::new(code, message) }
}
