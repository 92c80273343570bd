//! One file for each command: its arguments, what it does, how it shows the result.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod infra;
pub(crate) mod location;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod sandbox;

use crate::cli::{Cli, Command};
use crate::failure::{Exit, Outcome};
use crate::printer::Printer;
use crate::settings::Settings;

/// What every command works with.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) printer: Printer,
}

pub(crate) async fn run(cli: Cli) -> Outcome {
    let printer = Printer { format: cli.output, quiet: cli.quiet, verbose: cli.verbose };
    if let Command::Completions(args) = cli.command {
        return completions::run(&args, printer);
    }
    let context = Context { settings: Settings::from_environment()?, printer };
    match cli.command {
        Command::Sandbox(command) => sandbox::run(command, &context).await,
        Command::Backup(command) => backup::run(command, context).await,
        Command::Restore(command) => restore::run(command, context).await,
        Command::Drill(command) => drill::run(*command, context).await,
        Command::Recover(args) => drill::run::run(&args, scenario::RunKind::Recovery, &context).await,
        Command::Report(command) => report::run(command, &context),
        Command::Location(command) => location::run(command, context).await,
        Command::Convert(args) => convert::run(&args, &context),
        Command::Infra(command) => infra::run(command, context).await,
        Command::Doctor(args) => doctor::run(&args, &context).await,
        Command::Completions(args) => completions::run(&args, context.printer),
    }
}

/// Reads a file that a person names; `-` is stdin. Capped, because it may be anything.
pub(crate) fn read_input(path: &std::path::Path) -> anyhow::Result<String> {
    use std::io::Read;

    use anyhow::Context as _;

    const CAP: u64 = 64 << 20;
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(CAP).read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .with_context(|| format!("failed to open {}", path.display()))?
            .take(CAP)
            .read_to_string(&mut text)
    };
    read.with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text)
}

/// A folder for spools, removed when it is dropped.
pub(crate) fn temp_folder(wanted: Option<&std::path::Path>) -> anyhow::Result<tempfile::TempDir> {
    use anyhow::Context as _;

    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("landfall-");
    match wanted {
        Some(folder) => {
            builder.tempdir_in(folder).with_context(|| format!("failed to create a folder in {}", folder.display()))
        }
        None => builder.tempdir().context("failed to create a temporary folder"),
    }
}

/// The next step after an error, where one is known.
pub(crate) fn hint_for(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|link| {
        if let Some(error) = link.downcast_ref::<::sandbox::SandboxError>() {
            return error.hint();
        }
        if let Some(engine::backup::BackupError::Exists(name)) = link.downcast_ref() {
            return Some(format!("choose another name, or remove it with `landfall backup delete {name}`"));
        }
        if let Some(engine::restore::OpenError::Missing { .. }) = link.downcast_ref() {
            return Some("`landfall backup get` lists what is there".to_owned());
        }
        if let Some(engine::restore::RestoreError::Stale(_)) = link.downcast_ref() {
            return Some("make a new plan with `landfall restore plan`".to_owned());
        }
        let error = link.downcast_ref::<ports::PortError>()?;
        match error.kind {
            ports::ErrorKind::Denied => Some("check the credentials and what they are allowed to do".to_owned()),
            ports::ErrorKind::Unavailable => {
                Some("check that the server runs and can be reached, then try again".to_owned())
            }
            _ => None,
        }
    })
}

/// The exit code of an error that carries none of its own.
pub(crate) fn exit_for(error: &anyhow::Error) -> Exit {
    let usage = error.chain().any(|link| {
        link.downcast_ref::<::sandbox::SandboxError>().is_some_and(::sandbox::SandboxError::is_usage)
            || link.downcast_ref::<api::velero::SpecError>().is_some()
            || link.downcast_ref::<store::location::LocationError>().is_some()
    });
    if usage { Exit::Usage } else { Exit::CouldNotRun }
}
