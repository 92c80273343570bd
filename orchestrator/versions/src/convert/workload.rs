//! Deployment, DaemonSet, ReplicaSet, StatefulSet, ControllerRevision: `extensions/v1beta1`, `apps/v1beta1`,
//! `apps/v1beta2` ⇄ `apps/v1`. Lossless.
//!
//! The fields have the same names; the defaults do not. The old selector, update strategy, history and deadline are
//! written out, because the new version would fill others. `spec.rollbackTo` and `spec.templateGeneration` became
//! annotations. A workload with neither a selector nor template labels is the decision `workload-selector`.
//!
//! Before:
//! ```yaml
//! apiVersion: extensions/v1beta1
//! kind: Deployment
//! metadata: { name: web, namespace: shop }
//! spec:
//!   rollbackTo: { revision: 3 }
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec: { containers: [{ name: web, image: "registry.example/web:1" }] }
//! ```
//! After:
//! ```yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata:
//!   name: web
//!   namespace: shop
//!   labels: { app: web }
//!   annotations: { deprecated.deployment.rollback.to: "3" }
//! spec:
//!   replicas: 1
//!   selector: { matchLabels: { app: web } }
//!   strategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } }
//!   revisionHistoryLimit: 2147483647
//!   progressDeadlineSeconds: 2147483647
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec: { containers: [{ name: web, image: "registry.example/web:1" }] }
//! ```

use serde_json::{Map, Value, json};

use super::draft::{each_object, is_blank, is_unset, object, object_mut, text};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::WORKLOAD_SELECTOR;

const ROLLBACK: &str = "deprecated.deployment.rollback.to";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
/// What the old versions write for "no limit".
const NO_LIMIT: i64 = i32::MAX as i64;

pub(crate) static DEPLOYMENT: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "Deployment", "deployments"),
    Form::new("apps", "v1beta1", "Deployment", "deployments"),
    Form::new("apps", "v1beta2", "Deployment", "deployments"),
    Form::new("apps", "v1", "Deployment", "deployments"),
])
.with_defaults(deployment_defaults)
.with_conversion(deployment)
.with_repair(selector);

pub(crate) static DAEMON_SET: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "DaemonSet", "daemonsets"),
    Form::new("apps", "v1beta2", "DaemonSet", "daemonsets"),
    Form::new("apps", "v1", "DaemonSet", "daemonsets"),
])
.with_defaults(daemon_set_defaults)
.with_conversion(daemon_set)
.with_repair(selector);

pub(crate) static REPLICA_SET: Family = Family::same(&[
    Form::new("extensions", "v1beta1", "ReplicaSet", "replicasets"),
    Form::new("apps", "v1beta2", "ReplicaSet", "replicasets"),
    Form::new("apps", "v1", "ReplicaSet", "replicasets"),
])
.with_defaults(replica_set_defaults)
.with_repair(selector);

pub(crate) static STATEFUL_SET: Family = Family::same(&[
    Form::new("apps", "v1beta1", "StatefulSet", "statefulsets"),
    Form::new("apps", "v1beta2", "StatefulSet", "statefulsets"),
    Form::new("apps", "v1", "StatefulSet", "statefulsets"),
])
.with_defaults(stateful_set_defaults)
.with_repair(selector);

pub(crate) static CONTROLLER_REVISION: Family = Family::same(&[
    Form::new("apps", "v1beta1", "ControllerRevision", "controllerrevisions"),
    Form::new("apps", "v1beta2", "ControllerRevision", "controllerrevisions"),
    Form::new("apps", "v1", "ControllerRevision", "controllerrevisions"),
]);

type Body = Map<String, Value>;

/// The two oldest versions take selector and labels from the template.
fn takes_from_template(form: &Form) -> bool {
    form.group == "extensions" || form.version == "v1beta1"
}

fn template_labels(spec: &Body) -> Option<&Body> {
    let labels = spec.get("template")?.get("metadata")?.get("labels")?.as_object()?;
    (!labels.is_empty()).then_some(labels)
}

