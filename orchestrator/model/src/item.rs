//! One object's identity, and the facts kept about it while its body stays on disk.
//!
//! An index costs a few hundred bytes an item whatever the bodies weigh; it holds no body.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gvk::GroupResource;

/// Which object: resource and group, namespace for namespaced kinds, name. The version is not part of identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId {
    pub resource: GroupResource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerFact {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub controller: bool,
}

/// What planning may know of an item without its body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ItemFacts {
    pub kind: String,
    /// Versions in which a body is at hand; the first is the preferred one.
    pub versions: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub owners: Vec<OwnerFact>,
}

pub type ItemIndex = BTreeMap<ItemId, ItemFacts>;

impl ItemId {
    pub fn namespaced(resource: GroupResource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, namespace: Some(namespace.into()), name: name.into() }
    }

    pub fn cluster(resource: GroupResource, name: impl Into<String>) -> Self {
        Self { resource, namespace: None, name: name.into() }
    }
}

/// `deployments.apps shop/web`, `namespaces shop`.
impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.resource, self.name),
            None => write!(f, "{} {}", self.resource, self.name),
        }
    }
}
