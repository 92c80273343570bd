//! Scenario + journal + outcomes → the view model.
//!
//! Takes from each step's outputs only the fields it knows; a command's output or a canary's digest never gets in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Decision, Finding};
use scenario::file::Objectives;
use scenario::format::{CancelMode, Skip};
use scenario::steps::{backup_run, restore_run};
use scenario::{Event, Journal, Outputs, RunKind, Saga, Step, StepOutcome, StepState, Uses, Verdict};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::compare;
use crate::view::{
    ApprovalView, BackupView, ConversionView, DrillReport, FindingView, InterventionView, MeasureView, ObjectiveView,
    ObjectsView, RewriteView, SpanKind, SpanView, StepStatus, StepView, VerdictView,
};
use crate::words;

/// What the journal does not hold.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Decisions of the restores; the list is cut, the count is not.
    pub decisions: Vec<Decision>,
    /// Where the time went: `terraform`, `API calls`, in seconds.
    pub breakdown: Vec<(String, f64)>,
    /// Versions and places, for whoever has to repeat the run.
    pub environment: BTreeMap<String, String>,
    /// More that this run did not cover.
    pub not_covered: Vec<String>,
    /// The report of the last run that passed, for the comparison.
    pub last_good: Option<DrillReport>,
}

/// A page with more rows than this helps nobody; the whole list is in the run's folder.
const MAX_DECISIONS: usize = 500;
const MAX_FINDINGS: usize = 500;

/// Makes the report of a run, finished or not.
pub fn compose(saga: &Saga, journal: &Journal, extra: &Extra) -> DrillReport {
    let scenario = saga.scenario();
    let header = saga.header();
    let ended = journal.records.last().map_or(header.opened, |record| record.at);
    let spans = spans(journal, ended);
    let steps: Vec<StepView> = saga.steps().map(|(step, state)| step_view(saga, step, state, &spans)).collect();
    let mut report = DrillReport {
        report: DrillReport::version(),
        drill: header.drill.clone(),
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        kind: header.kind,
        scenario_digest: header.scenario_digest.clone(),
        verdict: verdict_view(saga),
        started: header.opened,
        ended,
        controls: scenario.controls.clone(),
        objectives: objectives(saga, &scenario.objectives),
        measures: measures(saga),
        breakdown: extra
            .breakdown
            .iter()
            .map(|(name, seconds)| MeasureView { name: name.clone(), seconds: *seconds })
            .collect(),
        steps,
        backups: Vec::new(),
        objects: Vec::new(),
        conversions: Vec::new(),
        rewrites: Vec::new(),
        leaks: Vec::new(),
        findings: Vec::new(),
        decisions: extra.decisions.iter().take(MAX_DECISIONS).cloned().collect(),
        decisions_total: extra.decisions.len() as u64,
        approvals: approvals(journal),
        interventions: interventions(journal),
        not_covered: Vec::new(),
        kept: if saga.verdict().is_some() { kept(saga) } else { Vec::new() },
        comparison: None,
        environment: extra.environment.clone(),
    };
    let mut without_data = Vec::new();
    for (step, state) in saga.steps() {
        outcomes(step, state, &mut report, &mut without_data);
    }
    report.not_covered = not_covered(saga, &without_data, extra);
    report.comparison = extra.last_good.as_ref().map(|last| compare::compare(last, &report));
    report
}

