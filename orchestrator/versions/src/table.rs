//! Every resource of every group and version that a kube-apiserver served, and when.
//!
//! Looked up by group, version and resource, never by group and version alone: a group version can disappear and
//! come back with other kinds. What a live server serves is its discovery, not this table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use model::{ApiResource, Catalog, GroupResource, GroupVersion, Gvk, KubernetesVersion};

/// One resource in one version of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub group: &'static str,
    pub version: &'static str,
    pub resource: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
    /// False for alphas and betas that a server serves only when it is told to.
    pub served_by_default: bool,
    /// False for reviews and bindings, which are answered and never stored.
    pub stored: bool,
    pub introduced: KubernetesVersion,
    pub deprecated: Option<KubernetesVersion>,
    /// The first release that no longer serves it.
    pub removed: Option<KubernetesVersion>,
    /// The newest stable form, even where a target needs one in between.
    pub replacement: Option<Gvk>,
    /// The first release that serves the replacement.
    pub replacement_since: Option<KubernetesVersion>,
    pub note: &'static str,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let lines = include_str!("../data/apis.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty()).filter_map(parse).collect()
});

type Key = (&'static str, &'static str, &'static str);

static BY_RESOURCE: LazyLock<BTreeMap<Key, &'static Row>> =
    LazyLock::new(|| TABLE.iter().map(|row| ((row.group, row.version, row.resource), row)).collect());

static BY_KIND: LazyLock<BTreeMap<Key, &'static Row>> =
    LazyLock::new(|| TABLE.iter().map(|row| ((row.group, row.version, row.kind), row)).collect());

/// All rows, by group, resource and version.
pub fn rows() -> &'static [Row] {
    &TABLE
}

/// The row of a resource in a version of a group.
pub fn row(group_version: &GroupVersion, resource: &str) -> Option<&'static Row> {
    BY_RESOURCE.get(&(group_version.group.as_str(), group_version.version.as_str(), resource)).copied()
}

/// The row of a kind in a version of a group.
pub fn row_of_kind(gvk: &Gvk) -> Option<&'static Row> {
    BY_KIND.get(&(gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str())).copied()
}

/// What an upstream server of this release serves when nobody asks for more or less.
pub fn served_by(release: KubernetesVersion) -> Catalog {
    catalog(release, |row| row.served_by_default)
}

/// What it could serve besides, when its operator asks for every alpha and beta.
pub fn served_on_request(release: KubernetesVersion) -> Catalog {
    catalog(release, |_| true)
}

impl Row {
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.group, self.version, self.kind)
    }

    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(self.group, self.version)
    }

    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(self.resource, self.group)
    }

    /// Whether a server of this release knows it, by default or on request.
    pub fn exists_in(&self, release: KubernetesVersion) -> bool {
        self.introduced <= release && self.removed.is_none_or(|removed| release < removed)
    }

    /// Whether the removal lies after the newest release whose source could be read.
    pub fn removal_is_only_planned(&self) -> bool {
        self.removed.is_some_and(|removed| removed > NEWEST_KNOWN)
    }

    pub fn is_deprecated_in(&self, release: KubernetesVersion) -> bool {
        self.deprecated.is_some_and(|deprecated| deprecated <= release)
    }

    pub fn api_resource(&self) -> ApiResource {
        let verbs: &[&str] = if self.stored {
            &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        } else {
            &["create"]
        };
        ApiResource {
            group: self.group.into(),
            version: self.version.into(),
            resource: self.resource.into(),
            singular: self.kind.to_ascii_lowercase(),
            kind: self.kind.into(),
            short_names: short_names(self.resource).iter().map(|name| (*name).to_owned()).collect(),
            namespaced: self.namespaced,
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            subresources: BTreeSet::new(),
        }
    }
}

/// The newest release this table was written from.
pub const NEWEST_KNOWN: KubernetesVersion = KubernetesVersion::new(1, 37);

fn catalog(release: KubernetesVersion, wanted: impl Fn(&Row) -> bool) -> Catalog {
    let mut catalog = Catalog::default();
    let served: Vec<&Row> = rows().iter().filter(|row| row.exists_in(release) && wanted(row)).collect();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &served {
        versions.entry(row.group).or_default().insert(row.version);
    }
    for (group, versions) in versions {
        let mut ordered: Vec<&str> = versions.into_iter().collect();
        ordered.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        catalog.add_group(group, ordered.into_iter().map(str::to_owned));
    }
    for row in served {
        catalog.add(row.api_resource());
    }
    catalog
}

/// Orders versions as Kubernetes does: stable over beta over alpha, then the higher number; other names last.
pub type VersionRank = (u8, u32, u32);

