//! CRDs: a stored definition makes its kinds served, and its removal takes them and their objects away.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{ApiResource, GroupResource};
use serde_json::{Value, json};

use super::state::{Object, State};
use super::write::stamp_text;

pub(super) const CRDS: &str = "customresourcedefinitions.apiextensions.k8s.io";

const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

impl State {
    pub(super) fn hold_crds(&mut self, held: bool) {
        self.crds_held = held;
        if !held {
            let keys: Vec<String> = self
                .objects
                .get(&GroupResource::parse(CRDS))
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect();
            let now = Timestamp::UNIX_EPOCH;
            keys.iter().for_each(|key| self.register(key, now));
        }
    }

    /// Establishes a definition that has just been written.
    pub(super) fn register(&mut self, key: &str, now: Timestamp) {
        if self.crds_held {
            return;
        }
        let Some(crd) = self.objects.get_mut(&GroupResource::parse(CRDS)).and_then(|all| all.get_mut(key)) else {
            return;
        };
        let resources = resources_of(crd);
        let Some(first) = resources.first().cloned() else { return };
        let stored: Vec<String> = versions_of(crd).into_iter().filter(|v| v.storage).map(|v| v.name).collect();
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "lastTransitionTime": stamp_text(now)});
        if crd.get("status").and_then(|status| status.get("conditions")).is_none() {
            let status = json!({
                "acceptedNames": crd["spec"]["names"],
                "conditions": [condition("NamesAccepted", "NoConflicts"), condition("Established", "InitialNamesAccepted")],
                "storedVersions": stored,
            });
            crd.insert("status".into(), status);
        }
        let group_resource = first.group_resource();
        self.retain_resources(|resource| resource.group_resource() != group_resource);
        for resource in resources {
            self.catalog.add(resource);
        }
        self.custom.insert(group_resource);
    }

    pub(super) fn unregister(&mut self, crd: &Object) {
        let Some(group_resource) = resources_of(crd).first().map(ApiResource::group_resource) else { return };
        if self.custom.remove(&group_resource) {
            self.retain_resources(|resource| resource.group_resource() != group_resource);
            self.objects.remove(&group_resource);
        }
    }
}

struct Version {
    name: String,
    served: bool,
    storage: bool,
    subresources: BTreeSet<String>,
}

/// Versions of a v1 or a v1beta1 definition.
fn versions_of(crd: &Object) -> Vec<Version> {
    let spec = &crd.get("spec").cloned().unwrap_or_default();
    let subresources = |value: &Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let common = subresources(&spec["subresources"]);
    let listed: Vec<Version> = spec["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|version| {
            let own = subresources(&version["subresources"]);
            Version {
                name: version["name"].as_str().unwrap_or_default().to_owned(),
                served: version["served"] == json!(true),
                storage: version["storage"] == json!(true),
                subresources: if own.is_empty() { common.clone() } else { own },
            }
        })
        .collect();
    match (listed.is_empty(), spec["version"].as_str()) {
        (true, Some(name)) => {
            vec![Version { name: name.to_owned(), served: true, storage: true, subresources: common }]
        }
        _ => listed,
    }
}

/// What a definition makes served, the version a server prefers first.
fn resources_of(crd: &Object) -> Vec<ApiResource> {
    let spec = crd.get("spec").cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut versions: Vec<Version> = versions_of(crd).into_iter().filter(|version| version.served).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(rank(&version.name)));
    versions
        .into_iter()
        .map(|version| ApiResource {
            group: text(&spec["group"]),
            version: version.name,
            resource: text(&spec["names"]["plural"]),
            singular: text(&spec["names"]["singular"]),
            kind: text(&spec["names"]["kind"]),
            short_names: spec["names"]["shortNames"].as_array().into_iter().flatten().map(text).collect(),
            namespaced: spec["scope"] == json!("Namespaced"),
            verbs: VERBS.iter().map(|verb| (*verb).to_owned()).collect(),
            subresources: version.subresources,
        })
        .collect()
}

/// GA before beta before alpha, newer before older, anything else last.
fn rank(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let (stability, parts) = match (rest.split_once("beta"), rest.split_once("alpha")) {
        (Some(parts), _) => (2, parts),
        (None, Some(parts)) => (1, parts),
        (None, None) => (3, (rest, "0")),
    };
    match (parts.0.parse(), parts.1.parse()) {
        (Ok(major), Ok(minor)) => (stability, major, minor),
        _ => (0, 0, 0),
    }
}
