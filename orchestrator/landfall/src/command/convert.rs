//! `landfall convert`: manifests of any age into what a release serves, without a cluster.
//!
//! Text stays text: comments, order and untouched documents are kept. An archive of a backup becomes YAML files.

mod archive;
mod input;
mod report;
mod sink;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use model::KubernetesVersion;
use versions::table::NEWEST_KNOWN;
use versions::{Options, Target};

use super::Context;
use crate::failure::{Exit, Failure, Outcome};
use input::Input;
use report::{FileReport, Report};
use sink::Sink;

#[derive(Debug, Args)]
#[command(after_long_help = decisions_help())]
pub(crate) struct ConvertArgs {
    /// A file, a folder with *.yaml, *.yml and *.json, the archive of a backup, or - for stdin.
    input: PathBuf,
    /// The release to convert to, such as 1.36.
    #[arg(long, value_name = "VERSION")]
    to: String,
    /// Write into this folder, in the structure of the input; stdout without it.
    ///
    /// Objects of an archive that have no form in the release are left out; files keep them as they are.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Change the files themselves.
    #[arg(long, conflicts_with = "out")]
    in_place: bool,
    /// Take a decision: name=value. A decision that nobody took is taken by its default, and the exit code is 3.
    #[arg(long = "decide", value_name = "NAME=VALUE")]
    decisions: Vec<String>,
    /// Which defaults are written down.
    #[arg(long, value_enum, default_value_t = Defaults::Differing)]
    defaults: Defaults,
    /// Folder for what an archive unpacks to.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    temp_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Defaults {
    /// Those that the two versions fill differently: a file written by hand stays short.
    Differing,
    /// The old version's.
    Source,
    /// The old version's and the new one's: what a server would store and return.
    Both,
}

/// What every file is converted with.
struct Conversion {
    target: Target,
    options: Options,
}

pub(crate) fn run(args: &ConvertArgs, context: &Context) -> Outcome {
    let conversion = Conversion { target: Target::of_release(release(&args.to)?), options: options(args)? };
    let mut sink = Sink::of(args, context)?;
    let input = Input::open(&args.input, sink.folder())?;
    if args.in_place && !matches!(input, Input::Files { .. }) {
        return Err(Failure::usage("--in-place changes files; for stdin and archives give --out DIR"));
    }
    let mut report = Report::new(conversion.target.release);
    match input {
        Input::Text { name, text } => report.add(convert_text(&name, &text, &conversion, &mut sink)?),
        Input::Files { root, files, findings } => {
            convert_files(&root, &files, findings, conversion, &mut sink, &mut report)
        }
        Input::Archive(reader) => {
            let folder = super::temp_folder(args.temp_dir.as_deref())?;
            archive::convert(reader, folder.path(), conversion, &mut sink, &mut report)?;
        }
    }
    let exit = report.exit();
    if context.printer.is_for_programs() {
        context.printer.value(&report, |_| String::new())?;
    } else {
        context.printer.say(report.text(context.printer.verbose).trim_end());
    }
    Ok(exit)
}

/// Every definition in every file counts for all of them, so each file is read twice and none is kept.
fn convert_files(
    root: &std::path::Path,
    files: &[PathBuf],
    findings: Vec<FileReport>,
    mut conversion: Conversion,
    sink: &mut Sink,
    report: &mut Report,
) {
    findings.into_iter().for_each(|finding| report.add(finding));
    if files.len() > 1 {
        for file in files {
            if let Ok(text) = input::read(&root.join(file)) {
                conversion.target.define_all(&text);
            }
        }
    }
    for file in files {
        let name = file.display().to_string();
        let converted = input::read(&root.join(file)).and_then(|text| convert_text(&name, &text, &conversion, sink));
        report.add(converted.unwrap_or_else(|trouble| FileReport::failed(&name, trouble)));
    }
}

fn convert_text(
    name: &str,
    text: &str,
    conversion: &Conversion,
    sink: &mut Sink,
) -> Result<FileReport, input::Trouble> {
    let converted = versions::convert_text(text, &conversion.target, &conversion.options)
        .map_err(|error| input::Trouble::Content(error.to_string()))?;
    let mut report = FileReport::of(name, &converted);
    sink.write(name, &converted.output, converted.is_changed(), &mut report).map_err(input::Trouble::Io)?;
    Ok(report)
}

fn release(text: &str) -> Result<KubernetesVersion, Failure> {
    let release = KubernetesVersion::parse(text).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
    if release > NEWEST_KNOWN || release < KubernetesVersion::new(1, 0) {
        return Err(Failure::usage(format!("--to {text}: the releases known are 1.0 to {NEWEST_KNOWN}")));
    }
    Ok(release)
}

fn options(args: &ConvertArgs) -> Result<Options, Failure> {
    let decisions = args.decisions.iter().map(String::as_str);
    let mut options = Options::parse(decisions).map_err(|error| {
        Failure::from(error).exit(Exit::Usage).hint("`landfall convert --help` names the decisions and their values")
    })?;
    options.defaults = match args.defaults {
        Defaults::Differing => versions::Defaults::Differing,
        Defaults::Source => versions::Defaults::Source,
        Defaults::Both => versions::Defaults::Both,
    };
    Ok(options)
}

fn decisions_help() -> String {
    let mut text = "Decisions, the default first:\n".to_owned();
    for flag in versions::FLAGS {
        text.push_str(&format!("\n  {}: {}\n", flag.name, flag.about));
        for (value, about) in flag.values {
            text.push_str(&format!("    {}={value}: {about}\n", flag.name));
        }
    }
    text.push_str("\nExit codes: 0 nothing to do, 4 changed, 3 something needs a decision, 2 usage, 5 could not run.");
    text
}
