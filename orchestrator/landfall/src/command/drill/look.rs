//! `landfall drill list` and `status`: where runs stand, and how fresh the proof is.

mod fresh;

use clap::Args;
use jiff::Timestamp;
use ports::Clock as _;
use scenario::{RunKind, Saga, Verdict, Waiting};
use serde::Serialize;

pub(crate) use fresh::passes;

use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::{age, table};
use crate::runs::{Recorded, RunFolder, Runs};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only runs of this scenario, by its name.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run's id; without it, the last run of every scenario.
    id: Option<String>,
    /// Fail unless the last pass of every scenario is younger than this.
    #[arg(long, value_name = "AGE", conflicts_with = "id")]
    require_fresh: Option<String>,
    /// Only this scenario, by its name; it must have runs.
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    scenario: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    scenario: String,
    kind: Option<RunKind>,
    /// `Passed`, `Failed`, `Stuck`, `Cancelled`, `Running`, `Unfinished`, `Unreadable`.
    state: String,
    opened: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// When what it kept has to be destroyed.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    /// Steps whose work is still there.
    kept: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    problem: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    #[serde(flatten)]
    listed: Listed,
    steps: Vec<StandingStep>,
    waiting: Vec<String>,
    folder: String,
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StandingStep {
    id: String,
    uses: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// The run with this id, or a failure that says which there are.
pub(crate) fn find(runs: &Runs, id: &str) -> Result<RunFolder, Failure> {
    match runs.find(id)? {
        Some(run) => Ok(run),
        None => Err(Failure::usage(format!("there is no run {id:?}")).hint("`landfall drill list` shows all runs")),
    }
}

pub(crate) fn list(args: &ListArgs, context: &Context) -> Outcome {
    let mut listed: Vec<Listed> = Runs::of(&context.settings.state).list()?.iter().map(listed).collect();
    if let Some(scenario) = &args.scenario {
        listed.retain(|run| run.scenario == *scenario);
    }
    let now = SystemClock.now();
    context.printer.value(&listed, |listed| {
        if listed.is_empty() {
            return "no runs".to_owned();
        }
        let rows = listed.iter().map(|run| {
            let since = run.opened.map_or(String::new(), |opened| age(now.duration_since(opened).as_secs()));
            let took = match (run.opened, run.ended) {
                (Some(opened), Some(ended)) => age(ended.duration_since(opened).as_secs()),
                _ => String::new(),
            };
            let mut notes: Vec<String> = Vec::new();
            if !run.kept.is_empty() {
                notes.push(format!("still there: {}", run.kept.join(", ")));
            }
            notes.extend((!run.problem.is_empty()).then(|| run.problem.clone()));
            let kind = run.kind.map_or(String::new(), |kind| kind.to_string());
            vec![run.id.clone(), run.scenario.clone(), kind, run.state.clone(), since, took, notes.join("; ")]
        });
        table(&["id", "scenario", "kind", "state", "age", "took", "notes"], rows)
    })?;
    Ok(Exit::Good)
}

pub(crate) fn status(args: &StatusArgs, context: &Context) -> Outcome {
    let runs = Runs::of(&context.settings.state);
    match &args.id {
        Some(id) => one(&find(&runs, id)?, context),
        None => fresh::all(&runs, args, context),
    }
}

/// Why nothing can be said of a run, and what can be done about it.
pub(crate) fn unreadable(run: &RunFolder, error: anyhow::Error) -> Failure {
    use scenario::format::{JournalError, read_to_damage};

    let id = &run.id;
    let bytes = crate::runs::read_capped(&run.journal_path(), crate::runs::JOURNAL_CAP).unwrap_or_default();
    let hint = match read_to_damage(&bytes) {
        Ok((journal, Some(_))) => {
            let begun: std::collections::BTreeSet<&str> = journal
                .records
                .iter()
                .filter(|record| matches!(record.event, scenario::Event::Started { .. }))
                .filter_map(|record| record.event.step())
                .collect();
            let begun = match begun.is_empty() {
                true => "no step had begun".to_owned(),
                false => format!("these steps had begun: {}", begun.into_iter().collect::<Vec<_>>().join(", ")),
            };
            format!(
                "before the damage {begun}; `landfall drill resume {id} --from-last-good` carries on from there, or put \
                 an undamaged copy of the journal in its place"
            )
        }
        Ok((journal, None)) if error.downcast_ref::<scenario::SagaError>().is_some() => format!(
            "{} must be the scenario that the run began with (SHA-256 {}); put that back, then `landfall drill resume {id}`",
            run.file("scenario.yaml").display(),
            journal.header.scenario_digest
        ),
        Ok(_) => format!("its folder is {}", run.path.display()),
        Err(JournalError::Version { .. }) => {
            format!("carry on with the version of landfall that began it: landfall drill resume {id}")
        }
        Err(_) => format!("nothing is known of what it began; its folder is {}", run.path.display()),
    };
    Failure::from(error.context(format!("run {id} cannot be read"))).exit(Exit::CouldNotRun).hint(hint)
}

fn one(run: &RunFolder, context: &Context) -> Outcome {
    let recorded = run.recorded().map_err(|error| unreadable(run, error))?;
    let report = report::compose(&recorded.saga, &recorded.journal, &report::Extra::default());
    let listed = listed(run);
    let driven = run.is_driven();
    let waiting = waiting(&recorded.saga, SystemClock.now());
    let standing = Standing {
        steps: report
            .steps
            .iter()
            .map(|step| StandingStep {
                id: step.id.clone(),
                uses: step.uses.clone(),
                status: step.status.word().to_owned(),
                seconds: step.seconds,
                message: step.message.clone(),
            })
            .collect(),
        next: next(run, &recorded, driven),
        waiting: waiting.iter().map(words).collect(),
        folder: run.path.display().to_string(),
        listed,
    };
    context.printer.value(&standing, |standing| shown(standing, &report.verdict.headline, &report.verdict.reasons))?;
    Ok(exit_of(&recorded.saga, SystemClock.now()))
}

/// 3 when only a person can get it any further.
pub(crate) fn exit_of(saga: &Saga, now: Timestamp) -> Exit {
    match saga.verdict() {
        Some(Verdict::Passed) => Exit::Good,
        Some(_) => Exit::NotGood,
        None => {
            let waiting = waiting(saga, now);
            let person = |what: &Waiting| matches!(what, Waiting::Answer { .. } | Waiting::Decision { .. });
            if waiting.iter().any(person) { Exit::Decision } else { Exit::Good }
        }
    }
}

fn waiting(saga: &Saga, now: Timestamp) -> Vec<Waiting> {
    let found = saga.next(now).into_iter().find_map(|command| match command {
        scenario::Command::Wait { waiting, .. } => Some(waiting),
        _ => None,
    });
    found.unwrap_or_default()
}

pub(crate) fn words(waiting: &Waiting) -> String {
    match waiting {
        Waiting::Step { step, undo: false } => format!("{step} is in flight"),
        Waiting::Step { step, undo: true } => format!("{step} is being undone"),
        Waiting::Retry { step, at } => format!("{step} is tried again at {at:.0}"),
        Waiting::Answer { step, message, approvers, until } => {
            let who = if approvers.is_empty() { String::new() } else { format!(" (asks {})", approvers.join(", ")) };
            format!("{step} asks{who} until {until:.0}: {message}")
        }
        Waiting::Decision { step, failure } => format!("{step} failed and needs a decision: {failure}"),
    }
}

fn next(run: &RunFolder, recorded: &Recorded, driven: bool) -> Vec<String> {
    let id = &run.id;
    let mut next = Vec::new();
    if recorded.saga.verdict().is_none() {
        for what in waiting(&recorded.saga, SystemClock.now()) {
            match what {
                Waiting::Answer { step, .. } => next.push(format!("landfall drill approve {id} {step}")),
                Waiting::Decision { step, .. } => {
                    next.push(format!("landfall drill retry {id} {step}"));
                    next.push(format!("landfall drill skip {id} {step}"));
                }
                Waiting::Step { .. } | Waiting::Retry { .. } => {}
            }
        }
        if !driven {
            next.push(format!("landfall drill resume {id}"));
        }
        next.push(format!("landfall drill cancel {id}"));
    } else if matches!(recorded.saga.verdict(), Some(Verdict::Stuck { .. })) || !recorded.saga.still_there().is_empty()
    {
        next.push(format!("landfall drill sweep {id}"));
    }
    next
}

fn shown(standing: &Standing, headline: &str, reasons: &[String]) -> String {
    let run = &standing.listed;
    let mut text = format!("{} · {} · {}\n{headline}\n", run.id, run.scenario, run.state);
    reasons.iter().for_each(|reason| text.push_str(&format!("  - {reason}\n")));
    let rows = standing.steps.iter().map(|step| {
        let seconds = step.seconds.map_or(String::new(), |seconds| format!("{seconds:.1}s"));
        vec![step.id.clone(), step.uses.clone(), step.status.clone(), seconds, step.message.clone()]
    });
    text.push_str(&format!("\n{}\n", table(&["step", "uses", "status", "took", "message"], rows)));
    let mut section = |title: &str, lines: &[String]| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    section("still there", &run.kept);
    section("waiting", &standing.waiting);
    section("next", &standing.next);
    section("folder", std::slice::from_ref(&standing.folder));
    text
}

fn listed(run: &RunFolder) -> Listed {
    let driven = run.is_driven();
    match run.recorded() {
        Ok(recorded) => {
            let saga = &recorded.saga;
            let finished = saga.verdict();
            let state = match finished {
                Some(verdict) => verdict.word(),
                None if driven => "Running",
                None => "Unfinished",
            };
            let kept: Vec<String> = match finished {
                Some(_) => saga.still_there().iter().map(|step| step.id.clone()).collect(),
                None => Vec::new(),
            };
            Listed {
                id: run.id.clone(),
                scenario: recorded.scenario.name.clone(),
                kind: Some(saga.kind()),
                state: state.to_owned(),
                opened: Some(recorded.journal.header.opened),
                ended: finished.and_then(|_| recorded.journal.records.last().map(|record| record.at)),
                expires: if kept.is_empty() { None } else { saga.expires() },
                kept,
                problem: String::new(),
            }
        }
        Err(error) => Listed {
            id: run.id.clone(),
            scenario: run.glimpse().map(|seen| seen.scenario).unwrap_or_default(),
            kind: None,
            state: "Unreadable".to_owned(),
            opened: None,
            ended: None,
            expires: None,
            kept: Vec::new(),
            problem: model::chain(error.as_ref()),
        },
    }
}
