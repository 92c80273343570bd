//! `<backup>-results.gz` and `restore-<restore>-results.gz`: warnings and errors, sorted by where they belong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::null_is_default;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    #[serde(deserialize_with = "null_is_default")]
    pub warnings: Messages,
    #[serde(deserialize_with = "null_is_default")]
    pub errors: Messages,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// About the run itself.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub velero: Vec<String>,
    /// About cluster-scoped objects.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub cluster: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "null_is_default")]
    pub namespaces: BTreeMap<String, Vec<String>>,
}

impl Messages {
    pub fn add_velero(&mut self, message: impl Into<String>) {
        self.velero.push(message.into());
    }

    /// About an object: under its namespace, or under `cluster` when it has none.
    pub fn add(&mut self, namespace: Option<&str>, message: impl Into<String>) {
        match namespace.filter(|namespace| !namespace.is_empty()) {
            Some(namespace) => self.namespaces.entry(namespace.to_owned()).or_default().push(message.into()),
            None => self.cluster.push(message.into()),
        }
    }

    /// What `status.warnings` and `status.errors` count.
    pub fn count(&self) -> usize {
        self.velero.len() + self.cluster.len() + self.namespaces.values().map(Vec::len).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub fn merge(&mut self, other: Self) {
        self.velero.extend(other.velero);
        self.cluster.extend(other.cluster);
        for (namespace, messages) in other.namespaces {
            self.namespaces.entry(namespace).or_default().extend(messages);
        }
    }
}

/// A message in the shape that a backup's results have, absent parts left out.
// Velero: pkg/util/logging/log_counter_hook.go.
pub fn backup_message(resource: Option<&str>, name: Option<&str>, message: &str, error: Option<&str>) -> String {
    let mut out = String::new();
    let parts = [("resource", resource), ("name", name), ("message", Some(message)), ("error", error)];
    for (key, text) in parts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            // Writing into a string does not fail.
            let _ = write!(out, " {key}: /{text}");
        }
    }
    out
}
