//! When each step did something, and when nobody drove the run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use scenario::{Event, Journal};

use crate::view::{SpanKind, SpanView};

/// From the last record of a process that was killed to the first of the next one. What went on meanwhile, nobody saw;
/// it is no step's own time.
pub(super) struct Interruption {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Interruption {
    /// Seconds of it between two moments.
    pub(super) fn within(&self, from: Timestamp, to: Timestamp) -> f64 {
        self.to.min(to).duration_since(self.from.max(from)).as_secs_f64().max(0.0)
    }
}

pub(super) fn interruptions(journal: &Journal) -> Vec<Interruption> {
    let mut from = journal.header.opened;
    let mut found = Vec::new();
    for record in &journal.records {
        if record.event == Event::Resumed {
            found.push(Interruption { from, to: record.at });
        }
        from = record.at;
    }
    found
}

/// Every stretch of time in which a step ran, asked or was undone.
pub(super) fn spans(journal: &Journal, end: Timestamp) -> BTreeMap<String, Vec<SpanView>> {
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
