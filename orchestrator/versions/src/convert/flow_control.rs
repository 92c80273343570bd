//! FlowSchema, PriorityLevelConfiguration: `flowcontrol.apiserver.k8s.io/v1beta1`, `v1beta2`, `v1beta3` ⇄ `v1`.
//! Lossless upwards.
//!
//! A flow schema is the same in every version. Of a priority level, `assuredConcurrencyShares` became
//! `nominalConcurrencyShares` with v1beta3. Zero shares mean 30 in the betas and zero in v1; v1beta3 says a real zero
//! by an annotation, and the older betas cannot say it: decision `flow-shares`.
//!
//! Before:
//! ```yaml
//! apiVersion: flowcontrol.apiserver.k8s.io/v1beta2
//! kind: PriorityLevelConfiguration
//! metadata: { name: batch }
//! spec:
//!   type: Limited
//!   limited: { assuredConcurrencyShares: 20, limitResponse: { type: Queue, queuing: { queues: 16 } } }
//! ```
//! After:
//! ```yaml
//! apiVersion: flowcontrol.apiserver.k8s.io/v1
//! kind: PriorityLevelConfiguration
//! metadata: { name: batch }
//! spec:
//!   type: Limited
//!   limited:
//!     nominalConcurrencyShares: 20
//!     lendablePercent: 0
//!     limitResponse: { type: Queue, queuing: { queues: 16, handSize: 8, queueLengthLimit: 50 } }
//! ```

use serde_json::{Map, Value};

use super::draft::{annotation, is_unset, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::FLOW_SHARES;

const ZERO_SHARES: &str = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares";
const GROUP: &str = "flowcontrol.apiserver.k8s.io";

pub(crate) static FLOW_SCHEMA: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "FlowSchema", "flowschemas"),
    Form::new(GROUP, "v1beta1", "FlowSchema", "flowschemas"),
    Form::new(GROUP, "v1beta2", "FlowSchema", "flowschemas"),
    Form::new(GROUP, "v1beta3", "FlowSchema", "flowschemas"),
    Form::new(GROUP, "v1", "FlowSchema", "flowschemas"),
])
.with_defaults(schema_defaults);

pub(crate) static PRIORITY_LEVEL_CONFIGURATION: Family = Family::same(&[
    Form::new(GROUP, "v1alpha1", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
    Form::new(GROUP, "v1beta1", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
    Form::new(GROUP, "v1beta2", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
    Form::new(GROUP, "v1beta3", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
    Form::new(GROUP, "v1", "PriorityLevelConfiguration", "prioritylevelconfigurations"),
])
.with_defaults(level_defaults)
.with_conversion(level);

type Body = Map<String, Value>;

fn shares(form: &Form) -> &'static str {
    match form.version {
        "v1beta3" | "v1" => "nominalConcurrencyShares",
        _ => "assuredConcurrencyShares",
    }
}

/// Numbers whose zero means "not set".
fn fill_number(map: &mut Body, at: &At<'_>, key: &str, value: i64, draft: &mut Draft<'_>) {
    if (is_unset(map, key) || map.get(key).and_then(Value::as_i64) == Some(0)) && draft.fills_shared_defaults() {
        draft.set(map, at, key, value, "zero and nothing both mean the default here");
    }
}

fn schema_defaults(body: &mut Body, _: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        fill_number(spec, &At::ROOT.key("spec"), "matchingPrecedence", 1000, draft);
    }
    Ok(())
}

fn level_defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let says_zero = annotation(body, ZERO_SHARES).is_some();
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    if form.version == "v1" && text(spec, "type") == Some("Exempt") && draft.fills_shared_defaults() {
        let exempt = draft.ensure_object(spec, &at, "exempt", "an exempt level has shares too")?;
        draft.default(exempt, &at.key("exempt"), "nominalConcurrencyShares", 0);
        draft.default(exempt, &at.key("exempt"), "lendablePercent", 0);
    }
    let Some(limited) = object_mut(spec, &at, "limited")? else { return Ok(()) };
    let at = at.key("limited");
    match form.version {
        "v1" => draft.default(limited, &at, shares(form), 30),
        "v1beta3" if says_zero => {}
        // Written out in every mode: the same zero means something else in v1.
        _ if is_unset(limited, shares(form)) => draft.default(limited, &at, shares(form), 30),
        _ if limited.get(shares(form)).and_then(Value::as_i64) == Some(0) => {
            draft.set(limited, &at, shares(form), 30, "zero shares mean 30 in this version");
        }
        _ => {}
    }
    if shares(form) == "nominalConcurrencyShares" {
        draft.default(limited, &at, "lendablePercent", 0);
    }
    let Some(response) = object_mut(limited, &at, "limitResponse")? else { return Ok(()) };
    let at = at.key("limitResponse");
    if let Some(queuing) = object_mut(response, &at, "queuing")? {
        let at = at.key("queuing");
        fill_number(queuing, &at, "handSize", 8, draft);
        fill_number(queuing, &at, "queues", 64, draft);
        fill_number(queuing, &at, "queueLengthLimit", 50, draft);
    }
    Ok(())
}

fn level(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let says_zero = annotation(body, ZERO_SHARES).is_some();
    let mut zero = false;
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")?
        && let Some(limited) = object_mut(spec, &At::ROOT.key("spec"), "limited")?
    {
        let spec_at = At::ROOT.key("spec");
        let at = spec_at.key("limited");
        zero = limited.get(shares(from)).and_then(Value::as_i64) == Some(0);
        if shares(from) != shares(to) {
            draft.rename(limited, &at, shares(from), shares(to));
        }
        if shares(to) == "nominalConcurrencyShares" {
            draft.default(limited, &at, "lendablePercent", 0);
        }
        if zero && shares(to) != "nominalConcurrencyShares" {
            let message = "zero concurrency shares mean 30 in this version";
            let value = if draft.decide(FLOW_SHARES, &at.key(shares(to)), message) == "one" { 1 } else { 30 };
            draft.set(limited, &at, shares(to), value, message);
        }
    }
    if to.version == "v1beta3" && from.version == "v1" && zero {
        draft.set_annotation(body, ZERO_SHARES, "", "zero shares are said by an annotation in v1beta3")?;
    } else if says_zero && to.version != "v1beta3" {
        draft.remove_annotation(body, ZERO_SHARES, "only v1beta3 needs the annotation to say zero");
    }
    Ok(())
}