fn verdict_view(saga: &Saga) -> VerdictView {
    let scenario = saga.scenario();
    let kind = saga.kind();
    let recovered = match saga.measures().rto {
        Some(rto) => format!(" in {}", words::length(rto.as_secs_f64())),
        None => String::new(),
    };
    let mut view = VerdictView {
        word: "Unfinished".to_owned(),
        headline: format!("The {kind} of {} has not ended.", scenario.name),
        reasons: Vec::new(),
        what_to_do: None,
        left: Vec::new(),
    };
    let Some(verdict) = saga.verdict() else { return view };
    view.word = verdict.word().to_owned();
    match verdict {
        Verdict::Passed => {
            view.headline = match kind {
                RunKind::Drill => format!("{} would come back: verified{recovered}.", scenario.name),
                RunKind::Recovery => format!("{} is back: verified{recovered}.", scenario.name),
            };
        }
        Verdict::Failed { reasons } => {
            let first = reasons.first().map_or("nothing was verified", String::as_str);
            view.headline = format!("Not verified: {first}.");
            view.reasons.clone_from(reasons);
        }
        Verdict::Stuck { step, what_to_do, left } => {
            view.headline = format!("Stuck: step {step} could not be undone, and a person has to.");
            view.what_to_do = Some(what_to_do.clone());
            view.left.clone_from(left);
            if let Some(failure) = saga.state(step).and_then(|state| state.undo_failure.as_ref()) {
                view.reasons.push(failure.message.clone());
            }
        }
        Verdict::Cancelled { by } => view.headline = format!("Cancelled by {by}; nothing was proved."),
    }
    view
}

fn objectives(saga: &Saga, objectives: &Objectives) -> Vec<ObjectiveView> {
    let measures = saga.measures();
    let disaster = match &objectives.from {
        Some(step) => format!("the end of {step}"),
        None => "the start of the run".to_owned(),
    };
    let view = |name: &str, limit: Option<scenario::Period>, measured: Option<std::time::Duration>, counted: String| {
        ObjectiveView {
            name: name.to_owned(),
            limit_seconds: limit.map(|limit| limit.0.as_secs_f64()),
            measured_seconds: measured.map(|measured| measured.as_secs_f64()),
            met: limit.map(|limit| measured.is_some_and(|measured| measured <= limit.0)),
            counted,
        }
    };
    let mut views = vec![
        view(
            "Recovery time (RTO)",
            objectives.rto,
            measures.rto,
            format!("from {disaster} to the last good verification"),
        ),
        view(
            "Recovery point (RPO)",
            objectives.rpo,
            measures.rpo,
            format!("from the oldest restored data to {disaster}"),
        ),
    ];
    if objectives.warm.is_some() || measures.data_warm.is_some() {
        views.push(view("Data warm", objectives.warm, measures.data_warm, format!("from {disaster}")));
    }
    views
}

fn measures(saga: &Saga) -> Vec<MeasureView> {
    let measures = saga.measures();
    let rows = [
        ("until the cluster was ready", measures.cluster_ready),
        ("until the objects were applied", measures.objects_applied),
        ("until applications answered", measures.applications_answering),
        ("until the data were warm", measures.data_warm),
        ("waiting for people", Some(measures.waiting_for_people).filter(|waited| !waited.is_zero())),
    ];
    rows.into_iter()
        .filter_map(|(name, length)| Some(MeasureView { name: name.to_owned(), seconds: length?.as_secs_f64() }))
        .collect()
}

fn step_view(saga: &Saga, step: &Step, state: &StepState, spans: &BTreeMap<String, Vec<SpanView>>) -> StepView {
    let mut view = StepView {
        id: step.id.clone(),
        title: step.title.clone(),
        group: step.group.clone(),
        uses: step.uses.name().to_owned(),
        verifies: step.traits.verifies,
        status: StepStatus::NotReached,
        message: String::new(),
        hint: String::new(),
        checked: None,
        wrong: None,
        seconds: None,
        needs: step.direct_needs(saga.scenario()).into_iter().map(str::to_owned).collect(),
        spans: spans.get(&step.id).cloned().unwrap_or_default(),
    };
    let numbers = |outputs: &Outputs, name: &str| outputs.get(name).and_then(Value::as_u64);
    match &state.outcome {
        None if state.has_begun() || state.since.is_some() => view.status = StepStatus::Unfinished,
        None => {}
        Some(StepOutcome::Succeeded) => {
            view.status = StepStatus::Succeeded;
            if let Some(outputs) = state.outputs.as_ref().filter(|_| step.traits.verifies) {
                view.checked = numbers(outputs, "checked");
                view.wrong = numbers(outputs, "failed");
                view.message = outputs.get("summary").and_then(Value::as_str).unwrap_or_default().to_owned();
            }
        }
        Some(StepOutcome::Failed(failure)) => {
            view.status = StepStatus::Failed;
            view.message.clone_from(&failure.message);
            view.hint.clone_from(&failure.hint);
            view.checked = numbers(&failure.details, "checked");
            view.wrong = numbers(&failure.details, "failed");
        }
        Some(StepOutcome::Skipped(skip)) => {
            view.status = if *skip == Skip::Stopped { StepStatus::NotReached } else { StepStatus::Skipped };
            view.message = skipped(skip);
        }
        Some(StepOutcome::SkippedByPerson { by, comment, failure }) => {
            view.status = StepStatus::SkippedByPerson;
            let after =
                failure.as_ref().map(|failure| format!(" after it failed: {}", failure.message)).unwrap_or_default();
            let said = if comment.is_empty() { String::new() } else { format!(" (“{comment}”)") };
            view.message = format!("skipped by {by}{said}{after}");
        }
    }
    // Every started step is undone; of those that leave nothing only trouble is worth showing.
    if !step.traits.leaves {
        view.spans.retain(|span| span.what != SpanKind::Undo || !span.good);
    }
    let own: Vec<&SpanView> = view.spans.iter().filter(|span| span.what != SpanKind::Undo).collect();
    if let (Some(first), Some(last)) = (own.first(), own.last()) {
        view.seconds = Some(last.to.duration_since(first.from).as_secs_f64().max(0.0));
    }
    view
}

