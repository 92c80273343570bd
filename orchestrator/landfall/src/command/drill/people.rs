//! What people tell a run: cancel, approve, reject, retry, skip. Posted into the run's mailbox.

use clap::Args;
use ports::Clock as _;
use scenario::{CancelMode, Event, Status};

use super::look::find;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::runs::{RunFolder, Runs};

/// Who says it.
#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Whose word this is; goes into the journal and the report.
    #[arg(long, value_name = "NAME", env = "LANDFALL_USER")]
    by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run's id.
    id: String,
    /// Interrupt what is in flight instead of letting it finish.
    #[arg(long)]
    now: bool,
    /// Keep what was built, whatever the scenario says.
    #[arg(long, conflicts_with = "undo")]
    keep: bool,
    /// Destroy what was built, whatever the scenario says.
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The run's id.
    id: String,
    /// The step that asks; may be left out when only one does.
    step: Option<String>,
    /// Say no.
    #[arg(long)]
    reject: bool,
    /// A word for the report.
    #[arg(long, default_value = "")]
    comment: String,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// The run's id.
    id: String,
    /// The failed step; may be left out when only one waits for a decision.
    step: Option<String>,
    #[command(flatten)]
    who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    #[command(flatten)]
    step: StepArgs,
    /// A word for the report.
    #[arg(long, default_value = "")]
    comment: String,
}

impl Who {
    fn name(&self, context: &Context) -> String {
        self.by.clone().unwrap_or_else(|| context.settings.user.clone())
    }
}

pub(crate) fn cancel(args: &CancelArgs, context: &Context) -> Outcome {
    let run = unfinished(&args.id, context)?;
    let mode = if args.now { CancelMode::Now } else { CancelMode::Finish };
    let undo = if args.keep { Some(false) } else { args.undo.then_some(true) };
    let by = args.who.name(context);
    post(&run, Event::CancelRequested { mode, by, undo }, "cancelled", context)
}

pub(crate) fn approve(args: &ApproveArgs, context: &Context) -> Outcome {
    let run = unfinished(&args.id, context)?;
    let step = the_step(&run, args.step.as_deref(), "asks", |status| *status == Status::Asked)?;
    let (by, comment) = (args.who.name(context), args.comment.clone());
    let (event, word) = match args.reject {
        true => (Event::Rejected { step: step.clone(), by, comment }, "rejected"),
        false => (Event::Approved { step: step.clone(), by, comment }, "approved"),
    };
    post(&run, event, &format!("{step} {word}"), context)
}

pub(crate) fn retry(args: &StepArgs, context: &Context) -> Outcome {
    let run = unfinished(&args.id, context)?;
    let step = failed(&run, args.step.as_deref())?;
    let event = Event::RetryRequested { step: step.clone(), by: args.who.name(context) };
    post(&run, event, &format!("{step} will be tried again"), context)
}

pub(crate) fn skip(args: &SkipArgs, context: &Context) -> Outcome {
    let run = unfinished(&args.step.id, context)?;
    let step = failed(&run, args.step.step.as_deref())?;
    let by = args.step.who.name(context);
    let event = Event::SkipRequested { step: step.clone(), by, comment: args.comment.clone() };
    post(&run, event, &format!("{step} will be skipped"), context)
}

fn unfinished(id: &str, context: &Context) -> Result<RunFolder, Failure> {
    let run = find(&Runs::of(&context.settings.state), id)?;
    let recorded = run.recorded().map_err(|error| super::look::unreadable(&run, error))?;
    match recorded.saga.verdict() {
        Some(verdict) => Err(Failure::usage(format!("run {id} has ended: {}", verdict.word()))),
        None => Ok(run),
    }
}

fn failed(run: &RunFolder, step: Option<&str>) -> Result<String, Failure> {
    the_step(run, step, "waits for a decision", |status| matches!(status, Status::Failed { .. }))
}

/// The step that is meant, if it is one to which this can be said now.
fn the_step(
    run: &RunFolder,
    wanted: Option<&str>,
    does: &str,
    fits: impl Fn(&Status) -> bool,
) -> Result<String, Failure> {
    let recorded = run.recorded()?;
    let fitting: Vec<String> =
        recorded.saga.steps().filter(|(_, state)| fits(&state.status)).map(|(step, _)| step.id.clone()).collect();
    match (wanted, fitting.as_slice()) {
        (Some(wanted), _) if fitting.iter().any(|id| id == wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => Err(Failure::usage(format!("step {wanted} of run {} is not one that {does}", run.id))
            .hint(format!("`landfall drill status {}` shows where it stands", run.id))),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(Failure::usage(format!("no step of run {} {does}", run.id))),
        (None, several) => Err(Failure::usage(format!("say which step is meant: {}", several.join(", ")))),
    }
}

fn post(run: &RunFolder, event: Event, word: &str, context: &Context) -> Outcome {
    run.mailbox().post(SystemClock.now(), event)?;
    if run.is_driven() {
        context.printer.say(&format!("{}: {word}", run.id));
    } else {
        context.printer.say(&format!(
            "{}: {word}; nobody drives the run now, so it takes effect with `landfall drill resume {}`",
            run.id, run.id
        ));
    }
    Ok(Exit::Good)
}
