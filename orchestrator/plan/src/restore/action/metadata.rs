//! Identity that the old cluster gave, and what ties an object to others there.

use model::Manifest;
use serde_json::Value;

use super::ActionContext;

const SERVER_SET: [&str; 8] = [
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
];

pub(super) fn reset(manifest: &mut Manifest, context: &ActionContext<'_>) {
    let Some(metadata) = manifest.as_map_mut().get_mut("metadata").and_then(Value::as_object_mut) else { return };
    for field in SERVER_SET {
        metadata.remove(field);
    }
    if !context.keep_owner_references {
        metadata.remove("ownerReferences");
    }
    if !context.keep_managed_fields {
        metadata.remove("managedFields");
    }
}
