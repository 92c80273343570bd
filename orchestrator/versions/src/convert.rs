//! Converts an object from one API version to another: old defaults, conversion, new defaults, create rules.
//!
//! Each kind has a file of its own below this one, with an example that is tested and shown on the reference page.
//! Which version to convert to is not decided here (see `choose`), and pod templates inside objects are left alone:
//! their type is the same in every version (see `upgrade` for what moved inside them).

pub(crate) mod draft;
mod registry;

mod admission_policy;
mod api_service;
mod certificate_signing_request;
mod cron_job;
mod custom_resource_definition;
mod dynamic_resource;
mod endpoint_slice;
mod event;
mod flow_control;
mod gateway;
mod horizontal_pod_autoscaler;
mod ingress;
mod ingress_class;
mod misc;
mod network_policy;
mod pod;
mod pod_disruption_budget;
mod pod_security_policy;
mod priority_class;
mod rbac;
mod runtime_class;
mod snapshot;
mod storage;
mod structural;
mod webhook_configuration;
mod workload;

use std::collections::BTreeSet;

use model::{Blocked, Change, GroupResource, Gvk, Manifest};
use serde_json::{Map, Value};

pub(crate) use draft::{At, Draft};
pub use pod_security_policy::{PodSecurityLevel, pod_security_level};
pub(crate) use registry::{FAMILIES, Family, Form, family_of, no_successor};

use crate::options::{Defaults, Options, flag};
use registry::{family_named, refusal};

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conversion {
    /// Every field touched, in the order of the edits; undoing them in reverse gives the object back.
    pub changes: Vec<Change>,
    pub decisions: Vec<DecisionTaken>,
    /// False when something of the object's meaning has no place in the new version.
    pub lossless: bool,
}

/// A decision that came up in one object, and how it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionTaken {
    /// Name of the flag; `flag(code)` describes it.
    pub code: &'static str,
    pub value: &'static str,
    /// Whether a person chose the value; otherwise it is the default.
    pub chosen: bool,
    /// Where in the object it came up.
    pub pointer: String,
    /// What was decided, as a line of the report.
    pub message: String,
}

/// Why an object has no form in the version asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotConvert {
    #[error("{from} has no conversion to {to}")]
    NoPath { from: String, to: String, instead: String },
    #[error("{from} has no successor: {why}")]
    NoSuccessor { from: String, why: &'static str, instead: &'static str },
    #[error("{pointer} is {found}, not {wanted}")]
    Malformed { pointer: String, found: &'static str, wanted: &'static str },
    #[error("{pointer}: {why}")]
    NotCreatable { code: &'static str, pointer: String, why: String, instead: String },
}

impl CannotConvert {
    /// Stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoPath { .. } => "no-conversion",
            Self::NoSuccessor { .. } => "no-successor",
            Self::Malformed { .. } => "malformed-object",
            Self::NotCreatable { code, .. } => code,
        }
    }

    /// What to do about it, as a sentence.
    pub fn instead(&self) -> String {
        match self {
            Self::NoPath { instead, .. } | Self::NotCreatable { instead, .. } => instead.clone(),
            Self::NoSuccessor { instead, .. } => (*instead).to_owned(),
            Self::Malformed { .. } => "correct the object by hand".to_owned(),
        }
    }

    pub fn blocked(&self) -> Blocked {
        Blocked::new(self.code(), self.to_string(), self.instead())
    }
}

impl DecisionTaken {
    /// The flag that takes this decision otherwise, as a person types it.
    pub fn otherwise(&self) -> Vec<String> {
        let values = flag(self.code).map_or(&[][..], |flag| flag.values);
        let others = values.iter().filter(|(value, _)| *value != self.value);
        others.map(|(value, _)| format!("{}={value}", self.code)).collect()
    }
}

/// Converts the object, in place, to the version and kind asked for.
///
/// Converting to the version it has fills that version's defaults and applies the create rules, and is idempotent.
/// On an error the object is as it was.
pub fn convert(manifest: &mut Manifest, to: &Gvk, options: &Options) -> Result<Conversion, CannotConvert> {
    let (group, version) = manifest.api_version().split_once('/').unwrap_or(("", manifest.api_version()));
    let Some((family, source)) = family_named(group, version, manifest.kind()) else {
        let from = manifest.gvk();
        return if from == *to { Ok(Conversion::nothing()) } else { Err(refusal(&from, to)) };
    };
    let target = family.forms.iter().find(|form| form.is(to)).ok_or_else(|| refusal(&manifest.gvk(), to))?;
    if !family.allows(source, target) {
        return Err(refusal(&manifest.gvk(), to));
    }
    let mut draft = Draft::new(options);
    let outcome = run(manifest.as_map_mut(), family, source, target, &mut draft);
    if let Err(error) = outcome {
        undo(manifest, draft.changes);
        return Err(error);
    }
    Ok(draft.finish())
}

