//! MutatingWebhookConfiguration, ValidatingWebhookConfiguration: `admissionregistration.k8s.io/v1beta1` ⇄ `v1`.
//! Lossless but for side effects.
//!
//! The old defaults are lenient and the new ones strict; they are written out, or a webhook that was ignored when it
//! failed would block the cluster. Side effects that v1 does not take are the decision `webhook-side-effects`.
//!
//! Before:
//! ```yaml
//! apiVersion: admissionregistration.k8s.io/v1beta1
//! kind: ValidatingWebhookConfiguration
//! metadata: { name: policy }
//! webhooks:
//!   - name: policy.example.com
//!     sideEffects: None
//!     clientConfig: { service: { name: policy, namespace: shop } }
//!     rules: [{ operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods] }]
//! ```
//! After:
//! ```yaml
//! apiVersion: admissionregistration.k8s.io/v1
//! kind: ValidatingWebhookConfiguration
//! metadata: { name: policy }
//! webhooks:
//!   - name: policy.example.com
//!     sideEffects: None
//!     failurePolicy: Ignore
//!     matchPolicy: Exact
//!     timeoutSeconds: 30
//!     admissionReviewVersions: [v1beta1]
//!     namespaceSelector: {}
//!     objectSelector: {}
//!     clientConfig: { service: { name: policy, namespace: shop, port: 443 } }
//!     rules: [{ operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods], scope: "*" }]
//! ```

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::WEBHOOK_SIDE_EFFECTS;

const GROUP: &str = "admissionregistration.k8s.io";

pub(crate) static MUTATING: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    Form::new(GROUP, "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
])
.with_defaults(defaults)
.with_repair(repair);

pub(crate) static VALIDATING: Family = Family::same(&[
    Form::new(GROUP, "v1beta1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    Form::new(GROUP, "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
])
.with_defaults(defaults)
.with_repair(repair);

type Body = Map<String, Value>;

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let old = form.version == "v1beta1";
    let mutating = form.kind == "MutatingWebhookConfiguration";
    each_object(body, &At::ROOT, "webhooks", |webhook, at| {
        let (failure, matching, seconds) = if old { ("Ignore", "Exact", 30) } else { ("Fail", "Equivalent", 10) };
        draft.own_default(webhook, at, "failurePolicy", failure);
        draft.own_default(webhook, at, "matchPolicy", matching);
        draft.own_default(webhook, at, "timeoutSeconds", seconds);
        if old {
            draft.own_default(webhook, at, "sideEffects", "Unknown");
            let none = webhook.get("admissionReviewVersions").and_then(Value::as_array).is_some_and(Vec::is_empty);
            if none || is_unset(webhook, "admissionReviewVersions") {
                let because = "default of admissionregistration.k8s.io/v1beta1";
                draft.set(webhook, at, "admissionReviewVersions", json!(["v1beta1"]), because);
            }
        }
        if mutating {
            draft.default(webhook, at, "reinvocationPolicy", "Never");
        }
        draft.default(webhook, at, "namespaceSelector", json!({}));
        draft.default(webhook, at, "objectSelector", json!({}));
        each_object(webhook, at, "rules", |rule, at| {
            draft.default(rule, at, "scope", "*");
            Ok(())
        })?;
        let Some(client) = object_mut(webhook, at, "clientConfig")? else { return Ok(()) };
        let at = at.key("clientConfig");
        if let Some(service) = object_mut(client, &at, "service")? {
            draft.default(service, &at.key("service"), "port", 443);
        }
        Ok(())
    })
}

fn repair(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version != "v1" {
        return Ok(());
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    each_object(body, &At::ROOT, "webhooks", |webhook, at| {
        side_effects(webhook, at, draft)?;
        review_versions(webhook, at)?;
        unique_name(webhook, at, &mut names, draft);
        Ok(())
    })
}

fn side_effects(webhook: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let said = text(webhook, "sideEffects").unwrap_or("Unknown");
    if matches!(said, "None" | "NoneOnDryRun") {
        return Ok(());
    }
    let name = text(webhook, "name").unwrap_or_default();
    let message = format!("the side effects of the webhook {name:?} are {said}, which v1 does not take");
    let value = match draft.decide(WEBHOOK_SIDE_EFFECTS, &at.key("sideEffects"), &*message) {
        "none" => "None",
        "none-on-dry-run" => "NoneOnDryRun",
        _ => {
            return Err(CannotConvert::NotCreatable {
                code: WEBHOOK_SIDE_EFFECTS,
                pointer: at.key("sideEffects").pointer(),
                why: message,
                instead: format!("choose {WEBHOOK_SIDE_EFFECTS}=none if the webhook changes nothing outside"),
            });
        }
    };
    draft.set(webhook, at, "sideEffects", value, &message);
    Ok(())
}

fn review_versions(webhook: &Body, at: &At<'_>) -> Result<(), CannotConvert> {
    let Some(Value::Array(versions)) = webhook.get("admissionReviewVersions") else { return Ok(()) };
    if versions.is_empty() || versions.iter().any(|v| matches!(v.as_str(), Some("v1" | "v1beta1"))) {
        return Ok(());
    }
    Err(CannotConvert::NotCreatable {
        code: "webhook-review-versions",
        pointer: at.key("admissionReviewVersions").pointer(),
        why: "the webhook understands neither v1 nor v1beta1 reviews".into(),
        instead: "install a release of the webhook that does".into(),
    })
}

fn unique_name(webhook: &mut Body, at: &At<'_>, names: &mut BTreeSet<String>, draft: &mut Draft<'_>) {
    let Some(name) = text(webhook, "name").map(str::to_owned) else { return };
    let mut unique = name.clone();
    let mut number = 2;
    while names.contains(&unique) {
        unique = format!("n{number}.{name}");
        number += 1;
    }
    if unique != name {
        draft.set(webhook, at, "name", unique.clone(), "names are unique within a configuration in v1");
    }
    names.insert(unique);
}
