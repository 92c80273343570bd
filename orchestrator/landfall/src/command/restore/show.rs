//! How a plan and an outcome look to a person.

use std::collections::BTreeMap;

use engine::restore::{ItemVerdict, RestoreOutcome};
use model::{Change, Verdict};
use plan::restore::{PlanFile, PlannedItem};

use crate::printer::table;

/// Lines of one sort that are shown; the rest is in the JSON.
const SHOWN: usize = 40;

pub(crate) fn plan(file: &PlanFile, diff: &[String], verbose: u8) -> String {
    let counts = file.counts();
    let mut text = format!(
        "restore {} of backup {} into {} ({})\n\n",
        file.request.name, file.request.backup, file.target.server, file.target.version
    );
    let mut by_kind: BTreeMap<String, [usize; 6]> = BTreeMap::new();
    for item in &file.items {
        let row = by_kind.entry(item.target.resource.to_string()).or_default();
        let column = match item.verdict {
            Verdict::Create => 0,
            Verdict::Update => 1,
            Verdict::Blocked => 5,
            Verdict::Keep | Verdict::Skip | Verdict::Warn | Verdict::Convert | Verdict::Rewrite => 4,
        };
        row[column] += 1;
        row[2] += usize::from(has(item, Verdict::Convert));
        row[3] += usize::from(has(item, Verdict::Rewrite));
    }
    for decision in &file.skipped {
        by_kind.entry(decision.item.resource.to_string()).or_default()[4] += 1;
    }
    let rows = by_kind.into_iter().map(|(kind, row)| std::iter::once(kind).chain(row.map(|n| n.to_string())).collect());
    text.push_str(&table(&["kind", "create", "update", "convert", "rewrite", "skip", "blocked"], rows));
    text.push_str("\n\n");
    section(&mut text, "blocked", verbose, file.items.iter().filter(|i| i.verdict == Verdict::Blocked).map(reasons));
    section(&mut text, "left out", verbose, file.items.iter().filter(|i| i.verdict == Verdict::Skip).map(reasons));
    section(
        &mut text,
        "exists and differs",
        verbose,
        file.items.iter().filter(|i| i.verdict == Verdict::Warn).map(reasons),
    );
    section(
        &mut text,
        "decisions",
        verbose,
        file.items.iter().filter(|i| i.is_sent() && has(i, Verdict::Warn)).map(reasons),
    );
    let convert = file.items.iter().filter(|i| i.is_sent() && has(i, Verdict::Convert)).map(reasons);
    section(&mut text, "converted", verbose, convert);
    section(
        &mut text,
        "findings",
        verbose,
        file.findings.iter().map(|finding| {
            let item = finding.item.as_ref().map(|item| format!("{item}: ")).unwrap_or_default();
            format!("{item}{}", finding.reason.message)
        }),
    );
    if verbose > 0 {
        let skipped = file.skipped.iter().map(|d| format!("{}: {}", d.item, d.reason.message));
        section(&mut text, "skipped", verbose, skipped);
    }
    for item in file.items.iter().filter(|item| wanted(item, diff)) {
        text.push_str(&format!("{}: {}\n", item.target, verdict(item)));
        for decision in &item.decisions {
            text.push_str(&format!("  {} ({})\n", decision.reason.message, decision.reason.code));
        }
        for change in &item.changes {
            text.push_str(&change_text(change));
        }
    }
    text.push_str(&format!(
        "{} to create, {} to update, {} skipped, {} blocked; {} converted, {} rewritten\n",
        counts.create, counts.update, counts.skip, counts.blocked, counts.converted, counts.rewritten
    ));
    text
}

pub(crate) fn outcome(outcome: &RestoreOutcome) -> String {
    let count = |verdict| outcome.counts.get(&verdict).copied().unwrap_or(0);
    let took = outcome.completed.duration_since(outcome.started).as_secs_f64();
    let mut text = format!("restore {} of backup {}: {}\n", outcome.name, outcome.backup, outcome.phase);
    text.push_str(&format!(
        "  {} created, {} updated, {} unchanged, {} skipped, {} blocked, {} failed in {took:.1}s\n",
        count(ItemVerdict::Created),
        count(ItemVerdict::Updated),
        count(ItemVerdict::Unchanged),
        count(ItemVerdict::Skipped),
        count(ItemVerdict::Blocked),
        count(ItemVerdict::Failed),
    ));
    text.push_str(&format!("  {} errors, {} warnings", outcome.errors, outcome.warnings));
    match &outcome.recorded {
        Some(place) => text.push_str(&format!(", recorded in {place}\n")),
        None => text.push_str(", not recorded in the location\n"),
    }
    if outcome.hooks_attempted > 0 {
        text.push_str(&format!("  {} hooks, {} failed\n", outcome.hooks_attempted, outcome.hooks_failed));
    }
    for exception in outcome.exceptions.iter().take(SHOWN) {
        let verdict = format!("{:?}", exception.verdict).to_lowercase();
        text.push_str(&format!("  - {verdict}: {}: {} ({})\n", exception.item, exception.message, exception.code));
    }
    if outcome.exceptions.len() > SHOWN {
        text.push_str(&format!("  … and {} more; see `landfall restore describe`\n", outcome.exceptions.len() - SHOWN));
    }
    text
}

fn section(text: &mut String, title: &str, verbose: u8, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let shown = if verbose > 0 { lines.len() } else { SHOWN };
    text.push_str(&format!("{title}:\n"));
    for line in lines.iter().take(shown) {
        text.push_str(&format!("  - {line}\n"));
    }
    if lines.len() > shown {
        text.push_str(&format!("  … and {} more; see --verbose or --output json\n", lines.len() - shown));
    }
    text.push('\n');
}

fn has(item: &PlannedItem, verdict: Verdict) -> bool {
    item.decisions.iter().any(|decision| decision.verdict == verdict)
}

fn reasons(item: &PlannedItem) -> String {
    let reasons: Vec<&str> = item.decisions.iter().map(|decision| decision.reason.message.as_str()).collect();
    format!("{}: {}", item.target, reasons.join("; "))
}

fn verdict(item: &PlannedItem) -> String {
    format!("{:?}", item.verdict).to_lowercase()
}

fn wanted(item: &PlannedItem, diff: &[String]) -> bool {
    let name = match &item.target.namespace {
        Some(namespace) => format!("{namespace}/{}", item.target.name),
        None => item.target.name.clone(),
    };
    let full = format!("{}/{name}", item.target.resource);
    // Everything is everything that happens: what is left as it is has no difference to show.
    let happens = item.verdict != Verdict::Keep;
    diff.iter().any(|word| (word == "all" && happens) || *word == full || *word == item.target.to_string())
}

fn change_text(change: &Change) -> String {
    let value = |value: &Option<serde_json::Value>| value.as_ref().map(|v| v.to_string());
    let mut text = format!("  {}  ({})\n", change.pointer, change.because);
    if let Some(before) = value(&change.before) {
        text.push_str(&format!("    - {before}\n"));
    }
    if let Some(after) = value(&change.after) {
        text.push_str(&format!("    + {after}\n"));
    }
    text
}
