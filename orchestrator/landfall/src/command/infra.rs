//! `landfall infra`: contracts, pairs and leaks; and the stacks themselves.

pub(crate) mod environment;

mod contract;
mod leaks;
mod map;
mod news;
mod stack;

use clap::Subcommand;

use super::Context;
use crate::failure::Outcome;

pub(crate) use map::read_map;

#[derive(Debug, Subcommand)]
pub(crate) enum InfraCommand {
    /// Pair what one environment offers with what another one does.
    ///
    /// Both are a contract's JSON, the output of `terraform output -json`, a state file, a stack's folder, or
    /// backup:NAME for the contract that a backup captured. The map can be edited and given back with --map.
    /// Exit codes: 0 complete, 3 pairs to look at or keys that are missing in the target.
    ///
    /// Example: landfall infra map backup:nightly terraform/stacks/recovery --out map.yaml
    Map(Box<map::MapArgs>),
    /// Look for what still points at an environment: in a backup, in manifests, or in a live cluster.
    ///
    /// Exit codes: 0 nothing in a place that is used, 1 something is (with --strict: anywhere).
    ///
    /// Example: landfall infra leaks --sandbox target --source source-contract.json --target target-contract.json
    Leaks(Box<leaks::LeaksArgs>),
    /// Print the infrastructure contract of a stack, a state or outputs, and what is wrong with it.
    ///
    /// Exit codes: 0 usable, 3 something in it is wrong.
    ///
    /// Example: landfall infra contract terraform/stacks/primary --out contract.json
    Contract(Box<contract::ContractArgs>),
    /// Show what an apply would do to a stack, and keep the plan for it.
    ///
    /// Exit codes: 0 planned, 4 changes were found (with --detailed-exitcode), 3 the plan is refused.
    ///
    /// Example: landfall infra plan terraform/stacks/recovery --var region=eu-west-1
    Plan(Box<stack::PlanArgs>),
    /// Plan and apply a stack. A run that was left behind is followed to its end first.
    ///
    /// Ctrl-C lets running work finish; a second one interrupts, a third one forces. Nothing is ever killed.
    /// Exit codes: 0 done, 1 it did not end well, 3 refused or something has to be settled first.
    ///
    /// Example: landfall infra apply terraform/stacks/recovery
    Apply(Box<stack::RunArgs>),
    /// Take a stack down.
    ///
    /// What holds data is refused unless it was created from here or is allowed with --allow-destroy.
    /// Exit codes as for apply.
    ///
    /// Example: landfall infra destroy terraform/stacks/recovery --confirm
    Destroy(Box<stack::DestroyArgs>),
    /// Differences between the world, the state and the description of a stack.
    ///
    /// Exit codes: 0 none, 4 there are some.
    Drift(Box<stack::DriftArgs>),
    /// What a broken run left behind, and the next steps; --fix does the safe ones.
    ///
    /// Exit codes: 0 nothing to do, 3 there are steps.
    ///
    /// Example: landfall infra doctor terraform/stacks/recovery --fix
    Doctor(Box<stack::DoctorArgs>),
}

pub(crate) async fn run(command: InfraCommand, context: Context) -> Outcome {
    match command {
        InfraCommand::Map(args) => map::run(&args, &context).await,
        InfraCommand::Leaks(args) => leaks::run(&args, &context).await,
        InfraCommand::Contract(args) => contract::run(&args, &context).await,
        InfraCommand::Plan(args) => stack::plan(&args, &context).await,
        InfraCommand::Apply(args) => stack::apply(&args, &context).await,
        InfraCommand::Destroy(args) => stack::destroy(&args, &context).await,
        InfraCommand::Drift(args) => stack::drift(&args, &context).await,
        InfraCommand::Doctor(args) => stack::doctor(&args, &context).await,
    }
}
