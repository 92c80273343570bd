//! What changed since the last good run: times side by side, and steps that became twice as slow.

use crate::view::{ChangeView, ComparisonView, DrillReport, StepStatus};

/// Shorter steps vary for no reason at all.
const WORTH_A_WORD: f64 = 2.0;
const SLOWER: f64 = 2.0;

/// Compares a report with that of the last run that passed.
pub fn compare(last: &DrillReport, now: &DrillReport) -> ComparisonView {
    let mut rows =
        vec![ChangeView { name: "whole run".to_owned(), before_seconds: last.seconds(), now_seconds: now.seconds() }];
    for objective in &now.objectives {
        let before = last.objectives.iter().find(|before| before.name == objective.name);
        if let (Some(before), Some(measured)) =
            (before.and_then(|before| before.measured_seconds), objective.measured_seconds)
        {
            rows.push(ChangeView { name: objective.name.clone(), before_seconds: before, now_seconds: measured });
        }
    }
    for measure in &now.measures {
        if let Some(before) = last.measures.iter().find(|before| before.name == measure.name) {
            rows.push(ChangeView {
                name: measure.name.clone(),
                before_seconds: before.seconds,
                now_seconds: measure.seconds,
            });
        }
    }
    let mut slower: Vec<ChangeView> = now
        .steps
        .iter()
        .filter_map(|step| {
            let before = last.steps.iter().find(|before| before.id == step.id && before.uses == step.uses)?;
            if before.status != StepStatus::Succeeded {
                return None;
            }
            let (before, seconds) = (before.seconds?, step.seconds?);
            let much = seconds >= WORTH_A_WORD && seconds >= before * SLOWER;
            much.then(|| ChangeView { name: step.name().to_owned(), before_seconds: before, now_seconds: seconds })
        })
        .collect();
    slower.sort_by(|a, b| (b.now_seconds - b.before_seconds).total_cmp(&(a.now_seconds - a.before_seconds)));
    ComparisonView { drill: last.drill.clone(), ended: last.ended, rows, slower }
}

impl ChangeView {
    /// How many times as long it took; absent when it took no time before.
    pub fn factor(&self) -> Option<f64> {
        (self.before_seconds > 0.0).then(|| self.now_seconds / self.before_seconds)
    }
}
