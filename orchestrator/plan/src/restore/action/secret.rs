//! Secrets: tokens that a cluster made for a service account are made anew by the next one.
//! Velero: pkg/restore/actions/secret_action.go.

use model::Manifest;

use super::{NotRestored, skip};

pub(super) fn reset(secret: &mut Manifest) -> Result<(), NotRestored> {
    if secret.get_str("/type") != Some("kubernetes.io/service-account-token") {
        return Ok(());
    }
    let account = secret.annotation("kubernetes.io/service-account.name").unwrap_or_default();
    if !account.is_empty() && secret.name().starts_with(&format!("{account}-token-")) {
        return Err(skip("generated-token", "the target makes its own token for the service account"));
    }
    secret.remove_annotation("kubernetes.io/service-account.uid");
    secret.remove("/data/token");
    secret.remove("/data/ca.crt");
    Ok(())
}
