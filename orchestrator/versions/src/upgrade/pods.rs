//! Pods and the templates of pods: annotations that became fields, fields that were flattened or removed.
//!
//! Fills no defaults: the type is the same in every version and the server fills them on create.

use model::{Gvk, KubernetesVersion};
use serde_json::{Map, Value, json};

use super::{Body, addresses, node_labels, since};
use crate::convert::draft::{each_object, is_unset, object_mut, text};
use crate::convert::{At, CannotConvert, Draft};
use crate::options::{IN_TREE_EBS, POD_ANNOTATIONS, REMOVED_FIELDS};

const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APPARMOR_CONTAINER: &str = "container.apparmor.security.beta.kubernetes.io/";
const CRITICAL: &str = "scheduler.alpha.kubernetes.io/critical-pod";
const SYSCTLS: [&str; 2] = ["security.alpha.kubernetes.io/sysctls", "security.alpha.kubernetes.io/unsafe-sysctls"];
const INIT_CONTAINERS: [&str; 4] = [
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-container-statuses",
    "pod.beta.kubernetes.io/init-container-statuses",
];
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Finds the pod in an object of a workload kind and upgrades it.
pub(super) fn upgrade(
    body: &mut Body,
    gvk: &Gvk,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let namespace = body.get("metadata").and_then(|m| m.get("namespace")?.as_str()).map(str::to_owned);
    let in_system = namespace.as_deref() == Some("kube-system");
    let path: &[&str] = match gvk.kind.as_str() {
        "Pod" => &[],
        "PodTemplate" => &["template"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet" | "ReplicationController" | "Job" => {
            &["spec", "template"]
        }
        _ => return Ok(()),
    };
    descend(body, &At::ROOT, path, &mut |pod, at| {
        if draft.options.is(POD_ANNOTATIONS, "move") {
            annotations(pod, at, release, in_system, draft)?;
        }
        let Some(spec) = object_mut(pod, at, "spec")? else { return Ok(()) };
        let at = at.key("spec");
        node_labels::pod(spec, &at, release, draft)?;
        removed_fields(spec, &at, release, draft)?;
        inline_volumes(spec, &at, draft)?;
        addresses::pod(spec, &at, release, draft)
    })
}

