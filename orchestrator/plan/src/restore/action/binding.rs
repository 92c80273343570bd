//! Role bindings: service accounts in namespaces that are restored under another name.
//! Velero: pkg/restore/actions/{cluster_,}rolebinding_action.go.

use std::collections::BTreeMap;

use model::{Change, Manifest};
use serde_json::Value;

use super::Changes;

pub(super) fn reset(binding: &mut Manifest, mapping: &BTreeMap<String, String>, changes: &mut Changes) {
    let Some(subjects) = binding.as_map_mut().get_mut("subjects").and_then(Value::as_array_mut) else { return };
    for (at, subject) in subjects.iter_mut().enumerate() {
        let namespace = subject.get("namespace").and_then(Value::as_str).unwrap_or_default();
        if let Some(mapped) = mapping.get(namespace).cloned() {
            let before = subject.get("namespace").cloned();
            subject["namespace"] = mapped.clone().into();
            let pointer = format!("/subjects/{at}/namespace");
            changes.push(Change::set(pointer, before, mapped.into(), "the namespace is restored under this name"));
        }
    }
}
