//! The supervisor alone, for this crate's own tests; in the product it is a hidden subcommand of landfall.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ExitCode::from(sandbox::supervise::supervise(&arguments))
}
