//! HorizontalPodAutoscaler: `autoscaling/v1`, `v2beta1`, `v2beta2` ⇄ `v2`. Lossless.
//!
//! v2beta1 has its targets beside the metric, v2 inside it. v1 has one CPU target and keeps all else in annotations,
//! which are fields in v2. The upstream conversion of v2beta1 forgets the container of a ContainerResource metric;
//! this one keeps it. Two targets in one metric are the decision `hpa-target`.
//!
//! Before:
//! ```yaml
//! apiVersion: autoscaling/v2beta1
//! kind: HorizontalPodAutoscaler
//! metadata: { name: web, namespace: shop }
//! spec:
//!   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
//!   maxReplicas: 5
//!   metrics:
//!     - { type: Resource, resource: { name: cpu, targetAverageUtilization: 60 } }
//!     - { type: Pods, pods: { metricName: requests, targetAverageValue: "10" } }
//! ```
//! After:
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: { name: web, namespace: shop }
//! spec:
//!   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
//!   minReplicas: 1
//!   maxReplicas: 5
//!   metrics:
//!     - { type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 60 } } }
//!     - { type: Pods, pods: { metric: { name: requests }, target: { type: AverageValue, averageValue: "10" } } }
//! ```
//!
//! Before:
//! ```yaml
//! apiVersion: autoscaling/v1
//! kind: HorizontalPodAutoscaler
//! metadata:
//!   name: queue
//!   namespace: shop
//!   annotations:
//!     autoscaling.alpha.kubernetes.io/metrics: '[{"type":"External","external":{"metricName":"queue","targetValue":"30"}}]'
//! spec:
//!   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: queue }
//!   maxReplicas: 5
//!   targetCPUUtilizationPercentage: 50
//! ```
//! After:
//! ```yaml
//! apiVersion: autoscaling/v2
//! kind: HorizontalPodAutoscaler
//! metadata: { name: queue, namespace: shop }
//! spec:
//!   scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: queue }
//!   minReplicas: 1
//!   maxReplicas: 5
//!   metrics:
//!     - { type: External, external: { metric: { name: queue }, target: { type: Value, value: "30" } } }
//!     - { type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 50 } } }
//! ```

mod annotations;
mod metrics;

use serde_json::{Map, Value, json};

use super::draft::{annotation, each_object, is_unset, object_mut};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::HPA_TARGET;
use annotations::{BEHAVIOR, CONDITIONS, CURRENT_METRICS, METRICS};

