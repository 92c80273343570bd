//! Identity that the old cluster gave, and what ties an object to others there.

use model::Manifest;
use serde_json::Value;

use super::{ActionContext, NotRestored, skip};

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

/// Leases that a cluster keeps about its own nodes and servers.
pub(super) fn refuse_leases(lease: &Manifest) -> Result<(), NotRestored> {
    if lease.namespace() == Some("kube-node-lease") || lease.label("apiserver.kubernetes.io/identity").is_some() {
        return Err(skip("cluster-owned", "the lease belongs to a node or a server of the old cluster"));
    }
    Ok(())
}
