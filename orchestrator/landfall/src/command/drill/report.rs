//! The reports of a run, written into its folder: page, data, for CI, for a pull request, and signed evidence.

use std::path::Path;

use anyhow::{Context as _, Result};
use archive::format::DecisionsFile;
use archive::format::decisions::StoredDecision;
use clap::Args;
use model::{Decision, GroupResource, ItemId, Reason};
use report::{DrillReport, Extra};
use scenario::Uses;
use serde::{Deserialize, Serialize};

use crate::command::Context;
use crate::command::report::{Form, written};
use crate::failure::{Exit, Outcome};
use crate::runs::{RunFolder, Runs, durable};

/// What the journal does not hold and the report needs; `measured.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    #[serde(default)]
    pub(crate) breakdown: Vec<(String, f64)>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run's id.
    id: String,
    /// Sign the evidence with this ed25519 key, PKCS#8 in PEM.
    #[arg(long, value_name = "FILE")]
    sign_key: Option<std::path::PathBuf>,
}

const CAP: u64 = 64 << 20;
/// In the folder of a step that restores.
const DECISIONS: &str = "decisions.json.gz";
const FORMS: [(&str, Form); 4] = [
    ("report.json", Form::Json),
    ("report.html", Form::Html),
    ("report.md", Form::Markdown),
    ("report.xml", Form::Junit),
];

pub(crate) fn run(args: &ReportArgs, context: &Context) -> Outcome {
    let runs = Runs::of(&context.settings.state);
    let run = super::look::find(&runs, &args.id)?;
    let key = args.sign_key.clone().or(run.about()?.sign_key);
    let report = write(&runs, &run, key.as_deref())?;
    context.printer.value(&report, report::markdown)?;
    context.printer.say(&format!("written to {}", run.path.display()));
    Ok(if report.passed() { Exit::Good } else { Exit::NotGood })
}

/// Composes the report of a run as it stands.
pub(crate) fn report_of(runs: &Runs, run: &RunFolder) -> Result<DrillReport> {
    let recorded = run.recorded()?;
    let measured: Measured = run.read_json("measured.json", CAP).unwrap_or_default();
    let mut extra = Extra { breakdown: measured.breakdown, ..Extra::default() };
    extra.environment.insert("landfall".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    extra.environment.insert("run folder".to_owned(), run.path.display().to_string());
    extra.environment.insert("project".to_owned(), recorded.about.project.display().to_string());
    let restores = recorded.scenario.steps.iter().filter(|step| step.uses == Uses::RestoreRun);
    for step in restores.filter(|step| recorded.saga.state(&step.id).is_some_and(scenario::StepState::has_begun)) {
        extra.decisions.extend(decisions(&run.file("steps").join(&step.id)));
    }
    extra.last_good = last_good(runs, run, &recorded.scenario.name, recorded.journal.header.opened);
    Ok(report::compose(&recorded.saga, &recorded.journal, &extra))
}

/// What a restore decided, as far as it came to that. A file that cannot be read is no reason to have no report.
fn decisions(folder: &Path) -> Vec<Decision> {
    let Ok(file) = std::fs::File::open(folder.join(DECISIONS)) else { return Vec::new() };
    let Ok(file) = archive::format::read::<DecisionsFile>(file) else { return Vec::new() };
    file.decisions.into_iter().filter_map(decision).collect()
}

/// `None` for a word that this version does not know.
fn decision(stored: StoredDecision) -> Option<Decision> {
    let StoredDecision { resource, namespace, name, pass, verdict, code, message } = stored;
    Some(Decision {
        item: ItemId { resource: GroupResource::parse(&resource), namespace, name },
        pass: serde_json::from_value(pass.into()).ok()?,
        verdict: serde_json::from_value(verdict.into()).ok()?,
        reason: Reason::new(code, message),
    })
}

/// The report of the last run of the scenario that passed before this one.
fn last_good(runs: &Runs, run: &RunFolder, scenario: &str, before: jiff::Timestamp) -> Option<DrillReport> {
    let mut earlier = runs.list().ok()?;
    earlier.reverse();
    earlier.into_iter().filter(|other| other.id != run.id).find_map(|other| {
        let bytes = crate::runs::read_capped(&other.file("report.json"), CAP).ok()?;
        let report = report::from_json(std::str::from_utf8(&bytes).ok()?).ok()?;
        (report.passed() && report.scenario == scenario && report.started < before).then_some(report)
    })
}

/// Writes every form, and the evidence when there is a key.
pub(crate) fn write(runs: &Runs, run: &RunFolder, sign_key: Option<&Path>) -> Result<DrillReport> {
    let report = report_of(runs, run)?;
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for (name, form) in FORMS {
        let text = written(&report, form)?;
        durable(&run.file(name), text.as_bytes())?;
        if form != Form::Json {
            files.push((name, text.into_bytes()));
        }
    }
    if let Some(key) = sign_key {
        for name in ["journal.jsonl", "scenario.yaml"] {
            files.push((name, crate::runs::read_capped(&run.file(name), CAP)?));
        }
        let pem = crate::command::read_input(key)?;
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let bundle = report::sign(&report, &files, &pem).context("failed to sign the evidence")?;
        durable(&run.file("evidence.json"), bundle.as_bytes())?;
    }
    Ok(report)
}
