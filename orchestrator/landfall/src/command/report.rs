//! `landfall report`: evidence verified, reports shown and rendered, keys made.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use report::evidence::MAX_BUNDLE_BYTES;
use report::{DrillReport, KeyPair, Verified};
use serde::Serialize;

use super::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::runs::read_capped;

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Check that evidence was signed with a key and not changed since; needs the bundle and the public key only.
    ///
    /// Exit code 1 when the signature is not good.
    ///
    /// Example: landfall report verify evidence.json --key landfall.pub
    Verify(VerifyArgs),
    /// Print a report, given as report.json, or the id of a run.
    Show(ShowArgs),
    /// Write a report in another form.
    ///
    /// Example: landfall report render report.json --as html --out report.html
    Render(RenderArgs),
    /// Make a pair of keys for signing evidence.
    Keygen(KeygenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    bundle: PathBuf,
    /// The public key, ed25519 in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A file of the run that must be the one that was signed; may be repeated.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// report.json, or the id of a run.
    report: String,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// report.json, or the id of a run.
    report: String,
    /// The form.
    #[arg(long = "as", value_enum, default_value_t = Form::Html)]
    form: Form,
    /// Where to write it; without it, to stdout.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// Where the private key goes; the public one beside it with .pub. Neither may exist.
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Html,
    Markdown,
    Json,
    Junit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    verified: bool,
    key_id: String,
    drill: String,
    scenario: String,
    verdict: String,
    headline: String,
    subjects: Vec<String>,
    /// Files that are not the ones that were signed.
    changed: Vec<String>,
}

pub(crate) fn run(command: ReportCommand, context: &Context) -> Outcome {
    match command {
        ReportCommand::Verify(args) => verify(&args, context),
        ReportCommand::Show(args) => show(&args, context),
        ReportCommand::Render(args) => render(&args, context),
        ReportCommand::Keygen(args) => keygen(&args, context),
    }
}

fn verify(args: &VerifyArgs, context: &Context) -> Outcome {
    let bundle = read_capped(&args.bundle, MAX_BUNDLE_BYTES as u64)?;
    let key = super::read_input(&args.key)?;
    let verified = match report::verify(&bundle, &key) {
        Ok(verified) => verified,
        Err(error @ report::EvidenceError::PublicKey(_)) => {
            return Err(Failure::from(error).exit(Exit::Usage));
        }
        Err(error) => return Err(Failure::from(error).exit(Exit::NotGood)),
    };
    let mut changed = Vec::new();
    for path in &args.file {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !verified.matches(&name, &read_capped(path, MAX_BUNDLE_BYTES as u64)?) {
            changed.push(path.display().to_string());
        }
    }
    let checked = checked(&verified, changed);
    context.printer.value(&checked, |checked| {
        let mut text = format!(
            "the signature is good: key {}\n{} of {}: {}\n{}\n",
            checked.key_id, checked.drill, checked.scenario, checked.verdict, checked.headline
        );
        text.push_str(&format!("signed files: {}\n", checked.subjects.join(", ")));
        checked.changed.iter().for_each(|path| text.push_str(&format!("NOT the file that was signed: {path}\n")));
        text
    })?;
    Ok(if checked.changed.is_empty() { Exit::Good } else { Exit::NotGood })
}

fn checked(verified: &Verified, changed: Vec<String>) -> Checked {
    let report = &verified.report;
    Checked {
        verified: changed.is_empty(),
        key_id: verified.key_id.clone(),
        drill: report.drill.clone(),
        scenario: report.scenario.clone(),
        verdict: report.verdict.word.clone(),
        headline: report.verdict.headline.clone(),
        subjects: verified.subjects.iter().map(|subject| subject.name.clone()).collect(),
        changed,
    }
}

fn show(args: &ShowArgs, context: &Context) -> Outcome {
    let report = load(&args.report, context)?;
    context.printer.value(&report, report::markdown)?;
    Ok(if report.passed() { Exit::Good } else { Exit::NotGood })
}

fn render(args: &RenderArgs, context: &Context) -> Outcome {
    let report = load(&args.report, context)?;
    let text = written(&report, args.form)?;
    match &args.out {
        Some(out) => std::fs::write(out, text).with_context(|| format!("failed to write {}", out.display()))?,
        None => context.printer.raw(text.as_bytes())?,
    }
    Ok(Exit::Good)
}

/// A report in one form.
pub(crate) fn written(report: &DrillReport, form: Form) -> Result<String, report::ReportError> {
    Ok(match form {
        Form::Html => report::html(report)?,
        Form::Markdown => report::markdown(report),
        Form::Json => report::to_json(report)?,
        Form::Junit => report::junit(report)?,
    })
}

fn keygen(args: &KeygenArgs, context: &Context) -> Outcome {
    let seed = secret().context("failed to get random bytes")?;
    let pair = KeyPair::from_seed(&seed)?;
    let public = PathBuf::from(format!("{}.pub", args.out.display()));
    write_new(&args.out, pair.private_pem.as_bytes(), 0o600)?;
    write_new(&public, pair.public_pem.as_bytes(), 0o644)?;
    context.printer.say(&format!("private key: {}\npublic key: {}", args.out.display(), public.display()));
    Ok(Exit::Good)
}

/// 32 bytes of the operating system's.
pub(crate) fn secret() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let failed = || format!("failed to write {}", path.display());
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(failed)
}

/// A report by the id of its run, or from its JSON form.
fn load(named: &str, context: &Context) -> Result<DrillReport, Failure> {
    let runs = crate::runs::Runs::of(&context.settings.state);
    if let Some(run) = runs.find(named)? {
        return Ok(super::drill::report_of(&runs, &run)?);
    }
    let path = Path::new(named);
    if !path.is_file() {
        return Err(Failure::usage(format!("{named:?} is neither a file nor the id of a run"))
            .hint("`landfall drill list` shows all runs"));
    }
    let bytes = read_capped(path, MAX_BUNDLE_BYTES as u64)?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{named} is not text"))?;
    Ok(report::from_json(text).with_context(|| format!("failed to read {named}"))?)
}
