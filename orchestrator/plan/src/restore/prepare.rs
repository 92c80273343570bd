//! Prepares one body for the target: convert, reset, modify, transform, look for leaks.
//!
//! Works on one manifest at a time, in place, and says everything it did. The order is fixed: conversion first, so
//! that every later rule sees the target's version; the user's rules after the built-in ones, so that they win.

use std::collections::BTreeMap;

use model::request::RestoreRequest;
use model::{
    ApiResource, Blocked, Change, Decision, Finding, ItemId, KubernetesVersion, Manifest, Pass, Reason, Severity,
    Verdict,
};
use serde_json::Value;
use versions::{Options, PodSecurityLevel};

use super::action::{self, ActionContext, NotRestored};
use super::hooks::{ExecAfter, insert_init, pod_hooks};
use super::modifier::{self, ModifierRule};
use super::owned::{is_replaceable, maker};
use super::select::mapped;
use super::volumes::VolumePlan;

/// What shapes every body of a restore.
pub struct Preparation<'a> {
    pub request: &'a RestoreRequest,
    pub conversions: &'a Options,
    pub modifiers: &'a [ModifierRule],
    pub volumes: &'a VolumePlan,
    /// Infrastructure rewrites, when source and target are known.
    pub rewrite: Option<&'a dyn Rewrite>,
    pub labels: BTreeMap<String, String>,
    /// Pod Security levels of namespaces of the backup, when they are to be labelled with them.
    pub pod_security: BTreeMap<String, PodSecurityLevel>,
    /// The target's release, when its version could be read.
    pub release: Option<KubernetesVersion>,
}