fn descend(
    body: &mut Body,
    at: &At<'_>,
    path: &[&str],
    edit: &mut dyn FnMut(&mut Body, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    let Some((first, rest)) = path.split_first() else { return edit(body, at) };
    match object_mut(body, at, first)? {
        Some(inner) => descend(inner, &at.key(first), rest, edit),
        None => Ok(()),
    }
}

/// The annotations of a pod, taken out one at a time.
fn take(pod: &mut Body, at: &At<'_>, key: &str, because: &str, draft: &mut Draft<'_>) -> Option<String> {
    let metadata = pod.get_mut("metadata")?.as_object_mut()?;
    let at = at.key("metadata");
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let removed = draft.remove(annotations, &at.key("annotations"), key, because)?;
    if annotations.is_empty() {
        draft.remove(metadata, &at, "annotations", because);
    }
    removed.as_str().map(str::to_owned)
}

fn keys_with_prefix(pod: &Body, prefix: &str) -> Vec<String> {
    let annotations = pod.get("metadata").and_then(|m| m.get("annotations")?.as_object());
    let keys = annotations.into_iter().flat_map(|annotations| annotations.keys());
    keys.filter(|key| key.starts_with(prefix)).cloned().collect()
}

fn annotations(
    pod: &mut Body,
    at: &At<'_>,
    release: KubernetesVersion,
    in_system: bool,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if pod.get("metadata").and_then(|m| m.get("annotations")?.as_object()).is_none_or(Map::is_empty) {
        return Ok(());
    }
    if since(release, 19) {
        seccomp(pod, at, draft)?;
    }
    if since(release, 30) {
        app_armor(pod, at, draft)?;
    }
    let because = "the annotation has had no function since 1.16";
    if since(release, 16)
        && take(pod, at, CRITICAL, because, draft).is_some()
        && in_system
        && let Some(spec) = object_mut(pod, at, "spec")?
        && is_unset(spec, "priorityClassName")
        && is_unset(spec, "priority")
    {
        draft.set(spec, &at.key("spec"), "priorityClassName", "system-cluster-critical", because);
    }
    sysctls(pod, at, draft)?;
    for key in INIT_CONTAINERS {
        let Some(list) = take(pod, at, key, "init containers are a field", draft) else { continue };
        let Ok(Value::Array(list)) = serde_json::from_str(&list) else { continue };
        if let Some(spec) = object_mut(pod, at, "spec")?
            && is_unset(spec, "initContainers")
            && key.ends_with("/init-containers")
        {
            draft.set(spec, &at.key("spec"), "initContainers", list, "init containers are a field");
        }
    }
    Ok(())
}

fn profile(value: &str) -> Option<Value> {
    Some(match value {
        "runtime/default" | "docker/default" => json!({"type": "RuntimeDefault"}),
        "unconfined" => json!({"type": "Unconfined"}),
        other => json!({"type": "Localhost", "localhostProfile": other.strip_prefix("localhost/")?}),
    })
}

/// Sets a profile where there is none; where there is another one, the field wins and the loss is reported.
fn set_profile(
    holder: &mut Body,
    at: &At<'_>,
    field: &str,
    value: Value,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let because = "the annotation became a field";
    let context = draft.ensure_object(holder, at, "securityContext", because)?;
    let at = at.key("securityContext");
    if is_unset(context, field) {
        draft.set(context, &at, field, value, because);
    } else if context.get(field) != Some(&value) {
        draft.decide(POD_ANNOTATIONS, &at.key(field), "the annotation and the field differ, and the field is kept");
    }
    Ok(())
}

fn seccomp(pod: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "the annotation became the field seccompProfile and lost its function in 1.27";
    if let Some(value) = peek(pod, SECCOMP_POD).and_then(|value| profile(&value)) {
        take(pod, at, SECCOMP_POD, because, draft);
        if let Some(spec) = object_mut(pod, at, "spec")? {
            set_profile(spec, &at.key("spec"), "seccompProfile", value, draft)?;
        }
    }
    per_container(pod, at, SECCOMP_CONTAINER, "seccompProfile", because, draft)
}

fn app_armor(pod: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "the annotation became the field appArmorProfile";
    per_container(pod, at, APPARMOR_CONTAINER, "appArmorProfile", because, draft)
}

fn peek(pod: &Body, key: &str) -> Option<String> {
    pod.get("metadata")?.get("annotations")?.get(key)?.as_str().map(str::to_owned)
}

fn per_container(
    pod: &mut Body,
    at: &At<'_>,
    prefix: &str,
    field: &str,
    because: &str,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    for key in keys_with_prefix(pod, prefix) {
        let Some(value) = peek(pod, &key).and_then(|value| profile(&value)) else { continue };
        let name = key[prefix.len()..].to_owned();
        take(pod, at, &key, because, draft);
        let Some(spec) = object_mut(pod, at, "spec")? else { continue };
        for list in CONTAINERS {
            each_object(spec, &at.key("spec"), list, |container, at| {
                if text(container, "name") == Some(&name) {
                    set_profile(container, at, field, value.clone(), draft)?;
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn sysctls(pod: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let because = "the annotation became the field sysctls";
    let mut found: Vec<Value> = Vec::new();
    for key in SYSCTLS {
        let Some(list) = take(pod, at, key, because, draft) else { continue };
        let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
        found.extend(pairs.map(|(name, value)| json!({"name": name.trim(), "value": value.trim()})));
    }
    if found.is_empty() {
        return Ok(());
    }
    let Some(spec) = object_mut(pod, at, "spec")? else { return Ok(()) };
    let at = at.key("spec");
    let context = draft.ensure_object(spec, &at, "securityContext", because)?;
    if is_unset(context, "sysctls") {
        draft.set(context, &at.key("securityContext"), "sysctls", found, because);
    }
    Ok(())
}

fn removed_fields(
    spec: &mut Map<String, Value>,
    at: &At<'_>,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if draft.options.is(REMOVED_FIELDS, "keep") {
        return Ok(());
    }
    if since(release, 31) {
        each_object(spec, at, "resourceClaims", |claim, at| {
            let because = "the fields of source are the entry's own";
            if let Some(Value::Object(source)) = draft.remove(claim, at, "source", because) {
                for (key, value) in source {
                    draft.set(claim, at, &key, value, because);
                }
            }
            Ok(())
        })?;
    }
    if since(release, 21) {
        each_object(spec, at, "volumes", |volume, at| {
            if let Some(ephemeral) = object_mut(volume, at, "ephemeral")? {
                draft.remove(ephemeral, &at.key("ephemeral"), "readOnly", "the field was removed in 1.21");
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn inline_volumes(spec: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    each_object(spec, at, "volumes", |volume, at| {
        if !is_unset(volume, "awsElasticBlockStore") {
            let message = "an EBS volume written into a pod has no CSI form; it needs a claim and a volume of its own";
            draft.note(IN_TREE_EBS, "keep", &at.key("awsElasticBlockStore"), message);
        }
        Ok(())
    })
}
