//! Patches: JSON, merge, strategic (lists of named things by name) and apply (creates; forced).

use jiff::Timestamp;
use ports::PortError;
use ports::cluster::{ObjectRef, PatchKind};
use serde_json::Value;

use super::answers;
use super::merge::{merge, strategic};
use super::state::{Object, State, metadata_mut};
use super::write::Part;

impl State {
    pub(super) fn patch(
        &mut self,
        object: &ObjectRef<'_>,
        kind: PatchKind,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Value, PortError> {
        let resource = self.allowed(object.resource, "patch")?;
        let sent: Value =
            serde_json::from_slice(body).map_err(|e| answers::bad_request(format!("the patch is not JSON: {e}")))?;
        let old = match (self.stored(&resource, object), kind) {
            (Ok(old), _) => old,
            (Err(error), PatchKind::Apply { .. }) if error.is_not_found() => {
                let mut new = self.decode(&resource, object.namespace, body)?;
                metadata_mut(&mut new).insert("name".into(), object.name.into());
                let whole = super::state::render(&resource, &new);
                return self.create(object, whole.to_string().as_bytes(), false, now);
            }
            (Err(error), _) => return Err(error),
        };
        let mut new = Value::Object(old.clone());
        match kind {
            PatchKind::Json => {
                let patch: json_patch::Patch = serde_json::from_value(sent)
                    .map_err(|e| answers::bad_request(format!("error decoding patch: {e}")))?;
                json_patch::patch(&mut new, &patch)
                    .map_err(|e| answers::unprocessable(&resource.kind, object.name, &e.to_string()))?;
            }
            PatchKind::Merge => merge(&mut new, &without_type(sent)),
            PatchKind::Strategic if self.custom.contains(&resource.group_resource()) => {
                return Err(PortError::invalid("the body of the request was in an unknown format")
                    .with_reason("UnsupportedMediaType"));
            }
            PatchKind::Strategic => strategic(&mut new, &without_type(sent)),
            PatchKind::Apply { .. } => {
                let applied = self.decode(&resource, object.namespace, body)?;
                merge(&mut new, &Value::Object(applied));
            }
        }
        let new = as_object(new)?;
        self.update(&resource, object, old, new, Part::Main, now)
    }
}

/// A patch may name the kind, which is not stored.
fn without_type(mut patch: Value) -> Value {
    if let Some(map) = patch.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    patch
}

fn as_object(value: Value) -> Result<Object, PortError> {
    match value {
        Value::Object(mut object) => {
            object.remove("apiVersion");
            object.remove("kind");
            Ok(object)
        }
        _ => Err(answers::bad_request("the patched object is no object")),
    }
}