/// What happens to a body because the infrastructure is another one; `crate::transform` implements it.
pub trait Rewrite: Sync {
    fn rewrite(&self, item: &ItemId, manifest: &mut Manifest) -> Rewritten;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rewritten {
    pub changes: Vec<Change>,
    /// Identifiers of the source that are still there.
    pub leaks: Vec<Finding>,
    pub blocked: Option<Blocked>,
    /// The object is left to somebody else.
    pub held_back: Option<Reason>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Prepared {
    Ready(Box<Ready>),
    /// Not restored, and that is right.
    Skip(Decision),
    /// Not restored, and a person has to decide.
    Blocked {
        decision: Decision,
        hint: String,
    },
}

/// A body that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    pub manifest: Manifest,
    pub target: ItemId,
    /// What the source said of its state, when it is to be written back.
    pub status: Option<Value>,
    pub decisions: Vec<Decision>,
    pub changes: Vec<Change>,
    pub findings: Vec<Finding>,
    /// Commands to run once the pod is there.
    pub hooks: Vec<ExecAfter>,
    /// Something in the cluster may remove it again, and that is no loss.
    pub replaceable: bool,
    /// The workload that makes such objects by itself, as the target would name it.
    pub maker: Option<ItemId>,
}

/// Prepares the body of `item` for `resource`, which the choice of versions named.
pub fn prepare(
    preparation: &Preparation<'_>,
    item: &ItemId,
    resource: &ApiResource,
    mut manifest: Manifest,
) -> Prepared {
    let decide = |pass, verdict, reason| Decision { item: item.clone(), pass, verdict, reason };
    if let Err(reason) = check_identity(item, archived_kind(item, resource, &manifest), &manifest) {
        let hint = "the archive was changed by hand, or is not what it claims to be".to_owned();
        return Prepared::Blocked { decision: decide(Pass::Select, Verdict::Blocked, reason), hint };
    }
    if let Some(why) = versions::runtime::server_managed(&manifest) {
        return Prepared::Skip(decide(Pass::Select, Verdict::Skip, Reason::new("server-managed", why)));
    }
    let replaceable = is_replaceable(&manifest);
    let namespace = item.namespace.as_deref().map(|ns| mapped(preparation.request, ns).to_owned());
    let maker = maker(&manifest, namespace.as_deref());
    let mut decisions = Vec::new();
    let mut changes = Vec::new();
    let mut findings = Vec::new();
    let wanted = resource.gvk();
    let from = manifest.gvk();
    let converted = match from == wanted {
        true => Ok(None),
        false => convert(&mut manifest, &wanted, preparation.conversions).map(Some),
    };
    let adjusted = converted.and_then(|conversion| {
        let upgrade = |release| versions::upgrade::upgrade(&mut manifest, release, preparation.conversions);
        let later = preparation.release.map(upgrade).transpose().map_err(|error| error.blocked())?;
        Ok((conversion, later))
    });
    match adjusted {
        Ok((conversion, later)) => {
            if conversion.is_some() {
                let message = format!("{} becomes {}", from.api_version(), wanted.api_version());
                decisions.push(decide(Pass::Convert, Verdict::Convert, Reason::new("converted", message)));
            }
            for step in conversion.into_iter().chain(later) {
                for taken in step.decisions {
                    let reason = Reason::new(taken.code, format!("{} ({})", taken.message, taken.pointer));
                    decisions.push(decide(Pass::Convert, Verdict::Warn, reason));
                }
                changes.extend(step.changes);
            }
        }
        Err(blocked) => {
            let decision = decide(Pass::Convert, Verdict::Blocked, blocked.reason);
            return Prepared::Blocked { decision, hint: blocked.hint };
        }
    }
    let status = wanted_status(preparation.request, resource, &manifest);
    let context = ActionContext {
        kind: &resource.group_resource(),
        namespace_mapping: &preparation.request.namespace_mapping,
        preserve_node_ports: preparation.request.preserve_node_ports,
        keep_owner_references: preparation.request.keep_owner_references,
        keep_managed_fields: preparation.request.keep_managed_fields,
        restore_volumes: preparation.request.restore_volumes,
        volumes: preparation.volumes,
    };
    match action::reset(&mut manifest, &context) {
        Ok(more) => changes.extend(more),
        Err(NotRestored(reason)) => return Prepared::Skip(decide(Pass::Transform, Verdict::Skip, reason)),
    }
    manifest.remove("/status");
    if let Some(rewrite) = preparation.rewrite {
        let rewritten = rewrite.rewrite(item, &mut manifest);
        if let Some(reason) = rewritten.held_back {
            return Prepared::Skip(decide(Pass::Transform, Verdict::Skip, reason));
        }
        if let Some(blocked) = rewritten.blocked {
            let decision = decide(Pass::Transform, Verdict::Blocked, blocked.reason);
            return Prepared::Blocked { decision, hint: blocked.hint };
        }
        if !rewritten.changes.is_empty() {
            let message = format!("{} values of the source infrastructure replaced", rewritten.changes.len());
            decisions.push(decide(Pass::Transform, Verdict::Rewrite, Reason::new("rewritten", message)));
        }
        changes.extend(rewritten.changes);
        findings.extend(rewritten.leaks);
    }
    if !preparation.modifiers.is_empty() {
        let kind = item.resource.to_string();
        let modified = modifier::apply(preparation.modifiers, &kind, item.namespace.as_deref(), &mut manifest);
        changes.extend(modified.changes);
        findings.extend(modified.failures.into_iter().map(|why| Finding {
            severity: Severity::Error,
            item: Some(item.clone()),
            pointer: None,
            reason: Reason::new("modifier-failed", why),
        }));
    }
    if let Some(namespace) = &namespace {
        manifest.set("/metadata/namespace", namespace.as_str());
    }
    let mut hooks = Vec::new();
    if item.resource.resource == "pods" && item.resource.group.is_empty() {
        let found = pod_hooks(&manifest, namespace.as_deref().unwrap_or_default(), &preparation.request.hooks);
        insert_init(&mut manifest, &found.init);
        hooks = found.exec;
        findings.extend(found.mistakes.into_iter().map(|mistake| Finding {
            severity: Severity::Error,
            item: Some(item.clone()),
            pointer: Some("/metadata/annotations".to_owned()),
            reason: Reason::new("bad-hook-annotation", mistake),
        }));
    }
    for (label, value) in &preparation.labels {
        manifest.set_label(label, value);
    }
    let target = ItemId { resource: resource.group_resource(), namespace, name: manifest.name().to_owned() };
    Prepared::Ready(Box::new(Ready {
        manifest,
        target,
        status,
        decisions,
        changes,
        findings,
        hooks,
        replaceable,
        maker,
    }))
}

/// The object of a namespace that has to be there: the backup's labels and annotations, or a blank one. `original` is
/// its name in the backup.
pub fn prepare_namespace(
    preparation: &Preparation<'_>,
    name: &str,
    original: &str,
    archived: Option<&Manifest>,
) -> Manifest {
    let mut manifest = Manifest::from_map(serde_json::Map::new());
    manifest.set_gvk(&model::Gvk::new("", "v1", "Namespace"));
    manifest.set("/metadata/name", name);
    if let Some(archived) = archived {
        for field in ["labels", "annotations"] {
            if let Some(value) = archived.get(&format!("/metadata/{field}")) {
                manifest.set(&format!("/metadata/{field}"), value.clone());
            }
        }
        // The server sets this one to the name, and refuses another.
        if manifest.label("kubernetes.io/metadata.name").is_some() {
            manifest.set_label("kubernetes.io/metadata.name", name);
        }
        if let Some(spec) = archived.get("/spec") {
            manifest.set("/spec", spec.clone());
        }
    }
    for (label, level) in preparation.pod_security.get(original).into_iter().flat_map(|level| level.labels()) {
        // What somebody chose for the namespace stays.
        if manifest.label(label).is_none() {
            manifest.set_label(label, level);
        }
    }
    for (label, value) in &preparation.labels {
        manifest.set_label(label, value);
    }
    manifest
}

/// The labels that tell which restore created an object.
pub fn restore_labels(request: &RestoreRequest) -> BTreeMap<String, String> {
    let value = model::go_duration::valid_label_value;
    [("velero.io/backup-name", value(&request.backup)), ("velero.io/restore-name", value(&request.name))]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
}

/// What the path's resource is called as a kind. A conversion may give a kind another name, and its resource with it.
fn archived_kind<'a>(item: &ItemId, resource: &'a ApiResource, manifest: &'a Manifest) -> &'a str {
    let renamed = item.resource.resource != resource.resource;
    if renamed && versions::can_convert(&manifest.gvk(), &resource.gvk()) { manifest.kind() } else { &resource.kind }
}

/// The path in the archive and the body must speak of the same object; `kind` is what the path's resource is.
pub fn check_identity(item: &ItemId, kind: &str, manifest: &Manifest) -> Result<(), Reason> {
    let name = |namespace: Option<&str>, name: &str| match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    };
    let gvk = manifest.gvk();
    let same_object = manifest.name() == item.name && manifest.namespace() == item.namespace.as_deref();
    if same_object && gvk.kind == kind && gvk.group == item.resource.group {
        return Ok(());
    }
    let says = name(manifest.namespace(), manifest.name());
    let message = format!("the archive names {item}, its body says {} {:?} {says:?}", gvk.api_version(), gvk.kind);
    Err(Reason::new("forged-identity", message))
}

