//! Transform: add-on-objects
//!
//! Objects that an EKS add-on owns are left to Terraform, which installs the add-on in the target with the target's
//! version, images and registry. They are known by the label `eks.amazonaws.com/component`, by EKS as their manager, or
//! by the names that EKS itself gives in `kube-system`.
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata:
//!   name: kube-proxy
//!   namespace: kube-system
//!   labels: { eks.amazonaws.com/component: kube-proxy }
//! ```
//! ->
//! ```text
//! held back: add-on-object
//! ```

use infra::InfraPair;
use model::{Manifest, Reason};

use super::{Facts, Transform};

pub(super) struct AddOnObjects;

/// Objects of these names in `kube-system` come with every EKS cluster.
const NAMES: &[&str] =
    &["aws-node", "kube-proxy", "kube-proxy-config", "coredns", "kube-dns", "eks-pod-identity-agent", "amazon-vpc-cni"];

const KINDS: &[&str] = &["DaemonSet", "Deployment", "Service", "ServiceAccount", "ConfigMap", "PodDisruptionBudget"];

impl Transform for AddOnObjects {
    fn name(&self) -> &'static str {
        "add-on-objects"
    }

    fn text(&self) -> &'static str {
        include_str!("add_on_objects.rs")
    }

    fn applies(&self, _facts: &Facts<'_>) -> bool {
        true
    }

    fn hold_back(&self, manifest: &Manifest, _infra: &InfraPair) -> Option<Reason> {
        let in_system = manifest.namespace() == Some("kube-system");
        let labelled = manifest.label("eks.amazonaws.com/component").is_some()
            || manifest.label("app.kubernetes.io/managed-by") == Some("EKS");
        let named = in_system && KINDS.contains(&manifest.kind()) && NAMES.contains(&manifest.name());
        if !(labelled || named || is_managed_by_eks(manifest)) {
            return None;
        }
        Some(Reason::new("add-on-object", "an EKS add-on owns this object; the target's add-on brings its own"))
    }
}

fn is_managed_by_eks(manifest: &Manifest) -> bool {
    let fields = manifest.get("/metadata/managedFields").and_then(|fields| fields.as_array());
    fields.into_iter().flatten().any(|entry| entry.get("manager").and_then(|m| m.as_str()) == Some("eks"))
}
