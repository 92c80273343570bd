//! One object of a text: which version it goes to, and what is said about it.
//!
//! A list is its items; each of them has a report of its own.

use model::{Blocked, GroupResource, Gvk, Manifest};
use serde_json::Value;

use super::tree::{Node, Shape};
use super::{DocumentReport, Outcome, Target};
use crate::choose::{Candidate, Choice, choose};
use crate::convert::{CannotConvert, Conversion, convert, pod_security_level, resource_of};
use crate::custom::current_form;
use crate::options::Options;
use crate::table::{NEWEST_KNOWN, row_of_kind};
use crate::upgrade::upgrade;

/// The objects of a document: itself, or the items of a list.
pub(super) fn each(value: &Value) -> Vec<&Value> {
    match items(value) {
        Some(items) => items.iter().collect(),
        None => vec![value],
    }
}

fn items(value: &Value) -> Option<&Vec<Value>> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    value.get("items").and_then(Value::as_array).filter(|_| is_list)
}

/// Whether the words that make an object are placeholders of a template.
pub(super) fn is_template(value: &Value) -> bool {
    let texts = [value.get("apiVersion"), value.get("kind"), value.pointer("/metadata/name")];
    texts.into_iter().flatten().filter_map(Value::as_str).any(|text| text.contains("{{"))
}

/// Converts the objects of a document in place and reports each.
pub(super) fn convert_all(
    value: &mut Value,
    root: &Node,
    lines: &dyn Fn(&Node) -> usize,
    target: &Target,
    options: &Options,
    reports: &mut Vec<DocumentReport>,
) {
    if items(value).is_none() {
        reports.push(convert_one(value, lines(root), target, options));
        return;
    }
    let nodes: &[Node] = match root.get("items").map(|node| &node.shape) {
        Some(Shape::List { items, .. }) => items,
        _ => &[],
    };
    let own = value.get("apiVersion").and_then(Value::as_str).map(str::to_owned);
    let kind = value.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List")).map(str::to_owned);
    let Some(Value::Array(items)) = value.get_mut("items") else { return };
    let mut versions: Vec<Option<String>> = Vec::new();
    for (index, item) in items.iter_mut().enumerate() {
        let line = nodes.get(index).map_or_else(|| lines(root), lines);
        reports.push(convert_one(item, line, target, options));
        versions.push(item.get("apiVersion").and_then(Value::as_str).map(str::to_owned));
    }
    // A list of one kind has the version of its items.
    if let (Some(own), Some(Some(first))) = (own, versions.first())
        && kind.is_some_and(|kind| !kind.is_empty())
        && own != *first
        && versions.iter().all(|version| version.as_ref() == Some(first))
    {
        value["apiVersion"] = first.as_str().into();
    }
}

pub(super) fn convert_one(value: &mut Value, line: usize, target: &Target, options: &Options) -> DocumentReport {
    let taken = std::mem::take(value);
    let Ok(mut manifest) = Manifest::from_value(taken.clone()) else {
        *value = taken;
        return DocumentReport::new(line, Outcome::NotAnObject);
    };
    if manifest.api_version().is_empty() || manifest.kind().is_empty() {
        *value = taken;
        return DocumentReport::new(line, Outcome::NotAnObject);
    }
    let gvk = manifest.gvk();
    let mut report = DocumentReport::new(line, Outcome::Unchanged);
    report.namespace = manifest.namespace().map(str::to_owned);
    report.name = manifest.name().to_owned();
    report.gvk = Some(gvk.clone());
    match steps(&mut manifest, &gvk, target, options, &mut report) {
        Ok(conversion) => {
            let now = manifest.gvk();
            if !conversion.changes.is_empty() {
                report.outcome = if now == gvk { Outcome::Upgraded } else { Outcome::Converted };
            }
            report.to = (now != gvk).then_some(now);
            report.changes = conversion.changes;
            report.decisions.extend(conversion.decisions);
            *value = manifest.into_value();
        }
        Err(blocked) => {
            report.outcome = Outcome::Blocked;
            report.blocked = Some(*blocked);
            *value = taken;
        }
    }
    report
}

