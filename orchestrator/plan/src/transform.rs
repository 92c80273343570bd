//! What changes in a body on its way into other infrastructure.
//!
//! One transform per file, in the order of [`TRANSFORMS`]: first those that hold objects back, then those that know a
//! kind, and last the general rewrite of every value that has a pair. A transform reads and edits one body; it observes
//! nothing. What the source's own cluster left in a body (status, uids, node names) is `restore`'s to reset.

mod add_on_objects;
mod argo_clusters;
mod auto_mode;
mod aws_auth;
mod cert_manager;
mod cloud_objects;
mod cluster_autoscaler;
mod ebs_volumes;
mod edit;
mod efs_volumes;
mod external_dns;
mod external_secrets;
mod fields;
mod fsx_volumes;
mod general;
mod image_registries;
mod injected_identity;
mod irsa_roles;
mod karpenter;
mod keda;
mod last_applied;
mod load_balancer_annotations;
mod load_balancer_resources;
mod load_balancer_state;
mod pod_identity;
pub mod preparing;
pub mod reference;
mod registry_secrets;
mod s3_volumes;
mod secrets_store;
mod security_group_policy;
mod storage_classes;
mod volume_snapshot_classes;
mod volume_snapshot_contents;
mod vpc_cni;
mod zones;

use infra::InfraPair;
use model::{Blocked, Change, Finding, Manifest, Reason};

pub use preparing::InfraRewrite;
pub use reference::reference;

/// What a transform may know of an object before it looks into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    pub group: &'a str,
    pub kind: &'a str,
    pub namespace: Option<&'a str>,
    pub name: &'a str,
}

/// One reason for a body to change when its infrastructure does.
pub trait Transform: Sync {
    /// Stable and kebab-case: plans and reports count by it.
    fn name(&self) -> &'static str;

    /// The file that this transform is written in; its first comment is its reference page.
    fn text(&self) -> &'static str;

    fn applies(&self, facts: &Facts<'_>) -> bool;

    /// Whether the object's own name may change, so that it could become another's.
    fn renames(&self) -> bool {
        false
    }

    /// Why the object is left to somebody else, if it is.
    fn hold_back(&self, _manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        None
    }

    /// Edits the body. `Blocked` means that a value has no counterpart and the object would not work.
    fn apply(&self, _manifest: &mut Manifest, _infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        Ok(Vec::new())
    }
}

/// All of them, in the order in which they run.
pub const TRANSFORMS: &[&dyn Transform] = &[
    &aws_auth::AwsAuth,
    &add_on_objects::AddOnObjects,
    &cloud_objects::CloudObjects,
    &registry_secrets::RegistrySecrets,
    &last_applied::LastApplied,
    &injected_identity::InjectedIdentity,
    &pod_identity::PodIdentity,
    &irsa_roles::IrsaRoles,
    &load_balancer_state::LoadBalancerState,
    &load_balancer_annotations::LoadBalancerAnnotations,
    &load_balancer_resources::LoadBalancerResources,
    &zones::Zones,
    &ebs_volumes::EbsVolumes,
    &efs_volumes::EfsVolumes,
    &fsx_volumes::TRANSFORM,
    &s3_volumes::TRANSFORM,
    &storage_classes::StorageClasses,
    &volume_snapshot_classes::VolumeSnapshotClasses,
    &volume_snapshot_contents::VolumeSnapshotContents,
    &karpenter::Karpenter,
    &vpc_cni::VpcCni,
    &security_group_policy::TRANSFORM,
    &cluster_autoscaler::ClusterAutoscaler,
    &external_dns::ExternalDns,
    &cert_manager::TRANSFORM,
    &keda::TRANSFORM,
    &external_secrets::TRANSFORM,
    &secrets_store::SecretsStore,
    &argo_clusters::ArgoClusters,
    &image_registries::ImageRegistries,
    &auto_mode::AutoMode,
    &general::General,
];

/// What all transforms did to one body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransformOutcome {
    /// In the order of [`TRANSFORMS`]; only those that changed something.
    pub changes: Vec<(&'static str, Vec<Change>)>,
    /// Values without a counterpart; the object would not work as it stands.
    pub blocked: Vec<(&'static str, Blocked)>,
    /// The object is left to somebody else, and nothing in it was changed.
    pub held_back: Option<(&'static str, Reason)>,
    /// What the general rewrite left alone on purpose or could not read.
    pub findings: Vec<Finding>,
}

impl TransformOutcome {
    pub fn all_changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().flat_map(|(_, changes)| changes)
    }
}

/// Runs every transform that applies.
pub fn apply_all(manifest: &mut Manifest, infra: &InfraPair) -> TransformOutcome {
    let mut outcome = TransformOutcome::default();
    let applicable: Vec<&dyn Transform> = {
        let facts = Facts::of(manifest);
        TRANSFORMS.iter().copied().filter(|transform| transform.applies(&facts)).collect()
    };
    for transform in &applicable {
        if let Some(reason) = transform.hold_back(manifest, infra) {
            outcome.held_back = Some((transform.name(), reason));
            return outcome;
        }
    }
    for transform in applicable {
        if transform.name() == general::NAME {
            let rewritten = infra.rewrite(manifest);
            outcome.findings = rewritten.findings;
            if !rewritten.changes.is_empty() {
                outcome.changes.push((transform.name(), rewritten.changes));
            }
            continue;
        }
        match transform.apply(manifest, infra) {
            Ok(changes) if changes.is_empty() => {}
            Ok(changes) => outcome.changes.push((transform.name(), changes)),
            Err(blocked) => outcome.blocked.push((transform.name(), blocked)),
        }
    }
    outcome
}

/// Whether one of the transforms may give an object like this another name.
fn may_rename(facts: &Facts<'_>) -> bool {
    TRANSFORMS.iter().any(|transform| transform.renames() && transform.applies(facts))
}

impl<'a> Facts<'a> {
    pub fn of(manifest: &'a Manifest) -> Self {
        Self {
            group: manifest.api_version().split_once('/').map_or("", |(group, _)| group),
            kind: manifest.kind(),
            namespace: manifest.namespace(),
            name: manifest.name(),
        }
    }

    fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    /// Whether the object starts pods.
    fn is_workload(&self) -> bool {
        edit::pod_spec(self.group, self.kind).is_some()
    }
}

#[cfg(test)]
mod tests;
