//! How fresh the proof of each scenario is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ports::Clock as _;
use scenario::{Period, Verdict};
use serde::Serialize;

use super::StatusArgs;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::{age, table};
use crate::runs::{Recorded, Runs};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Freshness {
    scenario: String,
    last_pass: Option<Timestamp>,
    last_run: Option<Timestamp>,
    last_verdict: String,
    /// Absent when no limit holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    stale: bool,
}

pub(super) fn all(runs: &Runs, args: &StatusArgs, context: &Context) -> Outcome {
    let required = match &args.require_fresh {
        Some(text) => Some(Period::parse(text).map_err(Failure::usage)?),
        None => None,
    };
    let now = SystemClock.now();
    let mut by: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    for run in runs.list()? {
        match run.recorded() {
            Ok(recorded) => by.entry(recorded.scenario.name.clone()).or_default().push(recorded),
            Err(error) => context.printer.say(&format!("run {}: {}", run.id, model::chain(error.as_ref()))),
        }
    }
    if let Some(wanted) = &args.scenario {
        by.retain(|name, _| name == wanted);
        // What never ran is not fresh.
        by.entry(wanted.clone()).or_default();
    }
    let rows: Vec<Freshness> = by.iter().map(|(name, recorded)| freshness(name, recorded, required, now)).collect();
    context.printer.value(&rows, |rows| {
        if rows.is_empty() {
            return "no runs".to_owned();
        }
        let rows = rows.iter().map(|row| {
            let ago = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| age(now.duration_since(at).as_secs()));
            let limit = row.limit.clone().unwrap_or_default();
            let word = if row.stale { "stale" } else { "" };
            vec![
                row.scenario.clone(),
                row.last_verdict.clone(),
                ago(row.last_run),
                ago(row.last_pass),
                limit,
                word.into(),
            ]
        });
        table(&["scenario", "last verdict", "last run", "last pass", "limit", "fresh"], rows)
    })?;
    let nothing = required.is_some() && rows.is_empty();
    if nothing {
        context.printer.say("nothing ever ran, so nothing is proved");
    }
    Ok(if nothing || rows.iter().any(|row| row.stale) { Exit::NotGood } else { Exit::Good })
}

fn freshness(name: &str, runs: &[Recorded], required: Option<Period>, now: Timestamp) -> Freshness {
    let ended = |run: &Recorded| run.journal.records.last().map(|record| record.at);
    let passes: Vec<Timestamp> =
        runs.iter().filter(|run| run.saga.verdict() == Some(&Verdict::Passed)).filter_map(ended).collect();
    let last = runs.last();
    // Each scenario's own limit holds when none is asked for.
    let limit = required.or_else(|| last.and_then(|run| run.scenario.freshness));
    let fresh = limit.map(|limit| scenario::schedule::freshness(limit, passes.iter().copied(), now));
    Freshness {
        scenario: name.to_owned(),
        last_pass: passes.into_iter().max(),
        last_run: last.map(|run| run.journal.header.opened),
        last_verdict: last.map_or("", |run| run.saga.verdict().map_or("Unfinished", Verdict::word)).to_owned(),
        limit: limit.map(|limit| limit.to_string()),
        stale: fresh.is_some_and(|fresh| fresh.stale),
    }
}

/// When runs of a scenario passed.
pub(crate) fn passes(runs: &Runs, scenario: &str) -> anyhow::Result<Vec<Timestamp>> {
    let mut passes = Vec::new();
    for recorded in runs.list()?.iter().filter_map(|run| run.recorded().ok()) {
        if recorded.scenario.name == scenario && recorded.saga.verdict() == Some(&Verdict::Passed) {
            passes.extend(recorded.journal.records.last().map(|record| record.at));
        }
    }
    Ok(passes)
}
