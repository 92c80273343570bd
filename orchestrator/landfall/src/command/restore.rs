//! `landfall restore`: plan, apply, run, get, describe, logs.

mod flags;
pub(crate) mod in_use;
mod infrastructure;
mod manage;
mod show;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use api::velero::{RestoreSpec, spec_from_yaml};
use clap::{Args, Subcommand};
use engine::Outside;
use engine::restore::{OpenedBackup, PlannedRestore, RestoreError, RestoreJob};
use model::request::RestoreRequest;
use plan::restore::PlanFile;
use plan::restore::modifier::{self, ModifierRule};
use plan::restore::prepare::Rewrite;
use plan::restore::webhooks::UnreadyWebhooks;
use plan::transform::InfraRewrite;

use super::Context;
use crate::clock::SystemClock;
use crate::cluster_flags::ClusterFlags;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::progress::Bars;
use infrastructure::{Infrastructure, Wanted};

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

#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The backup; taken from the manifest with --from-file.
    #[arg(required_unless_present = "from_file")]
    backup: Option<String>,
    /// Name of the restore; the backup's name by default.
    #[arg(long)]
    name: Option<String>,
    /// Read a velero.io/v1 Restore from a file; - is stdin. Selection flags cannot be mixed with it.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    selection: flags::SelectionFlags,
    #[command(flatten)]
    settings: flags::SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Where the backup is: a location's name, file:///directory or s3://bucket/prefix.
    #[arg(long)]
    location: Option<String>,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// What to do when webhooks of the target would refuse everything because their backend is not up.
    #[arg(long, value_enum, default_value_t = Webhooks::Warn, value_name = "POLICY")]
    unready_webhooks: Webhooks,
    /// After creating, wait until workloads are available and claims are bound; what is not by then is a failure.
    #[arg(long, value_name = "available")]
    wait: Option<WaitFor>,
    /// How long --wait waits: 10m, 90s.
    #[arg(long, default_value = "10m", value_name = "DURATION", requires = "wait")]
    wait_timeout: String,
    /// Folder for temporary files; needs room for all objects of the backup, twice.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    temp_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WaitFor {
    Available,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Webhooks {
    /// Say so and go on.
    Warn,
    /// Refuse to begin.
    Fail,
    /// Wait for them before the first write.
    Wait,
    /// Restore the namespaces of their backends first, then the rest.
    WorkloadsFirst,
}

impl From<Webhooks> for UnreadyWebhooks {
    fn from(policy: Webhooks) -> Self {
        match policy {
            Webhooks::Warn => Self::Warn,
            Webhooks::Fail => Self::Fail,
            Webhooks::Wait => Self::Wait,
            Webhooks::WorkloadsFirst => Self::WorkloadsFirst,
        }
    }
}

impl Place {
    fn wait_limit(&self) -> Result<Option<std::time::Duration>, Failure> {
        let parse = |_| {
            model::go_duration::parse(&self.wait_timeout)
                .map_err(|error| Failure::usage(format!("--wait-timeout: {error}")))
        };
        self.wait.map(parse).transpose()
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: Place,
    /// Save the plan, to be applied later.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show what changes in these objects: kind/name or kind/namespace/name; "all" for every one.
    #[arg(long, value_name = "OBJECT")]
    diff: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    plan: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    settings: flags::SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: Place,
    /// Only show the plan; the same as `restore plan`.
    #[arg(long)]
    dry_run: bool,
    /// Go no further when something is blocked.
    #[arg(long)]
    stop_when_blocked: bool,
}

/// A restore, resolved: what, from where, into what, with which settings.
struct Resolved {
    request: RestoreRequest,
    spec: RestoreSpec,
    conversions: versions::Options,
    modifiers: Vec<ModifierRule>,
    settings: std::collections::BTreeMap<String, String>,
    outside: Outside,
    folder: tempfile::TempDir,
    uid: String,
    wait: Option<std::time::Duration>,
    webhooks: UnreadyWebhooks,
    wanted: Wanted,
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
    let infra = resolved.wanted.prepare(opened.contract.as_ref())?;
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
    let infra = resolved.wanted.prepare(opened.contract.as_ref())?;
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
    let spec = RestoreSpec { backup_name: saved.request.backup.clone(), ..RestoreSpec::default() };
    let settings = flags::Shaping::from_saved(&saved.settings, &args.settings)?;
    let wanted = Wanted::from_saved(&saved.settings)?;
    let resolved = resolve_with(saved.request.clone(), spec, settings, wanted, &args.place, context).await?;
    let bars = Bars::new(context.printer);
    let _held = in_use::hold(&context.settings.state, &resolved.request.name, &resolved.request.backup)?;
    let mut opened = open(&resolved, &bars).await?;
    let infra = resolved.wanted.prepare(opened.contract.as_ref())?;
    let planned = resolved.plan(&opened, &infra, true, &bars).await?;
    engine::restore::same_plan(&saved, &planned.file)?;
    if !infra.stops(&planned.file).is_empty() {
        return show_plan(&planned, &infra, &[], context);
    }
    opened.forget_items();
    resolved.act(&opened, &infra, planned, &bars, context).await
}

impl Resolved {
    fn job<'a>(&'a self, infra: &Infrastructure, rewrite: Option<&'a dyn Rewrite>, digests: bool) -> RestoreJob<'a> {
        let mut settings = self.settings.clone();
        settings.extend(infra.settings.clone());
        RestoreJob {
            request: &self.request,
            spec: &self.spec,
            conversions: &self.conversions,
            modifiers: &self.modifiers,
            rewrite,
            settings,
            uid: &self.uid,
            folder: self.folder.path(),
            wait_available: self.wait,
            webhooks: self.webhooks,
            digests,
        }
    }

