//! `landfall backup`: run, get, describe, logs, download, delete, verify, gc.

pub(crate) mod flags;
pub(crate) mod manage;
mod policies;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use api::velero::{BackupSpec, spec_from_yaml};
use clap::{Args, Subcommand};
use engine::Outside;
use engine::backup::{BackupJob, BackupOutcome};

use super::Context;
use crate::clock::SystemClock;
use crate::cluster_flags::ClusterFlags;
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::printer::bytes;
use crate::progress::Bars;

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Save a cluster.
    ///
    /// Without any filter, everything is saved. A run that was interrupted leaves nothing that counts as a backup;
    /// run it again under the same name.
    ///
    /// Example: landfall backup run nightly --location s3://backups/prod --include-namespaces shop,pay
    Run(Box<RunArgs>),
    /// List backups.
    Get(manage::GetArgs),
    /// Show one backup.
    Describe(manage::DescribeArgs),
    /// Print a backup's log.
    Logs(manage::NameArgs),
    /// Download a backup's archive.
    Download(manage::DownloadArgs),
    /// Delete backups.
    Delete(manage::DeleteArgs),
    /// Read every file of a backup again and check counts, digests and JSON.
    ///
    /// Exit code 1 when something is wrong.
    Verify(manage::VerifyArgs),
    /// Delete backups that have expired, except those that a restore reads.
    Gc(manage::GcArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Name of the backup; taken from the manifest with --from-file.
    #[arg(required_unless_present = "from_file")]
    name: Option<String>,
    /// Where to save: a location's name, file:///directory or s3://bucket/prefix.
    #[arg(long)]
    location: Option<String>,
    /// Read a velero.io/v1 Backup from a file; - is stdin. Flags cannot be mixed with it.
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    filters: flags::FilterFlags,
    /// Resource policies: a file with Velero's policy document, or with the ConfigMap that holds it; - is stdin.
    ///
    /// Volume policies, include-exclude policies and filter policies; may be mixed with --from-file, and must be given
    /// when its spec names a policy.
    #[arg(long, visible_alias = "resource-policies-configmap", value_name = "FILE", help_heading = "What to save")]
    resource_policies: Option<PathBuf>,
    /// The infrastructure contract of this cluster, saved beside the backup.
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,
    /// Save every served version of each object.
    #[arg(long)]
    every_version: bool,
    /// Namespace that the backup's object names.
    #[arg(long, default_value = "velero", value_name = "NAMESPACE")]
    velero_namespace: String,
    /// Objects a page.
    #[arg(long, default_value_t = 500, hide_short_help = true)]
    page_size: u32,
    /// Threads that compress.
    #[arg(long, hide_short_help = true)]
    threads: Option<usize>,
    /// Folder for temporary files; needs room for all objects of the backup.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    temp_dir: Option<PathBuf>,
}

pub(crate) async fn run(command: BackupCommand, context: Context) -> Outcome {
    match command {
        BackupCommand::Run(args) => backup(*args, context).await,
        BackupCommand::Get(args) => manage::get(&args, &context).await,
        BackupCommand::Describe(args) => manage::describe(&args, &context).await,
        BackupCommand::Logs(args) => manage::logs(&args, &context).await,
        BackupCommand::Download(args) => manage::download(&args, &context).await,
        BackupCommand::Delete(args) => manage::delete(&args, &context).await,
        BackupCommand::Verify(args) => manage::verify(&args, &context).await,
        BackupCommand::Gc(args) => manage::gc(&args, &context).await,
    }
}

/// Bytes of a contract file at the most.
const CONTRACT_CAP: usize = 4 << 20;

async fn backup(args: RunArgs, context: Context) -> Outcome {
    let (name, mut spec, labels, annotations) = match &args.from_file {
        Some(path) => {
            if args.filters.any() {
                return Err(Failure::usage("flags that say what to save cannot be mixed with --from-file"));
            }
            let text = super::read_input(path)?;
            let written = spec_from_yaml::<BackupSpec>(&text, "Backup")
                .map_err(|error| Failure::from(error).exit(Exit::Usage))?;
            let name = args.name.clone().unwrap_or(written.name);
            (name, written.spec, written.labels, written.annotations)
        }
        None => {
            let (labels, annotations) = args.filters.metadata()?;
            (args.name.clone().unwrap_or_default(), args.filters.spec()?, labels, annotations)
        }
    };
    let policies = policies::read(args.resource_policies.as_deref(), args.from_file.as_deref(), &mut spec)?;
    let mut request = spec.request(&name)?;
    request.resource_policy = policies;
    policies::check(&request)?;
    let location = locations::open_or_create(&context.settings, args.location.as_deref()).await?;
    request.every_version = args.every_version;
    request.page_size = args.page_size;
    let spec = spec.defaulted(&location.name);
    let contract = match &args.contract {
        Some(path) => Some(read_contract(path)?),
        None => None,
    };
    let cluster = args.cluster.connect(&context.settings).await?;
    let folder = super::temp_folder(args.temp_dir.as_deref())?;
    let outside = Outside { cluster, store: location.store, clock: Arc::new(SystemClock) };
    let uid = uuid::Uuid::new_v4().to_string();
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let job = BackupJob {
        request: &request,
        spec: &spec,
        namespace: &args.velero_namespace,
        labels,
        annotations,
        uid: &uid,
        contract: contract.as_ref(),
        folder: folder.path(),
        threads,
    };
    let bars = Bars::new(context.printer);
    let outcome = engine::backup::run(&outside, &job, &bars).await?;
    context.printer.value(&outcome, shown)?;
    Ok(if outcome.phase == "Completed" { Exit::Good } else { Exit::NotGood })
}

fn read_contract(path: &std::path::Path) -> Result<serde_json::Value, Failure> {
    let text = super::read_input(path)?;
    if text.len() > CONTRACT_CAP {
        return Err(Failure::usage(format!("{} is too large for a contract", path.display())));
    }
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    Ok(value)
}

fn shown(outcome: &BackupOutcome) -> String {
    let mut text = format!("backup {}: {}\n", outcome.name, outcome.phase);
    let took = outcome.completed.duration_since(outcome.started);
    text.push_str(&format!(
        "  {} objects of {} kinds in {:.1}s, {} in {}\n",
        outcome.items,
        outcome.items_by_kind.len(),
        took.as_secs_f64(),
        bytes(outcome.compressed_bytes),
        outcome.location,
    ));
    text.push_str(&format!(
        "  {} errors, {} warnings, expires {}\n",
        outcome.errors, outcome.warnings, outcome.expiration
    ));
    for message in &outcome.messages {
        text.push_str(&format!("  - {message}\n"));
    }
    if !outcome.not_covered.is_empty() {
        text.push_str("not covered:\n");
        for line in outcome.not_covered.iter().take(20) {
            text.push_str(&format!("  - {line}\n"));
        }
        if outcome.not_covered.len() > 20 {
            text.push_str(&format!(
                "  … and {} more; see `landfall backup describe`\n",
                outcome.not_covered.len() - 20
            ));
        }
    }
    text
}
