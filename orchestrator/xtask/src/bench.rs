//! Benchmarks: each in a file of its own under `bench/`, chosen by name.

use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which benchmark to run
    name: String,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    anyhow::bail!("no benchmark is called {:?}", arguments.name)
}