fn from_template(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if !takes_from_template(form) || !draft.fills_own_defaults() {
        return Ok(());
    }
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let Some(labels) = template_labels(spec) else { return Ok(()) };
    if is_blank(spec, "selector") {
        let selector = json!({"matchLabels": labels});
        draft.own_default(spec, &At::ROOT.key("spec"), "selector", selector);
    }
    let because = "labels of the pod template, as the old version fills them in";
    let metadata = draft.ensure_object(body, &At::ROOT, "metadata", because)?;
    let at = At::ROOT.key("metadata");
    if object(metadata, &at, "labels")?.is_none_or(Map::is_empty) {
        let labels = body.get("spec").and_then(Value::as_object).and_then(template_labels).cloned();
        let metadata = draft.ensure_object(body, &At::ROOT, "metadata", because)?;
        draft.set(metadata, &at, "labels", labels.unwrap_or_default(), because);
    }
    Ok(())
}

fn deployment_defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    from_template(body, form, draft)?;
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "replicas", 1);
    let old = form.group == "extensions";
    let step = if old { json!(1) } else { json!("25%") };
    if draft.fills_own_defaults() {
        let strategy = draft.ensure_object(spec, &at, "strategy", "a strategy is always there")?;
        let at = at.key("strategy");
        draft.own_default(strategy, &at, "type", "RollingUpdate");
        let rolls = text(strategy, "type") == Some("RollingUpdate");
        if rolls || (old && !is_unset(strategy, "rollingUpdate")) {
            let rolling = draft.ensure_object(strategy, &at, "rollingUpdate", "steps of a rolling update")?;
            let at = at.key("rollingUpdate");
            draft.own_default(rolling, &at, "maxUnavailable", step.clone());
            draft.own_default(rolling, &at, "maxSurge", step);
        }
    }
    let (history, deadline) = match (form.group, form.version) {
        ("extensions", _) => (NO_LIMIT, NO_LIMIT),
        (_, "v1beta1") => (2, 600),
        _ => (10, 600),
    };
    draft.own_default(spec, &at, "revisionHistoryLimit", history);
    draft.own_default(spec, &at, "progressDeadlineSeconds", deadline);
    Ok(())
}

fn daemon_set_defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    from_template(body, form, draft)?;
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "revisionHistoryLimit", 10);
    if !draft.fills_own_defaults() {
        return Ok(());
    }
    let strategy = draft.ensure_object(spec, &at, "updateStrategy", "an update strategy is always there")?;
    let at = at.key("updateStrategy");
    let kind = if form.group == "extensions" { "OnDelete" } else { "RollingUpdate" };
    draft.own_default(strategy, &at, "type", kind);
    if text(strategy, "type") == Some("RollingUpdate") {
        let rolling = draft.ensure_object(strategy, &at, "rollingUpdate", "steps of a rolling update")?;
        let at = at.key("rollingUpdate");
        draft.own_default(rolling, &at, "maxUnavailable", 1);
        draft.own_default(rolling, &at, "maxSurge", 0);
    }
    Ok(())
}

fn replica_set_defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    from_template(body, form, draft)?;
    if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
        draft.default(spec, &At::ROOT.key("spec"), "replicas", 1);
    }
    Ok(())
}

fn stateful_set_defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    from_template(body, form, draft)?;
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    draft.default(spec, &at, "replicas", 1);
    draft.default(spec, &at, "podManagementPolicy", "OrderedReady");
    draft.default(spec, &at, "revisionHistoryLimit", 10);
    if draft.fills_own_defaults() {
        let strategy = draft.ensure_object(spec, &at, "updateStrategy", "an update strategy is always there")?;
        let at = at.key("updateStrategy");
        if is_blank(strategy, "type") {
            if form.version == "v1beta1" {
                draft.own_default(strategy, &at, "type", "OnDelete");
            } else {
                draft.own_default(strategy, &at, "type", "RollingUpdate");
                draft.ensure_object(strategy, &at, "rollingUpdate", "steps of a rolling update")?;
            }
        }
        if text(strategy, "type") == Some("RollingUpdate")
            && let Some(rolling) = object_mut(strategy, &at, "rollingUpdate")?
        {
            draft.default(rolling, &at.key("rollingUpdate"), "partition", 0);
        }
    }
    if !draft.fills_shared_defaults() {
        return Ok(());
    }
    each_object(spec, &at, "volumeClaimTemplates", |claim, at| {
        let because = "a volume claim template is always a claim of v1";
        draft.set(claim, at, "apiVersion", "v1", because);
        draft.set(claim, at, "kind", "PersistentVolumeClaim", because);
        if let Some(spec) = object_mut(claim, at, "spec")? {
            draft.default(spec, &at.key("spec"), "volumeMode", "Filesystem");
        }
        let status = draft.ensure_object(claim, at, "status", "a claim has a phase")?;
        draft.default(status, &at.key("status"), "phase", "Pending");
        Ok(())
    })
}

