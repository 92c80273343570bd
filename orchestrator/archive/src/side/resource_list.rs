//! `<backup>-resource-list.json.gz` and `restore-<restore>-resource-list.json.gz`: names, under `apiVersion/Kind`.
//!
//! Velero's restore finalizer parses the suffixes, so their form matters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// Names under `v1/Pod` or `apps/v1/Deployment`, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceList(BTreeMap<String, BTreeSet<String>>);

/// What became of an object that a restore met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestoredAs {
    Created,
    Updated,
    Failed,
    Skipped,
}

impl ResourceList {
    /// Notes an object of a backup.
    pub fn add(&mut self, api_version: &str, kind: &str, namespace: Option<&str>, name: &str) {
        self.insert(api_version, kind, qualified(namespace, name));
    }

    /// Notes an object of a restore, by the namespace and the name that it got in the target.
    pub fn add_restored(
        &mut self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        restored_as: RestoredAs,
    ) {
        self.insert(api_version, kind, format!("{}({restored_as})", qualified(namespace, name)));
    }

    /// Takes up another list, as a restore does that carries on.
    pub fn merge(&mut self, other: Self) {
        for (kind, names) in other.0 {
            self.0.entry(kind).or_default().extend(names);
        }
    }

    /// Kinds in order, each with its names in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(kind, names)| (kind.as_str(), names))
    }

    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn insert(&mut self, api_version: &str, kind: &str, name: String) {
        self.0.entry(format!("{api_version}/{kind}")).or_default().insert(name);
    }
}

impl RestoredAs {
    /// Splits an entry of a restore's list into the object and what became of it.
    pub fn parse(entry: &str) -> Option<(&str, Self)> {
        let (name, suffix) = entry.strip_suffix(')')?.rsplit_once('(')?;
        let restored_as = match suffix {
            "created" => Self::Created,
            "updated" => Self::Updated,
            "failed" => Self::Failed,
            "skipped" => Self::Skipped,
            _ => return None,
        };
        Some((name, restored_as))
    }
}

impl fmt::Display for RestoredAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        })
    }
}

fn qualified(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}
