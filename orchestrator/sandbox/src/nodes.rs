//! Fake nodes: Node objects that kwok keeps alive, so that pods become Ready without a kubelet.
//!
//! It creates the objects and waits; the stages that move them are kwok's own.

use serde_json::{Value, json};

use crate::error::SandboxError;
use crate::https::ApiClient;

/// Names are stable, so that tests can ask for them.
pub(crate) fn name(index: u32) -> String {
    format!("node-{index}")
}

fn node(index: u32) -> Value {
    let name = name(index);
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": { "kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0" },
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "kwok",
                "type": "kwok",
            },
        },
        "status": {
            "allocatable": { "cpu": "32", "memory": "256Gi", "pods": "10000" },
            "capacity": { "cpu": "32", "memory": "256Gi", "pods": "10000" },
        },
    })
}

pub(crate) async fn create(client: &mut ApiClient, count: u32) -> Result<(), SandboxError> {
    for index in 0..count {
        let what = || format!("create fake node {}", name(index));
        let answer = client
            .post("/api/v1/nodes", &node(index))
            .await
            .map_err(|source| SandboxError::Unreachable { what: what(), source })?;
        if !answer.is_success() && answer.status != 409 {
            return Err(SandboxError::Refused { what: what(), status: answer.status, message: answer.message() });
        }
    }
    Ok(())
}

/// How many nodes of that list are Ready and free of the taint it was born with.
pub(crate) fn ready_count(list: &Value) -> usize {
    let is_ready = |node: &&Value| {
        let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        let taints = node["spec"]["taints"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
            && !taints.into_iter().any(|taint| taint["key"] == "node.kubernetes.io/not-ready")
    };
    list["items"].as_array().into_iter().flatten().filter(is_ready).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_still_has_its_birth_taint_takes_no_pods_and_is_not_ready() {
        let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let tainted = json!({
            "spec": {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let unknown = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
        assert_eq!(ready_count(&json!({"items": [ready, tainted, unknown, {}]})), 1);
        assert_eq!(ready_count(&Value::Null), 0);
    }
}
