//! landfall: disaster recovery for Kubernetes platforms, proved.
//!
//! The composition root: reads the environment, builds adapters, runs one command, prints. Nothing else in the
//! workspace does any of these.

#![allow(clippy::large_futures, reason = "one future a command, made once")]

mod cli;
mod clock;
mod cluster_flags;
mod command;
mod failure;
mod locations;
mod printer;
mod progress;
mod runs;
mod settings;
mod workshop;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::{Exit, report};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The supervisor must start before any thread or runtime does, and is not for people.
    if let [first, second, rest @ ..] = arguments.as_slice()
        && first == "sandbox"
        && second == "supervise"
    {
        return ExitCode::from(sandbox::supervise::supervise(rest));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Good };
            // Help and version go to stdout, mistakes to stderr; a closed pipe is nobody's mistake.
            let _ = error.print();
            return exit.into();
        }
    };
    // Its work is to wait; more threads than processors would only wake each other.
    let threads = std::thread::available_parallelism().map_or(2, |found| found.get().clamp(2, 4));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::from(error).context("failed to start the runtime").into()),
    };
    let outcome = runtime.block_on(command::run(cli));
    // What is still blocked on a file or a child must not keep a finished command from ending.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => report(&failure),
    }
}
