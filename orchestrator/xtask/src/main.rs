//! Tests, checks, benchmarks and generated files: `cargo xtask --help`.
//!
//! What is more than one line of shell and must be the same on every machine is here, a module for each command.
//! Nothing of the product depends on it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool, not part of the product")]

mod bench;
mod codegen;
mod environment;
mod layers;
mod soak;
#[allow(dead_code, reason = "its checks are called by tests only")]
mod terraform_docs;
mod test;
mod testbed;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use environment::root;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tests, checks, benchmarks and generated files", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test, in order of purity, and list what was skipped and why
    Test(test::Arguments),
    /// Run the loops that kill and break things, again and again, by seed
    Soak(soak::Arguments),
    /// Prove from the manifests that the layers hold
    CheckLayers,
    /// Write the generated files
    Codegen(codegen::Arguments),
    /// Measure against the peers, and write down what came out
    Bench(bench::Arguments),
    /// Build programs of the test bed that are missing, and print where they are
    Testbed(testbed::Arguments),
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().task {
        Task::Test(arguments) => test::run(&root, &arguments),
        Task::Soak(arguments) => soak::run(&root, &arguments),
        Task::CheckLayers => layers::run(&root),
        Task::Codegen(arguments) => codegen::run(&root, &arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Testbed(arguments) => testbed::run(&root, &arguments),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(5)
        }
    }
}
