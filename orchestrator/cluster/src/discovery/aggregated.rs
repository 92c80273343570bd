//! `APIGroupDiscoveryList`: everything in one answer, with the parts that could not be refreshed marked stale.

use model::{ApiResource, GroupVersion};
use ports::PortError;
use serde::Deserialize;

use super::{Found, parse};

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    metadata: Metadata,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Metadata {
    /// The core group has no name.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Subresource {
    subresource: String,
}

/// Versions come preferred first.
pub(super) fn read(document: &[u8], found: &mut Found) -> Result<(), PortError> {
    let list: List = parse(document, "aggregated discovery")?;
    for Group { metadata: Metadata { name: group }, versions } in list.items {
        found.catalog.add_group(&group, versions.iter().map(|v| v.version.clone()));
        for Version { version, resources, freshness } in versions {
            if freshness == "Stale" {
                let why = "its API server did not answer; what discovery knows of it is old";
                let error = PortError::unavailable(why).with_reason("StaleGroupVersion");
                found.failures.insert(GroupVersion::new(&group, &version), error);
                continue;
            }
            for resource in resources {
                // A resource without a kind is there for the sake of its subresources only.
                let Some(kind) = resource.response_kind.map(|k| k.kind).filter(|kind| !kind.is_empty()) else {
                    continue;
                };
                found.catalog.add(ApiResource {
                    group: group.clone(),
                    version: version.clone(),
                    resource: resource.resource,
                    singular: resource.singular_resource,
                    kind,
                    short_names: resource.short_names,
                    namespaced: resource.scope == "Namespaced",
                    verbs: resource.verbs.into_iter().collect(),
                    subresources: resource.subresources.into_iter().map(|s| s.subresource).collect(),
                });
            }
        }
    }
    Ok(())
}
