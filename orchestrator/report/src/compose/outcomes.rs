//! What steps gave, by the fields that are known; and what restores decided.

use std::collections::BTreeMap;

use model::{Decision, Finding, Pass, Severity};
use scenario::steps::{backup_run, restore_run};
use scenario::{Outputs, Step, StepOutcome, StepState, Uses};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::view::{BackupView, ConversionView, DrillReport, FindingView, ObjectsView, RewriteView};

/// A page with more rows than this helps nobody.
const MAX_FINDINGS: usize = 500;

/// The decisions that somebody may want to know of, the gravest first. That an object was simply created is none, and
/// rewrites have a table of their own.
pub(super) fn decisions(all: &[Decision]) -> Vec<&Decision> {
    let rank = |decision: &Decision| match decision.verdict {
        model::Verdict::Blocked => Some(0),
        model::Verdict::Warn => Some(1),
        // What every server brings or makes itself, and what had come to its end, is left out of every restore.
        model::Verdict::Skip if matches!(decision.pass, Pass::Select | Pass::Transform) => Some(5),
        model::Verdict::Skip => Some(2),
        model::Verdict::Update => Some(3),
        model::Verdict::Convert => Some(4),
        model::Verdict::Create | model::Verdict::Keep | model::Verdict::Rewrite => None,
    };
    let mut ranked: Vec<(i32, &Decision)> =
        all.iter().filter_map(|decision| Some((rank(decision)?, decision))).collect();
    ranked.sort();
    ranked.dedup();
    ranked.into_iter().map(|(_, decision)| decision).collect()
}

fn read<T: DeserializeOwned>(outputs: &Outputs) -> Option<T> {
    serde_json::from_value(Value::Object(outputs.clone().into_iter().collect())).ok()
}

pub(super) fn outcomes(step: &Step, state: &StepState, report: &mut DrillReport, without_data: &mut Vec<String>) {
    let details = match &state.outcome {
        Some(StepOutcome::Failed(failure)) | Some(StepOutcome::SkippedByPerson { failure: Some(failure), .. }) => {
            Some(&failure.details)
        }
        _ => None,
    };
    let Some(outputs) = state.outputs.as_ref().or(details) else { return };
    match step.uses {
        Uses::BackupRun | Uses::BackupPick => {
            if let Some(backup) = read::<backup_run::Outputs>(outputs) {
                without_data.extend(backup.volumes_without_data);
                report.backups.push(BackupView {
                    step: step.id.clone(),
                    name: backup.name,
                    location: without_credentials(&backup.location),
                    items: backup.items,
                    started: Some(backup.started_at),
                });
            }
        }
        Uses::RestoreRun => {
            let kinds = outputs.get("kinds").cloned().unwrap_or_default();
            let kinds: BTreeMap<String, restore_run::KindCounts> = serde_json::from_value(kinds).unwrap_or_default();
            report.objects.extend(kinds.into_iter().map(|(kind, counts)| ObjectsView {
                step: step.id.clone(),
                kind,
                expected: counts.expected,
                created: counts.created,
                updated: counts.updated,
                skipped: counts.skipped,
                failed: counts.failed,
            }));
            let list = |name: &str| outputs.get(name).cloned().unwrap_or_default();
            let conversions: Vec<restore_run::Conversion> =
                serde_json::from_value(list("conversions")).unwrap_or_default();
            report.conversions.extend(conversions.into_iter().map(|conversion| ConversionView {
                kind: conversion.kind,
                from: conversion.from,
                to: conversion.to,
                items: conversion.items,
            }));
            let rewrites: Vec<restore_run::Rewrite> = serde_json::from_value(list("rewrites")).unwrap_or_default();
            report.rewrites.extend(rewrites.into_iter().map(|rewrite| RewriteView {
                transform: rewrite.transform,
                items: rewrite.items,
                fields: rewrite.fields,
                example: rewrite.example,
            }));
            let volumes: Vec<String> = serde_json::from_value(list("volumesWithoutData")).unwrap_or_default();
            without_data.extend(volumes);
        }
        uses if step.traits.verifies => {
            let found = outputs.get("findings").cloned().unwrap_or_default();
            let found: Vec<Finding> = serde_json::from_value(found).unwrap_or_default();
            for finding in found {
                // What could not be searched is a finding, and no leak.
                if uses == Uses::VerifyReferences && finding.severity >= Severity::Warning {
                    if report.leaks.len() < MAX_FINDINGS {
                        report.leaks.push(finding);
                    }
                } else if report.findings.len() < MAX_FINDINGS {
                    report.findings.push(FindingView { step: step.id.clone(), finding });
                }
            }
        }
        _ => {}
    }
}

/// A location may be a URL that somebody wrote a password into.
fn without_credentials(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else { return location.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
