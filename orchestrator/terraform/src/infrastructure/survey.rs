//! Looks for everything that an abnormal end leaves behind.

use std::path::Path;

use ports::infrastructure::StackRequest;

use super::attempts::{Attempt, Attempts};
use super::{IMPORTS, TerraformInfrastructure, is_ours};
use crate::diagnostic::{Class, LockInfo};
use crate::error::TerraformError;
use crate::event::parse;
use crate::journal;
use crate::record::Record;
use crate::recovery::{LooseState, RunFacts, Survey};
use crate::run::format::Operation;
use crate::run::{is_running, write_private};
use crate::stack::{PlanKind, Stack};
use crate::state::State;

/// How much to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Files and the state.
    State,
    /// The lock as well, which takes as long as a plan.
    Lock,
}

impl TerraformInfrastructure {
    pub(super) async fn survey(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempts: &Attempts,
        depth: Depth,
    ) -> Result<Survey, TerraformError> {
        let mut survey = Survey { checked: attempts.checked()?, ..Default::default() };
        for attempt in attempts.writes()? {
            survey.running |= is_running(&attempt.folder);
            let facts = facts(&attempt).await?;
            if let Some(dumped) = &facts.record.dumped_state
                && !facts.done
            {
                let path = attempt.folder.join("dumped.tfstate");
                let bytes = dumped.to_string().into_bytes();
                // Once: when it is gone, it has been dealt with.
                if !attempt.folder.join("dumped").exists() {
                    write_private(&path, &bytes).await?;
                    write_private(&attempt.folder.join("dumped"), b"").await?;
                }
                survey.loose.extend(loose(&path));
            }
            survey.runs.push(facts);
        }
        survey.loose.extend(loose(&stack.errored_state()));
        survey.imports_pending = is_ours(&stack.directory().join(IMPORTS));
        survey.state = Some(match stack.state_pull().await {
            Ok(state) => Ok(state),
            Err(error) => Err(unreadable(stack, &error)),
        });
        if depth == Depth::Lock && !survey.running && !matches!(survey.state, Some(Err(_))) {
            survey.lock = self.probe_lock(stack, request, attempts).await?;
            survey.lock_is_ours = survey.lock.as_ref().is_some_and(|lock| is_our_lock(lock, &survey.runs));
        }
        Ok(survey)
    }

    /// Who holds the state's lock: asked for by a plan that looks at nothing, because no command just tells.
    async fn probe_lock(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempts: &Attempts,
    ) -> Result<Option<LockInfo>, TerraformError> {
        let attempt = attempts.next(Operation::Plan, true)?;
        let ended =
            self.run_plan(stack, request, &attempt, PlanKind::Probe, None, &ports::infrastructure::Silent).await;
        let class = ended.map(|ended| ended.record.class());
        // It holds nothing that anybody will want.
        let _ = std::fs::remove_dir_all(&attempt.folder);
        match class? {
            Class::Locked(lock) => Ok(Some(lock)),
            _ => Ok(None),
        }
    }
}

/// A run's record, out of its files alone.
pub(super) async fn facts(attempt: &Attempt) -> Result<RunFacts, TerraformError> {
    let mut record = Record::default();
    let mut offset = 0;
    let stream = attempt.folder.join("stream.ndjson");
    match tokio::fs::read(&stream).await {
        Ok(bytes) => {
            offset = bytes.len() as u64;
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.for_each(|line| record.apply(&parse(line)));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(TerraformError::Io { what: format!("read {}", stream.display()), source }),
    }
    let (entries, _) = journal::read(&attempt.folder.join(journal::FILE)).await?;
    entries.iter().filter(|(at, _)| *at > offset).for_each(|(_, event)| record.apply(event));
    let exit = std::fs::read_to_string(attempt.folder.join("exit")).unwrap_or_default();
    Ok(RunFacts { done: exit.trim() == "0", record })
}

fn loose(path: &Path) -> Option<LooseState> {
    let state = match std::fs::read(path) {
        Ok(bytes) => State::from_json(&bytes).map_err(|error| model::chain(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => Err(error.to_string()),
    };
    Some(LooseState { path: path.to_owned(), state })
}

fn unreadable(stack: &Stack, error: &TerraformError) -> (String, String) {
    let command = match error {
        TerraformError::NotInitialised { command, .. } | TerraformError::BackendChanged { command, .. } => {
            command.clone()
        }
        _ => stack.type_this(["state", "pull"]),
    };
    (model::chain(error), command)
}

/// Whether a lock was made while one of our dead runs was at work.
fn is_our_lock(lock: &LockInfo, runs: &[RunFacts]) -> bool {
    // `2026-11-21 09:55:02.096869528 +0000 UTC`, as Go prints a time.
    let mut words = lock.created.split_ascii_whitespace();
    let (Some(date), Some(time), Some("+0000")) = (words.next(), words.next(), words.next()) else { return false };
    let Ok(created) = format!("{date}T{time}Z").parse::<jiff::Timestamp>() else { return false };
    runs.iter().filter(|run| !run.done).any(|run| match (run.record.first_at, run.record.last_at) {
        (Some(first), Some(last)) => first <= created && created <= last,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_ours_by_its_time() {
        let record = Record {
            first_at: Some("2026-11-21T09:55:00Z".parse().unwrap()),
            last_at: Some("2026-11-21T09:56:00Z".parse().unwrap()),
            ..Default::default()
        };
        let runs = [RunFacts { done: false, record }];
        let lock = |created: &str| LockInfo { created: created.into(), ..Default::default() };
        assert!(is_our_lock(&lock("2026-11-21 09:55:02.096869528 +0000 UTC"), &runs));
        assert!(!is_our_lock(&lock("2026-11-21 09:57:02 +0000 UTC"), &runs));
        assert!(!is_our_lock(&lock("2026-11-21 09:55:02 +0900 KST"), &runs));
        assert!(!is_our_lock(&lock(""), &runs));
    }
}
