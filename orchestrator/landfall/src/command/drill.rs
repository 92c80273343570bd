//! `landfall drill`: plan, run, simulate, look after, report.

mod load;
mod look;
mod people;
mod plan;
mod report;
mod simulate;

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
    /// Go on without a failed step; what it would have verified counts as not verified.
    Skip(people::SkipArgs),
}

pub(crate) async fn run(command: DrillCommand, context: Context) -> Outcome {
    match command {
        DrillCommand::Plan(args) => plan::run(&args, &context),
        DrillCommand::Simulate(args) => simulate::run(&args, &context),
        DrillCommand::List(args) => look::list(&args, &context),
        DrillCommand::Status(args) => look::status(&args, &context),
        DrillCommand::Cancel(args) => people::cancel(&args, &context),
        DrillCommand::Approve(args) => people::approve(&args, &context),
        DrillCommand::Retry(args) => people::retry(&args, &context),
        DrillCommand::Skip(args) => people::skip(&args, &context),
    }
}
