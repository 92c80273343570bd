//! What an apiserver serves: resources by group and version, and how a word finds one.
//!
//! Built from discovery or from a table of releases; it makes no request itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gvk::{GroupResource, GroupVersion, Gvk};

/// One resource in one version of a group, as discovery lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiResource {
    pub group: String,
    pub version: String,
    /// Plural name as in the URL; subresources are not resources here.
    pub resource: String,
    #[serde(default)]
    pub singular: String,
    pub kind: String,
    #[serde(default)]
    pub short_names: Vec<String>,
    pub namespaced: bool,
    #[serde(default)]
    pub verbs: BTreeSet<String>,
    /// Subresources by name: `status`, `scale`.
    #[serde(default)]
    pub subresources: BTreeSet<String>,
}

/// Everything that is served, in the server's order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Group name → versions, preferred first.
    groups: BTreeMap<String, Vec<String>>,
    resources: Vec<ApiResource>,
}

/// `major.minor` of a server, read from `/version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KubernetesVersion {
    pub major: u32,
    pub minor: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid Kubernetes version {0:?}; write it like 1.36")]
pub struct VersionError(pub String);

impl ApiResource {
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }

    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.resource, &self.group)
    }

    pub fn gvk(&self) -> Gvk {
        Gvk::new(&self.group, &self.version, &self.kind)
    }

    pub fn has_verb(&self, verb: &str) -> bool {
        self.verbs.contains(verb)
    }
}

impl Catalog {
    /// Adds a group with its versions, preferred first. Adding a group again appends unknown versions.
    pub fn add_group(&mut self, group: &str, versions: impl IntoIterator<Item = String>) {
        let known = self.groups.entry(group.to_owned()).or_default();
        for version in versions {
            if !known.contains(&version) {
                known.push(version);
            }
        }
    }

    /// Adds a resource, replacing one of the same group, version and name.
    pub fn add(&mut self, resource: ApiResource) {
        self.add_group(&resource.group.clone(), [resource.version.clone()]);
        let same = |r: &ApiResource| {
            r.resource == resource.resource && r.version == resource.version && r.group == resource.group
        };
        match self.resources.iter_mut().find(|r| same(r)) {
            Some(slot) => *slot = resource,
            None => self.resources.push(resource),
        }
    }

    pub fn groups(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.groups.iter().map(|(group, versions)| (group.as_str(), versions.as_slice()))
    }

    /// Every resource in every served version.
    pub fn resources(&self) -> impl Iterator<Item = &ApiResource> {
        self.resources.iter()
    }

    pub fn serves(&self, group_version: &GroupVersion) -> bool {
        self.groups.get(&group_version.group).is_some_and(|v| v.contains(&group_version.version))
    }

    /// The versions in which this very resource is served, the server's preferred first.
    /// A group may prefer a version that lacks the resource, so the group's preference alone is not the answer.
    pub fn versions_of(&self, group_resource: &GroupResource) -> Vec<&ApiResource> {
        let order = self.groups.get(&group_resource.group);
        let rank = |version: &str| order.and_then(|o| o.iter().position(|v| v == version)).unwrap_or(usize::MAX);
        let mut found: Vec<_> = self
            .resources
            .iter()
            .filter(|r| r.resource == group_resource.resource && r.group == group_resource.group)
            .collect();
        found.sort_by_key(|r| rank(&r.version));
        found
    }

    /// The resource in the version that the server prefers for it.
    pub fn preferred(&self, group_resource: &GroupResource) -> Option<&ApiResource> {
        self.versions_of(group_resource).into_iter().next()
    }

    pub fn find(&self, group_resource: &GroupResource, version: &str) -> Option<&ApiResource> {
        self.resources
            .iter()
            .find(|r| r.version == version && r.resource == group_resource.resource && r.group == group_resource.group)
    }

    pub fn find_kind(&self, gvk: &Gvk) -> Option<&ApiResource> {
        self.resources.iter().find(|r| r.kind == gvk.kind && r.version == gvk.version && r.group == gvk.group)
    }

    /// Each resource once, in its preferred version.
    pub fn preferred_resources(&self) -> Vec<&ApiResource> {
        let distinct: BTreeSet<GroupResource> = self.resources.iter().map(ApiResource::group_resource).collect();
        distinct.iter().filter_map(|gr| self.preferred(gr)).collect()
    }

