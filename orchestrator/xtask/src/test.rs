//! Every test, from the pure ones to the program as people run it, and a summary that hides no skipped one.

pub(crate) mod libtest;
pub(crate) mod program;
pub(crate) mod servers;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use libtest::{Skip, Tally};
use program::How;
use servers::{Sandboxes, Variables};

use crate::environment::is_ci;
use crate::layers::{self, Ring};
use crate::workspace::{self, Built, TestProgram};
use crate::{codegen, testbed};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this part
    #[arg(long, value_enum)]
    ring: Option<Ring>,
    /// Only these crates
    #[arg(long = "package", short, value_name = "CRATE")]
    packages: Vec<String>,
    /// Only tests whose names contain one of these
    filters: Vec<String>,
}

/// What all programs together did.
#[derive(Default)]
pub(crate) struct Total {
    passed: usize,
    failed: usize,
    skips: Vec<Skip>,
    failing: Vec<String>,
}

impl Total {
    pub(crate) fn add(&mut self, name: &str, tally: &Tally) {
        self.passed += tally.passed;
        self.failed += tally.failed;
        let named = |skip: &Skip| Skip { test: format!("{name} {}", skip.test), reason: skip.reason.clone() };
        self.skips.extend(tally.skips.iter().map(named));
        if tally.failed > 0 {
            self.failing.push(name.to_owned());
        }
    }

    /// One line for each skip and each program that failed, then the totals.
    pub(crate) fn summary(&self) -> String {
        let mut lines: Vec<String> =
            self.skips.iter().map(|skip| format!("SKIP {}: {}", skip.test, skip.reason)).collect();
        lines.extend(self.failing.iter().map(|name| format!("FAILED {name}")));
        lines.push(format!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skips.len()));
        lines.join("\n")
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Good when something ran and nothing failed; a selection that matches nothing proves nothing.
    pub(crate) fn exit(&self) -> ExitCode {
        if self.failed == 0 && self.passed + self.skips.len() > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let built = workspace::build(root)?;
    let mut total = Total::default();
    let everything = arguments.ring.is_none() && arguments.packages.is_empty() && arguments.filters.is_empty();
    if everything {
        checks(root, &built, &mut total)?;
    }
    for ring in [Ring::Pure, Ring::Memory, Ring::Adapters, Ring::E2e] {
        let programs: Vec<&TestProgram> = in_ring(&built, ring)
            .into_iter()
            .filter(|program| arguments.packages.is_empty() || arguments.packages.contains(&program.package))
            .collect();
        if arguments.ring.is_none_or(|wanted| wanted == ring) && !programs.is_empty() {
            run_ring(root, &built, ring, &programs, &arguments.filters, &mut total)?;
        }
    }
    println!("\n{}", total.summary());
    eprintln!("in {:.0} s", began.elapsed().as_secs_f64());
    Ok(total.exit())
}

/// What is no test program: the layers, and that no generated file is stale.
fn checks(root: &Path, built: &Built, total: &mut Total) -> anyhow::Result<()> {
    println!("checks");
    for (name, broken) in
        [("layers", layers::check(root)?), ("generated files", codegen::stale(root, &codegen::generate(root, built)?)?)]
    {
        let (passed, failed) = (usize::from(broken.is_empty()), usize::from(!broken.is_empty()));
        println!("  {name:<34} {}", if broken.is_empty() { "1 passed" } else { "FAILED" });
        for line in broken {
            println!("    {line}");
        }
        total.add(name, &Tally { passed, failed, skips: Vec::new() });
    }
    Ok(())
}

fn run_ring(
    root: &Path,
    built: &Built,
    ring: Ring,
    programs: &[&TestProgram],
    filters: &[String],
    total: &mut Total,
) -> anyhow::Result<()> {
    println!("\n{}", title(ring));
    let variables = prepare(root, built, ring, programs)?;
    let mut sandboxes = None;
    for program in programs {
        let mut variables = variables.clone();
        // Two idle servers cost a tenth of a small machine: they run while somebody talks to them.
        if needs_sandboxes(program) {
            variables.extend(sandboxes.get_or_insert(Sandboxes::start(built.landfall()?)).variables()?);
        } else {
            sandboxes = None;
        }
        let at_once = if ring >= Ring::Adapters { at_once(program) } else { None };
        run_one(program, &How { at_once, filters, variables }, total)?;
    }
    Ok(())
}

/// Runs a program, says how it went, and adds that up.
pub(crate) fn run_one(program: &TestProgram, how: &How<'_>, total: &mut Total) -> anyhow::Result<()> {
    let name = name(program);
    print!("  {name:<34} ");
    std::io::stdout().flush()?;
    let ran = program::run(program, how)?;
    let Tally { passed, failed, skips } = &ran.tally;
    let failed = if *failed > 0 { format!(", {failed} FAILED") } else { String::new() };
    let skipped = if skips.is_empty() { String::new() } else { format!(", {} skipped", skips.len()) };
    println!("{passed} passed{failed}{skipped}, {:.1} s", ran.took.as_secs_f64());
    if let Some(trouble) = &ran.trouble {
        println!("{trouble}");
    }
    total.add(&name, &ran.tally);
    Ok(())
}

fn title(ring: Ring) -> &'static str {
    match ring {
        Ring::Pure => "pure",
        Ring::Memory => "in memory",
        Ring::Adapters => "adapters, against real servers and programs",
        Ring::E2e => "the program, end to end",
    }
}

