//! Starts the benchmarks of `benches/peers`, with an optimised landfall beside them.
//!
//! Measures nothing itself: this program is not optimised. See docs/benchmarks.md for what came out.

use std::process::{Command, ExitCode};

use crate::test::servers;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// backup, restore, sandbox, convert, rewrite or all, and its options; `help` shows them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// What the measurements beside Velero need.
const PEERS: [&str; 3] = ["versitygw", "velero", "velero-plugin-aws"];

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.arguments.iter().any(|word| ["backup", "restore", "all"].contains(&word.as_str())) {
        servers::cached(&crate::root(), &PEERS);
    }
    let packages =
        ["--release", "--package", "landfall", "--package", "xtask", "--bin", "landfall", "--bench", "peers"];
    let built = crate::workspace::build_with(&crate::root(), &packages)?;
    let (landfall, peers) = (built.landfall()?, built.program("bench", "peers")?);
    let status = Command::new(peers).args(&arguments.arguments).env("LANDFALL", landfall).status()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(5)).unwrap_or(5)))
}