/// Whether `convert` knows the way, whatever the object holds.
pub fn can_convert(from: &Gvk, to: &Gvk) -> bool {
    let Some((family, source)) = family_of(from) else { return false };
    family.forms.iter().any(|target| target.is(to) && family.allows(source, target))
}

/// Every version that an object of this one can be converted to, nearest first; itself is not among them.
/// The steps in between are taken inside `convert`.
pub fn reachable(from: &Gvk) -> Vec<Gvk> {
    let Some((family, source)) = family_of(from) else { return Vec::new() };
    let position = |form: &Form| family.forms.iter().position(|other| std::ptr::eq(other, form)).unwrap_or_default();
    let here = position(source);
    let mut found: Vec<&Form> =
        family.forms.iter().filter(|form| !std::ptr::eq(*form, source) && family.allows(source, form)).collect();
    found.sort_by_key(|form| position(form).abs_diff(here));
    found.into_iter().map(Form::gvk).collect()
}

/// How many versions lie between two forms of a kind: of two copies, the one with fewer steps is the better source.
pub fn steps(from: &Gvk, to: &Gvk) -> Option<usize> {
    let (family, _) = family_of(from)?;
    let position = |gvk: &Gvk| family.forms.iter().position(|form| form.is(gvk));
    Some(position(from)?.abs_diff(position(to)?))
}

/// The resource of a kind that has a converter.
pub fn resource_of(gvk: &Gvk) -> Option<GroupResource> {
    family_of(gvk).map(|(_, form)| GroupResource::new(form.resource, form.group))
}

/// Every version that any converter can produce.
pub fn targets() -> BTreeSet<Gvk> {
    let forms = FAMILIES.iter().flat_map(|family| family.forms.iter().map(move |form| (family, form)));
    let produced = forms.filter(|(family, form)| family.forms.iter().any(|from| family.allows(from, form)));
    produced.map(|(_, form)| form.gvk()).collect()
}

/// Takes changes back, last first. Each of them holds what stood before, so the object is as it was.
pub fn undo(manifest: &mut Manifest, changes: Vec<Change>) {
    for change in changes.into_iter().rev() {
        match change.before {
            Some(value) => {
                manifest.set(&change.pointer, value);
            }
            None => {
                manifest.remove(&change.pointer);
            }
        }
    }
}

impl Conversion {
    pub(crate) fn nothing() -> Self {
        Self { changes: Vec::new(), decisions: Vec::new(), lossless: true }
    }

    /// Adds what a later pass did to the same object.
    pub fn then(&mut self, later: Conversion) {
        self.changes.extend(later.changes);
        self.decisions.extend(later.decisions);
        self.lossless &= later.lossless;
    }
}

fn run(
    body: &mut Map<String, Value>,
    family: &Family,
    source: &'static Form,
    target: &'static Form,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let changes_version = !std::ptr::eq(source, target);
    draft.changes_version = changes_version;
    draft.enter(source, false);
    (family.defaults)(body, source, draft)?;
    if changes_version {
        (family.convert)(body, source, target, draft)?;
        rename(body, source, target, draft);
    }
    if draft.options.defaults != Defaults::Source {
        draft.enter(target, true);
        (family.defaults)(body, target, draft)?;
    }
    if draft.options.creatable {
        (family.repair)(body, target, draft)?;
    }
    if changes_version {
        draft.versioned_copies(body, target);
    }
    Ok(())
}

fn rename(body: &mut Map<String, Value>, source: &Form, target: &Form, draft: &mut Draft<'_>) {
    let api_version = target.api_version();
    let because = [&source.api_version(), " became ", &api_version].concat();
    draft.set(body, &At::ROOT, "apiVersion", api_version, &because);
    if source.kind != target.kind {
        draft.set(body, &At::ROOT, "kind", target.kind, "the kind was renamed");
    }
}

#[cfg(test)]
mod tests;
