//! Waits until the definitions that were sent are established, all of them together.

use std::time::Duration;

use ::ports::cluster::ObjectRef;
use model::{Manifest, Reason, chain};
use serde_json::Value;

use super::Acted;
use crate::log::RunLog;
use crate::ports::Outside;
use crate::restore::ItemVerdict;
use crate::restore::prepared::{PlannedRestore, Work};

/// How long all of them together are waited for, and in which steps.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// What a definition says of itself.
enum State {
    Established,
    Waiting(String),
    /// Waiting changes nothing.
    Refused(String),
}

/// Waits until every definition that was created is established; those that are not become failures.
pub(super) async fn established(
    outside: &Outside,
    planned: &PlannedRestore,
    wave: &[Work],
    acted: &mut Acted,
    log: &RunLog,
) {
    let created = |work: &&Work| acted.outcomes.verdict(work.planned) == Some(ItemVerdict::Created);
    let mut waiting: Vec<(&Work, String)> = wave.iter().filter(created).map(|work| (work, String::new())).collect();
    let begin = outside.clock.now();
    loop {
        let mut left = Vec::new();
        for (work, _) in waiting {
            match look(outside, planned, work).await {
                State::Established => {}
                State::Waiting(why) => left.push((work, why)),
                State::Refused(why) => fail(outside, planned, acted, log, work, &why),
            }
        }
        waiting = left;
        let waited = outside.clock.now().duration_since(begin);
        if waiting.is_empty() || Duration::try_from(waited).unwrap_or_default() >= LIMIT {
            break;
        }
        outside.clock.sleep(POLL).await;
    }
    for (work, why) in waiting {
        fail(outside, planned, acted, log, work, &format!("not within {LIMIT:?}: {why}"));
    }
}

fn fail(outside: &Outside, planned: &PlannedRestore, acted: &mut Acted, log: &RunLog, work: &Work, why: &str) {
    let message = format!("created, but not established: {why}");
    log.error(outside.clock.now(), Some(&planned.file.items[work.planned as usize].target), &message);
    acted.outcomes.insert(work.planned, ItemVerdict::Failed, Reason::new("not-established", message));
}

async fn look(outside: &Outside, planned: &PlannedRestore, work: &Work) -> State {
    let resource = &planned.resources[usize::from(work.resource)];
    let name = &planned.file.items[work.planned as usize].target.name;
    let object = ObjectRef { resource, namespace: None, name };
    match outside.cluster.get(&object).await {
        Ok(body) => match Manifest::from_slice(&body) {
            Ok(definition) => judge(&definition),
            Err(error) => State::Waiting(chain(&error)),
        },
        Err(error) if error.is_not_found() => State::Refused("it is gone again".to_owned()),
        Err(error) if error.is_retryable() => State::Waiting(chain(&error)),
        Err(error) => State::Refused(chain(&error)),
    }
}

fn judge(definition: &Manifest) -> State {
    let conditions = definition.get("/status/conditions").and_then(Value::as_array);
    let is = |kind: &str, status: &str| {
        conditions.into_iter().flatten().find(|condition| condition["type"] == kind && condition["status"] == status)
    };
    if is("Established", "True").is_some() && is("NamesAccepted", "True").is_some() {
        return State::Established;
    }
    let message = |condition: &Value| condition["message"].as_str().unwrap_or_default().to_owned();
    if let Some(refused) = is("NamesAccepted", "False") {
        return State::Refused(format!("its names are not accepted: {}", message(refused)));
    }
    if is("Terminating", "True").is_some() {
        return State::Refused("it is being deleted".to_owned());
    }
    let said = is("Established", "False").map(message).filter(|message| !message.is_empty());
    State::Waiting(said.unwrap_or_else(|| "the server has not looked at it".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_that_are_taken_are_not_waited_for() {
        let state = |conditions: Value| {
            judge(&Manifest::from_value(json!({"metadata": {}, "status": {"conditions": conditions}})).unwrap())
        };
        let condition =
            |kind: &str, status: &str| json!({"type": kind, "status": status, "message": "widgets is already in use"});
        let good = json!([condition("NamesAccepted", "True"), condition("Established", "True")]);
        assert!(matches!(state(good), State::Established));
        let taken = json!([condition("NamesAccepted", "False"), condition("Established", "False")]);
        assert!(matches!(state(taken), State::Refused(why) if why.contains("already in use")));
        assert!(matches!(state(json!([condition("NamesAccepted", "True")])), State::Waiting(_)));
        assert!(matches!(state(Value::Null), State::Waiting(_)));
    }
}
