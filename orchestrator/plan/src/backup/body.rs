//! How a body changes on its way into the archive.
//!
//! Almost none does. Bound claims lose what ties them to the past: their data source, a selector that a fresh volume
//! could not match, and labels of earlier backups and restores. Velero: pkg/backup/actions/backup_pv_action.go.

use model::Manifest;

use super::facts::Role;

/// Whether bodies of this role have to be parsed at all.
pub fn may_change(role: Role) -> bool {
    role == Role::Claim
}

pub fn change(role: Role, backup: &str, manifest: &mut Manifest) {
    if role != Role::Claim || manifest.get_str("/status/phase") != Some("Bound") {
        return;
    }
    if manifest.get_str("/spec/volumeName").is_none_or(str::is_empty) {
        return;
    }
    manifest.remove("/spec/dataSource");
    manifest.remove("/spec/dataSourceRef");
    if manifest.get_str("/spec/storageClassName") != Some("") {
        manifest.remove("/spec/selector");
    } else if let Some(labels) = manifest.get_mut("/spec/selector/matchLabels").and_then(|v| v.as_object_mut()) {
        labels.retain(|key, _| !key.starts_with("velero.io/"));
    }
    manifest.remove_label("velero.io/restore-name");
    manifest.remove_label("velero.io/volume-snapshot-name");
    if manifest.label("velero.io/backup-name").is_some_and(|name| name != backup) {
        manifest.remove_label("velero.io/backup-name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bound_claim_forgets_its_past_and_an_unbound_one_keeps_it() {
        let claim = |phase: &str| {
            Manifest::from_value(json!({
                "metadata": {"name": "data", "labels": {"app": "db", "velero.io/restore-name": "old"}},
                "spec": {"volumeName": "pv-1", "storageClassName": "gp3", "dataSource": {"name": "s"},
                         "selector": {"matchLabels": {"a": "b"}}},
                "status": {"phase": phase}}))
            .unwrap()
        };
        let mut bound = claim("Bound");
        change(Role::Claim, "nightly", &mut bound);
        assert_eq!(bound.get("/spec"), Some(&json!({"volumeName": "pv-1", "storageClassName": "gp3"})));
        assert_eq!(bound.get("/metadata/labels"), Some(&json!({"app": "db"})));
        let mut pending = claim("Pending");
        change(Role::Claim, "nightly", &mut pending);
        assert_eq!(pending, claim("Pending"));
    }
}
