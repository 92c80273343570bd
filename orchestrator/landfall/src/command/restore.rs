//! `landfall restore`: plan, apply, run, get, describe, logs.

mod arguments;
mod flags;
pub(crate) mod in_use;
mod infrastructure;
mod manage;
mod resolved;
mod show;

use anyhow::Context as _;
use api::velero::RestoreSpec;
use clap::Subcommand;
use engine::restore::PlannedRestore;
use plan::restore::PlanFile;

use super::Context;
use crate::failure::{Exit, Outcome};
use crate::progress::Bars;
use arguments::{ApplyArgs, PlanArgs, RunArgs};
use infrastructure::{Infrastructure, Wanted};
use resolved::{open, resolve, resolve_with};

#[derive(Debug, Subcommand)]
pub(crate) enum RestoreCommand {
    /// Show what a restore would do; write nothing.
    ///
    /// Exit code 3 when something is blocked and needs a decision.
    ///
    /// Example: landfall restore plan nightly --location main --out plan.json
    Plan(Box<PlanArgs>),
    /// Do exactly what a saved plan says; refuse when backup or target have changed since.
    ///
    /// Example: landfall restore apply plan.json
    Apply(Box<ApplyArgs>),
    /// Plan and apply in one go.
    ///
    /// Running the same restore again does what is missing and touches nothing that is done.
    ///
    /// Example: landfall restore run nightly --location main --include-namespaces shop
    Run(Box<RunArgs>),
    /// List restores.
    Get(manage::GetArgs),
    /// Show one restore.
    Describe(manage::NameArgs),
    /// Print a restore's log.
    Logs(manage::NameArgs),
}

pub(crate) async fn run(command: RestoreCommand, context: Context) -> Outcome {
    match command {
        RestoreCommand::Plan(args) => plan(*args, &context).await,
        RestoreCommand::Apply(args) => apply(*args, &context).await,
        RestoreCommand::Run(args) => restore(*args, &context).await,
        RestoreCommand::Get(args) => manage::get(&args, &context).await,
        RestoreCommand::Describe(args) => manage::describe(&args, &context).await,
        RestoreCommand::Logs(args) => manage::logs(&args, &context).await,
    }
}

async fn plan(args: PlanArgs, context: &Context) -> Outcome {
    let resolved = resolve(&args.source, &args.place, context).await?;
    let bars = Bars::new(context.printer);
    let opened = open(&resolved, &bars).await?;
    let infra = resolved.infrastructure(&opened)?;
    let digests = args.out.is_some() || context.printer.is_for_programs();
    let planned = resolved.plan(&opened, &infra, digests, &bars).await?;
    if let Some(out) = &args.out {
        let text = serde_json::to_vec_pretty(&planned.file).context("failed to encode the plan")?;
        std::fs::write(out, text).with_context(|| format!("failed to write {}", out.display()))?;
        context.printer.say(&format!("plan written to {}; apply it with `landfall restore apply`", out.display()));
    }
    show_plan(&planned, &infra, &args.diff, context)
}

async fn restore(args: RunArgs, context: &Context) -> Outcome {
    let resolved = resolve(&args.source, &args.place, context).await?;
    let bars = Bars::new(context.printer);
    let _held = in_use::hold(&context.settings.state, &resolved.request.name, &resolved.request.backup)?;
    let mut opened = open(&resolved, &bars).await?;
    let infra = resolved.infrastructure(&opened)?;
    let planned = resolved.plan(&opened, &infra, args.dry_run && context.printer.is_for_programs(), &bars).await?;
    let blocked = args.stop_when_blocked && planned.file.counts().blocked > 0;
    if args.dry_run || blocked || !infra.stops(&planned.file).is_empty() {
        return show_plan(&planned, &infra, &[], context);
    }
    opened.forget_items();
    resolved.act(&opened, &infra, planned, &bars, context).await
}

async fn apply(args: ApplyArgs, context: &Context) -> Outcome {
    let bytes = std::fs::read(&args.plan).with_context(|| format!("failed to read {}", args.plan.display()))?;
    let saved = PlanFile::read(&bytes).with_context(|| format!("failed to read {}", args.plan.display()))?;
    let spec = spec_of(&saved).with_context(|| format!("failed to read {}", args.plan.display()))?;
    let settings = flags::Shaping::from_saved(&saved.settings, &args.settings)?;
    let wanted = Wanted::from_saved(&saved.settings)?;
    let resolved = resolve_with(saved.request.clone(), spec, settings, wanted, &args.place, context).await?;
    let bars = Bars::new(context.printer);
    let _held = in_use::hold(&context.settings.state, &resolved.request.name, &resolved.request.backup)?;
    let mut opened = open(&resolved, &bars).await?;
    let infra = resolved.infrastructure(&opened)?;
    let planned = resolved.plan(&opened, &infra, true, &bars).await?;
    engine::restore::same_plan(&saved, &planned.file)?;
    if !infra.stops(&planned.file).is_empty() {
        return show_plan(&planned, &infra, &[], context);
    }
    opened.forget_items();
    resolved.act(&opened, &infra, planned, &bars, context).await
}

/// What is recorded as asked for. Plans of earlier versions do not hold it.
fn spec_of(saved: &PlanFile) -> anyhow::Result<RestoreSpec> {
    let spec = saved.spec.clone().map(serde_json::from_value::<RestoreSpec>).transpose().context("its spec is none")?;
    let spec = spec.unwrap_or_default();
    Ok(RestoreSpec { backup_name: saved.request.backup.clone(), ..spec })
}

fn show_plan(planned: &PlannedRestore, infra: &Infrastructure, diff: &[String], context: &Context) -> Outcome {
    context.printer.value(&planned.file, |file| show::plan(file, diff, context.printer.verbose))?;
    let stops = infra.stops(&planned.file);
    stops.iter().for_each(|why| context.printer.say(&format!("blocked: {why}")));
    Ok(if planned.file.counts().blocked > 0 || !stops.is_empty() { Exit::Decision } else { Exit::Good })
}
