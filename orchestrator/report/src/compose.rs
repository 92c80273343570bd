//! Scenario + journal + outcomes → the view model.
//!
//! Takes from each step's outputs only the fields it knows; a command's output or a canary's digest never gets in.

mod left;
mod outcomes;
mod people;
mod steps;
mod times;
mod verdict;

use std::collections::BTreeMap;

use model::Decision;
use scenario::{Journal, Saga};

use crate::compare;
use crate::view::{DrillReport, MeasureView, StepView};

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

/// Makes the report of a run, finished or not.
pub fn compose(saga: &Saga, journal: &Journal, extra: &Extra) -> DrillReport {
    let scenario = saga.scenario();
    let header = saga.header();
    let ended = journal.records.last().map_or(header.opened, |record| record.at);
    let spans = times::spans(journal, ended);
    let interruptions = times::interruptions(journal);
    let steps: Vec<StepView> =
        saga.steps().map(|(step, state)| steps::step_view(saga, step, state, &spans, &interruptions)).collect();
    let mut report = DrillReport {
        report: DrillReport::version(),
        drill: header.drill.clone(),
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        kind: header.kind,
        scenario_digest: header.scenario_digest.clone(),
        verdict: verdict::verdict_view(saga),
        started: header.opened,
        ended,
        controls: scenario.controls.clone(),
        objectives: verdict::objectives(saga, &scenario.objectives),
        measures: verdict::measures(saga, &interruptions),
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
        decisions: Vec::new(),
        decisions_total: 0,
        approvals: people::approvals(journal),
        interventions: people::interventions(journal),
        not_covered: Vec::new(),
        nothing_left: left::nothing_left(saga, journal),
        kept: if saga.verdict().is_some() { left::kept(saga) } else { Vec::new() },
        comparison: None,
        environment: extra.environment.clone(),
    };
    let mut without_data = Vec::new();
    for (step, state) in saga.steps() {
        outcomes::outcomes(step, state, &mut report, &mut without_data);
    }
    let decisions = outcomes::decisions(&extra.decisions);
    report.decisions_total = decisions.len() as u64;
    report.decisions = decisions.into_iter().take(MAX_DECISIONS).cloned().collect();
    report.not_covered = left::not_covered(saga, &without_data, extra);
    report.comparison = extra.last_good.as_ref().map(|last| compare::compare(last, &report));
    report
}
