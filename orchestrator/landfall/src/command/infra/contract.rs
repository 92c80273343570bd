//! `landfall infra contract`: a contract, normalised, with what is wrong with it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use infra::Contract;
use infra::contract::Provenance;
use model::{Finding, Severity};

use super::environment;
use crate::command::Context;
use crate::failure::{Exit, Outcome};
use crate::printer::table;

#[derive(Debug, Args)]
pub(crate) struct ContractArgs {
    /// A stack's folder, a state, outputs or a contract as JSON, backup:NAME, or - for stdin.
    #[arg(required_unless_present = "schema")]
    source: Option<String>,
    /// Where the backup is, for backup:NAME.
    #[arg(long)]
    location: Option<String>,
    /// Write the contract's JSON to a file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the JSON Schema of contracts instead.
    #[arg(long, conflicts_with_all = ["source", "out"])]
    schema: bool,
}

pub(crate) async fn run(args: &ContractArgs, context: &Context) -> Outcome {
    if args.schema {
        context
            .printer
            .value(&infra::contract::schema(), |schema| serde_json::to_string_pretty(schema).unwrap_or_default())?;
        return Ok(Exit::Good);
    }
    let source = args.source.as_deref().unwrap_or_default();
    let contract = environment::read(source, args.location.as_deref(), context).await?.contract;
    let value = contract.to_value();
    if let Some(out) = &args.out {
        let text = serde_json::to_string_pretty(&value).context("failed to encode the contract")?;
        std::fs::write(out, text + "\n").with_context(|| format!("failed to write {}", out.display()))?;
    }
    context.printer.value(&value, |_| values(&contract))?;
    let findings = contract.validate();
    findings.iter().for_each(|finding| context.printer.say(&line(finding)));
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if wrong { Exit::Decision } else { Exit::Good })
}

fn values(contract: &Contract) -> String {
    let rows = contract.values().into_iter().map(|value| {
        let from = match contract.provenance(&value.key) {
            Provenance::Output => infra::contract::OUTPUT_NAME.to_owned(),
            Provenance::State { address, attribute } => format!("{address} {attribute}"),
        };
        vec![value.key, value.value, from]
    });
    table(&["key", "value", "from"], rows)
}

/// A finding in one line.
pub(super) fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let item = finding.item.as_ref().map(|item| format!("{item}: ")).unwrap_or_default();
    let pointer = finding.pointer.as_ref().map(|pointer| format!(" at {pointer}")).unwrap_or_default();
    format!("{severity}: {item}{}{pointer}", finding.reason.message)
}
