//! Service accounts: references to tokens that the target makes anew.
//! Velero: pkg/restore/actions/service_account_action.go.

use model::Manifest;
use serde_json::Value;

pub(super) fn reset(account: &mut Manifest) {
    let token = format!("{}-token-", account.name());
    if let Some(secrets) = account.as_map_mut().get_mut("secrets").and_then(Value::as_array_mut) {
        secrets.retain(|secret| !secret.get("name").and_then(Value::as_str).is_some_and(|n| n.starts_with(&token)));
        if secrets.is_empty() {
            account.as_map_mut().remove("secrets");
        }
    }
}
