//! Transform: cluster-autoscaler
//!
//! The cluster autoscaler finds its groups by a tag that carries the cluster's name, or by their names in `--nodes`. A
//! group that has no counterpart blocks the object: the autoscaler would stop at its first look.
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: cluster-autoscaler, namespace: autoscaling }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: cluster-autoscaler
//!           image: registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0
//!           command:
//!             - ./cluster-autoscaler
//!             - --node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/shop-prod
//! ```
//! ->
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: cluster-autoscaler, namespace: autoscaling }
//! spec:
//!   template:
//!     spec:
//!       containers:
//!         - name: cluster-autoscaler
//!           image: registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0
//!           command:
//!             - ./cluster-autoscaler
//!             - --node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/shop-dr
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest};

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct ClusterAutoscaler;

impl Transform for ClusterAutoscaler {
    fn name(&self) -> &'static str {
        "cluster-autoscaler"
    }

    fn text(&self) -> &'static str {
        include_str!("cluster_autoscaler.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is("apps", "Deployment")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut edit = Edit::new(manifest, infra);
        for container in edit.containers() {
            let is_autoscaler =
                edit.text(&format!("{container}/image")).is_some_and(|image| image.contains("cluster-autoscaler"));
            if !is_autoscaler {
                continue;
            }
            for list in ["command", "args"] {
                for argument in edit.members(&format!("{container}/{list}")) {
                    let before = edit.text(&argument).map(str::to_owned);
                    edit.rewrite(&argument);
                    let group = before
                        .as_deref()
                        .and_then(|text| text.strip_prefix("--nodes="))
                        .and_then(|v| v.rsplit(':').next());
                    if let Some(group) = group {
                        let is_same = edit.text(&argument).map(str::to_owned) == before;
                        if is_same && infra.source.body().region != infra.target.body().region {
                            return Err(Blocked::new(
                                "no-counterpart",
                                format!("the autoscaling group {group} at {argument} has no counterpart in the target"),
                                "pair it in a map file with class name:autoscaling-group, or use auto-discovery",
                            ));
                        }
                    }
                }
            }
        }
        edit.done()
    }
}
