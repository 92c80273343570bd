//! Pods: where they ran, what was mounted into them for their account, what only a running pod may have.
//! Velero: pkg/restore/actions/pod_action.go.

use model::{Change, Manifest};
use serde_json::Value;

use super::{Changes, NotRestored, skip};

pub(super) fn reset(pod: &mut Manifest, changes: &mut Changes) -> Result<(), NotRestored> {
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return Err(skip("mirror-pod", "the pod mirrors a file on a node"));
    }
    if matches!(pod.get_str("/status/phase"), Some("Succeeded" | "Failed")) {
        return Err(skip("completed", "the pod had ended"));
    }
    let account = pod.get_str("/spec/serviceAccountName").unwrap_or("default").to_owned();
    let Some(spec) = pod.as_map_mut().get_mut("spec").and_then(Value::as_object_mut) else { return Ok(()) };
    // Admission computes it from the priority class, and refuses a value that differs.
    spec.remove("priority");
    spec.remove("nodeName");
    if let Some(containers) = spec.remove("ephemeralContainers").filter(|c| c.as_array().is_some_and(|c| !c.is_empty()))
    {
        changes.push(Change::removed("/spec/ephemeralContainers", containers, "a new pod cannot have them"));
    }
    let token = format!("{account}-token-");
    let is_token = |value: &Value| value.get("name").and_then(Value::as_str).is_some_and(|n| n.starts_with(&token));
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.retain(|volume| !(is_token(volume) && volume.get("secret").is_some()));
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(|mount| !is_token(mount));
            }
        }
    }
    Ok(())
}
