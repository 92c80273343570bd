//! How plans, outcomes, drift and diagnoses look to a person.

use ports::infrastructure::{NextStep, StackDiagnosis, StackDrift, StackOutcome, StackPlan, StackResource};

use super::super::news::action_word;
use crate::printer::table;

pub(super) fn plan(plan: &StackPlan) -> String {
    let mut text = String::new();
    if !plan.changes.is_empty() {
        let rows = plan.changes.iter().map(|change| {
            let why = change.reason.as_deref().map(|reason| format!("({reason})")).unwrap_or_default();
            vec![action_word(change.action).to_owned(), change.address.clone(), why]
        });
        text.push_str(&table(&["action", "address", ""], rows));
        text.push_str("\n\n");
    }
    for warning in &plan.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for refusal in &plan.refusals {
        text.push_str(&format!("refused: {}\n", refusal.message));
    }
    text.push_str(&match (plan.applyable, plan.refusals.is_empty()) {
        (true, true) => format!("{} changes, {} units of work\n", plan.changes.len(), plan.total),
        (false, true) => "nothing to do\n".to_owned(),
        (_, false) => "an apply would refuse this plan; --allow-destroy ADDRESS lets an address go\n".to_owned(),
    });
    text
}

pub(super) fn outcome(outcome: &StackOutcome) -> String {
    let mut text = String::new();
    let mut section = |title: &str, resources: &[StackResource]| {
        for resource in resources {
            let id = if resource.id.is_empty() { String::new() } else { format!(" ({})", resource.id) };
            text.push_str(&format!("{title} {}{id}\n", resource.address));
        }
    };
    section("created", &outcome.created);
    section("updated", &outcome.updated);
    section("deleted", &outcome.deleted);
    for address in &outcome.failed {
        text.push_str(&format!("failed  {address}\n"));
    }
    for address in &outcome.unknown {
        text.push_str(&format!("unknown {address}\n"));
    }
    if !outcome.message.is_empty() {
        text.push_str(&format!("{}\n", outcome.message));
    }
    steps(&outcome.next, &mut text);
    text.push_str(&format!(
        "{} created, {} updated, {} deleted, {} failed, {} unknown\n",
        outcome.created.len(),
        outcome.updated.len(),
        outcome.deleted.len(),
        outcome.failed.len(),
        outcome.unknown.len()
    ));
    text
}

pub(super) fn drift(drifts: &[StackDrift]) -> String {
    if drifts.is_empty() {
        return "no drift\n".to_owned();
    }
    let rows = drifts.iter().map(|drift| {
        let what = if drift.deleted { "gone".to_owned() } else { drift.attributes.join(", ") };
        let planned = drift.planned.map(action_word).unwrap_or_default().to_owned();
        vec![drift.address.clone(), what, planned]
    });
    table(&["address", "differs", "an apply would"], rows)
}

pub(super) fn diagnosis(diagnosis: &StackDiagnosis) -> String {
    let mut text = String::new();
    if diagnosis.running {
        text.push_str("a run is going on; the same command follows it\n");
    }
    steps(&diagnosis.steps, &mut text);
    if !diagnosis.imports.is_empty() {
        text.push_str("\nwhat was created and is in no state can be imported (--fix --import):\n");
        text.push_str(&diagnosis.imports);
    }
    for note in &diagnosis.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    if text.is_empty() {
        text.push_str("nothing to do\n");
    }
    text
}

fn steps(steps: &[NextStep], text: &mut String) {
    for (at, step) in steps.iter().enumerate() {
        let safe = if step.safe { " (safe)" } else { "" };
        text.push_str(&format!("{}. {}{safe}\n", at + 1, step.message));
        if !step.command.is_empty() {
            text.push_str(&format!("   {}\n", step.command));
        }
    }
}
