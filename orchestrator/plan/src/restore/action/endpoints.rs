//! Endpoints: those that a controller writes from a Service's pods are written anew in the target.
//!
//! What people keep by hand, for a Service without a selector, carries no trace of the controller and is restored.

use model::Manifest;

use super::{NotRestored, skip};

pub(super) fn reset(endpoints: &Manifest) -> Result<(), NotRestored> {
    let written = endpoints.annotation("endpoints.kubernetes.io/last-change-trigger-time").is_some()
        || endpoints.label("endpoints.kubernetes.io/managed-by").is_some();
    if written {
        return Err(skip("server-managed", "a controller writes it from the Service"));
    }
    Ok(())
}
