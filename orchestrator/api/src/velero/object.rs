//! The objects around the specs: read from a file, written beside an archive.
//!
//! An object that is written is complete, as Velero's own server would have stored it; one that is read is trusted
//! in nothing but its spec.

use jiff::Timestamp;
use model::Manifest;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{BackupSpec, RestoreSpec};

#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("not readable as YAML")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("expected a velero.io/v1 {expected}, found {found}")]
    Kind { expected: &'static str, found: String },
    #[error("the spec is not valid")]
    Spec(#[source] serde_json::Error),
}

/// A spec read from a manifest that a person wrote, with the object's name and metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<S> {
    pub name: String,
    pub namespace: Option<String>,
    pub labels: Map<String, Value>,
    pub annotations: Map<String, Value>,
    pub spec: S,
}

/// Reads a `velero.io/v1` Backup or Restore from YAML or JSON.
pub fn spec_from_yaml<S: DeserializeOwned>(text: &str, kind: &'static str) -> Result<Written<S>, ObjectError> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| ObjectError::Yaml(error.into()))?;
    let manifest = Manifest::from_value(value).map_err(|error| ObjectError::Yaml(error.into()))?;
    if manifest.api_version() != "velero.io/v1" || manifest.kind() != kind {
        let found = format!("{:?} {:?}", manifest.api_version(), manifest.kind());
        return Err(ObjectError::Kind { expected: kind, found });
    }
    let spec = manifest.get("/spec").cloned().unwrap_or_else(|| json!({}));
    let map = |pointer: &str| manifest.get(pointer).and_then(Value::as_object).cloned().unwrap_or_default();
    Ok(Written {
        name: manifest.name().to_owned(),
        namespace: manifest.namespace().map(str::to_owned),
        labels: map("/metadata/labels"),
        annotations: map("/metadata/annotations"),
        spec: serde_json::from_value(spec).map_err(ObjectError::Spec)?,
    })
}

/// Who and when, for an object that is written beside an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub created: Timestamp,
    pub labels: Map<String, Value>,
    pub annotations: Map<String, Value>,
}

pub fn backup_object(identity: &Identity, spec: &BackupSpec, status: Value) -> Manifest {
    object("Backup", identity, json!(spec), status)
}

pub fn restore_object(identity: &Identity, spec: &RestoreSpec, status: Value) -> Manifest {
    object("Restore", identity, json!(spec), status)
}

/// A time as Kubernetes writes it: whole seconds, UTC.
pub fn time(timestamp: Timestamp) -> Value {
    let whole = Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp);
    Value::String(whole.to_string())
}

fn object(kind: &str, identity: &Identity, spec: Value, status: Value) -> Manifest {
    let mut metadata = json!({
        "name": identity.name,
        "namespace": identity.namespace,
        "uid": identity.uid,
        "creationTimestamp": time(identity.created),
        "generation": 1,
        "resourceVersion": "1",
    });
    if !identity.labels.is_empty() {
        metadata["labels"] = Value::Object(identity.labels.clone());
    }
    if !identity.annotations.is_empty() {
        metadata["annotations"] = Value::Object(identity.annotations.clone());
    }
    let body = json!({
        "apiVersion": "velero.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": status,
    });
    match body {
        Value::Object(map) => Manifest::from_map(map),
        _ => Manifest::from_map(Map::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_backup_is_read() {
        let text = "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {name: b, labels: {a: b}}\nspec:\n  includedNamespaces: [shop]\n";
        let written: Written<BackupSpec> = spec_from_yaml(text, "Backup").unwrap();
        assert_eq!(written.name, "b");
        assert_eq!(written.spec.included_namespaces.as_deref(), Some(&["shop".to_owned()][..]));
    }

    #[test]
    fn another_kind_and_unknown_fields_are_refused() {
        let other = spec_from_yaml::<BackupSpec>("apiVersion: v1\nkind: Pod\n", "Backup").unwrap_err();
        assert!(other.to_string().contains("Pod"));
        let text = "apiVersion: velero.io/v1\nkind: Backup\nspec: {includeNamespaces: [shop]}\n";
        let unknown = spec_from_yaml::<BackupSpec>(text, "Backup").unwrap_err();
        assert!(model::chain(&unknown).contains("includeNamespaces"));
    }
}
