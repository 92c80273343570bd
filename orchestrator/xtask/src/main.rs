//! Tests, checks, benchmarks and generated files: `cargo xtask --help`.
//!
//! What is more than one line of shell and must be the same on every machine is here, a module for each command.
//! Nothing of the product depends on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool, not part of the product")]

mod bench;
#[allow(dead_code, reason = "codegen will call it")]
mod terraform_docs;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tests, checks, benchmarks and generated files", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure against the peers, and write down what came out
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(5)
        }
    }
}

/// The root of the checkout that this program was built from.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