pub(crate) static HORIZONTAL_POD_AUTOSCALER: Family = Family::same(&[
    Form::new("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Form::new("autoscaling", "v2beta1", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Form::new("autoscaling", "v2beta2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Form::new("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
])
.with_defaults(defaults)
.with_conversion(autoscaler)
.with_repair(repair);

type Body = Map<String, Value>;

fn cpu(utilization: impl Into<Value>) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": utilization.into()});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "minReplicas", 1);
    if form.version == "v1" {
        return Ok(());
    }
    let no_metrics = spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if no_metrics && draft.fills_shared_defaults() {
        let by_default = match form.version {
            "v2beta1" => json!({"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}}),
            _ => cpu(80),
        };
        draft.set(spec, &at, "metrics", json!([by_default]), "without metrics, the CPU is held at 80 percent");
    }
    if form.version == "v2beta1" {
        return Ok(());
    }
    match object_mut(spec, &at, "behavior")? {
        Some(behavior) if draft.fills_shared_defaults() => behavior_defaults(behavior, &at.key("behavior"), draft),
        _ => Ok(()),
    }
}

fn behavior_defaults(behavior: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let because = "behavior has both directions";
    let up = draft.ensure_object(behavior, at, "scaleUp", because)?;
    let up_at = at.key("scaleUp");
    draft.default(up, &up_at, "stabilizationWindowSeconds", 0);
    draft.default(up, &up_at, "selectPolicy", "Max");
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    draft.default(up, &up_at, "policies", json!([pods, percent]));
    let down = draft.ensure_object(behavior, at, "scaleDown", because)?;
    let down_at = at.key("scaleDown");
    draft.default(down, &down_at, "selectPolicy", "Max");
    draft.default(down, &down_at, "policies", json!([percent]));
    Ok(())
}

/// Everything goes through the fields of v2.
fn autoscaler(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    match from.version {
        "v1" => from_v1(body, draft)?,
        "v2beta1" => from_v2beta1(body, draft)?,
        _ => drop_annotations(body, draft),
    }
    match to.version {
        "v1" => to_v1(body, draft)?,
        "v2beta1" => to_v2beta1(body, draft)?,
        _ => {}
    }
    status_shape(body, to.version, draft)
}

fn drop_annotations(body: &mut Body, draft: &mut Draft<'_>) {
    if body.get("metadata").and_then(|metadata| metadata.get("annotations")).is_none() {
        return;
    }
    for key in [METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS] {
        draft.remove_annotation(body, key, "what the annotation carries is a field in this version");
    }
}

fn behavior_from_annotation(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(behavior) = annotation(body, BEHAVIOR).and_then(annotations::parse_behavior) else { return Ok(()) };
    let because = "the annotation is a field in this version";
    let spec = draft.ensure_object(body, &At::ROOT, "spec", because)?;
    draft.set(spec, &At::ROOT.key("spec"), "behavior", behavior, because);
    Ok(())
}

fn from_v1(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    behavior_from_annotation(body, draft)?;
    let read = |body: &Body, key: &str| annotation(body, key).and_then(annotations::parse_list);
    let mut wanted = read(body, METRICS).map(|list| metrics::list_to_v2(list, false)).unwrap_or_default();
    let current = read(body, CURRENT_METRICS).map(|list| metrics::list_to_v2(list, true));
    let conditions = read(body, CONDITIONS);
    drop_annotations(body, draft);
    let because = "the CPU target is one of the metrics";
    let spec = draft.ensure_object(body, &At::ROOT, "spec", because)?;
    let at = At::ROOT.key("spec");
    if let Some(utilization) = draft.remove(spec, &at, "targetCPUUtilizationPercentage", because)
        && !utilization.is_null()
    {
        wanted.push(cpu(utilization));
    }
    if wanted.is_empty() {
        wanted.push(cpu(80));
    }
    draft.set(spec, &at, "metrics", wanted, because);
    let because = "the status has lists in this version";
    let Some(status) = object_mut(body, &At::ROOT, "status")? else {
        if current.is_some() || conditions.is_some() {
            draft.set(body, &At::ROOT, "status", status_of(current, conditions), because);
        }
        return Ok(());
    };
    let at = At::ROOT.key("status");
    let usage = draft.remove(status, &at, "currentCPUUtilizationPercentage", because).filter(|usage| !usage.is_null());
    let seen = |usage| {
        json!([{"type": "Resource",
        "resource": {"name": "cpu", "current": {"averageUtilization": usage}}}])
    };
    if let Some(list) = current.map(Value::from).or_else(|| usage.map(seen)) {
        draft.set(status, &at, "currentMetrics", list, because);
    }
    if let Some(list) = conditions {
        draft.set(status, &at, "conditions", list, because);
    }
    Ok(())
}

fn status_of(current: Option<Vec<Value>>, conditions: Option<Vec<Value>>) -> Value {
    let lists = [("currentMetrics", current), ("conditions", conditions)];
    lists.into_iter().filter_map(|(key, list)| Some((key.to_owned(), list?.into()))).collect::<Map<_, _>>().into()
}

fn from_v2beta1(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    behavior_from_annotation(body, draft)?;
    drop_annotations(body, draft);
    each_list(body, metrics::to_v2, draft)
}

fn to_v2beta1(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    behavior_to_annotation(body, draft)?;
    each_list(body, metrics::to_v2beta1, draft)
}

fn each_list(body: &mut Body, convert: impl Fn(&mut Body, bool), draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    for (part, key, is_status) in [("spec", "metrics", false), ("status", "currentMetrics", true)] {
        let Some(parent) = object_mut(body, &At::ROOT, part)? else { continue };
        let at = At::ROOT.key(part);
        let Some(before) = parent.get(key).filter(|list| !list.is_null()).cloned() else { continue };
        each_object(parent, &at, key, |metric, _| {
            convert(metric, is_status);
            Ok(())
        })?;
        draft.replace(parent, &at, key, before, "a metric and its target have other names in this version");
    }
    Ok(())
}

fn behavior_to_annotation(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "the field is an annotation in this version";
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let Some(Value::Object(behavior)) = draft.remove(spec, &At::ROOT.key("spec"), "behavior", because) else {
        return Ok(());
    };
    draft.set_annotation(body, BEHAVIOR, annotations::write_behavior(&behavior), because)
}

fn to_v1(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    behavior_to_annotation(body, draft)?;
    let because = "v1 has a field for the CPU target alone";
    let list = |value: Option<Value>| match value {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        let at = At::ROOT.key("spec");
        let wanted = list(draft.remove(spec, &at, "metrics", because));
        let (of_cpu, others): (Vec<Value>, Vec<Value>) =
            wanted.into_iter().partition(|metric| metrics::cpu_utilization(metric, "target").is_some());
        if let Some(utilization) = of_cpu.first().and_then(|metric| metrics::cpu_utilization(metric, "target")) {
            draft.set(spec, &at, "targetCPUUtilizationPercentage", utilization.clone(), because);
        }
        if !others.is_empty() {
            draft.set_annotation(body, METRICS, annotations::write_metrics(others, false), because)?;
        }
    }
    let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
    let at = At::ROOT.key("status");
    let current = list(draft.remove(status, &at, "currentMetrics", because));
    let conditions = list(draft.remove(status, &at, "conditions", because));
    if let Some(usage) = current.iter().find_map(|metric| metrics::cpu_utilization(metric, "current")) {
        draft.set(status, &at, "currentCPUUtilizationPercentage", usage.clone(), because);
    }
    if !current.is_empty() {
        draft.set_annotation(body, CURRENT_METRICS, annotations::write_metrics(current, true), because)?;
    }
    if !conditions.is_empty() {
        draft.set_annotation(body, CONDITIONS, annotations::write_list(&conditions), because)?;
    }
    Ok(())
}

/// What each version writes though it is empty, and what it leaves out.
fn status_shape(body: &mut Body, version: &str, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(status) = object_mut(body, &At::ROOT, "status")? else { return Ok(()) };
    let at = At::ROOT.key("status");
    let always: &[(&str, Value)] = match version {
        "v1" => &[("currentReplicas", json!(0)), ("desiredReplicas", json!(0))],
        "v2" => &[("currentMetrics", Value::Null), ("desiredReplicas", json!(0))],
        _ => &[
            ("conditions", Value::Null),
            ("currentMetrics", Value::Null),
            ("currentReplicas", json!(0)),
            ("desiredReplicas", json!(0)),
        ],
    };
    if draft.fills_shared_defaults() {
        for (key, empty) in always {
            if !status.contains_key(*key) {
                draft.set(status, &at, key, empty.clone(), "this version writes it though it is empty");
            }
        }
    }
    if version == "v2" {
        let because = "this version leaves it out when it is empty";
        if is_unset(status, "conditions") {
            draft.remove(status, &at, "conditions", because);
        }
        if status.get("currentReplicas").and_then(Value::as_i64) == Some(0) {
            draft.remove(status, &at, "currentReplicas", because);
        }
    }
    Ok(())
}

fn repair(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if !matches!(form.version, "v2" | "v2beta2") {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    each_object(spec, &At::ROOT.key("spec"), "metrics", |metric, at| {
        for source in ["resource", "containerResource", "external"] {
            if let Some(source_of) = object_mut(metric, at, source)? {
                let at = at.key(source);
                if let Some(target) = object_mut(source_of, &at, "target")? {
                    one_target(target, &at.key("target"), draft);
                }
            }
        }
        Ok(())
    })
}

fn one_target(target: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let other = if is_unset(target, "averageUtilization") { "value" } else { "averageUtilization" };
    if is_unset(target, other) || is_unset(target, "averageValue") {
        return;
    }
    let message = format!("the metric has both {other} and averageValue");
    if draft.decide(HPA_TARGET, at, &*message) == "average-value" {
        draft.remove(target, at, other, &message);
        draft.set(target, at, "type", "AverageValue", &message);
    } else {
        draft.remove(target, at, "averageValue", &message);
        let kind = if other == "value" { "Value" } else { "Utilization" };
        draft.set(target, at, "type", kind, &message);
    }
}
