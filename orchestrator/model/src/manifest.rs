//! Typed access over one Kubernetes object.
//!
//! A `Manifest` is any JSON object; it validates nothing but that. Its `Debug` names the object and hides the body,
//! so that no log line can carry a Secret.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::gvk::Gvk;
use crate::pointer;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(Map<String, Value>);

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
}

impl Manifest {
    pub fn from_value(value: Value) -> Result<Self, ManifestError> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(ManifestError::NotAnObject),
        }
    }

    pub fn from_slice(bytes: &[u8]) -> Result<Self, ManifestError> {
        Self::from_value(serde_json::from_slice(bytes).map_err(ManifestError::Json)?)
    }

    pub fn from_map(map: Map<String, Value>) -> Self {
        Self(map)
    }

    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    pub fn as_map_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    pub fn to_vec(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("a map of JSON values with string keys always serialises")
    }

    /// `apiVersion`, or empty when absent.
    pub fn api_version(&self) -> &str {
        self.0.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// `kind`, or empty when absent.
    pub fn kind(&self) -> &str {
        self.0.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn gvk(&self) -> Gvk {
        Gvk::from_api_version(self.api_version(), self.kind())
    }

    pub fn set_gvk(&mut self, gvk: &Gvk) {
        self.0.insert("apiVersion".into(), gvk.api_version().into());
        self.0.insert("kind".into(), gvk.kind.clone().into());
    }

    /// `metadata.name`, or empty when absent.
    pub fn name(&self) -> &str {
        self.get_str("/metadata/name").unwrap_or_default()
    }

    /// `metadata.namespace`; absent and empty are the same.
    pub fn namespace(&self) -> Option<&str> {
        self.get_str("/metadata/namespace").filter(|ns| !ns.is_empty())
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata_entry("labels", key)
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata_entry("annotations", key)
    }

    /// String labels in key order.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata_map("labels")
    }

    /// String annotations in key order.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.metadata_map("annotations")
    }

    pub fn set_label(&mut self, key: &str, value: &str) {
        self.set_metadata("labels", key, value);
    }

    pub fn set_annotation(&mut self, key: &str, value: &str) {
        self.set_metadata("annotations", key, value);
    }

    pub fn remove_label(&mut self, key: &str) -> Option<Value> {
        self.remove_metadata("labels", key)
    }

    /// Removes one annotation; an annotations map that becomes empty goes with it.
    pub fn remove_annotation(&mut self, key: &str) -> Option<Value> {
        self.remove_metadata("annotations", key)
    }

    /// The value at a JSON pointer.
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        let (first, rest) = split_first(pointer)?;
        let value = if first.contains('~') {
            self.0.get(&first.replace("~1", "/").replace("~0", "~"))?
        } else {
            self.0.get(first)?
        };
        if rest.is_empty() { Some(value) } else { value.pointer(rest) }
    }

    pub fn get_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        let (first, rest) = split_first(pointer)?;
        let value = self.0.get_mut(&first.replace("~1", "/").replace("~0", "~"))?;
        if rest.is_empty() { Some(value) } else { value.pointer_mut(rest) }
    }

    pub fn get_str(&self, pointer: &str) -> Option<&str> {
        self.get(pointer).and_then(Value::as_str)
    }

    /// Sets the value at a JSON pointer, creating missing objects; `false` when a parent is a scalar.
    pub fn set(&mut self, pointer: &str, value: impl Into<Value>) -> bool {
        pointer::set(&mut self.0, pointer, value.into()).is_ok()
    }

    pub fn remove(&mut self, pointer: &str) -> Option<Value> {
        pointer::remove(&mut self.0, pointer)
    }

    fn metadata_entry(&self, map: &str, key: &str) -> Option<&str> {
        self.0.get("metadata")?.get(map)?.get(key)?.as_str()
    }

    fn metadata_map(&self, map: &str) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.get("metadata").and_then(|m| m.get(map)).and_then(Value::as_object);
        entries.into_iter().flatten().filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
    }

    fn set_metadata(&mut self, map: &str, key: &str, value: &str) {
        self.set(&pointer::join(["metadata", map, key]), value);
    }

    fn remove_metadata(&mut self, map: &str, key: &str) -> Option<Value> {
        let metadata = self.0.get_mut("metadata")?.as_object_mut()?;
        let entries = metadata.get_mut(map)?.as_object_mut()?;
        let removed = entries.remove(key);
        if entries.is_empty() {
            metadata.remove(map);
        }
        removed
    }
}

/// Names the object; shows no field of its body.
impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace().map(|ns| format!("{ns}/")).unwrap_or_default();
        write!(f, "Manifest({} {} {namespace}{})", self.api_version(), self.kind(), self.name())
    }
}

fn split_first(pointer: &str) -> Option<(&str, &str)> {
    let path = pointer.strip_prefix('/')?;
    Some(match path.find('/') {
        Some(at) => (&path[..at], &path[at..]),
        None => (path, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret() -> Manifest {
        let value = json!({"apiVersion": "v1", "kind": "Secret", "data": {"password": "aHVudGVyMg=="},
            "metadata": {"name": "db", "namespace": "shop", "annotations": {"a/b": "1"}}});
        Manifest::from_value(value).unwrap()
    }

    #[test]
    fn debug_never_shows_a_body() {
        assert_eq!(format!("{:?}", secret()), "Manifest(v1 Secret shop/db)");
    }

    #[test]
    fn pointers_reach_annotations_with_slashes() {
        let mut manifest = secret();
        assert_eq!(manifest.get_str("/metadata/annotations/a~1b"), Some("1"));
        assert_eq!(manifest.annotation("a/b"), Some("1"));
        manifest.remove_annotation("a/b");
        assert_eq!(manifest.get("/metadata/annotations"), None);
    }

    #[test]
    fn a_list_is_not_a_manifest() {
        assert!(matches!(Manifest::from_slice(b"[]"), Err(ManifestError::NotAnObject)));
        assert!(matches!(Manifest::from_slice(b"{"), Err(ManifestError::Json(_))));
    }
}
