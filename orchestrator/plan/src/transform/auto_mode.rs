//! Transform: auto-mode
//!
//! A target in EKS Auto Mode has drivers and API groups of its own. When only the target is in Auto Mode, provisioners,
//! controllers, classes, node labels and Karpenter's node classes are renamed. Fields that Auto Mode decides by itself
//! (images, user data, kubelet settings) are dropped from node classes.
//!
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: StorageClass
//! metadata: { name: gp3 }
//! provisioner: ebs.csi.aws.com
//! parameters: { type: gp3 }
//! allowedTopologies:
//!   - matchLabelExpressions:
//!       - { key: topology.ebs.csi.aws.com/zone, values: [us-west-2a] }
//! ```
//! ->
//! ```yaml
//! apiVersion: storage.k8s.io/v1
//! kind: StorageClass
//! metadata: { name: gp3 }
//! provisioner: ebs.csi.eks.amazonaws.com
//! parameters: { type: gp3 }
//! allowedTopologies:
//!   - matchLabelExpressions:
//!       - { key: topology.kubernetes.io/zone, values: [us-west-2a] }
//! ```

use infra::InfraPair;
use model::{Blocked, Change, Manifest, pointer};
use serde_json::Value;

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct AutoMode;

const BECAUSE: &str = "the target runs in EKS Auto Mode";
const MAX_DEPTH: usize = 64;

/// Fields whose whole value is renamed.
const RENAMED: &[(&str, &str, &str)] = &[
    ("/provisioner", "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"),
    ("/driver", "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"),
    ("/driverName", "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"),
    ("/spec/driver", "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"),
    ("/spec/csi/driver", "ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com"),
    ("/spec/controller", "ingress.k8s.aws/alb", "eks.amazonaws.com/alb"),
    ("/spec/parameters/apiGroup", "elbv2.k8s.aws", "eks.amazonaws.com"),
    ("/spec/loadBalancerClass", "service.k8s.aws/nlb", "eks.amazonaws.com/nlb"),
    ("/spec/template/spec/nodeClassRef/group", "karpenter.k8s.aws", "eks.amazonaws.com"),
    ("/spec/template/spec/nodeClassRef/kind", "EC2NodeClass", "NodeClass"),
];

/// What a NodeClass of Auto Mode does not know.
const NODE_CLASS_FIELDS: &[&str] = &[
    "amiFamily",
    "amiSelectorTerms",
    "userData",
    "blockDeviceMappings",
    "instanceStorePolicy",
    "metadataOptions",
    "detailedMonitoring",
    "kubelet",
    "associatePublicIPAddress",
    "context",
    "instanceProfile",
    "placementGroupSelector",
];

impl Transform for AutoMode {
    fn name(&self) -> &'static str {
        "auto-mode"
    }

    fn text(&self) -> &'static str {
        include_str!("auto_mode.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is_workload()
            || facts.is("", "Service")
            || facts.is("", "PersistentVolume")
            || facts.is("networking.k8s.io", "IngressClass")
            || matches!(facts.group, "storage.k8s.io" | "snapshot.storage.k8s.io" | "karpenter.sh")
            || facts.is("karpenter.k8s.aws", "EC2NodeClass")
            || (facts.group == "elbv2.k8s.aws" && matches!(facts.kind, "IngressClassParams" | "TargetGroupBinding"))
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        if !infra.switches_to_auto_mode() {
            return Ok(Vec::new());
        }
        let (group, kind) = {
            let facts = Facts::of(manifest);
            (facts.group.to_owned(), facts.kind.to_owned())
        };
        let mut edit = Edit::new(manifest, infra);
        for (pointer, old, new) in RENAMED {
            if edit.text(pointer) == Some(*old) {
                edit.set(pointer, *new, BECAUSE);
            }
        }
        rename_labels(&mut edit);
        match (group.as_str(), kind.as_str()) {
            ("elbv2.k8s.aws", _) => edit.set("/apiVersion", "eks.amazonaws.com/v1", BECAUSE),
            ("karpenter.k8s.aws", _) => node_class(&mut edit),
            _ => {}
        }
        edit.done()
    }
}

fn node_class(edit: &mut Edit<'_>) {
    edit.set("/apiVersion", "eks.amazonaws.com/v1", BECAUSE);
    edit.set("/kind", "NodeClass", BECAUSE);
    for (field, from) in [("size", "volumeSize"), ("kmsKeyID", "kmsKeyID")] {
        if let Some(value) = edit.text(&format!("/spec/blockDeviceMappings/0/ebs/{from}")).map(str::to_owned) {
            edit.set(&format!("/spec/ephemeralStorage/{field}"), value, BECAUSE);
        }
    }
    for field in NODE_CLASS_FIELDS {
        edit.remove(&format!("/spec/{field}"), "EKS Auto Mode decides this by itself");
    }
}

/// Node labels and topology keys, as keys of selectors and as values of `key`.
fn rename_labels(edit: &mut Edit<'_>) {
    let mut keys = Vec::new();
    let mut values = Vec::new();
    for (name, value) in edit.manifest.as_map() {
        look(value, &pointer::push("", name), 0, &mut keys, &mut values);
    }
    for (pointer, new) in values {
        edit.set(&pointer, new, BECAUSE);
    }
    for (parent, old, new) in keys {
        edit.rename(&parent, &old, &new, BECAUSE);
    }
}

fn look(
    value: &Value,
    here: &str,
    depth: usize,
    keys: &mut Vec<(String, String, String)>,
    values: &mut Vec<(String, String)>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if let (Some(new), true) = (
                    renamed(key),
                    here.ends_with("/nodeSelector") || here.ends_with("/labels") || here.ends_with("/matchLabels"),
                ) {
                    keys.push((here.to_owned(), key.clone(), new));
                }
                let pointer = pointer::push(here, key);
                match inner.as_str() {
                    Some(text) if key == "key" || key == "topologyKey" => {
                        values.extend(renamed(text).map(|new| (pointer, new)))
                    }
                    _ => look(inner, &pointer, depth + 1, keys, values),
                }
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                look(inner, &format!("{here}/{index}"), depth + 1, keys, values);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn renamed(key: &str) -> Option<String> {
    if key == "topology.ebs.csi.aws.com/zone" {
        return Some("topology.kubernetes.io/zone".to_owned());
    }
    key.strip_prefix("karpenter.k8s.aws/instance-").map(|rest| format!("eks.amazonaws.com/instance-{rest}"))
}
