//! What the run did not cover, what it left, and how it is known that it left nothing.

use scenario::{Event, Journal, Saga, StepOutcome, Verdict};

use super::Extra;
use super::steps::skipped;
use crate::words;

pub(super) fn not_covered(saga: &Saga, without_data: &[String], extra: &Extra) -> Vec<String> {
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

/// What a run that left nothing looked at to be sure; empty while there is anything that is not undone.
pub(super) fn nothing_left(saga: &Saga, journal: &Journal) -> Vec<String> {
    if saga.verdict().is_none() || !saga.still_there().is_empty() {
        return Vec::new();
    }
    let seen = journal.records.iter().filter_map(|record| match &record.event {
        Event::Undone { step, seen, .. } => Some(seen.iter().map(move |seen| format!("{step}: {seen}"))),
        _ => None,
    });
    seen.flatten().collect()
}

/// What a finished run left on purpose.
pub(super) fn kept(saga: &Saga) -> Vec<String> {
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
