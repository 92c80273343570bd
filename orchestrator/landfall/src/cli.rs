//! What can be typed. Each command's own arguments lie beside the command.

use clap::{Parser, Subcommand, ValueEnum};

use crate::command;

/// Disaster recovery for Kubernetes platforms that is proved, not hoped for.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done and good, 1 done and not good, 2 usage, 3 something needs a decision, \
4 changes were found, 5 could not run.")]
pub(crate) struct Cli {
    /// How results are written to stdout.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, env = "LANDFALL_OUTPUT")]
    pub(crate) output: Format,
    /// Say more on stderr; twice for every decision.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Disposable local control planes that really are Kubernetes.
    #[command(subcommand)]
    Sandbox(command::sandbox::SandboxCommand),
    /// Save a cluster into a location, and look after what is there.
    #[command(subcommand)]
    Backup(command::backup::BackupCommand),
    /// Bring a backup back: plan, review, apply.
    #[command(subcommand)]
    Restore(command::restore::RestoreCommand),
    /// Rehearse a disaster: plan, simulate, run, look after, report.
    #[command(subcommand)]
    Drill(Box<command::drill::DrillCommand>),
    /// Run a scenario as the real recovery: asks for the approvals, runs the cutover steps, keeps what it built.
    ///
    /// Example: landfall recover scenarios/eks-region-rebuild.yaml
    Recover(Box<command::drill::run::RunArgs>),
    /// Evidence and reports of drills.
    #[command(subcommand)]
    Report(command::report::ReportCommand),
    /// Named places where backups are kept.
    #[command(subcommand)]
    Location(command::location::LocationCommand),
    /// Convert manifests to what a release serves, without a cluster.
    ///
    /// YAML in, YAML out; comments and order stay. What changed and why goes to stderr.
    /// Exit codes: 0 nothing to do, 4 changed, 3 something needs a decision.
    ///
    /// Example: landfall convert manifests/ --to 1.36 --out converted/
    Convert(Box<command::convert::ConvertArgs>),
    /// Infrastructure: stacks by terraform or tofu, contracts, pairs, and what still points at the old one.
    #[command(subcommand)]
    Infra(command::infra::InfraCommand),
    /// Which programs and settings were found where, and what to do about what is missing.
    Doctor(command::doctor::DoctorArgs),
    /// Print a completion script for a shell.
    ///
    /// Example: landfall completions bash > /etc/bash_completion.d/landfall
    Completions(command::completions::CompletionsArgs),
}
