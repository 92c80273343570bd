//! What a CustomResourceDefinition says of its resource, and what it adds to a catalog before it exists.
//!
//! Reads both versions of the definition; a definition that names no resource adds nothing.

use std::collections::BTreeSet;

use model::{ApiResource, Gvk, Manifest};
use serde_json::{Map, Value};

use crate::table::version_rank;

/// What the choice of a version needs to know of a definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrdFacts {
    pub group: String,
    pub resource: String,
    pub kind: String,
    pub namespaced: bool,
    /// Every version listed, served or not, most stable first.
    pub versions: Vec<String>,
    pub served: BTreeSet<String>,
    pub storage: Option<String>,
    /// Versions differ in nothing but their name; otherwise a webhook converts them.
    pub converts_by_rename: bool,
    /// `namespace/name` of the service, or the URL, of the conversion webhook.
    pub webhook: Option<String>,
    pub singular: String,
    pub short_names: Vec<String>,
    pub subresources: BTreeSet<String>,
}

impl CrdFacts {
    /// None when the manifest is no definition, or one without a group, a plural name, a kind or a version.
    pub fn of(definition: &Manifest) -> Option<Self> {
        let gvk = definition.gvk();
        if gvk.group != "apiextensions.k8s.io" || gvk.kind != "CustomResourceDefinition" {
            return None;
        }
        let spec = definition.get("/spec")?.as_object()?;
        let names = spec.get("names")?.as_object()?;
        let kind = text(names, "kind")?;
        let mut facts = Self {
            group: text(spec, "group")?,
            resource: text(names, "plural")?,
            namespaced: text(spec, "scope").as_deref() != Some("Cluster"),
            converts_by_rename: true,
            singular: text(names, "singular").unwrap_or_else(|| kind.to_lowercase()),
            short_names: strings(names.get("shortNames")),
            subresources: subresources(spec),
            kind,
            ..Self::default()
        };
        facts.read_versions(spec);
        facts.read_conversion(spec);
        (!facts.versions.is_empty()).then_some(facts)
    }

    fn read_versions(&mut self, spec: &Map<String, Value>) {
        for version in spec.get("versions").and_then(Value::as_array).into_iter().flatten() {
            let Some(fields) = version.as_object() else { continue };
            let Some(name) = text(fields, "name") else { continue };
            if fields.get("served").and_then(Value::as_bool) == Some(true) {
                self.served.insert(name.clone());
            }
            if fields.get("storage").and_then(Value::as_bool) == Some(true) {
                self.storage = Some(name.clone());
            }
            self.subresources.extend(subresources(fields));
            if !self.versions.contains(&name) {
                self.versions.push(name);
            }
        }
        if self.versions.is_empty()
            && let Some(only) = text(spec, "version")
        {
            self.served.insert(only.clone());
            self.storage = Some(only.clone());
            self.versions.push(only);
        }
        self.versions.sort_by_key(|version| (std::cmp::Reverse(version_rank(version)), version.clone()));
    }

    fn read_conversion(&mut self, spec: &Map<String, Value>) {
        let Some(conversion) = spec.get("conversion").and_then(Value::as_object) else { return };
        if text(conversion, "strategy").as_deref() != Some("Webhook") {
            return;
        }
        self.converts_by_rename = false;
        let client = conversion.get("webhookClientConfig");
        let client = client.or_else(|| conversion.get("webhook")?.get("clientConfig"));
        let part = |pointer: &str| client.and_then(|client| client.pointer(pointer)?.as_str());
        self.webhook = match (part("/service/namespace"), part("/service/name"), part("/url")) {
            (Some(namespace), Some(name), _) => Some(format!("{namespace}/{name}")),
            (_, _, Some(url)) => Some(url.to_owned()),
            _ => None,
        };
    }

    /// The served versions, in the order in which discovery prefers them.
    pub fn served_in_order(&self) -> impl Iterator<Item = &String> {
        self.versions.iter().filter(|version| self.served.contains(*version))
    }
}

/// The resources that the definition will make its server serve, preferred version first.
pub fn catalog_of_crd(definition: &Manifest) -> Vec<ApiResource> {
    let Some(facts) = CrdFacts::of(definition) else { return Vec::new() };
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let resource = |version: &String| ApiResource {
        group: facts.group.clone(),
        version: version.clone(),
        resource: facts.resource.clone(),
        singular: facts.singular.clone(),
        kind: facts.kind.clone(),
        short_names: facts.short_names.clone(),
        namespaced: facts.namespaced,
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        subresources: facts.subresources.clone(),
    };
    facts.served_in_order().map(resource).collect()
}

/// Where a kind of a well-known project goes when its definition is not at hand: from a version that no current
/// release of the project serves to the one that all of them do.
pub(crate) fn current_form(gvk: &Gvk) -> Option<Gvk> {
    let (version, kind) = match (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()) {
        // external-snapshotter stopped serving it in 6.0.
        ("snapshot.storage.k8s.io", "v1beta1", kind) => ("v1", kind),
        // Gateway API stopped serving the alpha in 0.8, 1.1 and 1.4.
        ("gateway.networking.k8s.io", "v1alpha2", kind @ ("GatewayClass" | "Gateway" | "HTTPRoute" | "GRPCRoute")) => {
            ("v1", kind)
        }
        ("gateway.networking.k8s.io", "v1alpha2" | "v1alpha3", kind @ "BackendTLSPolicy") => ("v1", kind),
        ("gateway.networking.k8s.io", "v1alpha2", "ReferenceGrant" | "ReferencePolicy") => {
            ("v1beta1", "ReferenceGrant")
        }
        _ => return None,
    };
    Some(Gvk::new(&gvk.group, version, kind))
}

fn text(map: &Map<String, Value>, key: &str) -> Option<String> {
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn strings(list: Option<&Value>) -> Vec<String> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(|v| Some(v.as_str()?.to_owned())).collect()
}

fn subresources(holder: &Map<String, Value>) -> BTreeSet<String> {
    let found = holder.get("subresources").and_then(Value::as_object);
    found.into_iter().flatten().filter(|(_, value)| value.is_object()).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(spec: Value) -> Manifest {
        let value = json!({"apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"}, "spec": spec});
        Manifest::from_value(value).unwrap()
    }

    #[test]
    fn served_versions_are_listed_as_discovery_would() {
        let names = json!({"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]});
        let version = |name: &str, served: bool| json!({"name": name, "served": served, "storage": name == "v1"});
        let found = catalog_of_crd(&definition(json!({"group": "example.com", "names": names,
            "versions": [version("v1beta1", true), version("v1alpha1", false), version("v1", true)],
            "subresources": {"status": {}}})));
        let versions: Vec<&str> = found.iter().map(|resource| resource.version.as_str()).collect();
        assert_eq!(versions, ["v1", "v1beta1"]);
        assert!(found[0].namespaced && found[0].subresources.contains("status"));
    }

    #[test]
    fn a_definition_without_names_adds_nothing() {
        assert!(catalog_of_crd(&definition(json!({"group": "example.com", "versions": []}))).is_empty());
        assert!(catalog_of_crd(&definition(json!("text"))).is_empty());
    }
}
