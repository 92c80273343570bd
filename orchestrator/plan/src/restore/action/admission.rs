//! Webhook configurations: side effects that admissionregistration.k8s.io/v1 does not know.
//! Velero: pkg/restore/actions/admissionwebhook_config_action.go.

use model::{Change, Manifest};
use serde_json::Value;

use super::Changes;

pub(super) fn reset(configuration: &mut Manifest, changes: &mut Changes) {
    if configuration.api_version() != "admissionregistration.k8s.io/v1" {
        return;
    }
    let Some(webhooks) = configuration.as_map_mut().get_mut("webhooks").and_then(Value::as_array_mut) else { return };
    for (at, webhook) in webhooks.iter_mut().enumerate() {
        let effects = webhook.get("sideEffects").and_then(Value::as_str);
        if !matches!(effects, Some("None" | "NoneOnDryRun")) {
            let before = webhook.get("sideEffects").cloned();
            webhook["sideEffects"] = "None".into();
            let pointer = format!("/webhooks/{at}/sideEffects");
            changes.push(Change::set(
                pointer,
                before,
                "None".into(),
                "this version accepts None and NoneOnDryRun only",
            ));
        }
    }
}
