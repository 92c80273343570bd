//! `landfall infra map`: the pairs of two environments, for review.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use infra::pair::Unpaired;
use infra::{Confidence, MapFile, Pair, Pairs, pair};
use model::{Finding, Severity};
use serde::Serialize;

use super::contract::line;
use super::environment;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::table;

#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// The environment that objects come from.
    source: String,
    /// The environment that they go to.
    target: String,
    /// Where backups are, for backup:NAME.
    #[arg(long)]
    location: Option<String>,
    /// Write the map to a file, to be edited and given back.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A map that was reviewed; what it says goes before everything else.
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Take pairs that were only inferred as good.
    #[arg(long)]
    accept_inferred: bool,
}

#[derive(Debug, Serialize)]
struct Shown<'a> {
    pairs: &'a [Pair],
    unpaired: &'a [Unpaired],
    findings: &'a [Finding],
    inferred: usize,
}

pub(crate) async fn run(args: &MapArgs, context: &Context) -> Outcome {
    if args.source == "-" && args.target == "-" {
        return Err(Failure::usage("only one of the two can come from stdin"));
    }
    let location = args.location.as_deref();
    let source = environment::read(&args.source, location, context).await?;
    let target = environment::read(&args.target, location, context).await?;
    let map = args.map.as_ref().map(|path| read_map(path)).transpose()?;
    let pairs = pair(source.side(), target.side(), map.as_ref()).map_err(|error| {
        Failure::from(error).exit(Exit::Decision).hint("say which one is meant in a file, and give it with --map")
    })?;
    if let Some(out) = &args.out {
        let modules = map.as_ref().map(|map| map.modules.clone()).unwrap_or_default();
        let text = MapFile::from_pairs(&pairs, &modules).to_yaml().context("failed to encode the map")?;
        std::fs::write(out, text).with_context(|| format!("failed to write {}", out.display()))?;
        context.printer.say(&format!("map written to {}; edit it, and give it back with --map", out.display()));
    }
    let inferred = pairs.inferred().count();
    let shown = Shown { pairs: pairs.all(), unpaired: pairs.unpaired(), findings: pairs.findings(), inferred };
    context.printer.value(&shown, |_| text(&pairs))?;
    pairs.findings().iter().for_each(|finding| context.printer.say(&line(finding)));
    let missing = pairs.findings().iter().any(|finding| finding.severity == Severity::Error);
    let open = inferred > 0 && !args.accept_inferred;
    if open {
        let words = "pairs are only inferred: look at them, then accept them with --accept-inferred or give a map";
        context.printer.say(&format!("{inferred} {words}"));
    }
    Ok(if missing || open { Exit::Decision } else { Exit::Good })
}

/// Reads and checks a map file.
pub(crate) fn read_map(path: &std::path::Path) -> Result<MapFile, Failure> {
    let text = crate::command::read_input(path)?;
    MapFile::parse(&text)
        .with_context(|| format!("the map {}", path.display()))
        .map_err(|error| Failure::from(error).exit(Exit::Usage))
}

fn text(pairs: &Pairs) -> String {
    let rows = pairs.all().iter().map(|pair| {
        let confidence = match pair.confidence {
            Confidence::Certain => "certain",
            Confidence::Inferred => "inferred",
        };
        let found = format!("{}, {confidence}", pair.by);
        vec![pair.key.clone(), pair.source.clone(), pair.target.clone(), pair.class.to_string(), found]
    });
    let mut text = table(&["key", "source", "target", "class", "found by"], rows);
    if !pairs.unpaired().is_empty() {
        text.push_str("\n\nwithout a counterpart:\n");
        let rows = pairs.unpaired().iter().map(|u| vec![u.key.clone(), u.source.clone(), u.why.clone()]);
        text.push_str(&table(&["key", "source", "why"], rows));
    }
    text
}
