//! Where objects name other objects by version or group, which no server converts.
//!
//! Owner references, the target of an autoscaler, rules of roles and webhooks, counts in quotas.

use std::collections::BTreeSet;

use model::{Gvk, KubernetesVersion};
use serde_json::Value;

use super::{Body, metadata_at, spec_at};
use crate::convert::draft::{each_object, object_mut, text};
use crate::convert::{At, CannotConvert, Draft, family_of};
use crate::options::RBAC_GROUPS;
use crate::table::{row_of_kind, rows};

/// The version to name a kind by on a release that no longer serves the one it is named by; none when it does, or
/// when the kind is not known.
pub fn served_form(gvk: &Gvk, release: KubernetesVersion) -> Option<Gvk> {
    if row_of_kind(gvk)?.exists_in(release) {
        return None;
    }
    let (family, source) = family_of(gvk)?;
    let forms = family.forms.iter().rev().filter(|form| family.allows(source, form));
    let mut served = forms
        .map(|form| form.gvk())
        .filter(|form| row_of_kind(form).is_some_and(|row| row.exists_in(release) && row.served_by_default));
    served.next()
}

/// Rewrites the apiVersion beside a kind.
fn reference(map: &mut Body, at: &At<'_>, release: KubernetesVersion, draft: &mut Draft<'_>) {
    let (Some(version), Some(kind)) = (text(map, "apiVersion"), text(map, "kind")) else { return };
    if let Some(served) = served_form(&Gvk::from_api_version(version, kind), release) {
        let because = "the version it names is no longer served";
        draft.set(map, at, "apiVersion", served.api_version(), because);
    }
}

pub(super) fn owners(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(Value::Object(metadata)) = body.get_mut("metadata") else { return Ok(()) };
    if !metadata.contains_key("ownerReferences") {
        return Ok(());
    }
    each_object(metadata, &metadata_at(), "ownerReferences", |owner, at| {
        reference(owner, at, release, draft);
        Ok(())
    })
}

pub(super) fn autoscaler(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = spec_at();
    if let Some(target) = object_mut(spec, &at, "scaleTargetRef")? {
        reference(target, &at.key("scaleTargetRef"), release, draft);
    }
    each_object(spec, &at, "metrics", |metric, at| {
        let Some(object) = object_mut(metric, at, "object")? else { return Ok(()) };
        let at = at.key("object");
        for key in ["describedObject", "target"] {
            if let Some(described) = object_mut(object, &at, key)? {
                reference(described, &at.key(key), release, draft);
            }
        }
        Ok(())
    })
}

/// The groups to which resources of `extensions` moved, and that the release no longer serves there.
fn moved_groups(resources: &[&str], release: KubernetesVersion) -> BTreeSet<&'static str> {
    let gone = rows().iter().filter(|row| row.group == "extensions" && !row.exists_in(release));
    let named = gone.filter(|row| {
        let whole = |resource: &&str| resource.split('/').next().unwrap_or_default() == row.resource;
        resources.iter().any(|resource| *resource == "*" || *resource == "*/*" || whole(resource))
    });
    named
        .filter_map(|row| served_form(&row.gvk(), release))
        .filter_map(|gvk| row_of_kind(&gvk))
        .map(|r| r.group)
        .collect()
}

/// Adds the new groups to one rule.
fn rule(
    rule: &mut Body,
    at: &At<'_>,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<bool, CannotConvert> {
    let strings = |rule: &Body, key: &str| -> Vec<String> {
        let list = rule.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let groups = strings(rule, "apiGroups");
    if !groups.iter().any(|group| group == "extensions") || groups.iter().any(|group| group == "*") {
        return Ok(false);
    }
    let resources = strings(rule, "resources");
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let missing: Vec<&str> = moved_groups(&resources, release)
        .into_iter()
        .filter(|group| !groups.iter().any(|known| known == group))
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let message = format!("names resources of extensions that moved to {}", missing.join(", "));
    if draft.decide(RBAC_GROUPS, &at.key("apiGroups"), &*message) != "add" {
        return Ok(false);
    }
    let all: Vec<String> = groups.into_iter().chain(missing.into_iter().map(str::to_owned)).collect();
    draft.set(rule, at, "apiGroups", all, &message);
    Ok(true)
}

pub(super) fn rules(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    each_object(body, &At::ROOT, "rules", |each, at| rule(each, at, release, draft).map(|_| ()))
}

/// Rules of webhooks and of admission policies. A webhook that matches by equivalence needs nothing.
pub(super) fn webhooks(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let exact = |matcher: &Body| text(matcher, "matchPolicy") == Some("Exact");
    each_object(body, &At::ROOT, "webhooks", |webhook, at| {
        if exact(webhook) {
            each_object(webhook, at, "rules", |each, at| versioned_rule(each, at, release, draft))?;
        }
        Ok(())
    })?;
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = spec_at();
    let Some(constraints) = object_mut(spec, &at, "matchConstraints")? else { return Ok(()) };
    if !exact(constraints) {
        return Ok(());
    }
    let at = at.key("matchConstraints");
    each_object(constraints, &at, "resourceRules", |each, at| versioned_rule(each, at, release, draft))
}

fn versioned_rule(
    each: &mut Body,
    at: &At<'_>,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if !rule(each, at, release, draft)? {
        return Ok(());
    }
    let versions = each.get("apiVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    if !versions.iter().any(|version| matches!(version.as_str(), Some("v1" | "*"))) {
        let versions: Vec<Value> = versions.into_iter().chain(["v1".into()]).collect();
        draft.set(each, at, "apiVersions", versions, "the groups to which they moved have the version v1");
    }
    Ok(())
}

/// Counts of resources by group in a quota.
pub(super) fn quota(body: &mut Body, release: KubernetesVersion, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    let at = spec_at();
    let Some(hard) = object_mut(spec, &at, "hard")? else { return Ok(()) };
    let at = at.key("hard");
    let counted: Vec<(String, String)> = hard
        .keys()
        .filter_map(|key| Some((key.clone(), key.strip_prefix("count/")?.strip_suffix(".extensions")?.to_owned())))
        .collect();
    for (key, resource) in counted {
        let Some(group) = moved_groups(&[&resource], release).into_iter().next() else { continue };
        let message = format!("counts {resource} of extensions, which moved to {group}");
        let new = format!("count/{resource}.{group}");
        if draft.decide(RBAC_GROUPS, &at.key(&key), &*message) == "add" && !hard.contains_key(&new) {
            let limit = hard.get(&key).cloned().unwrap_or_default();
            draft.set(hard, &at, &new, limit, &message);
        }
    }
    Ok(())
}
