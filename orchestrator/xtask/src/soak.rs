//! The long loops: everything that kills, cuts off or fails on purpose, again and again, each round by its seed.
//!
//! Two kinds of test take part. Those in a module named as in [`LOOPS`] are run once for each round; they read
//! `LANDFALL_SOAK=ROUNDS:SEED`, here with one round, and then choose many moments by the seed. Property tests get more
//! cases and the round's seed. Without the variable, as in `cargo xtask test`, the moments are few and fixed.

use std::path::Path;
use std::process::ExitCode;

use crate::test::program::How;
use crate::test::servers::{self, Variables};
use crate::test::{Total, at_once, run_one};
use crate::workspace::{self, TestProgram};

/// Modules whose tests kill or break something; a test's path contains one of these.
const LOOPS: [&str; 4] = ["soak::", "kills::", "faults::", "properties::"];
/// Programs in `tests/` that do nothing else.
const LOOP_PROGRAMS: [&str; 2] = ["kill", "soak"];
const CASES: u64 = 2_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The first round's seed; the following rounds count on from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 10)]
    rounds: u64,
    /// Only these crates
    #[arg(long = "package", short, value_name = "CRATE")]
    packages: Vec<String>,
    /// Go on after a round that failed
    #[arg(long)]
    keep_going: bool,
}

fn variables(seed: u64) -> Variables {
    Variables::from([("LANDFALL_SOAK".to_owned(), format!("1:{seed}").into())])
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let built = workspace::build(root)?;
    let filters: Vec<String> = LOOPS.iter().map(|name| (*name).to_owned()).collect();
    let programs: Vec<&TestProgram> = built
        .tests
        .iter()
        .filter(|program| arguments.packages.is_empty() || arguments.packages.contains(&program.package))
        .filter(|program| has_loops(program))
        .collect();
    servers::components(built.landfall()?)?;
    let path = servers::programs(root, &["versitygw", "tofu"])?;
    let mut total = Total::default();
    for round in 0..arguments.rounds {
        let seed = arguments.seed.wrapping_add(round);
        println!("\nround {} of {}, seed {seed}", round + 1, arguments.rounds);
        let mut variables = variables(seed);
        variables.insert("PROPTEST_CASES".to_owned(), CASES.to_string().into());
        variables.insert("PROPTEST_RNG_SEED".to_owned(), seed.to_string().into());
        variables.extend(path.clone());
        for program in &programs {
            let filters = if is_loop(program) { &[] } else { filters.as_slice() };
            let how = How { at_once: at_once(program), filters, variables: variables.clone() };
            run_one(program, &how, &mut total)?;
        }
        if total.has_failed() {
            println!("again: cargo xtask soak --rounds 1 --seed {seed}");
            if !arguments.keep_going {
                break;
            }
        }
    }
    println!("\n{}", total.summary());
    Ok(total.exit())
}

fn is_loop(program: &TestProgram) -> bool {
    !program.is_unit && LOOP_PROGRAMS.contains(&program.target.as_str())
}

/// Whether the program has a test of a loop.
fn has_loops(program: &TestProgram) -> bool {
    if is_loop(program) {
        return true;
    }
    let listed = std::process::Command::new(&program.path)
        .args(["--list", "--format", "terse"])
        .args(LOOPS)
        .current_dir(&program.folder)
        .output();
    // One that cannot list its tests cannot run them either, and says so when it is run.
    listed.map_or(true, |output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line.ends_with(": test")))
}
