//! One command of a hook in one container, and how it ended in words.
//!
//! Where it runs and what follows from a failure is not decided here.

use std::time::Duration;

use ::ports::cluster::{ExecExit, ExecOutcome, ExecRequest};
use model::request::ExecHook;
use model::{ItemId, chain};

use crate::ports::Outside;

/// Characters of what a command prints that are shown.
const SHOWN: usize = 2000;

/// Runs a command to its end or for as long as it may. Gives what it printed, or why it failed.
pub(crate) async fn run(outside: &Outside, pod: &ItemId, hook: &ExecHook) -> Result<String, String> {
    let request = ExecRequest {
        namespace: pod.namespace.clone().unwrap_or_default(),
        pod: pod.name.clone(),
        container: hook.container.clone(),
        command: hook.command.clone(),
        timeout: hook.timeout,
    };
    match outside.cluster.exec(&request).await {
        Ok(outcome) => judged(&outcome, hook.timeout),
        Err(error) => Err(chain(&error)),
    }
}

fn judged(outcome: &ExecOutcome, timeout: Duration) -> Result<String, String> {
    let printed = printed(outcome);
    match &outcome.exit {
        ExecExit::Code(0) => Ok(printed),
        ExecExit::Code(code) => Err(format!("it ended with {code}{printed}")),
        // Nobody can end a process in a container from outside of it; Velero leaves it behind too.
        ExecExit::TimedOut => {
            Err(format!("it did not end within {timeout:?} and was left behind, where it may still run{printed}"))
        }
        ExecExit::Failed(why) => Err(format!("{why}{printed}")),
    }
}

/// What a command printed, to be put behind a sentence.
fn printed(outcome: &ExecOutcome) -> String {
    let mut out = String::new();
    for (name, text) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let shown: String = text.chars().take(SHOWN).collect();
        let more = if shown.len() < text.len() { "…" } else { "" };
        out.push_str(&format!("; {name}: {shown}{more}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(exit: ExecExit, stdout: &str, stderr: &str) -> ExecOutcome {
        ExecOutcome { stdout: stdout.to_owned(), stderr: stderr.to_owned(), exit }
    }

    #[test]
    fn a_failure_says_how_it_ended_and_what_was_printed() {
        let second = Duration::from_secs(1);
        assert_eq!(judged(&outcome(ExecExit::Code(0), "", "\n"), second), Ok(String::new()));
        assert_eq!(judged(&outcome(ExecExit::Code(0), "frozen\n", ""), second), Ok("; stdout: frozen".to_owned()));
        let failed = judged(&outcome(ExecExit::Code(3), "a\n", " no room\n"), second).unwrap_err();
        assert_eq!(failed, "it ended with 3; stdout: a; stderr: no room");
        let late = judged(&outcome(ExecExit::TimedOut, "", "waiting"), second).unwrap_err();
        assert!(late.contains("within 1s") && late.contains("may still run") && late.ends_with("stderr: waiting"));
    }

    #[test]
    fn what_floods_the_output_is_cut() {
        let failed = judged(&outcome(ExecExit::Code(1), "", &"ä".repeat(SHOWN * 3)), Duration::ZERO).unwrap_err();
        assert!(failed.chars().count() < SHOWN + 50 && failed.ends_with('…'), "{}", failed.len());
    }
}
