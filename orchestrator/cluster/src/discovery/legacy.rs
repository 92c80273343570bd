//! `APIVersions`, `APIGroupList` and one `APIResourceList` for each group version: all that servers before 1.26 have.

use std::collections::BTreeMap;

use model::{ApiResource, GroupVersion};
use ports::PortError;
use serde::Deserialize;

use super::{Found, parse};

/// `/api` has `versions`, `/apis` has `groups`.
#[derive(Deserialize)]
struct Root {
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
    #[serde(default)]
    preferred_version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    #[serde(default)]
    resources: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    namespaced: bool,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    verbs: Option<Vec<String>>,
    #[serde(default)]
    short_names: Option<Vec<String>>,
}

pub(super) fn read(document: &[u8], found: &mut Found) -> Result<(), PortError> {
    let root: Root = parse(document, "discovery")?;
    add(found, "", root.versions);
    for group in root.groups {
        let mut versions: Vec<String> = group.preferred_version.into_iter().map(|v| v.version).collect();
        for Version { version } in group.versions {
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        add(found, &group.name, versions);
    }
    Ok(())
}

/// The resources of one group version, subresources folded into them.
pub(super) fn resources(group_version: &GroupVersion, body: &[u8]) -> Result<Vec<ApiResource>, PortError> {
    let list: ResourceList = parse(body, "the resource list")?;
    let mut found: BTreeMap<String, ApiResource> = BTreeMap::new();
    let mut subresources = Vec::new();
    for resource in list.resources.unwrap_or_default() {
        if let Some((parent, subresource)) = resource.name.split_once('/') {
            subresources.push((parent.to_owned(), subresource.to_owned()));
            continue;
        }
        if resource.kind.is_empty() {
            continue;
        }
        let resource = ApiResource {
            group: group_version.group.clone(),
            version: group_version.version.clone(),
            resource: resource.name,
            singular: resource.singular_name,
            kind: resource.kind,
            short_names: resource.short_names.unwrap_or_default(),
            namespaced: resource.namespaced,
            verbs: resource.verbs.unwrap_or_default().into_iter().collect(),
            subresources: Default::default(),
        };
        found.insert(resource.resource.clone(), resource);
    }
    for (parent, subresource) in subresources {
        if let Some(resource) = found.get_mut(&parent) {
            resource.subresources.insert(subresource);
        }
    }
    Ok(found.into_values().collect())
}

fn add(found: &mut Found, group: &str, versions: Vec<String>) {
    found.missing.extend(versions.iter().map(|version| GroupVersion::new(group, version)));
    if !versions.is_empty() {
        found.catalog.add_group(group, versions);
    }
}
