//! What to do about an object that exists in the target already.
//!
//! Equal means that nothing the backup says is missing or different there, and that nobody added anything: fields that
//! the target's server or a controller filled in are no difference ([`extra`] tells them apart). An update brings the
//! object to what the backup holds, and so removes what was added. No object is ever deleted and created again.

mod extra;

use extra::{Extras, Place};
use model::request::ExistingPolicy;
use model::{Change, Manifest};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Conflict {
    /// The target holds all that the backup says.
    Equal,
    /// The target's object belongs to the target itself, whatever the backup says.
    OwnedByTarget(&'static str),
    /// It differs and is left alone; the first pointer that differs.
    Differs(String),
    /// It differs and is patched, by this merge patch.
    Patch(Value),
}

/// Annotations that controllers keep up to date: a difference in them is the past, not an intention.
const KEPT_BY_CONTROLLERS: [&str; 12] = [
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.daemonset.template.generation",
    "control-plane.alpha.kubernetes.io/leader",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "pv.kubernetes.io/provisioned-by",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "endpoints.kubernetes.io/last-change-trigger-time",
];

/// Labels that a restore writes; another restore's name is no difference.
const RESTORE_LABELS: [&str; 2] = ["velero.io/backup-name", "velero.io/restore-name"];

/// Prefixes of the same.
const KEPT_PREFIXES: [&str; 10] = [
    "batch.kubernetes.io/",
    "deployment.kubernetes.io/",
    "endpoints.kubernetes.io/",
    "kubernetes.io/legacy-token-",
    "kubernetes.io/service-account.",
    "pv.kubernetes.io/",
    "snapshot.storage.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
    "volumes.kubernetes.io/",
];

pub fn conflict(prepared: &Manifest, existing: &Manifest, policy: ExistingPolicy) -> Conflict {
    if let Some(why) = owned_by_target(prepared, existing) {
        return Conflict::OwnedByTarget(why);
    }
    if prepared.kind() == "ServiceAccount" && prepared.api_version() == "v1" {
        let patch = account_patch(prepared, existing);
        return if patch.as_object().is_some_and(Map::is_empty) { Conflict::Equal } else { Conflict::Patch(patch) };
    }
    let mut wanted = prepared.clone();
    forget(&mut wanted);
    let extras = Extras::of(&wanted);
    let (said, there) = (wanted.clone().into_value(), existing.clone().into_value());
    let difference = first_difference(&said, &there, "").or_else(|| extras.first(&said, &there, Place::Root, ""));
    let Some(pointer) = difference else { return Conflict::Equal };
    match policy {
        ExistingPolicy::None => Conflict::Differs(pointer),
        ExistingPolicy::Update => {
            for label in RESTORE_LABELS {
                if let Some(value) = prepared.label(label) {
                    wanted.set_label(label, value);
                }
            }
            Conflict::Patch(merge_patch(&wanted.into_value(), &there, extras, Place::Root))
        }
    }
}

/// What a merge patch changes, field by field.
pub fn patch_changes(patch: &Value, existing: &Manifest) -> Vec<Change> {
    fn walk(patch: &Value, before: Option<&Value>, pointer: &str, out: &mut Vec<Change>) {
        const BECAUSE: &str = "the backup says so, and the target differs";
        match (patch, before) {
            (Value::Object(patch), None | Some(Value::Object(_))) if !patch.is_empty() => {
                for (key, value) in patch {
                    let here = model::pointer::push(pointer, key);
                    walk(value, before.and_then(|before| before.get(key)), &here, out);
                }
            }
            (Value::Null, None) => {}
            (Value::Null, Some(before)) => {
                out.push(Change::removed(pointer, before.clone(), "only the target has it"));
            }
            (value, before) => out.push(Change::set(pointer, before.cloned(), value.clone(), BECAUSE)),
        }
    }
    let mut out = Vec::new();
    let there = existing.as_map();
    for (key, value) in patch.as_object().into_iter().flatten() {
        walk(value, there.get(key), &model::pointer::push("", key), &mut out);
    }
    out
}

/// Whether controllers or restores write a label or an annotation.
fn kept_by_controllers(key: &str) -> bool {
    KEPT_BY_CONTROLLERS.contains(&key)
        || RESTORE_LABELS.contains(&key)
        || KEPT_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Objects that every cluster makes for itself.
fn owned_by_target(prepared: &Manifest, existing: &Manifest) -> Option<&'static str> {
    let is = |kind: &str, name: &str| prepared.kind() == kind && prepared.name() == name;
    if is("ConfigMap", "kube-root-ca.crt") {
        return Some("every namespace gets its own cluster's certificate authority");
    }
    let in_default = prepared.namespace() == Some("default");
    let owned = ["Service", "Endpoints", "EndpointSlice"].contains(&prepared.kind());
    if in_default && owned && prepared.name() == "kubernetes" {
        return Some("it is how the target reaches its own API");
    }
    if prepared.namespace() == Some("kube-system") && is("ConfigMap", "extension-apiserver-authentication") {
        return Some("it holds the target's own certificates");
    }
    if existing.annotation("apf.kubernetes.io/autoupdate-spec") == Some("true") {
        return Some("the target's server maintains it");
    }
    if existing.label("kubernetes.io/bootstrapping") == Some("rbac-defaults") {
        return Some("it is one of the target's default roles");
    }
    if prepared.kind() == "PriorityClass" && prepared.name().starts_with("system-") {
        return Some("it is one of the target's system classes");
    }
    if prepared.kind() == "Lease" {
        return Some("the lease is held in the target");
    }
    if existing.label("kube-aggregator.kubernetes.io/automanaged").is_some() {
        return Some("the target's server registers it");
    }
    None
}

/// Drops what is no intention of the backup's author.
fn forget(wanted: &mut Manifest) {
    for annotation in KEPT_BY_CONTROLLERS {
        wanted.remove_annotation(annotation);
    }
    for label in RESTORE_LABELS {
        wanted.remove_label(label);
    }
    wanted.remove("/metadata/managedFields");
    if wanted.get("/metadata/labels").and_then(Value::as_object).is_some_and(Map::is_empty) {
        wanted.remove("/metadata/labels");
    }
}

/// The first place where `existing` lacks or contradicts what is wanted.
fn first_difference(wanted: &Value, existing: &Value, pointer: &str) -> Option<String> {
    match (wanted, existing) {
        // Nothing is said.
        (Value::Null, _) => None,
        (Value::Object(wanted), Value::Object(existing)) => wanted.iter().find_map(|(key, value)| {
            let here = model::pointer::push(pointer, key);
            match existing.get(key) {
                Some(other) => first_difference(value, other, &here),
                None if is_nothing(value) => None,
                None => Some(here),
            }
        }),
        (Value::Array(wanted), Value::Array(existing)) if wanted.len() == existing.len() => {
            let mut pairs = wanted.iter().zip(existing).enumerate();
            pairs.find_map(|(at, (value, other))| first_difference(value, other, &format!("{pointer}/{at}")))
        }
        (wanted, existing) if same_scalar(wanted, existing) => None,
        _ => Some(pointer.to_owned()),
    }
}

/// `null`, empty lists and empty objects are what servers leave out.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => is_nothing(a) && is_nothing(b),
    }
}

