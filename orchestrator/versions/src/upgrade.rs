//! What changes though the version stays: the create rules of the object's own version, and what moved inside it.
//!
//! Annotations that became fields, labels of nodes, references to other objects by version, in-tree EBS volumes,
//! fields that newer servers prune. Each pass looks at the kind first and costs nothing for the others.

mod addresses;
mod ebs;
mod fields;
mod node_labels;
mod pods;
mod references;
#[cfg(test)]
mod tests;

use model::{KubernetesVersion, Manifest};
use serde_json::{Map, Value};

use crate::convert::{At, CannotConvert, Conversion, Draft, family_of, undo};
use crate::options::Options;

pub use ebs::{in_tree_volume, inline_ebs_volume};
pub use references::served_form;

/// Brings an object of a served version up to a release, in place. On an error the object is as it was.
pub fn upgrade(
    manifest: &mut Manifest,
    release: KubernetesVersion,
    options: &Options,
) -> Result<Conversion, CannotConvert> {
    let mut draft = Draft::new(options);
    match run(manifest, release, &mut draft) {
        Ok(()) => Ok(draft.finish()),
        Err(error) => {
            undo(manifest, draft.changes);
            Err(error)
        }
    }
}

fn run(manifest: &mut Manifest, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let gvk = manifest.gvk();
    if draft.options.creatable
        && let Some((family, form)) = family_of(&gvk)
    {
        (family.repair)(manifest.as_map_mut(), form, draft)?;
    }
    let body = manifest.as_map_mut();
    references::owners(body, release, draft)?;
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Secret" | "ConfigMap" | "ServiceAccount" | "Namespace") => {}
        ("", "PersistentVolume") => {
            fields::volume_annotations(body, true, draft)?;
            ebs::persistent_volume(body, draft)?;
            node_labels::persistent_volume(body, release, draft)?;
        }
        ("", "PersistentVolumeClaim") => {
            fields::volume_annotations(body, false, draft)?;
            ebs::claim(body, draft)?;
        }
        ("", "Service") => {
            fields::service(body, release, draft)?;
            addresses::service(body, release, draft)?;
        }
        ("", "Endpoints") => addresses::endpoints(body, release, draft)?,
        ("discovery.k8s.io", "EndpointSlice") => addresses::endpoint_slice(body, release, draft)?,
        ("networking.k8s.io" | "extensions", "NetworkPolicy") => addresses::network_policy(body, release, draft)?,
        ("storage.k8s.io", "StorageClass") => {
            ebs::storage_class(body, draft)?;
            node_labels::storage_class(body, release, draft)?;
        }
        ("node.k8s.io", "RuntimeClass") => node_labels::runtime_class(body, release, draft)?,
        ("autoscaling", "HorizontalPodAutoscaler") => references::autoscaler(body, release, draft)?,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => references::rules(body, release, draft)?,
        ("admissionregistration.k8s.io", _) => references::webhooks(body, release, draft)?,
        ("", "ResourceQuota") => references::quota(body, release, draft)?,
        ("", "Pod" | "PodTemplate" | "ReplicationController") | ("apps" | "extensions" | "batch", _) => {
            fields::time_zone(body, &gvk, release, draft)?;
            pods::upgrade(body, &gvk, release, draft)?;
        }
        _ => {}
    }
    Ok(())
}

type Body = Map<String, Value>;

/// Whether the release is at least this minor.
fn since(release: KubernetesVersion, minor: u32) -> bool {
    release >= KubernetesVersion::new(1, minor)
}

fn metadata_at() -> At<'static> {
    static ROOT: At<'static> = At::ROOT;
    ROOT.key("metadata")
}

fn spec_at() -> At<'static> {
    static ROOT: At<'static> = At::ROOT;
    ROOT.key("spec")
}
