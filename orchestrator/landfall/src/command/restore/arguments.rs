//! What a person says: which backup, into which cluster, and how.

use std::path::PathBuf;

use clap::Args;
use plan::restore::webhooks::UnreadyWebhooks;

use super::flags;
use crate::cluster_flags::ClusterFlags;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The backup; taken from the manifest with --from-file.
    #[arg(required_unless_present = "from_file")]
    pub(super) backup: Option<String>,
    /// Name of the restore; the backup's name by default.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Read a velero.io/v1 Restore from a file; - is stdin. Selection flags cannot be mixed with it.
    #[arg(long, value_name = "FILE")]
    pub(super) from_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) selection: flags::SelectionFlags,
    #[command(flatten)]
    pub(super) settings: flags::SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Where the backup is: a location's name, file:///directory or s3://bucket/prefix.
    #[arg(long)]
    pub(super) location: Option<String>,
    #[command(flatten)]
    pub(super) cluster: ClusterFlags,
    /// What to do when webhooks of the target would refuse everything because their backend is not up.
    #[arg(long, value_enum, default_value_t = Webhooks::Warn, value_name = "POLICY")]
    pub(super) unready_webhooks: Webhooks,
    /// After creating, wait until workloads are available and claims are bound; what is not by then is a failure.
    #[arg(long, value_name = "available")]
    pub(super) wait: Option<WaitFor>,
    /// How long --wait waits: 10m, 90s.
    #[arg(long, default_value = "10m", value_name = "DURATION", requires = "wait")]
    pub(super) wait_timeout: String,
    /// Folder for temporary files; needs room for all objects of the backup, twice.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(super) temp_dir: Option<PathBuf>,
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
    pub(super) fn wait_limit(&self) -> Result<Option<std::time::Duration>, Failure> {
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
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) place: Place,
    /// Save the plan, to be applied later.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Show what changes in these objects: kind/name or kind/namespace/name; "all" for every one.
    #[arg(long, value_name = "OBJECT")]
    pub(super) diff: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    pub(super) plan: PathBuf,
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) settings: flags::SettingFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(super) source: Source,
    #[command(flatten)]
    pub(super) place: Place,
    /// Only show the plan; the same as `restore plan`.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go no further when something is blocked.
    #[arg(long)]
    pub(super) stop_when_blocked: bool,
}