/// Converts built-in kinds by their converters; custom resources are renamed, because the choice of versions allowed it.
fn convert(manifest: &mut Manifest, to: &model::Gvk, options: &Options) -> Result<versions::Conversion, Blocked> {
    let from = manifest.gvk();
    if versions::can_convert(&from, to) {
        return versions::convert(manifest, to, options).map_err(|error| error.blocked());
    }
    if from.group == to.group && from.kind == to.kind {
        let before = Value::String(from.api_version());
        manifest.set_gvk(to);
        let because = "the versions of this custom resource differ in name only";
        let change = Change::set("/apiVersion", Some(before), to.api_version().into(), because);
        return Ok(versions::Conversion { changes: vec![change], decisions: Vec::new(), lossless: true });
    }
    let message = format!("{from} cannot become {to}");
    Err(Blocked::new("no-conversion", message, "restore it by hand"))
}

fn wanted_status(request: &RestoreRequest, resource: &ApiResource, manifest: &Manifest) -> Option<Value> {
    let status = manifest.get("/status")?;
    if !resource.subresources.contains("status") {
        return None;
    }
    let wanted = match manifest.annotation("velero.io/restore-status") {
        Some("true") => true,
        Some("false") => false,
        _ => request.status_of.as_ref().is_some_and(|kinds| kinds.admits(&resource.group_resource().to_string())),
    };
    wanted.then(|| status.clone())
}
