//! Benchmarks beside peers: Velero, a bare pipeline, a bare creator, servers started by hand.
//!
//! Every ratio is of two things measured in one run, because only ratios carry over to another machine. The client, the
//! pipeline and the creator here are the benchmark's own: what they measure must not be measured with itself.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool, not part of the product")]

mod backup;
mod bare;
mod client;
mod convert;
mod measure;
mod objects;
mod restore;
mod rewrite;
mod sandbox;
mod table;
mod velero;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measure against the peers", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Backup: landfall, Velero, and a bare pipeline of list, tar and gzip
    Backup(backup::Arguments),
    /// Restore: landfall, Velero as installed and unthrottled, and a bare concurrent creator
    Restore(restore::Arguments),
    /// A sandbox until it is ready, and the same two servers started by hand
    Sandbox(sandbox::Arguments),
    /// Converting objects, and only parsing and writing them
    Convert(convert::Arguments),
    /// Rewriting and scanning objects, and only parsing and writing them
    Rewrite(rewrite::Arguments),
    /// All of them, as docs/benchmarks.md shows them
    All,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Backup(arguments) => backup::run(&arguments),
        What::Restore(arguments) => restore::run(&arguments),
        What::Sandbox(arguments) => sandbox::run(&arguments),
        What::Convert(arguments) => convert::run(&arguments),
        What::Rewrite(arguments) => rewrite::run(&arguments),
        What::All => all(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(5)
        }
    }
}

fn all() -> anyhow::Result<()> {
    let default = |name: &str| Arguments::try_parse_from(["bench", name]).map(|arguments| arguments.what);
    for name in ["sandbox", "convert", "rewrite", "backup", "restore"] {
        match default(name)? {
            What::Backup(arguments) => backup::run(&arguments)?,
            What::Restore(arguments) => restore::run(&arguments)?,
            What::Sandbox(arguments) => sandbox::run(&arguments)?,
            What::Convert(arguments) => convert::run(&arguments)?,
            What::Rewrite(arguments) => rewrite::run(&arguments)?,
            What::All => {}
        }
    }
    Ok(())
}
