//! What a run left behind, told by its own record: how it ended, what it did, what nobody knows.
//!
//! Pure. What to do about it needs a look at the state as well: see [`crate::recovery`].

use ports::infrastructure::{NextStep, StackEnding, StackOutcome, StackResource};

use crate::diagnostic::{Class, Diagnostic, from_text};
use crate::record::Made;
use crate::redact::Secrets;
use crate::run::format::RunFile;
use crate::run::{Ended, Exit};

/// How many names a message lists before it counts.
const LISTED: usize = 12;

/// The outcome without next steps and without a message.
pub fn outcome(file: &RunFile, ended: &Ended, secrets: &Secrets) -> StackOutcome {
    let record = &ended.record;
    let of = |action: &str| record.made.iter().filter(|made| made.action == action).map(resource).collect();
    StackOutcome {
        ending: ending(ended),
        created: of("create"),
        updated: of("update"),
        deleted: of("delete"),
        failed: record.errored.iter().map(|(address, action)| format!("{action} of {address}")).collect(),
        unknown: record.running.keys().map(|(address, action)| format!("{action} of {address}")).collect(),
        message: cause(file, ended, secrets),
        next: Vec::new(),
    }
}

/// What happened, what was done, what is unknown and the next command, as one sentence after another.
pub fn message(cause: &str, outcome: &StackOutcome, not_started: u64, next: &[NextStep]) -> String {
    let mut parts = vec![cause.to_owned()];
    let names = |all: &[StackResource]| all.iter().map(|r| r.address.clone()).collect::<Vec<_>>();
    let mut told = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            parts.push(format!("{what} {}", listed(&names)));
        }
    };
    told("created", names(&outcome.created));
    told("updated", names(&outcome.updated));
    told("deleted", names(&outcome.deleted));
    told("failed and may half exist:", outcome.failed.clone());
    told("unknown:", outcome.unknown.clone());
    let did_nothing = outcome.created.is_empty() && outcome.updated.is_empty() && outcome.deleted.is_empty();
    if did_nothing && outcome.failed.is_empty() && outcome.unknown.is_empty() {
        parts.push("nothing is known to have been changed".into());
    }
    if not_started > 0 {
        parts.push(format!("{not_started} not started"));
    }
    for (at, step) in next.iter().enumerate() {
        let lead = if at == 0 { "next" } else { "then" };
        parts.push(match step.command.is_empty() {
            true => format!("{lead}: {}", step.message),
            false => format!("{lead}: {} [{}]", step.command, step.message),
        });
    }
    parts.join("; ")
}

/// Units that the plan has and the record knows nothing of.
pub fn not_started(file: &RunFile, ended: &Ended) -> u64 {
    let seen = ended.record.done() + ended.record.failed() + ended.record.running.len() as u64;
    file.workload.total.saturating_sub(seen)
}

pub fn ending(ended: &Ended) -> StackEnding {
    let record = &ended.record;
    let crashed = ["TERRAFORM CRASH", "OPENTOFU CRASH", "panic: ", "fatal error: "];
    let crashed = |text: &String| crashed.iter().any(|mark| text.contains(mark));
    match ended.exit {
        Exit::Code(0) => StackEnding::Done,
        _ if record.dumped_state.is_some() || record.class() == Class::StateNotSaved => StackEnding::StateNotSaved,
        Exit::Lost => StackEnding::Died,
        Exit::Code(code) if code > 128 => StackEnding::Died,
        _ if crashed(&ended.stderr) || record.raw.iter().any(crashed) => StackEnding::Died,
        _ if record.interrupts > 0 => StackEnding::Interrupted,
        _ => StackEnding::Failed,
    }
}

fn cause(file: &RunFile, ended: &Ended, secrets: &Secrets) -> String {
    let what = format!("{} of {}", file.operation.name(), file.directory.display());
    let mut errors = ended.record.errors();
    if errors.is_empty() {
        // The last words on stderr are better than none.
        errors = from_text(&ended.stderr).iter().filter(|d| d.is_error()).map(Diagnostic::line).collect();
    }
    let why = listed(&errors);
    let why = if why.is_empty() { String::new() } else { format!(": {}", secrets.scrub(&why)) };
    match (ending(ended), ended.exit) {
        (StackEnding::Done, _) => format!("{what} is done"),
        (StackEnding::Failed, Exit::NeverStarted) => format!("{what} was never started"),
        (StackEnding::Failed, Exit::Code(code)) => format!("{what} failed with exit code {code}{why}"),
        (StackEnding::Failed, Exit::Lost) => format!("{what} failed{why}"),
        (StackEnding::Interrupted, _) if ended.record.interrupts > 1 => {
            format!("{what} was interrupted by force, and what it did last may not be in the state{why}")
        }
        (StackEnding::Interrupted, _) => format!("{what} was interrupted{why}"),
        (StackEnding::StateNotSaved, _) => format!("{what} could not save its state where it belongs{why}"),
        (StackEnding::Died, Exit::Code(code)) if code > 128 => {
            format!("{what} was killed by signal {}{why}", code - 128)
        }
        (StackEnding::Died, Exit::Code(code)) => format!("{what} crashed with exit code {code}{why}"),
        (StackEnding::Died, _) => format!("{what} is gone, and nobody knows how it ended{why}"),
    }
}

fn resource(made: &Made) -> StackResource {
    StackResource { address: made.address.clone(), id: made.id_value.clone() }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
