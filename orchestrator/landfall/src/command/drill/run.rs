//! `landfall drill run`, `landfall drill resume` and `landfall recover`: begins a run, or carries on with one.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use ports::Clock as _;
use report::DrillReport;
use scenario::file::Overlap;
use scenario::{Header, RunKind, Scenario, Verdict};
use serde::Serialize;

use super::drive::{Driven, Manner, drive, exit_of, resume_hint};
use super::live::Live;
use super::load::{ScenarioArgs, relative_paths};
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::runs::{About, RunFolder, Runs};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Begin although another run of this scenario is not finished.
    #[arg(long)]
    allow_overlap: bool,
    #[command(flatten)]
    manner: MannerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id.
    id: String,
    /// Destroy what a finished run left or kept.
    #[arg(long)]
    undo: bool,
    /// When the journal is damaged, carry on from its last good line; the whole of it is kept as journal.damaged. What
    /// was done after that line is done again.
    #[arg(long)]
    from_last_good: bool,
    #[command(flatten)]
    manner: MannerArgs,
}

#[derive(Debug, Args)]
struct MannerArgs {
    /// Sign the evidence with this ed25519 key, PKCS#8 in PEM.
    #[arg(long, value_name = "FILE")]
    sign_key: Option<PathBuf>,
    /// When only a person can get the run any further, end with exit code 3 instead of waiting.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended<'a> {
    id: &'a str,
    scenario: &'a str,
    verdict: &'a str,
    headline: &'a str,
    reasons: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<&'a str>,
    left: &'a [String],
    kept: &'a [String],
    seconds: f64,
    breakdown: Vec<(&'a str, f64)>,
    not_covered: &'a [String],
    report: String,
    folder: String,
}

pub(crate) async fn run(args: &RunArgs, kind: RunKind, context: &Context) -> Outcome {
    let scenario = args.scenario.load()?;
    let inputs = args.scenario.inputs(&scenario)?;
    let project = args.scenario.project(&scenario)?;
    let key = args.manner.key()?;
    let mut about = About::new(project, args.scenario.scenario.clone());
    about.sign_key.clone_from(&key);
    let run = begin(&scenario, inputs, kind, about, args.allow_overlap, context)?;
    context.printer.say(&format!("{kind} {} of {}; its folder is {}", run.id, scenario.name, run.path.display()));
    finish(&run, &args.manner, None, false, context).await
}

pub(crate) async fn resume(args: &ResumeArgs, context: &Context) -> Outcome {
    let run = super::look::find(&Runs::of(&context.settings.state), &args.id)?;
    args.manner.key()?;
    match run.recorded() {
        Ok(recorded) => {
            if let (Some(verdict), false) = (recorded.saga.verdict(), args.undo) {
                return told_again(&run, verdict, args, context);
            }
        }
        // Said when it is driven, unless that is what is asked for.
        Err(_) if args.from_last_good => {}
        Err(error) => return Err(super::look::unreadable(&run, error)),
    }
    let undo_by = args.undo.then(|| context.settings.user.clone());
    finish(&run, &args.manner, undo_by, args.from_last_good, context).await
}

/// A run that has ended has nothing to carry on with but its reports, which a kill may have kept from being written.
fn told_again(run: &RunFolder, verdict: &Verdict, args: &ResumeArgs, context: &Context) -> Outcome {
    let key = args.manner.sign_key.clone().or(run.about()?.sign_key);
    let written = super::report::write(&Runs::of(&context.settings.state), run, key.as_deref());
    let report = written.map_err(|error| Failure::from(error).exit(Exit::CouldNotRun))?;
    context.printer.say(&format!("run {} has ended: {}", run.id, verdict.word()));
    if !run.recorded()?.saga.still_there().is_empty() {
        context.printer.say(&format!("`landfall drill resume {} --undo` destroys what is still there", run.id));
    }
    show(run, &report, context)?;
    Ok(exit_of(verdict))
}

/// Makes the run's folder, after making sure that it may begin.
pub(crate) fn begin(
    scenario: &Scenario,
    inputs: scenario::Outputs,
    kind: RunKind,
    about: About,
    allow_overlap: bool,
    context: &Context,
) -> Result<RunFolder, Failure> {
    for path in relative_paths(scenario) {
        if !about.project.join(&path).exists() {
            return Err(Failure::usage(format!("{path} is not in {}", about.project.display()))
                .hint("name the project's folder with --project"));
        }
    }
    let runs = Runs::of(&context.settings.state);
    let door = runs.door()?;
    // What was killed before it began is nobody's run.
    runs.remove_stillborn_behind(&door)?;
    if scenario.overlap == Overlap::Forbid && !allow_overlap {
        for other in runs.list()? {
            refuse_beside(&other, &scenario.name)?;
        }
    }
    let landfall = std::env::current_exe().context("failed to find the landfall program itself")?;
    let opened = SystemClock.now();
    let header = |run: &RunFolder| Header {
        journal: Header::version(),
        drill: run.id.clone(),
        scenario: scenario.name.clone(),
        scenario_digest: scenario.digest.clone(),
        kind,
        inputs,
        folder: run.path.display().to_string(),
        landfall: landfall.display().to_string(),
        opened,
    };
    Ok(runs.create(scenario, &about, opened, header)?)
}

fn refuse_beside(other: &RunFolder, scenario: &str) -> Result<(), Failure> {
    let (unfinished, name) = match other.recorded() {
        Ok(recorded) => (recorded.saga.verdict().is_none(), recorded.scenario.name.clone()),
        Err(_) => match other.glimpse() {
            Some(seen) => (!seen.has_ended, seen.scenario),
            None => return Ok(()),
        },
    };
    if !unfinished || name != scenario {
        return Ok(());
    }
    let error = anyhow::anyhow!("run {} of {scenario} is not finished", other.id);
    let failure = Failure::from(error).exit(Exit::CouldNotRun);
    Err(match other.is_driven() {
        true => failure.hint(format!(
            "it is running; `landfall drill status {}` shows it, --allow-overlap begins another one beside it",
            other.id
        )),
        false => failure.hint(format!("{}, or begin another one beside it with --allow-overlap", resume_hint(other))),
    })
}

async fn finish(
    run: &RunFolder,
    args: &MannerArgs,
    undo_by: Option<String>,
    cut_damage: bool,
    context: &Context,
) -> Outcome {
    let sign_key = args.sign_key.clone();
    let manner = Manner { undo_by, leave_to_people: args.no_wait, at_terminal: true, cut_damage, sign_key };
    let live = Arc::new(Live::new(context.printer));
    match drive(run, context, live, &manner).await? {
        Driven::Ended { verdict, report } => {
            show(run, &report, context)?;
            Ok(exit_of(&verdict))
        }
        Driven::WaitsForPeople => {
            context.printer.say(&format!("run {} waits for a person; then {}", run.id, resume_hint(run)));
            Ok(Exit::Decision)
        }
    }
}

fn show(run: &RunFolder, report: &DrillReport, context: &Context) -> anyhow::Result<()> {
    let ended = Ended {
        id: &run.id,
        scenario: &report.scenario,
        verdict: &report.verdict.word,
        headline: &report.verdict.headline,
        reasons: &report.verdict.reasons,
        what_to_do: report.verdict.what_to_do.as_deref(),
        left: &report.verdict.left,
        kept: &report.kept,
        seconds: report.seconds(),
        breakdown: report.breakdown.iter().map(|line| (line.name.as_str(), line.seconds)).collect(),
        not_covered: &report.not_covered,
        report: run.file("report.html").display().to_string(),
        folder: run.path.display().to_string(),
    };
    context.printer.value(&ended, |ended| shown(ended, report))
}

fn shown(ended: &Ended<'_>, report: &DrillReport) -> String {
    let mut text = format!("\n{}: {}\n", ended.verdict.to_uppercase(), ended.headline);
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = String>| {
        let lines: Vec<String> = lines.collect();
        if !lines.is_empty() {
            text.push_str(&format!("{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
        }
    };
    section("because", &mut ended.reasons.iter().cloned());
    section("what to do", &mut ended.what_to_do.iter().map(|line| (*line).to_owned()));
    section("left behind", &mut ended.left.iter().cloned());
    section("kept", &mut ended.kept.iter().cloned());
    let objectives = report.objectives.iter().map(|objective| {
        let seconds = |value: Option<f64>| value.map_or("not measured".to_owned(), |value| format!("{value:.1}s"));
        let limit = objective.limit_seconds.map_or(String::new(), |limit| format!(" of {limit:.0}s allowed"));
        format!("{}: {}{limit}", objective.name, seconds(objective.measured_seconds))
    });
    section("objectives", &mut objectives.into_iter());
    let whole = ended.seconds.max(f64::EPSILON);
    let parts = ended
        .breakdown
        .iter()
        .map(|(name, seconds)| format!("{name}: {seconds:.1}s ({:.0} %)", 100.0 * seconds / whole));
    section(&format!("{:.1}s in all", ended.seconds), &mut parts.into_iter());
    section("nothing is left", &mut report.nothing_left.iter().cloned());
    section("not covered", &mut ended.not_covered.iter().cloned());
    text.push_str(&format!("report: {}\n", ended.report));
    text
}

impl MannerArgs {
    /// The key's absolute path; read once, so that a wrong one is found before the run and not after it.
    fn key(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(path) = &self.sign_key else { return Ok(None) };
        let pem = crate::command::read_input(path)?;
        report::evidence::check_private_key(&pem).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
        Ok(Some(std::path::absolute(path).context("failed to make the key's path absolute")?))
    }
}
