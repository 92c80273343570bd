//! PodDisruptionBudget: `policy/v1beta1` ⇄ `policy/v1`. Lossless.
//!
//! The empty selector changed its meaning: it matched no pod in v1beta1 and matches every pod in v1. A budget that
//! protected nothing keeps protecting nothing, by a selector that no pod has; a server writes the same one.
//!
//! Before:
//! ```yaml
//! apiVersion: policy/v1beta1
//! kind: PodDisruptionBudget
//! metadata: { name: web, namespace: shop }
//! spec: { minAvailable: 1, selector: {} }
//! ```
//! After:
//! ```yaml
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! metadata: { name: web, namespace: shop }
//! spec:
//!   minAvailable: 1
//!   selector:
//!     matchExpressions:
//!       - { key: pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match, operator: Exists }
//! ```

use serde_json::{Map, Value, json};

use super::draft::object_mut;
use super::{At, CannotConvert, Draft, Family, Form};

/// A label that no pod carries; requiring it selects nothing, forbidding it selects everything.
const MARKER: &str = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

pub(crate) static POD_DISRUPTION_BUDGET: Family = Family::same(&[
    Form::new("policy", "v1beta1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Form::new("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
])
.with_conversion(budget);

fn budget(body: &mut Map<String, Value>, _: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let Some(selector) = object_mut(spec, &at, "selector")? else { return Ok(()) };
    // The operator that means "the whole selector" differs by direction: v1 has the empty one for everything.
    let (for_empty, becomes_empty) =
        if to.version == "v1" { ("Exists", "DoesNotExist") } else { ("DoesNotExist", "Exists") };
    let converted = if is_empty(selector) {
        Some(json!({"matchExpressions": [{"key": MARKER, "operator": for_empty}]}))
    } else if is_marker(selector, becomes_empty) {
        Some(json!({}))
    } else {
        without_marker(selector)
    };
    if let Some(selector) = converted {
        draft.set(spec, &at, "selector", selector, "the empty selector means nothing in v1beta1 and everything in v1");
    }
    Ok(())
}

fn length(selector: &Map<String, Value>, key: &str) -> usize {
    match selector.get(key) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    }
}

fn is_empty(selector: &Map<String, Value>) -> bool {
    length(selector, "matchLabels") == 0 && length(selector, "matchExpressions") == 0
}

fn names_marker(expression: &Value) -> bool {
    expression.get("key").and_then(Value::as_str) == Some(MARKER)
}

fn is_marker(selector: &Map<String, Value>, operator: &str) -> bool {
    let Some(Value::Array(expressions)) = selector.get("matchExpressions") else { return false };
    let [only] = expressions.as_slice() else { return false };
    length(selector, "matchLabels") == 0
        && names_marker(only)
        && only.get("operator").and_then(Value::as_str) == Some(operator)
        && only.get("values").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

/// The selector less every expression on the marker; none when it has no such expression.
fn without_marker(selector: &Map<String, Value>) -> Option<Value> {
    let expressions = selector.get("matchExpressions")?.as_array()?;
    if !expressions.iter().any(names_marker) {
        return None;
    }
    let rest: Vec<Value> = expressions.iter().filter(|expression| !names_marker(expression)).cloned().collect();
    let mut selector = selector.clone();
    if rest.is_empty() {
        selector.remove("matchExpressions");
    } else {
        selector.insert("matchExpressions".into(), rest.into());
    }
    Some(selector.into())
}
