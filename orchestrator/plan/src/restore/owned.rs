//! Objects that something in the cluster makes and removes by itself: that one of them is gone is no loss.
//!
//! A workload has as many pods as it wants, and gives back what is one too many; revisions and jobs are tidied away.

use model::{GroupResource, ItemId, Manifest};
use serde_json::Value;

/// Whether the owner of an object, or its own time limit, decides how long it stays. Asked of the body as it was backed
/// up: a restore drops owner references.
pub fn is_replaceable(archived: &Manifest) -> bool {
    let api = archived.api_version();
    let group = api.split_once('/').map_or("", |(group, _)| group);
    let is_owned = || {
        let owners = archived.get("/metadata/ownerReferences").and_then(|owners| owners.as_array());
        owners.is_some_and(|owners| !owners.is_empty())
    };
    match (group, archived.kind()) {
        ("", "Pod") | ("apps" | "extensions", "ReplicaSet") | ("apps", "ControllerRevision") => is_owned(),
        ("batch", "Job") => is_owned() || archived.get("/spec/ttlSecondsAfterFinished").is_some(),
        _ => false,
    }
}

/// The workload that makes such objects, as a current server has it. While it is in a target, nobody else needs to make
/// them there: it would only give them back. Only built-in workloads are known to work like that.
pub fn maker(archived: &Manifest, namespace: Option<&str>) -> Option<ItemId> {
    if !is_replaceable(archived) {
        return None;
    }
    let owners = archived.get("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    let resource = match owner["kind"].as_str()? {
        "ReplicaSet" => GroupResource::new("replicasets", "apps"),
        "Deployment" => GroupResource::new("deployments", "apps"),
        "StatefulSet" => GroupResource::new("statefulsets", "apps"),
        "DaemonSet" => GroupResource::new("daemonsets", "apps"),
        "CronJob" => GroupResource::new("cronjobs", "batch"),
        "Job" => GroupResource::new("jobs", "batch"),
        "ReplicationController" => GroupResource::new("replicationcontrollers", ""),
        _ => return None,
    };
    let group = owner["apiVersion"].as_str()?.split_once('/').map_or("", |(group, _)| group);
    let is_built_in = group == resource.group || group == "extensions";
    let name = owner.get("name").and_then(Value::as_str).filter(|name| is_built_in && !name.is_empty())?;
    Some(ItemId::namespaced(resource, namespace?, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(api: &str, kind: &str, owners: Value, spec: Value) -> bool {
        let metadata = json!({"name": "x", "ownerReferences": owners});
        let object = json!({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec});
        is_replaceable(&Manifest::from_value(object).unwrap())
    }

    #[test]
    fn what_a_workload_owns_comes_and_goes() {
        let owner = || json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u"}]);
        let kinds = [("v1", "Pod"), ("apps/v1", "ReplicaSet"), ("extensions/v1beta1", "ReplicaSet")];
        for (api, kind) in kinds.into_iter().chain([("apps/v1", "ControllerRevision"), ("batch/v1", "Job")]) {
            assert!(asked(api, kind, owner(), json!({})), "{api} {kind}");
            assert!(!asked(api, kind, json!([]), json!({})), "{api} {kind} of nobody");
            assert!(!asked(api, kind, json!("x"), json!({})), "{api} {kind} of nonsense");
        }
    }

    #[test]
    fn what_only_was_brought_along_by_an_owner_stays() {
        let owner = || json!([{"apiVersion": "example.com/v1", "kind": "Shop", "name": "web", "uid": "u"}]);
        for (api, kind) in [("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("example.com/v1", "Pod"), ("", "")] {
            assert!(!asked(api, kind, owner(), json!({})), "{api} {kind}");
        }
    }

    #[test]
    fn a_built_in_controller_makes_its_own() {
        let made_by = |owner: Value| {
            let metadata = json!({"name": "x", "namespace": "old", "ownerReferences": [owner]});
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
            maker(&Manifest::from_value(pod).unwrap(), Some("shop")).map(|id| id.to_string())
        };
        let owner = |api: &str, kind: &str| json!({"apiVersion": api, "kind": kind, "name": "web", "controller": true});
        assert_eq!(made_by(owner("apps/v1", "ReplicaSet")).as_deref(), Some("replicasets.apps shop/web"));
        assert_eq!(made_by(owner("extensions/v1beta1", "ReplicaSet")).as_deref(), Some("replicasets.apps shop/web"));
        assert_eq!(made_by(owner("v1", "ReplicationController")).as_deref(), Some("replicationcontrollers shop/web"));
        assert_eq!(made_by(owner("example.com/v1", "ReplicaSet")), None, "somebody else's kind of that name");
        assert_eq!(made_by(owner("argoproj.io/v1alpha1", "Rollout")), None);
        assert_eq!(made_by(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web"})), None);
        assert_eq!(made_by(json!("nonsense")), None);
    }

    #[test]
    fn a_job_may_remove_itself() {
        assert!(asked("batch/v1", "Job", json!([]), json!({"ttlSecondsAfterFinished": 0})));
        assert!(!asked("v1", "Pod", json!([]), json!({"ttlSecondsAfterFinished": 0})));
    }
}