fn steps(
    manifest: &mut Manifest,
    gvk: &Gvk,
    target: &Target,
    options: &Options,
    report: &mut DocumentReport,
) -> Result<Conversion, Box<Blocked>> {
    let stop = |error: CannotConvert| Box::new(error.blocked());
    let to = version_for(manifest, gvk, target, options, report)?;
    let mut conversion = match to {
        Some(to) if to != *gvk => match convert(manifest, &to, options) {
            Ok(conversion) => conversion,
            // A custom resource is renamed; there is no converter for it.
            Err(CannotConvert::NoPath { .. }) if target.definition(gvk).is_some() => rename(manifest, &to),
            Err(error) => return Err(stop(error)),
        },
        _ => Conversion { lossless: true, ..Conversion::default() },
    };
    conversion.then(upgrade(manifest, target.release, options).map_err(stop)?);
    Ok(conversion)
}

fn rename(manifest: &mut Manifest, to: &Gvk) -> Conversion {
    let before = manifest.as_map_mut().insert("apiVersion".into(), to.api_version().into());
    let because = "its definition converts between versions by name alone";
    let change = model::Change::set("/apiVersion", before, to.api_version().into(), because);
    Conversion { changes: vec![change], decisions: Vec::new(), lossless: true }
}

/// The version to convert to; none to leave it as it is.
fn version_for(
    manifest: &Manifest,
    gvk: &Gvk,
    target: &Target,
    options: &Options,
    report: &mut DocumentReport,
) -> Result<Option<Gvk>, Box<Blocked>> {
    let definition = target.definition(gvk);
    let row = row_of_kind(gvk);
    if definition.is_none() && row.is_none() {
        let to = current_form(gvk);
        if to.is_none() && resource_of(gvk).is_none() {
            match crate::convert::no_successor(gvk) {
                Some((why, instead)) => {
                    let error = CannotConvert::NoSuccessor { from: gvk.to_string(), why, instead };
                    return Err(Box::new(error.blocked()));
                }
                None => report.outcome = Outcome::Unknown,
            }
        }
        return Ok(to);
    }
    if let Some(row) = row.filter(|row| row.exists_in(target.release)) {
        let is_going = row.is_deprecated_in(target.release) || row.removed.is_some();
        if !row.served_by_default {
            report.note = Some(format!("{gvk} is served only where it was enabled"));
        } else if let Some(removed) = row.removed.filter(|_| is_going && target.release < NEWEST_KNOWN) {
            report.note = Some(format!("{gvk} is no longer served from {removed} on"));
        }
    }
    let resource = match (row, definition) {
        (Some(row), _) => row.group_resource(),
        (None, Some(facts)) => GroupResource::new(&facts.resource, &facts.group),
        (None, None) => return Ok(None),
    };
    let versions = [gvk.version.clone()];
    let candidate = Candidate {
        resource: &resource,
        kind: &gvk.kind,
        versions: &versions,
        source_definition: definition,
        target_definition: definition,
    };
    match choose(&candidate, &target.catalog, options) {
        Choice::AsIs { .. } => Ok(None),
        Choice::Convert { to, .. } => Ok(Some(to.gvk())),
        Choice::Rename { to, decision, .. } => {
            report.decisions.extend(decision);
            Ok(Some(to.gvk()))
        }
        // Served where somebody enabled it, and nowhere else to go.
        Choice::Blocked(_) if row.is_some_and(|row| row.exists_in(target.release)) => Ok(None),
        Choice::Blocked(blocked) => Err(Box::new(blocked)),
        Choice::Skip { mut decision, hint } => {
            if gvk.kind == "PodSecurityPolicy" {
                let level = pod_security_level(manifest);
                decision.message = format!("{}; the level closest to it is {level}", decision.message);
            }
            let blocked = Blocked::new(decision.code, decision.message.clone(), hint);
            report.decisions.push(decision);
            Err(Box::new(blocked))
        }
    }
}
