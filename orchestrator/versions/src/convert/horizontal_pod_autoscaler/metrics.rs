//! One metric, between the fields of v2beta1 (and of the annotations of v1) and the fields of v2.
//!
//! Works on loose values: what a metric should not have, it leaves where it is.

use serde_json::{Map, Value, json};

type Body = Map<String, Value>;

const SOURCES: [&str; 5] = ["resource", "containerResource", "pods", "object", "external"];

/// What v2beta1 calls the parts of a target, or of what was seen.
struct Names {
    utilization: &'static str,
    average: &'static str,
    value: &'static str,
}

impl Names {
    fn of(is_status: bool) -> Self {
        if is_status {
            Self { utilization: "currentAverageUtilization", average: "currentAverageValue", value: "currentValue" }
        } else {
            Self { utilization: "targetAverageUtilization", average: "targetAverageValue", value: "targetValue" }
        }
    }
}

pub(super) fn list_to_v2(list: Vec<Value>, is_status: bool) -> Vec<Value> {
    let convert = |mut metric: Value| {
        if let Value::Object(metric) = &mut metric {
            to_v2(metric, is_status);
        }
        metric
    };
    list.into_iter().map(convert).collect()
}

/// From `targetAverageUtilization` and its like to `target`, or from `current…` to `current`.
pub(super) fn to_v2(metric: &mut Body, is_status: bool) {
    for source in SOURCES {
        if let Some(Value::Object(fields)) = metric.get_mut(source) {
            up(source, fields, is_status);
        }
    }
}

/// The way back.
pub(super) fn to_v2beta1(metric: &mut Body, is_status: bool) {
    for source in SOURCES {
        if let Some(Value::Object(fields)) = metric.get_mut(source) {
            down(source, fields, is_status);
        }
    }
}

/// The CPU utilisation of a metric of v2, where it is one.
pub(super) fn cpu_utilization<'m>(metric: &'m Value, part: &str) -> Option<&'m Value> {
    let is_resource = metric.get("type").and_then(Value::as_str) == Some("Resource");
    let resource = metric.get("resource").filter(|_| is_resource)?;
    let is_cpu = resource.get("name").and_then(Value::as_str) == Some("cpu");
    resource.get(part).filter(|_| is_cpu)?.get("averageUtilization").filter(|value| !value.is_null())
}

fn take(fields: &mut Body, key: &str) -> Option<Value> {
    fields.remove(key).filter(|value| !value.is_null())
}

fn put(fields: &mut Body, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(key.to_owned(), value);
    }
}

fn up(source: &str, fields: &mut Body, is_status: bool) {
    // Already in the new form, as when a list is half converted by hand.
    let place = if is_status { "current" } else { "target" };
    if source != "object" && fields.get(place).is_some_and(Value::is_object) {
        return;
    }
    if source == "object" && fields.contains_key("describedObject") {
        return;
    }
    let names = Names::of(is_status);
    let mut value = Map::new();
    let (utilization, average, plain) = match source {
        "resource" | "containerResource" => (take(fields, names.utilization), take(fields, names.average), None),
        "pods" => (None, take(fields, names.average), None),
        "object" => (None, take(fields, "averageValue"), take(fields, names.value)),
        _ => (None, take(fields, names.average), take(fields, names.value)),
    };
    if !is_status {
        let kind = match source {
            "pods" => "AverageValue",
            "object" if average.is_some() => "AverageValue",
            "object" => "Value",
            "external" if plain.is_some() => "Value",
            "external" => "AverageValue",
            _ if utilization.is_some() => "Utilization",
            _ => "AverageValue",
        };
        value.insert("type".into(), kind.into());
    }
    put(&mut value, "averageUtilization", utilization);
    put(&mut value, "averageValue", average);
    put(&mut value, "value", plain);
    if source == "object" {
        let described = take(fields, "target");
        put(fields, "describedObject", described);
    }
    if !matches!(source, "resource" | "containerResource") {
        let selector = if source == "external" { "metricSelector" } else { "selector" };
        let mut metric = Map::new();
        metric.insert("name".into(), take(fields, "metricName").unwrap_or_else(|| json!("")));
        let selector = take(fields, selector);
        put(&mut metric, "selector", selector);
        fields.insert("metric".into(), metric.into());
    }
    fields.insert(place.into(), value.into());
}

fn down(source: &str, fields: &mut Body, is_status: bool) {
    let place = if is_status { "current" } else { "target" };
    if source == "object" && !fields.contains_key("describedObject") {
        return;
    }
    let names = Names::of(is_status);
    let Some(Value::Object(mut value)) = fields.remove(place) else { return };
    let plain = take(&mut value, "value");
    let average = take(&mut value, "averageValue");
    let utilization = take(&mut value, "averageUtilization");
    if let Some(Value::Object(mut metric)) = fields.remove("metric") {
        put(fields, "metricName", take(&mut metric, "name"));
        let selector = if source == "external" { "metricSelector" } else { "selector" };
        put(fields, selector, take(&mut metric, "selector"));
    }
    let mandatory = |value: Option<Value>| Some(value.unwrap_or_else(|| json!("0")));
    match source {
        "resource" | "containerResource" => {
            put(fields, names.utilization, utilization);
            let average = if is_status { mandatory(average) } else { average };
            put(fields, names.average, average);
        }
        "pods" => put(fields, names.average, mandatory(average)),
        "object" => {
            let described = take(fields, "describedObject");
            put(fields, "target", described);
            put(fields, names.value, mandatory(plain));
            put(fields, "averageValue", average);
        }
        _ => {
            let plain = if is_status { mandatory(plain) } else { plain };
            put(fields, names.value, plain);
            put(fields, names.average, average);
        }
    }
}