    async fn plan(
        &self,
        opened: &OpenedBackup,
        infra: &Infrastructure,
        digests: bool,
        bars: &Bars,
    ) -> Result<PlannedRestore, RestoreError> {
        let rewrite = infra.pair.as_ref().map(|pair| InfraRewrite::new(pair, infra.rules.as_ref()));
        let job = self.job(infra, rewrite.as_ref().map(|rewrite| rewrite as &dyn Rewrite), digests);
        let mut planned = engine::restore::plan(&self.outside, &job, opened, bars).await?;
        let unmatched = rewrite.as_ref().map(InfraRewrite::unmatched_rules).unwrap_or_default();
        infra.complete(&mut planned.file, unmatched);
        Ok(planned)
    }

    async fn act(
        &self,
        opened: &OpenedBackup,
        infra: &Infrastructure,
        planned: PlannedRestore,
        bars: &Bars,
        context: &Context,
    ) -> Outcome {
        // Bodies are prepared: nothing is rewritten any more.
        let outcome = engine::restore::act(&self.outside, &self.job(infra, None, false), opened, planned, bars).await;
        context.printer.value(&outcome, show::outcome)?;
        Ok(if outcome.phase == "Completed" { Exit::Good } else { Exit::NotGood })
    }
}

async fn resolve(source: &Source, place: &Place, context: &Context) -> Result<Resolved, Failure> {
    let (name, spec) = match &source.from_file {
        Some(path) => {
            if source.selection.any() {
                return Err(Failure::usage("flags that say what to restore cannot be mixed with --from-file"));
            }
            let text = super::read_input(path)?;
            let written = spec_from_yaml::<RestoreSpec>(&text, "Restore")
                .map_err(|error| Failure::from(error).exit(Exit::Usage))?;
            (source.name.clone().unwrap_or(written.name), written.spec)
        }
        None => {
            let backup = source.backup.clone().unwrap_or_default();
            (source.name.clone().unwrap_or_else(|| backup.clone()), source.selection.spec(backup)?)
        }
    };
    let mut request = spec.request(&name)?;
    source.selection.beyond_velero(&mut request);
    let shaping = flags::Shaping::from_flags(&source.settings)?;
    let wanted = source.settings.infra.read(place.location.as_deref(), context).await?;
    resolve_with(request, spec, shaping, wanted, place, context).await
}

async fn resolve_with(
    mut request: RestoreRequest,
    spec: RestoreSpec,
    shaping: flags::Shaping,
    wanted: Wanted,
    place: &Place,
    context: &Context,
) -> Result<Resolved, Failure> {
    if request.resource_modifiers.is_none() {
        request.resource_modifiers = shaping.modifiers;
    }
    let modifiers = match &request.resource_modifiers {
        Some(text) => modifier::parse(text).map_err(|error| Failure::from(error).exit(Exit::Usage))?,
        None => Vec::new(),
    };
    let location = locations::open(&context.settings, place.location.as_deref()).await?;
    let cluster = place.cluster.connect(&context.settings).await?;
    Ok(Resolved {
        request,
        spec,
        conversions: shaping.conversions,
        modifiers,
        settings: shaping.settings,
        outside: Outside { cluster, store: location.store, clock: Arc::new(SystemClock) },
        folder: super::temp_folder(place.temp_dir.as_deref())?,
        uid: uuid::Uuid::new_v4().to_string(),
        wait: place.wait_limit()?,
        webhooks: place.unready_webhooks.into(),
        wanted,
    })
}

async fn open(resolved: &Resolved, bars: &Bars) -> Result<OpenedBackup, Failure> {
    let Resolved { request, outside, folder, .. } = resolved;
    Ok(engine::restore::open(outside, &request.backup, &request.labels, folder.path(), bars).await?)
}

fn show_plan(planned: &PlannedRestore, infra: &Infrastructure, diff: &[String], context: &Context) -> Outcome {
    context.printer.value(&planned.file, |file| show::plan(file, diff, context.printer.verbose))?;
    let stops = infra.stops(&planned.file);
    stops.iter().for_each(|why| context.printer.say(&format!("blocked: {why}")));
    Ok(if planned.file.counts().blocked > 0 || !stops.is_empty() { Exit::Decision } else { Exit::Good })
}
