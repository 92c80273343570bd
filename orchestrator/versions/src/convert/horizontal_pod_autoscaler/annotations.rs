//! The annotations in which v1 and v2beta1 keep what they have no field for, written as a server writes them.
//!
//! The behavior is the JSON of a struct without field names of its own, hence the capital letters; it is read
//! whatever the case. What does not parse is nothing, as it is to a server.

use serde_json::{Map, Value};

use super::metrics;

pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
pub(super) const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
pub(super) const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
pub(super) const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// The fields of metrics, references, selectors and conditions in the order of the structs.
const ORDER: [&str; 30] = [
    "type",
    "status",
    "lastTransitionTime",
    "reason",
    "message",
    "object",
    "pods",
    "resource",
    "containerResource",
    "external",
    "kind",
    "name",
    "apiVersion",
    "target",
    "metricName",
    "metricSelector",
    "targetAverageUtilization",
    "currentAverageUtilization",
    "targetValue",
    "currentValue",
    "targetAverageValue",
    "currentAverageValue",
    "container",
    "selector",
    "averageValue",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
];

pub(super) fn parse_list(text: &str) -> Option<Vec<Value>> {
    match serde_json::from_str(text).ok()? {
        Value::Array(list) if list.iter().all(Value::is_object) => Some(list),
        _ => None,
    }
}

/// The behavior with the field names of the API; directions and fields that are null are left out.
pub(super) fn parse_behavior(text: &str) -> Option<Value> {
    let Value::Object(behavior) = serde_json::from_str(text).ok()? else { return None };
    let mut out = Map::new();
    for name in ["scaleUp", "scaleDown"] {
        if let Some(rules) = field(&behavior, name) {
            out.insert(name.into(), parse_rules(rules)?);
        }
    }
    Some(out.into())
}

fn field<'m>(object: &'m Map<String, Value>, name: &str) -> Option<&'m Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).filter(|v| !v.is_null())
}

fn parse_rules(rules: &Value) -> Option<Value> {
    let rules = rules.as_object()?;
    let mut out = Map::new();
    for name in ["stabilizationWindowSeconds", "selectPolicy", "tolerance"] {
        if let Some(value) = field(rules, name) {
            out.insert(name.into(), value.clone());
        }
    }
    if let Some(policies) = field(rules, "policies") {
        let parse = |policy: &Value| -> Option<Value> {
            let policy = policy.as_object()?;
            let names = ["type", "value", "periodSeconds"];
            let fields = names.iter().filter_map(|name| Some(((*name).to_owned(), field(policy, name)?.clone())));
            Some(fields.collect::<Map<_, _>>().into())
        };
        out.insert("policies".into(), policies.as_array()?.iter().map(parse).collect::<Option<Vec<_>>>()?.into());
    }
    Some(out.into())
}

pub(super) fn write_behavior(behavior: &Map<String, Value>) -> String {
    let rules = |name: &str| match behavior.get(name).and_then(Value::as_object) {
        Some(rules) => write_rules(rules),
        None => "null".to_owned(),
    };
    format!("{{\"ScaleUp\":{},\"ScaleDown\":{}}}", rules("scaleUp"), rules("scaleDown"))
}

fn write_rules(rules: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    let scalar = |object: &Map<String, Value>, key: &str| object.get(key).map_or("null".to_owned(), go_json);
    parts.push(format!("\"StabilizationWindowSeconds\":{}", scalar(rules, "stabilizationWindowSeconds")));
    parts.push(format!("\"SelectPolicy\":{}", scalar(rules, "selectPolicy")));
    let policies = match rules.get("policies").and_then(Value::as_array) {
        None => "null".to_owned(),
        Some(policies) => {
            let write = |policy: &Value| {
                let empty = Map::new();
                let policy = policy.as_object().unwrap_or(&empty);
                let fields = [("Type", "type"), ("Value", "value"), ("PeriodSeconds", "periodSeconds")];
                let fields = fields.map(|(name, key)| format!("\"{name}\":{}", scalar(policy, key)));
                format!("{{{}}}", fields.join(","))
            };
            format!("[{}]", policies.iter().map(write).collect::<Vec<_>>().join(","))
        }
    };
    parts.push(format!("\"Policies\":{policies}"));
    if let Some(tolerance) = rules.get("tolerance") {
        parts.push(format!("\"Tolerance\":{}", go_json(tolerance)));
    }
    format!("{{{}}}", parts.join(","))
}

/// Metrics of v2 in the fields of v1.
pub(super) fn write_metrics(mut list: Vec<Value>, is_status: bool) -> String {
    for metric in &mut list {
        if let Value::Object(metric) = metric {
            metrics::to_v2beta1(metric, is_status);
        }
    }
    write_list(&list)
}

pub(super) fn write_list(list: &[Value]) -> String {
    format!("[{}]", list.iter().map(in_order).collect::<Vec<_>>().join(","))
}

fn in_order(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
            let mut fields: Vec<(&String, &Value)> = object.iter().collect();
            fields.sort_by_key(|(key, _)| rank(key));
            let write = |(key, value): (&String, &Value)| {
                // Labels are in the order of their names.
                let value = if key == "matchLabels" { go_json(value) } else { in_order(value) };
                format!("{}:{value}", go_json(&Value::String(key.clone())))
            };
            format!("{{{}}}", fields.into_iter().map(write).collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => write_list(list),
        other => go_json(other),
    }
}

/// JSON as Go writes it: also safe inside HTML.
fn go_json(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
