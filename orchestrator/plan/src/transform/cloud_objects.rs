//! Transform: cloud-objects
//!
//! Objects of ACK and Crossplane are wishes that a controller grants by creating resources in the cloud. Restored, they
//! would create a second database or fight over the first one, so they are held back by default.
//! When they are to be observed only, ACK objects become read-only with deletion policy `retain`, and Crossplane's are
//! paused.
//!
//! ```yaml
//! apiVersion: s3.services.k8s.aws/v1alpha1
//! kind: Bucket
//! metadata: { name: assets, namespace: shop }
//! spec: { name: shop-assets-prod }
//! ```
//! ->
//! ```text
//! held back: cloud-object
//! ```

use infra::{CloudObjects as Choice, InfraPair};
use model::{Blocked, Change, Manifest, Reason};

use super::edit::{Edit, annotation};
use super::{Facts, Transform};

pub(super) struct CloudObjects;

#[derive(Clone, Copy, PartialEq)]
enum Maker {
    Ack,
    Crossplane,
}

impl Transform for CloudObjects {
    fn name(&self) -> &'static str {
        "cloud-objects"
    }

    fn text(&self) -> &'static str {
        include_str!("cloud_objects.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.group.contains('.') && !facts.group.ends_with(".k8s.io")
    }

    fn hold_back(&self, manifest: &Manifest, infra: &InfraPair) -> Option<Reason> {
        let maker = maker(manifest)?;
        if infra.options.cloud_objects == Choice::Observe {
            return None;
        }
        let who = if maker == Maker::Ack { "ACK" } else { "Crossplane" };
        let message = format!("{who} would create or change a resource in the cloud for this object");
        Some(Reason::new("cloud-object", message))
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let maker = maker(manifest);
        let mut edit = Edit::new(manifest, infra);
        let because = "its controller must neither create nor delete anything in the cloud";
        match maker {
            None => {}
            Some(Maker::Ack) => {
                edit.set(&annotation("services.k8s.aws/read-only"), "true", because);
                edit.set(&annotation("services.k8s.aws/deletion-policy"), "retain", because);
            }
            Some(Maker::Crossplane) => edit.set(&annotation("crossplane.io/paused"), "true", because),
        }
        edit.done()
    }
}

/// Whose controller acts on an object; configuration of the controllers themselves is nobody's.
fn maker(manifest: &Manifest) -> Option<Maker> {
    let api_version = manifest.api_version();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if group.ends_with(".services.k8s.aws") || (group == "services.k8s.aws" && manifest.kind() == "AdoptedResource") {
        return Some(Maker::Ack);
    }
    let is_configuration = manifest.kind().starts_with("ProviderConfig") || manifest.kind() == "ClusterProviderConfig";
    let is_provider =
        group.ends_with(".upbound.io") || (group.ends_with(".crossplane.io") && group != "pkg.crossplane.io");
    let is_managed = is_provider && !is_configuration && manifest.get("/spec/forProvider").is_some();
    // A composite or its claim makes managed resources in turn.
    let composite = ["/spec/compositionRef", "/spec/resourceRefs", "/spec/compositionSelector", "/spec/crossplane"];
    let is_composite =
        group != "apiextensions.crossplane.io" && composite.iter().any(|field| manifest.get(field).is_some());
    (is_managed || is_composite).then_some(Maker::Crossplane)
}
