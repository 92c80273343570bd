//! NetworkPolicy: `extensions/v1beta1` ⇄ `networking.k8s.io/v1`. Lossless.
//!
//! The fields are the same. Both versions fill `policyTypes` from the rules that are there, and the protocol of a
//! port.
//!
//! Before:
//! ```yaml
//! apiVersion: extensions/v1beta1
//! kind: NetworkPolicy
//! metadata: { name: web, namespace: shop }
//! spec:
//!   podSelector: {}
//!   egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }], ports: [{ port: 53 }] }]
//! ```
//! After:
//! ```yaml
//! apiVersion: networking.k8s.io/v1
//! kind: NetworkPolicy
//! metadata: { name: web, namespace: shop }
//! spec:
//!   podSelector: {}
//!   policyTypes: [Ingress, Egress]
//!   egress: [{ to: [{ ipBlock: { cidr: 10.0.0.0/8 } }], ports: [{ port: 53, protocol: TCP }] }]
//! ```

use serde_json::{Map, Value, json};

use super::draft::{each_object, object_mut};
use super::{At, CannotConvert, Draft, Family, Form};

pub(crate) static NETWORK_POLICY: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "NetworkPolicy", "networkpolicies"),
    Form::new("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
])
.with_defaults(defaults);

fn defaults(body: &mut Map<String, Value>, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let has_rules = |key: &str| spec.get(key).and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    let has_types = has_rules("policyTypes");
    let types = if has_rules("egress") { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    if !has_types && draft.fills_shared_defaults() {
        draft.set(spec, &at, "policyTypes", types, "filled in from the rules that are there");
    }
    // The old version's default of the protocol was applied to a copy and had no effect.
    if form.group == "extensions" {
        return Ok(());
    }
    for direction in ["ingress", "egress"] {
        each_object(spec, &at, direction, |rule, at| {
            each_object(rule, at, "ports", |port, at| {
                draft.default(port, at, "protocol", "TCP");
                Ok(())
            })
        })?;
    }
    Ok(())
}