    /// Finds what a person means by `deploy`, `Deployment`, `deployments`, `deployments.apps`, `deployments.v1.apps`
    /// or a group that is cut short. The core group wins, then group names in order.
    pub fn resolve(&self, word: &str) -> Option<GroupResource> {
        let wanted = word.to_ascii_lowercase();
        let (name, group) = match wanted.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (wanted.as_str(), None),
        };
        let named = |r: &&ApiResource| {
            r.resource == name
                || r.singular.to_ascii_lowercase() == name
                || r.kind.to_ascii_lowercase() == name
                || (group.is_none() && r.short_names.iter().any(|s| s == name))
        };
        let in_group = |r: &&ApiResource| match group {
            None => true,
            Some(g) => {
                r.group == g
                    || format!("{}.{}", r.version, r.group) == g
                    || (!g.is_empty() && r.group.starts_with(g) && r.group[g.len()..].starts_with('.'))
            }
        };
        let mut found: Vec<_> = self.resources.iter().filter(named).filter(in_group).collect();
        let exact = |r: &ApiResource| group.is_none_or(|g| r.group == g);
        found.sort_by_key(|r| (r.resource != name, !exact(r), r.group.clone()));
        found.first().map(|r| r.group_resource())
    }
}

impl KubernetesVersion {
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Reads `1.36`, `v1.36.3`, `1.27+`, `v1.29.1-eks-508b6b3`.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = || VersionError(text.to_owned());
        let mut parts = text.trim().trim_start_matches('v').split('.');
        let number = |part: Option<&str>| -> Option<u32> {
            let part = part?;
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        };
        let (major, minor) = (number(parts.next()), number(parts.next()));
        Ok(Self { major: major.ok_or_else(fail)?, minor: minor.ok_or_else(fail)? })
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, version: &str, name: &str, kind: &str, short: &[&str]) -> ApiResource {
        ApiResource {
            group: group.into(),
            version: version.into(),
            resource: name.into(),
            singular: kind.to_ascii_lowercase(),
            kind: kind.into(),
            short_names: short.iter().map(|s| (*s).to_owned()).collect(),
            namespaced: true,
            verbs: BTreeSet::new(),
            subresources: BTreeSet::new(),
        }
    }

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        catalog.add_group("batch", ["v1".to_owned(), "v1beta1".to_owned()]);
        catalog.add(resource("", "v1", "events", "Event", &["ev"]));
        catalog.add(resource("events.k8s.io", "v1", "events", "Event", &["ev"]));
        catalog.add(resource("apps", "v1", "deployments", "Deployment", &["deploy"]));
        catalog.add(resource("batch", "v1beta1", "cronjobs", "CronJob", &["cj"]));
        catalog.add(resource("batch", "v1", "jobs", "Job", &[]));
        catalog
    }

    #[test]
    fn words_find_resources() {
        let catalog = catalog();
        for (word, found) in [
            ("deploy", "deployments.apps"),
            ("Deployment", "deployments.apps"),
            ("deployments.apps", "deployments.apps"),
            ("deployments.v1.apps", "deployments.apps"),
            ("events", "events"),
            ("events.events.k8s.io", "events.events.k8s.io"),
            ("events.events", "events.events.k8s.io"),
            ("cronjob", "cronjobs.batch"),
        ] {
            assert_eq!(catalog.resolve(word).map(|gr| gr.to_string()).as_deref(), Some(found), "{word}");
        }
        assert_eq!(catalog.resolve("widgets"), None);
    }

    #[test]
    fn preference_is_per_resource_not_per_group() {
        let catalog = catalog();
        assert_eq!(catalog.preferred(&GroupResource::parse("cronjobs.batch")).unwrap().version, "v1beta1");
    }

    #[test]
    fn versions_of_clouds_are_read() {
        for text in ["1.29", "v1.29.1-eks-508b6b3", "1.29+"] {
            assert_eq!(KubernetesVersion::parse(text), Ok(KubernetesVersion::new(1, 29)), "{text}");
        }
        assert!(KubernetesVersion::parse("latest").is_err());
    }
}