pub fn version_rank(version: &str) -> VersionRank {
    let parse = || -> Option<VersionRank> {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        if tail.is_empty() {
            return Some((3, major, 0));
        }
        if let Some(minor) = tail.strip_prefix("beta") {
            return Some((2, major, minor.parse().ok()?));
        }
        Some((1, major, tail.strip_prefix("alpha")?.parse().ok()?))
    };
    parse().unwrap_or((0, 0, 0))
}

fn parse(line: &'static str) -> Option<Row> {
    let (columns, note) = line.split_once(';').unwrap_or((line, ""));
    let columns: Vec<&'static str> = columns.split_whitespace().collect();
    let [api_version, resource, kind, scope, default, stored, introduced, deprecated, removed, replacement, since] =
        columns.as_slice()
    else {
        return None;
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let release = |text: &str| KubernetesVersion::parse(text).ok();
    let replacement = replacement.split_once(':').map(|(api_version, kind)| Gvk::from_api_version(api_version, kind));
    Some(Row {
        group,
        version,
        resource,
        kind,
        namespaced: *scope == "namespaced",
        served_by_default: *default == "default",
        stored: *stored == "stored",
        introduced: release(introduced)?,
        deprecated: release(deprecated),
        removed: release(removed),
        replacement,
        replacement_since: release(since),
        note: note.trim(),
    })
}

fn short_names(resource: &str) -> &'static [&'static str] {
    match resource {
        "certificatesigningrequests" => &["csr"],
        "configmaps" => &["cm"],
        "cronjobs" => &["cj"],
        "customresourcedefinitions" => &["crd", "crds"],
        "daemonsets" => &["ds"],
        "deployments" => &["deploy"],
        "endpoints" => &["ep"],
        "events" => &["ev"],
        "horizontalpodautoscalers" => &["hpa"],
        "ingresses" => &["ing"],
        "limitranges" => &["limits"],
        "namespaces" => &["ns"],
        "networkpolicies" => &["netpol"],
        "nodes" => &["no"],
        "persistentvolumeclaims" => &["pvc"],
        "persistentvolumes" => &["pv"],
        "poddisruptionbudgets" => &["pdb"],
        "pods" => &["po"],
        "podsecuritypolicies" => &["psp"],
        "priorityclasses" => &["pc"],
        "replicasets" => &["rs"],
        "replicationcontrollers" => &["rc"],
        "resourcequotas" => &["quota"],
        "serviceaccounts" => &["sa"],
        "services" => &["svc"],
        "statefulsets" => &["sts"],
        "storageclasses" => &["sc"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serves(release: &str, api_version: &str, kind: &str) -> bool {
        let catalog = served_by(KubernetesVersion::parse(release).unwrap());
        catalog.find_kind(&Gvk::from_api_version(api_version, kind)).is_some()
    }

    #[test]
    fn every_line_is_a_row_and_every_replacement_has_one() {
        let lines = include_str!("../data/apis.txt").lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        assert_eq!(lines.count(), rows().len());
        assert_eq!(BY_RESOURCE.len(), rows().len());
        assert_eq!(BY_KIND.len(), rows().len());
        for row in rows() {
            if let Some(replacement) = &row.replacement {
                assert!(row_of_kind(replacement).is_some(), "{} has no row", replacement);
            }
        }
    }

    #[test]
    fn a_group_version_that_came_back_serves_other_kinds() {
        assert!(serves("1.21", "networking.k8s.io/v1beta1", "Ingress"));
        assert!(!serves("1.22", "networking.k8s.io/v1beta1", "Ingress"));
        assert!(!serves("1.33", "networking.k8s.io/v1beta1", "Ingress"));
        let all = served_on_request(KubernetesVersion::new(1, 33));
        assert!(all.serves(&GroupVersion::new("networking.k8s.io", "v1beta1")));
        assert!(all.find_kind(&Gvk::new("networking.k8s.io", "v1beta1", "ServiceCIDR")).is_some());
        assert!(all.find_kind(&Gvk::new("networking.k8s.io", "v1beta1", "Ingress")).is_none());
    }

    #[test]
    fn preference_follows_the_servers() {
        let hpa = GroupResource::new("horizontalpodautoscalers", "autoscaling");
        let preferred = |minor| served_by(KubernetesVersion::new(1, minor)).preferred(&hpa).unwrap().version.clone();
        assert_eq!((preferred(22).as_str(), preferred(24).as_str(), preferred(36).as_str()), ("v1", "v2", "v2"));
        let cron_jobs = GroupResource::new("cronjobs", "batch");
        assert_eq!(served_by(KubernetesVersion::new(1, 20)).preferred(&cron_jobs).unwrap().version, "v1beta1");
    }

    #[test]
    fn versions_sort_as_kubernetes_sorts_them() {
        let mut versions = ["v1alpha1", "foo10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1"];
        versions.sort_by_key(|v| std::cmp::Reverse(version_rank(v)));
        assert_eq!(versions, ["v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v1alpha1", "foo10"]);
    }
}