/// What has to be sent so that the target says what is wanted; lists are replaced whole, what was added is removed.
fn merge_patch(wanted: &Value, existing: &Value, extras: Extras, place: Place) -> Value {
    let (Value::Object(wanted), Value::Object(existing)) = (wanted, existing) else { return wanted.clone() };
    let mut patch = Map::new();
    for (key, value) in wanted {
        let below = place.below(key);
        match existing.get(key) {
            None if is_nothing(value) => {}
            None => {
                patch.insert(key.clone(), value.clone());
            }
            Some(other)
                if first_difference(value, other, "").is_none() && extras.first(value, other, below, "").is_none() => {}
            Some(other @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), merge_patch(value, other, extras, below));
            }
            Some(_) => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in existing {
        let is_extra = wanted.get(key).is_none_or(Value::is_null);
        if !is_extra || !extras.counts(place, key, value) {
            continue;
        }
        let removal = match value {
            // Labels and annotations go one by one: those of controllers stay.
            Value::Object(_) if place == Place::Metadata => {
                merge_patch(&Value::Object(Map::new()), value, extras, place.below(key))
            }
            _ => Value::Null,
        };
        patch.insert(key.clone(), removal);
    }
    Value::Object(patch)
}

/// Service accounts are merged whatever the policy: existing values win, missing ones are added.
/// Velero: pkg/restore/merge_service_account.go.
fn account_patch(prepared: &Manifest, existing: &Manifest) -> Value {
    let mut patch = Map::new();
    for list in ["secrets", "imagePullSecrets"] {
        let of =
            |manifest: &Manifest| manifest.as_map().get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut merged = of(existing);
        let before = merged.len();
        for reference in of(prepared) {
            if !merged.iter().any(|known| known.get("name") == reference.get("name")) {
                merged.push(reference);
            }
        }
        if merged.len() > before {
            patch.insert(list.to_owned(), Value::Array(merged));
        }
    }
    let mut metadata = Map::new();
    for map in ["labels", "annotations"] {
        let of = |manifest: &Manifest| {
            manifest.get(&format!("/metadata/{map}")).and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let have = of(existing);
        let missing: Map<String, Value> = of(prepared)
            .into_iter()
            .filter(|(key, _)| !have.contains_key(key) && !RESTORE_LABELS.contains(&key.as_str()))
            .collect();
        if !missing.is_empty() {
            metadata.insert(map.to_owned(), Value::Object(missing));
        }
    }
    if !metadata.is_empty() {
        patch.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests;
