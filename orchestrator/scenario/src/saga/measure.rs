//! What a run measured: how fast, and how old the data were. From the journal's own times, nothing else.

use std::time::Duration;

use jiff::Timestamp;

use super::{Saga, StepOutcome, StepState};
use crate::dag::Step;
use crate::file::Objectives;
use crate::period::Period;
use crate::steps::Uses;
use crate::template;

/// Times of one run; each is absent until it can be known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measures {
    /// The end of the step that plays the disaster, or the start of the run.
    pub disaster: Option<Timestamp>,
    /// From the disaster to the last good verification; only when every verification was good.
    pub rto: Option<Duration>,
    /// From the oldest data that were restored to the disaster.
    pub rpo: Option<Duration>,
    pub cluster_ready: Option<Duration>,
    pub objects_applied: Option<Duration>,
    pub applications_answering: Option<Duration>,
    pub data_warm: Option<Duration>,
    /// How long people were waited for; part of the other times.
    pub waiting_for_people: Duration,
}

impl Measures {
    /// Objectives that were missed, or that could not be measured, which is no better.
    pub fn missed(&self, objectives: &Objectives) -> Vec<String> {
        let pairs = [
            ("RTO", objectives.rto, self.rto),
            ("RPO", objectives.rpo, self.rpo),
            ("time to warm data", objectives.warm, self.data_warm),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, objective, measured)| match (objective, measured) {
                (Some(Period(limit)), Some(measured)) if measured > limit => Some(format!(
                    "the {name} objective of {} was missed: {}",
                    Period(limit),
                    Period(Duration::from_secs(measured.as_secs().max(1)))
                )),
                (Some(limit), None) => Some(format!("the {name} objective of {limit} could not be measured")),
                _ => None,
            })
            .collect()
    }
}

pub(super) fn measure(saga: &Saga) -> Measures {
    let scenario = &saga.scenario;
    let ended = |step: &Step| {
        let state = saga.steps.get(&step.id)?;
        if state.outcome == Some(StepOutcome::Succeeded) { state.settled } else { None }
    };
    let disaster = match &scenario.objectives.from {
        Some(id) => scenario.step(id).and_then(ended),
        None => Some(saga.header.opened),
    };
    let mut measures = Measures { disaster, ..Measures::default() };
    for (step, state) in saga.steps() {
        if step.uses.asks()
            && let (Some(since), Some(ended)) = (state.since, state.settled)
        {
            measures.waiting_for_people += since_until(since, ended);
        }
    }
    let Some(disaster) = disaster else { return measures };
    let after = |uses: &[Uses]| {
        let last = scenario.steps.iter().filter(|step| uses.contains(&step.uses)).filter_map(ended).max()?;
        (last >= disaster).then(|| since_until(disaster, last))
    };
    measures.cluster_ready = after(&[Uses::ClusterConnect, Uses::ClusterWait]);
    measures.objects_applied = after(&[Uses::RestoreRun]);
    measures.applications_answering = after(&[Uses::VerifyReady, Uses::VerifyHttp, Uses::VerifyTcp, Uses::VerifyExec]);
    let warm = scenario.objectives.warm_step.as_deref().and_then(|id| scenario.step(id)).and_then(ended);
    measures.data_warm = warm.map(|warm| since_until(disaster, warm));

    let applies = |step: &&Step| step.traits.verifies && step.is_for(saga.kind());
    let good: Option<Vec<Timestamp>> = saga
        .steps()
        .filter(|(step, _)| applies(step))
        .filter(|(_, state)| !is_left_out(state))
        .map(|(step, _)| ended(step))
        .collect();
    measures.rto = good.and_then(|ends| ends.into_iter().max()).map(|last| since_until(disaster, last));
    measures.rpo = oldest_data(saga).map(|oldest| since_until(oldest, disaster));
    measures
}

/// Skipped because its own condition says so.
fn is_left_out(state: &StepState) -> bool {
    matches!(&state.outcome, Some(StepOutcome::Skipped(crate::format::Skip::When { .. })))
}

/// The oldest moment of which restored data are: the backup's start, or an even older volume's.
fn oldest_data(saga: &Saga) -> Option<Timestamp> {
    let mut oldest: Option<Timestamp> = None;
    for (step, state) in saga.steps() {
        if step.uses != Uses::RestoreRun || state.outcome != Some(StepOutcome::Succeeded) {
            continue;
        }
        for reference in step.with.get("backup").map(template::references).unwrap_or_default() {
            let outputs = saga.steps.get(&reference.root)?.outputs.as_ref()?;
            let time = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let started = outputs.get("startedAt").and_then(time)?;
            let volumes = outputs.get("volumeTimes").and_then(|value| value.as_object());
            let volumes = volumes.into_iter().flat_map(|map| map.values()).filter_map(time);
            let data = volumes.fold(started, Timestamp::min);
            oldest = Some(oldest.map_or(data, |oldest| oldest.min(data)));
        }
    }
    oldest
}

fn since_until(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
