//! Whether an object works, as it says of itself.
//!
//! Pure looks at one body; what belongs to it elsewhere (pods, endpoints) is the caller's to fetch.

use model::Manifest;
use serde_json::Value;

/// The status of a condition: `True`, `False`, `Unknown`. What was observed before the last change does not count.
pub fn condition<'a>(object: &'a Manifest, kind: &str) -> Option<&'a str> {
    if is_unseen(object) {
        return None;
    }
    let conditions = object.get("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition["type"] == kind)?.get("status")?.as_str()
}

/// Whether the object's controller has yet to look at its last change.
pub fn is_unseen(object: &Manifest) -> bool {
    let number = |pointer: &str| object.get(pointer).and_then(Value::as_i64);
    match (number("/status/observedGeneration"), number("/metadata/generation")) {
        (Some(seen), Some(now)) => seen < now,
        _ => false,
    }
}

/// What an object lacks to be ready; `None` when it is, or when its kind says nothing of that.
pub fn lacks(object: &Manifest) -> Option<String> {
    let number = |pointer: &str| object.get(pointer).and_then(Value::as_i64);
    let count = |have: &str, want: i64, word: &str| {
        let have = number(have).unwrap_or(0);
        (have < want).then(|| format!("{have} of {want} {word}"))
    };
    let controlled = matches!(object.kind(), "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet");
    if is_unseen(object) || (controlled && number("/status/observedGeneration").is_none()) {
        return Some("not been looked at by its controller".to_owned());
    }
    let replicas = number("/spec/replicas").unwrap_or(1);
    match object.kind() {
        "Deployment" => count("/status/updatedReplicas", replicas, "replicas updated")
            .or_else(|| count("/status/availableReplicas", replicas, "replicas available")),
        "StatefulSet" | "ReplicaSet" => count("/status/readyReplicas", replicas, "replicas ready"),
        "DaemonSet" => {
            let wanted = number("/status/desiredNumberScheduled").unwrap_or(0);
            count("/status/numberAvailable", wanted, "pods available")
        }
        "Job" => job(object),
        "PersistentVolumeClaim" => {
            let phase = object.get_str("/status/phase").unwrap_or("unknown");
            (phase != "Bound").then(|| format!("phase {phase}"))
        }
        "Pod" => {
            let phase = object.get_str("/status/phase").unwrap_or("unknown");
            (phase != "Succeeded" && condition(object, "Ready") != Some("True"))
                .then(|| format!("phase {phase}, not ready"))
        }
        "Service" => {
            let balanced = object.get_str("/spec/type") == Some("LoadBalancer");
            let given = object.get("/status/loadBalancer/ingress").and_then(Value::as_array);
            (balanced && given.is_none_or(Vec::is_empty)).then(|| "no load balancer".to_owned())
        }
        _ => match condition(object, "Ready") {
            Some("True") => None,
            Some(status) => Some(format!("Ready {status}{}", why(object, "Ready"))),
            None => None,
        },
    }
}

fn job(object: &Manifest) -> Option<String> {
    if condition(object, "Failed") == Some("True") {
        return Some(format!("failed{}", why(object, "Failed")));
    }
    let suspended = object.get("/spec/suspend") == Some(&Value::Bool(true));
    (condition(object, "Complete") != Some("True") && !suspended).then(|| "not completed".to_owned())
}

fn why(object: &Manifest, kind: &str) -> String {
    let conditions = object.get("/status/conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    match found.and_then(|condition| condition["message"].as_str()).filter(|message| !message.is_empty()) {
        Some(message) => format!(": {}", message.chars().take(300).collect::<String>()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Manifest {
        Manifest::from_value(value).unwrap()
    }

    #[test]
    fn an_old_observation_does_not_count() {
        let mut deployment =
            object(json!({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "availableReplicas": 1, "updatedReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"}]}}));
        assert_eq!(condition(&deployment, "Available"), None);
        assert!(lacks(&deployment).is_some());
        deployment.set("/status/observedGeneration", 2);
        assert_eq!(condition(&deployment, "Available"), Some("True"));
        assert_eq!(lacks(&deployment), None);
    }

    #[test]
    fn jobs_claims_and_custom_resources_say_what_they_lack() {
        let job = object(json!({"kind": "Job", "status": {"conditions": [
            {"type": "Failed", "status": "True", "message": "too many restarts"}]}}));
        assert_eq!(lacks(&job).as_deref(), Some("failed: too many restarts"));
        let claim = object(json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}));
        assert_eq!(lacks(&claim).as_deref(), Some("phase Pending"));
        let custom =
            object(json!({"kind": "Certificate", "status": {"conditions": [{"type": "Ready", "status": "False"}]}}));
        assert_eq!(lacks(&custom).as_deref(), Some("Ready False"));
        assert_eq!(lacks(&object(json!({"kind": "ConfigMap"}))), None);
    }
}