fn deployment(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let at = At::ROOT.key("spec");
    if takes_from_template(from) && !takes_from_template(to) {
        let because = "rollbackTo became an annotation";
        let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
        if let Some(Value::Object(rollback)) = draft.remove(spec, &at, "rollbackTo", because) {
            let revision = rollback.get("revision").and_then(Value::as_i64).unwrap_or(0);
            draft.set_annotation(body, ROLLBACK, revision.to_string(), because)?;
        }
    } else if !takes_from_template(from)
        && takes_from_template(to)
        && let Some(revision) = super::draft::annotation(body, ROLLBACK).and_then(|text| text.parse::<i64>().ok())
    {
        let because = "the annotation is the field rollbackTo in this version";
        draft.remove_annotation(body, ROLLBACK, because);
        if let Some(spec) = object_mut(body, &At::ROOT, "spec")? {
            draft.set(spec, &at, "rollbackTo", json!({"revision": revision}), because);
        }
    }
    Ok(())
}

fn daemon_set(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let at = At::ROOT.key("spec");
    let because = "templateGeneration became an annotation";
    let spec = object_mut(body, &At::ROOT, "spec")?;
    let field = spec.and_then(|spec| draft.remove(spec, &at, "templateGeneration", because));
    let generation = match field {
        Some(field) => field.as_i64(),
        None => match super::draft::annotation(body, TEMPLATE_GENERATION) {
            Some(text) => Some(text.parse::<i64>().map_err(|_| CannotConvert::Malformed {
                pointer: format!("/metadata/annotations/{TEMPLATE_GENERATION}"),
                found: "text",
                wanted: "a number",
            })?),
            None => None,
        },
    };
    if to.group == "extensions" {
        if from.group != "extensions" && generation.is_some() {
            draft.remove_annotation(body, TEMPLATE_GENERATION, because);
        }
        if let (Some(generation), Some(spec)) = (generation, object_mut(body, &At::ROOT, "spec")?) {
            draft.set(spec, &at, "templateGeneration", generation, because);
        }
    } else if generation.is_some() || draft.fills_shared_defaults() {
        let generation = generation.unwrap_or(0).to_string();
        draft.set_annotation(body, TEMPLATE_GENERATION, generation, because)?;
    }
    Ok(())
}

/// The new versions want a selector that is not empty.
fn selector(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if takes_from_template(form) {
        return Ok(());
    }
    let name = body.get("metadata").and_then(|m| m.get("name")).and_then(Value::as_str).map(str::to_owned);
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = At::ROOT.key("spec");
    let selects = object(spec, &at, "selector")?.is_some_and(|selector| {
        let has = |key| match selector.get(key) {
            Some(Value::Object(map)) => !map.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            _ => false,
        };
        has("matchLabels") || has("matchExpressions")
    });
    if selects || template_labels(spec).is_some() {
        return Ok(());
    }
    let message = "has neither a selector nor labels on its pod template";
    let value = draft.decide(WORKLOAD_SELECTOR, &at.key("selector"), message);
    let (Some(name), "name") = (name, value) else {
        return Err(CannotConvert::NotCreatable {
            code: WORKLOAD_SELECTOR,
            pointer: at.key("selector").pointer(),
            why: message.into(),
            instead: format!("choose {WORKLOAD_SELECTOR}=name, or label the pod template by hand"),
        });
    };
    let because = "a selector and labels are required";
    draft.set(spec, &at, "selector", json!({"matchLabels": {"app": name}}), because);
    let template = draft.ensure_object(spec, &at, "template", because)?;
    let at = at.key("template");
    let metadata = draft.ensure_object(template, &at, "metadata", because)?;
    draft.set(metadata, &at.key("metadata"), "labels", json!({"app": name}), because);
    Ok(())
}