fn skipped(skip: &Skip) -> String {
    match skip {
        Skip::When { condition } => format!("only when {condition}"),
        Skip::Missing { step } => format!("it uses {step}, which was skipped"),
        Skip::NeedsFailed { step } => format!("{step} failed before"),
        Skip::Stopped => "the run was stopped before".to_owned(),
    }
}

/// Every stretch of time in which a step ran, asked or was undone.
fn spans(journal: &Journal, end: Timestamp) -> BTreeMap<String, Vec<SpanView>> {
    let mut spans: BTreeMap<String, Vec<SpanView>> = BTreeMap::new();
    let mut open: BTreeMap<String, (SpanKind, u32, Timestamp)> = BTreeMap::new();
    let mut close = |open: &mut BTreeMap<String, (SpanKind, u32, Timestamp)>, step: &str, to: Timestamp, good: bool| {
        if let Some((what, attempt, from)) = open.remove(step) {
            let to = to.max(from);
            spans.entry(step.to_owned()).or_default().push(SpanView { what, attempt, from, to, good });
        }
    };
    let mut before = journal.header.opened;
    for record in &journal.records {
        let at = record.at;
        match &record.event {
            Event::Started { step, attempt } => {
                open.insert(step.clone(), (SpanKind::Run, *attempt, at));
            }
            Event::Asked { step } => {
                open.insert(step.clone(), (SpanKind::Ask, 0, at));
            }
            Event::UndoStarted { step, attempt } => {
                open.insert(step.clone(), (SpanKind::Undo, *attempt, at));
            }
            Event::Succeeded { step, .. } | Event::Approved { step, .. } | Event::Undone { step, .. } => {
                close(&mut open, step, at, true);
            }
            Event::Failed { step, .. }
            | Event::Rejected { step, .. }
            | Event::UndoFailed { step, .. }
            | Event::Skipped { step, .. } => close(&mut open, step, at, false),
            // Whatever was in flight ended with the process, at the latest when the last record was written.
            Event::Resumed => {
                let lost: Vec<String> = open
                    .iter()
                    .filter(|(_, (what, ..))| *what != SpanKind::Ask)
                    .map(|(step, _)| step.clone())
                    .collect();
                for step in lost {
                    close(&mut open, &step, before, false);
                }
            }
            Event::Refused { .. }
            | Event::RetryRequested { .. }
            | Event::SkipRequested { .. }
            | Event::CancelRequested { .. }
            | Event::Stopped { .. }
            | Event::UndoBegan
            | Event::UndoRequested { .. }
            | Event::Finished { .. } => {}
        }
        before = at;
    }
    let rest: Vec<String> = open.keys().cloned().collect();
    for step in rest {
        close(&mut open, &step, end, false);
    }
    spans
}

