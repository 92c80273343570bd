//! One row for each step: how it ended, and why.

use std::collections::BTreeMap;

use scenario::format::Skip;
use scenario::{Outputs, Saga, Step, StepOutcome, StepState};
use serde_json::Value;

use super::times::Interruption;
use crate::view::{SpanKind, SpanView, StepStatus, StepView};

pub(super) fn step_view(
    saga: &Saga,
    step: &Step,
    state: &StepState,
    spans: &BTreeMap<String, Vec<SpanView>>,
    interruptions: &[Interruption],
) -> StepView {
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
        let interrupted: f64 = interruptions.iter().map(|gap| gap.within(first.from, last.to)).sum();
        view.seconds = Some((last.to.duration_since(first.from).as_secs_f64() - interrupted).max(0.0));
    }
    view
}

pub(super) fn skipped(skip: &Skip) -> String {
    match skip {
        Skip::When { condition } => format!("only when {condition}"),
        Skip::Missing { step } => format!("it uses {step}, which was skipped"),
        Skip::NeedsFailed { step } => format!("{step} failed before"),
        Skip::Stopped => "the run was stopped before".to_owned(),
    }
}
