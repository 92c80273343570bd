//! Objects that something in the cluster makes and removes by itself: that one of them is gone is no loss.
//!
//! A workload has as many pods as it wants, and gives back what is one too many; revisions and jobs are tidied away.

use model::Manifest;

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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
    fn a_job_may_remove_itself() {
        assert!(asked("batch/v1", "Job", json!([]), json!({"ttlSecondsAfterFinished": 0})));
        assert!(!asked("v1", "Pod", json!([]), json!({"ttlSecondsAfterFinished": 0})));
    }
}
