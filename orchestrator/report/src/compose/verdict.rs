//! The verdict in words, the objectives, and the times that count.

use scenario::file::Objectives;
use scenario::{RunKind, Saga, Verdict};

use super::times::Interruption;
use crate::view::{MeasureView, ObjectiveView, VerdictView};
use crate::words;

pub(super) fn verdict_view(saga: &Saga) -> VerdictView {
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

pub(super) fn objectives(saga: &Saga, objectives: &Objectives) -> Vec<ObjectiveView> {
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

pub(super) fn measures(saga: &Saga, interruptions: &[Interruption]) -> Vec<MeasureView> {
    let measures = saga.measures();
    let interrupted: f64 = interruptions.iter().map(|gap| gap.within(gap.from, gap.to)).sum();
    let rows = [
        ("until the cluster was ready", measures.cluster_ready),
        ("until the objects were applied", measures.objects_applied),
        ("until applications answered", measures.applications_answering),
        ("until the data were warm", measures.data_warm),
        ("waiting for people", Some(measures.waiting_for_people).filter(|waited| !waited.is_zero())),
    ];
    let rows = rows
        .into_iter()
        .filter_map(|(name, length)| Some(MeasureView { name: name.to_owned(), seconds: length?.as_secs_f64() }));
    let interrupted = (interrupted > 0.0).then(|| MeasureView {
        name: format!("interrupted, {}", words::count(interruptions.len() as u64, "time", "times")),
        seconds: interrupted,
    });
    rows.chain(interrupted).collect()
}