fn approvals(journal: &Journal) -> Vec<ApprovalView> {
    let mut views: Vec<ApprovalView> = Vec::new();
    for record in &journal.records {
        let mut answer = |step: &str, word: &str, by: &str, comment: &str| {
            if let Some(view) = views.iter_mut().rev().find(|view| view.step == step && view.answered.is_none()) {
                view.answered = Some(record.at);
                view.answer = word.to_owned();
                view.by = by.to_owned();
                view.comment = comment.to_owned();
            }
        };
        match &record.event {
            Event::Asked { step } => views.push(ApprovalView {
                step: step.clone(),
                asked: record.at,
                answered: None,
                answer: "unanswered".to_owned(),
                by: String::new(),
                comment: String::new(),
            }),
            Event::Approved { step, by, comment } => answer(step, "approved", by, comment),
            Event::Rejected { step, by, comment } => answer(step, "rejected", by, comment),
            _ => {}
        }
    }
    views
}

fn interventions(journal: &Journal) -> Vec<InterventionView> {
    let views = journal.records.iter().filter_map(|record| {
        let (what, by) = match &record.event {
            Event::RetryRequested { step, by } => (format!("retried {step}"), by),
            Event::SkipRequested { step, by, comment } if comment.is_empty() => (format!("skipped {step}"), by),
            Event::SkipRequested { step, by, comment } => (format!("skipped {step}: {comment}"), by),
            Event::CancelRequested { mode: CancelMode::Now, by, .. } => ("cancelled at once".to_owned(), by),
            Event::CancelRequested { mode: CancelMode::Finish, by, .. } => {
                ("cancelled, letting what was in flight finish".to_owned(), by)
            }
            Event::UndoRequested { by } => ("asked for undoing".to_owned(), by),
            _ => return None,
        };
        Some(InterventionView { at: record.at, what, by: by.clone() })
    });
    views.collect()
}

fn read<T: DeserializeOwned>(outputs: &Outputs) -> Option<T> {
    serde_json::from_value(Value::Object(outputs.clone().into_iter().collect())).ok()
}

fn outcomes(step: &Step, state: &StepState, report: &mut DrillReport, without_data: &mut Vec<String>) {
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
                if uses == Uses::VerifyReferences {
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

fn not_covered(saga: &Saga, without_data: &[String], extra: &Extra) -> Vec<String> {
    let mut lines = saga.scenario().not_covered.clone();
    lines.extend(extra.not_covered.iter().cloned());
    for (step, state) in saga.steps() {
        let name = if step.title.is_empty() { step.id.clone() } else { format!("{} ({})", step.title, step.id) };
        match &state.outcome {
            Some(StepOutcome::Succeeded) => {}
            Some(StepOutcome::Skipped(skip)) => lines.push(format!("{name}: skipped, {}", skipped(skip))),
            Some(StepOutcome::SkippedByPerson { by, .. }) => lines.push(format!("{name}: skipped by {by}")),
            // Failures are the verdict's to tell.
            Some(StepOutcome::Failed(_)) => {}
            None => lines.push(format!("{name}: never reached")),
        }
    }
    let mut volumes: Vec<&String> = without_data.iter().collect();
    volumes.sort();
    volumes.dedup();
    lines.extend(volumes.into_iter().map(|volume| format!("the data of volume {volume}: not part of the backup")));
    for (name, limit) in [("RTO", saga.scenario().objectives.rto), ("RPO", saga.scenario().objectives.rpo)] {
        if limit.is_none() {
            lines.push(format!("no objective for {name} is set, so the measured time was compared with nothing"));
        }
    }
    lines
}

/// What a finished run left on purpose.
fn kept(saga: &Saga) -> Vec<String> {
    if matches!(saga.verdict(), Some(Verdict::Stuck { .. })) {
        return Vec::new();
    }
    let until = match saga.expires() {
        Some(at) => format!("until {}", words::moment(at)),
        None => "until somebody destroys it".to_owned(),
    };
    saga.still_there()
        .into_iter()
        .map(|step| format!("what step {} made ({}), {until}", step.id, step.uses.name()))
        .collect()
}
