//! `landfall drill sweep`: destroys what outlived its time to live, and carries on with what a crash left undone.

use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use ports::Clock as _;
use scenario::{RunKind, Verdict};
use serde::Serialize;

use super::drive::{Driven, Manner, drive};
use super::live::Live;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::table;
use crate::runs::{RunFolder, Runs};

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Only these runs, and without waiting for their time to live; recoveries are swept only when they are named.
    ids: Vec<String>,
    /// Only say what would be destroyed.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Swept {
    id: String,
    /// `undo`, `resume`, `leave`.
    action: &'static str,
    because: String,
    /// The verdict afterwards, or what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    clean: bool,
}

pub(crate) async fn run(args: &SweepArgs, context: &Context) -> Outcome {
    let runs = Runs::of(&context.settings.state);
    let chosen = match args.ids.as_slice() {
        [] => runs.list()?,
        ids => ids.iter().map(|id| super::look::find(&runs, id)).collect::<Result<_, Failure>>()?,
    };
    let mut swept = Vec::new();
    for run in &chosen {
        let Some(mut decided) = decide(run, !args.ids.is_empty(), SystemClock.now()) else { continue };
        if !args.dry_run && decided.action != "leave" {
            sweep(run, &mut decided, context).await;
        }
        swept.push(decided);
    }
    if !args.dry_run && args.ids.is_empty() {
        runs.remove_stillborn()?;
    }
    context.printer.value(&swept, |swept| {
        if swept.is_empty() {
            return "nothing to sweep".to_owned();
        }
        let rows = swept.iter().map(|row| {
            vec![row.id.clone(), row.action.to_owned(), row.because.clone(), row.ended.clone().unwrap_or_default()]
        });
        table(&["id", "action", "because", "ended"], rows)
    })?;
    let bad = swept.iter().any(|row| !row.clean && row.action != "leave" && !args.dry_run);
    Ok(if bad { Exit::NotGood } else { Exit::Good })
}

/// Sweeps everything whose time is over; what schedules do when they start.
pub(crate) async fn expired(context: &Context) -> anyhow::Result<()> {
    let runs = Runs::of(&context.settings.state);
    for run in runs.list()? {
        if let Some(mut decided) = decide(&run, false, SystemClock.now())
            && decided.action != "leave"
        {
            context.printer.say(&format!("sweeping {}: {}", run.id, decided.because));
            sweep(&run, &mut decided, context).await;
        }
    }
    runs.remove_stillborn()
}

async fn sweep(run: &RunFolder, decided: &mut Swept, context: &Context) {
    let undo_by = (decided.action == "undo").then(|| "sweep".to_owned());
    let manner = Manner { undo_by, leave_to_people: true, ..Manner::default() };
    let live = Arc::new(Live::plain(context.printer, &run.id));
    match drive(run, context, live, &manner).await {
        Ok(Driven::Ended { verdict, report }) => {
            decided.clean = !matches!(verdict, Verdict::Stuck { .. }) && report.kept.is_empty();
            decided.ended = Some(verdict.word().to_owned());
        }
        Ok(Driven::WaitsForPeople) => decided.ended = Some("waits for a person".to_owned()),
        Err(failure) => decided.ended = Some(model::chain(failure.error.as_ref())),
    }
}

/// What is to be done with a run; `None` when there is nothing.
fn decide(run: &RunFolder, named: bool, now: Timestamp) -> Option<Swept> {
    let row = |action, because: &str| {
        Some(Swept { id: run.id.clone(), action, because: because.to_owned(), ended: None, clean: false })
    };
    if run.is_driven() {
        return named.then(|| row("leave", "it is running")).flatten();
    }
    let recorded = match run.recorded() {
        Ok(recorded) => recorded,
        Err(error) => return row("leave", &model::chain(error.as_ref())),
    };
    let saga = &recorded.saga;
    if saga.kind() == RunKind::Recovery && !named {
        return None;
    }
    let over = saga.expires().is_some_and(|at| at <= now);
    match saga.verdict() {
        None if over => row("resume", "it was left unfinished, and its time to live is over"),
        None if named => row("leave", "it is not finished: resume it, or cancel it"),
        None => None,
        Some(_) if saga.still_there().is_empty() => None,
        Some(_) if named => row("undo", "asked for"),
        Some(_) if over => row("undo", "its time to live is over"),
        // Something could not be undone; that does not get better with time.
        Some(Verdict::Stuck { .. }) => row("undo", "it is stuck"),
        Some(_) => None,
    }
}
