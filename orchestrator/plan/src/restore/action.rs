//! What a body loses on its way out of its old cluster: one file for each kind that has something to lose.
//!
//! These are Velero's built-in restore actions (pkg/restore/actions), with what the apiserver of today refuses on
//! create beside them. They know nothing of infrastructure; that is `crate::transform`'s.

mod admission;
mod api_service;
mod binding;
mod definition;
mod endpoints;
mod job;
mod metadata;
mod pod;
mod secret;
mod service;
mod service_account;
mod volume;

use std::collections::BTreeMap;

use model::{Change, GroupResource, Manifest, Reason};

use super::volumes::VolumePlan;

/// What an action may know.
pub struct ActionContext<'a> {
    /// Kind as the target names it.
    pub kind: &'a GroupResource,
    pub namespace_mapping: &'a BTreeMap<String, String>,
    pub preserve_node_ports: bool,
    pub keep_owner_references: bool,
    pub keep_managed_fields: bool,
    pub restore_volumes: Option<bool>,
    pub volumes: &'a VolumePlan,
}

/// The item is not restored after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRestored(pub Reason);

/// Changes worth showing, as they are made.
pub type Changes = Vec<Change>;

/// Resets a body for another cluster. Its metadata goes last: actions read what it held.
pub fn reset(manifest: &mut Manifest, context: &ActionContext<'_>) -> Result<Changes, NotRestored> {
    let mut changes = Changes::new();
    match (context.kind.group.as_str(), context.kind.resource.as_str()) {
        ("", "pods") => pod::reset(manifest, &mut changes)?,
        ("", "services") => service::reset(manifest, context, &mut changes),
        ("", "endpoints") => endpoints::reset(manifest)?,
        ("", "secrets") => secret::reset(manifest)?,
        ("", "serviceaccounts") => service_account::reset(manifest),
        ("", "persistentvolumeclaims") => volume::reset_claim(manifest, context, &mut changes),
        ("", "persistentvolumes") => volume::reset_volume(manifest, context)?,
        ("batch", "jobs") => job::reset(manifest)?,
        ("rbac.authorization.k8s.io", "clusterrolebindings" | "rolebindings") => {
            binding::reset(manifest, context.namespace_mapping, &mut changes);
        }
        ("admissionregistration.k8s.io", _) => admission::reset(manifest, &mut changes),
        ("apiregistration.k8s.io", "apiservices") => api_service::reset(manifest)?,
        ("apiextensions.k8s.io", "customresourcedefinitions") => definition::reset(manifest, &mut changes),
        _ => {}
    }
    metadata::reset(manifest, context);
    Ok(changes)
}

fn skip(code: &str, message: &str) -> NotRestored {
    NotRestored(Reason::new(code, message))
}

#[cfg(test)]
mod tests;
