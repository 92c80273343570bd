//! Which namespaces a backup covers.
//!
//! Patterns are expanded against the live namespaces, as Velero does since 1.18; namespaces that ask to be left out by
//! label are left out.

use std::collections::{BTreeMap, BTreeSet};

use model::request::NameFilter;
use model::{Finding, Reason, Severity};
use serde::Deserialize;

pub const EXCLUDE_LABEL: &str = "velero.io/exclude-from-backup";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespaceFact {
    pub labels: BTreeMap<String, String>,
    pub terminating: bool,
}

/// The namespaces of a backup, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceScope {
    /// The request asks for every namespace; lists are cluster-wide and exclusions are applied to what comes.
    pub all: bool,
    /// Namespaces that exist and are in.
    pub included: BTreeSet<String>,
    pub excluded: BTreeSet<String>,
    pub findings: Vec<Finding>,
}

impl NamespaceScope {
    pub fn plan(filter: &NameFilter, live: &BTreeMap<String, NamespaceFact>) -> Self {
        let mut findings = Vec::new();
        for name in filter.literal_includes().filter(|name| *name != "*" && !live.contains_key(*name)) {
            let message = format!("namespace {name} is included but does not exist");
            findings.push(Finding {
                severity: Severity::Error,
                item: None,
                pointer: None,
                reason: Reason::new("namespace-missing", message),
            });
        }
        let mut included = BTreeSet::new();
        let mut excluded = BTreeSet::new();
        for (name, fact) in live {
            let opted_out = fact.labels.get(EXCLUDE_LABEL).is_some_and(|v| v == "true");
            if filter.admits(name) && !opted_out {
                included.insert(name.clone());
            } else {
                excluded.insert(name.clone());
            }
            if included.contains(name) && fact.labels.contains_key("argocd.argoproj.io/managed-by") {
                let message = format!("namespace {name} is managed by Argo CD, which may undo a restore");
                findings.push(Finding {
                    severity: Severity::Warning,
                    item: None,
                    pointer: None,
                    reason: Reason::new("managed-by-argocd", message),
                });
            }
        }
        Self { all: filter.includes_all(), included, excluded, findings }
    }

    /// Nothing is left out: what decides whether cluster-scoped kinds come along by default.
    pub fn is_everything(&self) -> bool {
        self.excluded.is_empty()
    }

    /// Namespaces that appear while the backup runs are in when everything is asked for.
    pub fn admits(&self, namespace: &str) -> bool {
        if self.all { !self.excluded.contains(namespace) } else { self.included.contains(namespace) }
    }
}

/// Reads a Namespace body.
pub fn observe_namespace(body: &[u8]) -> Option<(String, NamespaceFact)> {
    #[derive(Deserialize)]
    struct Namespace {
        metadata: Metadata,
        #[serde(default)]
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        name: String,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        deletion_timestamp: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize, Default)]
    struct Status {
        #[serde(default)]
        phase: String,
    }
    let namespace: Namespace = serde_json::from_slice(body).ok()?;
    let terminating = namespace.status.phase == "Terminating" || namespace.metadata.deletion_timestamp.is_some();
    Some((namespace.metadata.name, NamespaceFact { labels: namespace.metadata.labels, terminating }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(names: &[&str]) -> BTreeMap<String, NamespaceFact> {
        names.iter().map(|name| ((*name).to_owned(), NamespaceFact::default())).collect()
    }

    fn filter(include: &[&str], exclude: &[&str]) -> NameFilter {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        NameFilter::parse(&own(include), &own(exclude)).unwrap()
    }

    #[test]
    fn a_missing_namespace_is_an_error_and_the_rest_goes_on() {
        let scope = NamespaceScope::plan(&filter(&["shop", "gone"], &[]), &live(&["shop", "other"]));
        assert_eq!(scope.included.iter().collect::<Vec<_>>(), ["shop"]);
        assert_eq!(scope.findings.len(), 1);
        assert!(scope.findings[0].reason.message.contains("gone"));
    }

    #[test]
    fn a_pattern_that_matches_nothing_includes_nothing() {
        let scope = NamespaceScope::plan(&filter(&["x-*"], &[]), &live(&["shop"]));
        assert!(scope.included.is_empty() && !scope.admits("shop") && scope.findings.is_empty());
    }

    #[test]
    fn a_namespace_can_opt_out() {
        let mut live = live(&["shop", "scratch"]);
        live.get_mut("scratch").unwrap().labels.insert(EXCLUDE_LABEL.into(), "true".into());
        let scope = NamespaceScope::plan(&NameFilter::default(), &live);
        assert!(scope.admits("shop") && !scope.admits("scratch") && scope.admits("new-one"));
        assert!(!scope.is_everything());
    }
}