fn name(program: &TestProgram) -> String {
    if program.is_unit { program.package.clone() } else { format!("{}/{}", program.package, program.target) }
}

/// The programs of a ring, in the order of the table of crates.
fn in_ring(built: &Built, ring: Ring) -> Vec<&TestProgram> {
    let mut found: Vec<(usize, &TestProgram)> = built
        .tests
        .iter()
        .filter_map(|program| {
            // A crate that has no row yet belongs to the last ring that can do it no harm.
            let (of_crate, place) = layers::ring_of(&program.package).unwrap_or((Ring::Adapters, usize::MAX));
            let is_e2e = program.package == "landfall" && !program.is_unit;
            let of_program = if is_e2e { Ring::E2e } else { of_crate };
            (of_program == ring).then_some((place, program))
        })
        .collect();
    found.sort_by_key(|(place, program)| (*place, !program.is_unit, program.target.clone()));
    found.into_iter().map(|(_, program)| program).collect()
}

/// How many tests of a program may run at once, on a machine of two processors: most talk to servers that want both.
pub(crate) fn at_once(program: &TestProgram) -> Option<usize> {
    match (program.package.as_str(), program.target.as_str(), program.is_unit) {
        (_, _, true) => None,
        // Each has a folder of its own, and waits for Terraform most of the time.
        ("terraform", "runner", _) => Some(3),
        // Their tests have room for two of them themselves.
        ("landfall", "e2e", _) | ("sandbox", "all", _) => Some(2),
        _ => Some(1),
    }
}

fn needs_sandboxes(program: &TestProgram) -> bool {
    program.package == "cluster" && !program.is_unit
}

/// Makes available what a ring runs against.
fn prepare(root: &Path, built: &Built, ring: Ring, programs: &[&TestProgram]) -> anyhow::Result<Variables> {
    let any = |names: &[&str]| programs.iter().any(|program| names.contains(&program.package.as_str()));
    let mut wanted = Vec::new();
    if ring == Ring::Adapters && any(&["aws"]) || ring == Ring::E2e {
        wanted.push("versitygw");
    }
    if ring == Ring::Adapters && any(&["terraform"]) || ring == Ring::E2e {
        wanted.push("tofu");
    }
    if ring == Ring::E2e {
        wanted.extend(["velero", "velero-plugin-aws"]);
        servers::cached(root, &[testbed::old_kubernetes::NAME]);
    }
    if ring == Ring::Adapters && any(&["sandbox", "cluster"]) || ring == Ring::E2e {
        servers::components(built.landfall()?)?;
    }
    if ring <= Ring::Memory {
        return Ok(Variables::new());
    }
    if is_ci() {
        eprintln!("CI=true: a skipped test is a failure, unless no registry has what it needs or no machine gives it");
    }
    servers::programs(root, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, target: &str, is_unit: bool) -> TestProgram {
        let (package, target) = (package.to_owned(), target.to_owned());
        TestProgram { package, target, is_unit, path: "/p".into(), folder: "/f".into() }
    }

    #[test]
    fn purer_crates_come_first_and_the_program_last() {
        let tests = [
            program("cluster", "real", false),
            program("landfall", "e2e", false),
            program("landfall", "landfall", true),
            program("plan", "plan", true),
            program("sandbox", "all", false),
            program("model", "model", true),
            program("engine", "engine", true),
        ];
        let mut built = Built::default();
        built.tests.extend(tests);
        let names = |ring| in_ring(&built, ring).into_iter().map(name).collect::<Vec<_>>();
        assert_eq!(names(Ring::Pure), ["model", "plan"]);
        assert_eq!(names(Ring::Memory), ["engine", "landfall"]);
        assert_eq!(names(Ring::Adapters), ["sandbox/all", "cluster/real"]);
        assert_eq!(names(Ring::E2e), ["landfall/e2e"]);
    }

    #[test]
    fn only_programs_known_to_bear_it_run_several_tests_at_once() {
        assert_eq!(at_once(&program("sandbox", "all", false)), Some(2));
        assert_eq!(at_once(&program("cluster", "real", false)), Some(1));
        assert_eq!(at_once(&program("landfall", "e2e", false)), Some(2));
        assert_eq!(at_once(&program("landfall", "landfall", true)), None);
    }

    #[test]
    fn the_summary_names_every_skip_and_closes_with_the_totals() {
        let mut total = Total::default();
        let skip = Skip { test: "a_pod_runs".into(), reason: "needs root".into() };
        total.add("sandbox/all", &Tally { passed: 3, failed: 0, skips: vec![skip] });
        total.add("model", &Tally { passed: 7, failed: 1, skips: Vec::new() });
        assert_eq!(
            total.summary(),
            "SKIP sandbox/all a_pod_runs: needs root\nFAILED model\n10 passed, 1 failed, 1 skipped"
        );
        assert_eq!(total.exit(), ExitCode::FAILURE);
        assert_eq!(Total::default().exit(), ExitCode::FAILURE, "nothing ran");
    }
}
