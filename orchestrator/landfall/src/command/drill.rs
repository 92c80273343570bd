//! `landfall drill`: plan, run, simulate, look after, report.

mod answers;
mod drive;
mod live;
mod load;
mod look;
mod people;
mod plan;
mod report;
pub(crate) mod run;
mod schedule;
mod simulate;
mod sweep;

use clap::Subcommand;

pub(crate) use report::report_of;

use super::Context;
use crate::failure::Outcome;

#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    /// Show what a run would do, in which order, and what it would not prove. Touches nothing.
    ///
    /// Example: landfall drill plan scenarios/quickstart.yaml
    Plan(plan::PlanArgs),
    /// Run a scenario as a drill: build, restore, verify, measure, report, destroy.
    ///
    /// Exit codes: 0 verified, 1 not verified, 3 waits for a person (with --no-wait), 5 could not run.
    /// Ctrl-C cancels when what is in flight has ended; a second one interrupts it. A run that was killed is carried
    /// on with `landfall drill resume`.
    ///
    /// Example: landfall drill run scenarios/quickstart.yaml
    Run(run::RunArgs),
    /// Carry on with a run that was killed, or left.
    Resume(run::ResumeArgs),
    /// Run a scenario from end to end in a fake world, with no cluster and no cloud.
    ///
    /// Example: landfall drill simulate scenarios/quickstart.yaml --fail restore
    Simulate(simulate::SimulateArgs),
    /// List the runs of this machine.
    List(look::ListArgs),
    /// Show where a run stands, or how fresh the last proof of each scenario is.
    ///
    /// Example: landfall drill status --require-fresh 7d
    Status(look::StatusArgs),
    /// Cancel a run: let finish what is in flight, or interrupt it; then undo.
    Cancel(people::CancelArgs),
    /// Answer a step that asks: approve, or reject.
    Approve(people::ApproveArgs),
    /// Run a failed step again.
    Retry(people::StepArgs),
    /// Write a run's reports again, and print one.
    Report(report::ReportArgs),
    /// Destroy what outlived its time to live, and carry on with what a crash left undone.
    Sweep(sweep::SweepArgs),
    /// Start drills when they are due; runs until it is stopped.
    ///
    /// Example: landfall drill schedule schedules/nightly.yaml
    Schedule(schedule::ScheduleArgs),
    /// Go on without a failed step; what it would have verified counts as not verified.
    Skip(people::SkipArgs),
}

pub(crate) async fn run(command: DrillCommand, context: Context) -> Outcome {
    match command {
        DrillCommand::Plan(args) => plan::run(&args, &context),
        DrillCommand::Run(args) => run::run(&args, scenario::RunKind::Drill, &context).await,
        DrillCommand::Resume(args) => run::resume(&args, &context).await,
        DrillCommand::Simulate(args) => simulate::run(&args, &context),
        DrillCommand::List(args) => look::list(&args, &context),
        DrillCommand::Status(args) => look::status(&args, &context),
        DrillCommand::Cancel(args) => people::cancel(&args, &context),
        DrillCommand::Approve(args) => people::approve(&args, &context),
        DrillCommand::Retry(args) => people::retry(&args, &context),
        DrillCommand::Report(args) => report::run(&args, &context),
        DrillCommand::Sweep(args) => sweep::run(&args, &context).await,
        DrillCommand::Schedule(args) => schedule::run(&args, context).await,
        DrillCommand::Skip(args) => people::skip(&args, &context),
    }
}
