//! Custom resource definitions: `preserveUnknownFields` became part of the schema.
//! Velero: pkg/restore/actions/crd_v1_preserve_unknown_fields_action.go.

use model::{Change, Manifest};
use serde_json::Value;

use super::Changes;

pub(super) fn reset(definition: &mut Manifest, changes: &mut Changes) {
    if definition.api_version() != "apiextensions.k8s.io/v1" {
        return;
    }
    if definition.get("/spec/preserveUnknownFields") != Some(&Value::Bool(true)) {
        return;
    }
    let because = "v1 says this in the schema";
    definition.set("/spec/preserveUnknownFields", false);
    changes.push(Change::set("/spec/preserveUnknownFields", Some(true.into()), false.into(), because));
    let Some(versions) = definition.get_mut("/spec/versions").and_then(Value::as_array_mut) else { return };
    for (at, version) in versions.iter_mut().enumerate() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut) {
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
            let pointer = format!("/spec/versions/{at}/schema/openAPIV3Schema/x-kubernetes-preserve-unknown-fields");
            changes.push(Change::set(pointer, None, true.into(), because));
        }
    }
}
