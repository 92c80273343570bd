//! The few facts that an index keeps of a body.
//!
//! Reads past everything else without keeping it; a body that is not a JSON object is an error, one whose metadata
//! has odd types merely has fewer facts.

use std::collections::BTreeMap;

use model::{GroupVersion, OwnerFact};
use serde::Deserialize;
use serde_json::Value;

use crate::error::ArchiveError;

/// What a body says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodyFacts {
    pub api_version: String,
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub owners: Vec<OwnerFact>,
}

impl BodyFacts {
    pub fn read(body: &[u8]) -> Result<Self, ArchiveError> {
        // A derived reader would take an array for a struct.
        if body.trim_ascii_start().first() != Some(&b'{') {
            let not_an_object = serde::de::Error::custom("not a JSON object");
            return Err(ArchiveError::Json(not_an_object));
        }
        let Wire { api_version, kind, metadata } = serde_json::from_slice(body).map_err(ArchiveError::Json)?;
        let metadata = metadata.unwrap_or_default();
        Ok(Self {
            api_version: string(api_version),
            kind: string(kind),
            namespace: Some(string(metadata.namespace)).filter(|namespace| !namespace.is_empty()),
            name: string(metadata.name),
            labels: labels(metadata.labels),
            owners: owners(metadata.owner_references),
        })
    }

    /// The version without its group.
    pub fn version(&self) -> String {
        GroupVersion::parse(&self.api_version).version
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    api_version: Value,
    #[serde(default)]
    kind: Value,
    #[serde(default)]
    metadata: Option<WireMetadata>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct WireMetadata {
    name: Value,
    namespace: Value,
    labels: Value,
    owner_references: Value,
}

fn string(value: Value) -> String {
    if let Value::String(text) = value { text } else { String::new() }
}

fn labels(value: Value) -> BTreeMap<String, String> {
    let Value::Object(map) = value else { return BTreeMap::new() };
    map.into_iter()
        .filter_map(|(key, value)| if let Value::String(text) = value { Some((key, text)) } else { None })
        .collect()
}

fn owners(value: Value) -> Vec<OwnerFact> {
    let Value::Array(list) = value else { return Vec::new() };
    let owner = |value: Value| {
        let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let controller = value.get("controller").and_then(Value::as_bool).unwrap_or(false);
        OwnerFact { api_version: field("apiVersion"), kind: field("kind"), name: field("name"), controller }
    };
    list.into_iter().map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_the_rest_is_not() {
        let body = br#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop",
            "labels":{"app":"web","odd":7},"ownerReferences":[{"apiVersion":"v1","kind":"X","name":"x","controller":true}]},
            "spec":{"replicas":3}}"#;
        let facts = BodyFacts::read(body).unwrap();
        assert_eq!((facts.version().as_str(), facts.kind.as_str()), ("v1", "Deployment"));
        assert_eq!((facts.namespace.as_deref(), facts.name.as_str()), (Some("shop"), "web"));
        assert_eq!(facts.labels, BTreeMap::from([("app".into(), "web".into())]));
        assert!(facts.owners[0].controller);
    }

    #[test]
    fn odd_bodies_are_an_error_or_have_fewer_facts() {
        for body in [&b""[..], b"[]", b"null", b"7", b"{", b"{}x", b"\xff"] {
            assert!(matches!(BodyFacts::read(body), Err(ArchiveError::Json(_))), "{}", String::from_utf8_lossy(body));
        }
        let odd = BodyFacts::read(br#"{"kind":7,"metadata":{"name":[],"labels":"x","ownerReferences":[3]}}"#).unwrap();
        assert_eq!((odd.kind.as_str(), odd.name.as_str(), odd.labels.len()), ("", "", 0));
        assert_eq!(BodyFacts::read(br#"{"metadata":null}"#).unwrap(), BodyFacts::default());
    }
}
