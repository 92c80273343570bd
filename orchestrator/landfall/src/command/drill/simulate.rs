//! `landfall drill simulate`: the same saga in a fake world.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use ports::Clock as _;
use scenario::simulate::{Fault, FaultAt, Options, People, simulate};
use scenario::{RunKind, Verdict};
use serde::Serialize;

use super::load::ScenarioArgs;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::table;

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// As a recovery: what was built is kept, the cutover steps run.
    #[arg(long)]
    recovery: bool,
    /// Let a step fail; STEP:N lets it fail N times in a row.
    #[arg(long, value_name = "STEP[:N]")]
    fail: Vec<String>,
    /// Let a step hang until its timeout.
    #[arg(long, value_name = "STEP")]
    hang: Vec<String>,
    /// Let the undoing of a step fail; STEP:N lets it fail N times in a row.
    #[arg(long, value_name = "STEP[:N]")]
    fail_undo: Vec<String>,
    /// Do everything twice, to see that doing it twice is like doing it once.
    #[arg(long)]
    repeat: bool,
    /// What people do when they are asked.
    #[arg(long, value_enum, default_value_t = Behaviour::Helpful)]
    people: Behaviour,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Behaviour {
    /// Approve what they are asked, skip what failed.
    Helpful,
    /// Approve what they are asked, retry what failed.
    Patient,
    /// Reject what they are asked, cancel when something failed.
    Refusing,
    /// Never answer.
    Absent,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Simulated {
    scenario: String,
    kind: RunKind,
    verdict: Verdict,
    steps: Vec<SimulatedStep>,
    /// What the run left in the fake world.
    left: Vec<String>,
    records: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SimulatedStep {
    id: String,
    uses: String,
    status: String,
    message: String,
}

pub(crate) fn run(args: &SimulateArgs, context: &Context) -> Outcome {
    let scenario = args.scenario.load()?;
    let kind = if args.recovery { RunKind::Recovery } else { RunKind::Drill };
    let start: Timestamp = SystemClock.now();
    let mut options = Options::new(kind, start);
    options.inputs = args.scenario.inputs(&scenario)?;
    options.repeat = args.repeat;
    options.people = match args.people {
        Behaviour::Helpful => People::Helpful,
        Behaviour::Patient => People::Patient,
        Behaviour::Refusing => People::Refusing,
        Behaviour::Absent => People::Absent,
    };
    let groups = [(&args.fail, FaultAt::Run), (&args.hang, FaultAt::Hang), (&args.fail_undo, FaultAt::Undo)];
    for (faults, at) in groups {
        for fault in faults {
            options.faults.push(self::fault(fault, at, &scenario)?);
        }
    }
    let (verdict, simulation) = simulate(scenario.clone(), options)?;
    let saga = simulation.saga()?;
    let journal = simulation.read()?;
    let report = report::compose(&saga, &journal, &report::Extra::default());
    let simulated = Simulated {
        scenario: scenario.name.clone(),
        kind,
        steps: report
            .steps
            .iter()
            .map(|step| SimulatedStep {
                id: step.id.clone(),
                uses: step.uses.clone(),
                status: step.status.word().to_owned(),
                message: step.message.clone(),
            })
            .collect(),
        left: simulation.left(),
        records: journal.records.len(),
        verdict,
    };
    context.printer.value(&simulated, |simulated| shown(simulated, &report.verdict.reasons))?;
    // A drill that leaves something although it says otherwise is not good, whatever it proved.
    let clean = kind == RunKind::Recovery || simulated.left.is_empty() || !report.kept.is_empty();
    Ok(if simulated.verdict == Verdict::Passed && clean { Exit::Good } else { Exit::NotGood })
}

fn shown(simulated: &Simulated, reasons: &[String]) -> String {
    let rows = simulated
        .steps
        .iter()
        .map(|step| vec![step.id.clone(), step.uses.clone(), step.status.clone(), step.message.clone()]);
    let mut text = table(&["step", "uses", "status", "message"], rows);
    text.push_str(&format!(
        "\n\nsimulated {} of {}: {} ({} records)\n",
        simulated.kind,
        simulated.scenario,
        simulated.verdict.word(),
        simulated.records
    ));
    for reason in reasons {
        text.push_str(&format!("  - {reason}\n"));
    }
    match simulated.left.as_slice() {
        [] => text.push_str("nothing is left in the simulated world\n"),
        left => {
            text.push_str("left in the simulated world:\n");
            left.iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
        }
    }
    text
}

fn fault(text: &str, at: FaultAt, scenario: &scenario::Scenario) -> Result<Fault, Failure> {
    let (step, times) = match text.split_once(':') {
        Some((step, times)) => {
            let times = times.parse().map_err(|_| Failure::usage(format!("{text:?} is not STEP or STEP:N")))?;
            (step, times)
        }
        // Without a number it never works.
        None => (text, u32::MAX),
    };
    if scenario.step(step).is_none() {
        let ids: Vec<&str> = scenario.steps.iter().map(|step| step.id.as_str()).collect();
        return Err(Failure::usage(format!("the scenario has no step {step:?}; it has {}", ids.join(", "))));
    }
    Ok(Fault { step: step.to_owned(), at, times })
}
