//! Resource policies of a backup: which kinds, which items, and which volumes are left out on purpose.
//!
//! Reads Velero's `version: v1` documents strictly and names every mistake at once. What the rules mean for one backup
//! is in [`filter`] (items) and [`volume`] (volumes); kind lists are merged in [`super::kinds`]. Nothing here decides how
//! a volume's data is saved. Velero: internal/resourcepolicies.

pub mod filter;
pub mod quantity;
mod read;
pub mod volume;

use model::Glob;
use model::request::{BackupRequest, KindFilter, NameFilter};

pub use filter::{Fate, ItemFilter, ItemRules, NamespacePolicy};
pub use quantity::Quantity;
pub use volume::{Action, Subject, VolumeRule};

/// Every rule of a document; the default has none and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// The first that matches a volume decides.
    pub volumes: Vec<VolumeRule>,
    pub kinds: Option<KindLists>,
    /// Refines cluster-scoped kinds that it names; others are selected as the request says.
    pub cluster: Vec<ItemFilter>,
    /// Replaces the request's selection in the namespaces that it matches.
    pub namespaced: Vec<NamespacePolicy>,
    /// What is accepted and will not do what its author hoped.
    pub warnings: Vec<String>,
}

/// Kinds that are in or out, weaker than what the request itself names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KindLists {
    pub cluster: NameFilter,
    pub namespaced: NameFilter,
}

#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("the resource policies are not readable")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("invalid resource policies: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

impl Policy {
    /// The policy that a request carries; the default when it carries none.
    pub fn of(request: &BackupRequest) -> Result<Self, PolicyError> {
        let Some(text) = &request.resource_policy else { return Ok(Self::default()) };
        let policy = Self::parse(text)?;
        if !matches!(request.kinds, KindFilter::Classic { .. }) {
            return Ok(policy);
        }
        let old = "include-resources, exclude-resources and include-cluster-resources are old filter parameters";
        let mut errors = Vec::new();
        if policy.kinds.is_some() {
            errors.push(format!("{old}; they cannot be used with include-exclude policies"));
        }
        if policy.filters_items() {
            errors.push(format!("{old}; they cannot be used with namespace-scoped or cluster-scoped filter policies"));
        }
        if errors.is_empty() { Ok(policy) } else { Err(PolicyError::Invalid(errors)) }
    }

    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        read::read(text)
    }

    /// Whether single items are selected by more than the request's own labels.
    pub fn filters_items(&self) -> bool {
        !self.cluster.is_empty() || !self.namespaced.is_empty()
    }

    /// The first rule that matches: its place in the document, and what it asks for.
    pub fn action_for(&self, subject: &Subject<'_>) -> Option<(usize, Action)> {
        self.volumes.iter().position(|rule| rule.matches(subject)).map(|at| (at, self.volumes[at].action))
    }
}

impl KindLists {
    pub(crate) fn names(&self) -> impl Iterator<Item = (&Glob, bool)> {
        let cluster = self.cluster.include.iter().chain(&self.cluster.exclude).map(|glob| (glob, false));
        cluster.chain(self.namespaced.include.iter().chain(&self.namespaced.exclude).map(|glob| (glob, true)))
    }
}

#[cfg(test)]
mod tests;
