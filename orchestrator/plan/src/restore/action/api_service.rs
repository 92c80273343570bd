//! API services: those that a server registers for itself are its own.
//! Velero: pkg/restore/actions/apiservice_action.go.

use model::Manifest;

use super::{NotRestored, skip};

pub(super) fn reset(service: &Manifest) -> Result<(), NotRestored> {
    let managed = service.label("kube-aggregator.kubernetes.io/automanaged").is_some();
    let local = service.get("/spec/service").is_none_or(serde_json::Value::is_null);
    if managed || local {
        return Err(skip("cluster-owned", "the target's server registers its own"));
    }
    Ok(())
}
