//! What to do after an abnormal end: a pure decision over what was found.
//!
//! The order of the steps matters: nothing is pushed while a lock is held, nothing is imported before the state that
//! was not saved is back, nothing is planned before both.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ports::infrastructure::{NextStep, StackDiagnosis};

use crate::diagnostic::LockInfo;
use crate::error::describe;
use crate::import::{Importable, blocks, importable};
use crate::record::{Made, Record};
use crate::stack::Stack;
use crate::state::State;

/// One run under the token, as its record tells it.
#[derive(Debug, Default)]
pub struct RunFacts {
    pub done: bool,
    pub record: Record,
}

/// A state that was found beside the backend.
#[derive(Debug)]
pub struct LooseState {
    pub path: PathBuf,
    pub state: Result<Option<State>, String>,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub struct Survey {
    pub running: bool,
    /// Applies and destroys under the token, oldest first.
    pub runs: Vec<RunFacts>,
    /// The backend's state, or why it cannot be read and what to type.
    pub state: Option<Result<Option<State>, (String, String)>>,
    /// `errored.tfstate`, and states that were dumped into an event stream and written down from there.
    pub loose: Vec<LooseState>,
    pub lock: Option<LockInfo>,
    /// Whether the lock fits a run of ours that is dead.
    pub lock_is_ours: bool,
    /// The next apply will import what is missing.
    pub imports_pending: bool,
    /// Addresses that a person has looked after.
    pub checked: BTreeSet<String>,
}

/// A diagnosis, and whether a new apply has to wait for it.
#[derive(Debug)]
pub struct Recovery {
    pub diagnosis: StackDiagnosis,
    pub blocks_apply: bool,
    pub blocks_destroy: bool,
    pub lost: Vec<Made>,
}

pub fn recover(stack: &Stack, survey: &Survey) -> Recovery {
    let mut found = Found { steps: Vec::new(), notes: Vec::new(), blocks_apply: false, blocks_destroy: false };
    if survey.running {
        found.blocking(step("wait", "", "a run is still going on; attach to it, or stop it", String::new(), false));
    }
    lock(stack, survey, &mut found);
    loose_states(stack, survey, &mut found);
    let lost = lost(survey);
    imports(stack, survey, &lost, &mut found);
    unknown(survey, &mut found);
    taints(stack, survey, &mut found);
    let retry = survey.runs.last().is_some_and(|run| !run.done);
    if retry || !found.steps.is_empty() {
        let message = "run the same command again; it plans anew and carries on";
        found.steps.push(step("retry", "", message, String::new(), true));
    }
    let text = if survey.imports_pending { String::new() } else { blocks(&lost) };
    Recovery {
        diagnosis: StackDiagnosis { running: survey.running, steps: found.steps, imports: text, notes: found.notes },
        blocks_apply: found.blocks_apply,
        blocks_destroy: found.blocks_destroy,
        lost,
    }
}

/// What was created under the token, was not deleted under it, and is in no state.
pub fn lost(survey: &Survey) -> Vec<Made> {
    // Without the state nobody can say what it lacks.
    let Some(Ok(state)) = &survey.state else { return Vec::new() };
    let loose = survey.loose.iter().filter_map(|loose| loose.state.as_ref().ok()?.as_ref());
    let states: Vec<&State> = state.iter().chain(loose).collect();
    standing(survey.runs.iter().map(|run| &run.record))
        .into_iter()
        .filter(|made| !made.id_value.is_empty())
        .filter(|made| states.iter().all(|state| state.with_id(&made.kind, &made.id_key, &made.id_value).is_none()))
        .collect()
}

/// What these runs created and did not delete again.
pub fn standing<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Made> {
    let mut standing: Vec<Made> = Vec::new();
    for made in records.into_iter().flat_map(|record| &record.made) {
        match made.action.as_str() {
            "create" => standing.push(made.clone()),
            // By id, because a replacement may create before it deletes at the same address.
            "delete" if made.id_value.is_empty() => {
                standing.retain(|one| (&one.address, &one.kind) != (&made.address, &made.kind));
            }
            "delete" => standing.retain(|one| (&one.id_value, &one.kind) != (&made.id_value, &made.kind)),
            _ => {}
        }
    }
    standing
}

struct Found {
    steps: Vec<NextStep>,
    notes: Vec<String>,
    blocks_apply: bool,
    blocks_destroy: bool,
}

impl Found {
    fn blocking(&mut self, step: NextStep) {
        self.steps.push(step);
        self.blocks_apply = true;
        self.blocks_destroy = true;
    }
}

fn lock(stack: &Stack, survey: &Survey, found: &mut Found) {
    let Some(lock) = &survey.lock else { return };
    let whose = match (survey.lock_is_ours, lock.only_id) {
        (true, _) => "it fits a run of ours that is dead",
        (false, true) => "make sure that nobody is at work, then break it",
        (false, false) => "make sure that the holder is dead, then break it",
    };
    let message = format!("the state is locked {}; {whose}", describe(lock));
    let id = if lock.id.is_empty() { "LOCK_ID" } else { lock.id.as_str() };
    let command = stack.type_this(["force-unlock", "-force", id]);
    found.blocking(step("unlock", &lock.id, &message, command, false));
}

fn loose_states(stack: &Stack, survey: &Survey, found: &mut Found) {
    for loose in &survey.loose {
        let path = loose.path.display().to_string();
        let command = stack.type_this(["state", "push", &path]);
        let (message, safe) = match (&loose.state, &survey.state) {
            (Err(why), _) => (format!("a state was left in {path} and cannot be read ({why})"), false),
            (Ok(None), _) => (format!("{path} is empty; look at it and remove it"), false),
            (Ok(Some(left)), Some(Ok(Some(kept)))) if left.lineage != kept.lineage => {
                (format!("{path} is of another lineage than the backend's state; find out which one is right"), false)
            }
            (Ok(Some(left)), Some(Ok(Some(kept)))) if left.serial < kept.serial => {
                let message = format!(
                    "{path} (serial {}) is older than the backend's state (serial {}); compare them, then remove it",
                    left.serial, kept.serial
                );
                (message, false)
            }
            (Ok(Some(left)), Some(Ok(_))) => {
                (format!("{path} holds the state that was not saved (serial {}); save it", left.serial), true)
            }
            (Ok(Some(_)), _) => {
                (format!("{path} holds a state that was not saved; save it when the backend can be read"), false)
            }
        };
        found.blocking(step("push-state", &path, &message, command, safe));
    }
    if let Some(Err((why, command))) = &survey.state {
        let message = format!("the state cannot be read: {why}");
        found.blocking(step("read-state", "", &message, command.clone(), false));
    }
}

fn imports(stack: &Stack, survey: &Survey, lost: &[Made], found: &mut Found) {
    let state = survey.state.as_ref().and_then(|state| state.as_ref().ok()?.as_ref());
    for made in lost {
        let address = &made.address;
        if let Some(other) = state.and_then(|state| state.at(address)).and_then(|one| one.id(&made.id_key)) {
            if !survey.checked.contains(address) {
                let message = format!(
                    "{address} was created as {} and the state has {other} there; one of them is nobody's any more",
                    made.id_value
                );
                found.steps.push(step("check", address, &message, String::new(), false));
                found.blocks_apply = true;
            }
            continue;
        }
        match importable(made) {
            _ if survey.checked.contains(address) => {}
            Importable::ById if survey.imports_pending => {
                found.notes.push(format!("{address} ({}) will be imported by the next apply", made.id_value));
            }
            Importable::ById => {
                let message = format!("{address} was created as {} and is in no state; import it", made.id_value);
                let command = stack.type_this(["import", address, &made.id_value]);
                found.blocking(step("import", address, &message, command, false));
            }
            Importable::No(why) => {
                let message = format!("{address} was created as {} and is in no state; {why}", made.id_value);
                found.notes.push(message);
            }
        }
    }
}

fn unknown(survey: &Survey, found: &mut Found) {
    let state = survey.state.as_ref().and_then(|state| state.as_ref().ok()?.as_ref());
    let last_done = survey.runs.iter().rposition(|run| run.done).map(|at| at + 1).unwrap_or_default();
    let mut told = BTreeSet::new();
    for run in &survey.runs[last_done..] {
        for ((address, action), running) in &run.record.running {
            if !told.insert((address, action)) || survey.checked.contains(address) {
                continue;
            }
            let here = state.and_then(|state| state.at(address));
            match (action.as_str(), here) {
                ("create", Some(_)) => {
                    found.notes.push(format!("{address} was being created when the run ended, and is in the state"));
                }
                ("create", None) if lives_in_the_state_only(&running.kind) => {
                    found.notes.push(format!("{address} was being created when the run ended; it is made again"));
                }
                ("create", None) => {
                    let message = format!(
                        "{address} was being created when the run ended, and nobody knows whether it exists; look for \
                         it by its name and tags, and import or delete it"
                    );
                    found.steps.push(step("check", address, &message, String::new(), false));
                    found.blocks_apply = true;
                }
                (action, _) => {
                    let message = format!("the {action} of {address} began and did not end; the next plan tells");
                    found.notes.push(message);
                }
            }
        }
    }
}

fn taints(stack: &Stack, survey: &Survey, found: &mut Found) {
    let Some(Ok(Some(state))) = &survey.state else { return };
    for instance in &state.instances {
        if let Some(key) = &instance.deposed {
            let message = format!("{} has a leftover ({key}) that the next apply deletes", instance.address);
            found.notes.push(message);
        } else if instance.tainted {
            let address = &instance.address;
            let message = format!(
                "{address} was left half made, and the next apply replaces it; when it turns out to be healthy, untaint it"
            );
            found.steps.push(step("untaint", address, &message, stack.type_this(["untaint", address]), false));
        }
    }
}

/// Kinds that nothing outside of the state knows of.
fn lives_in_the_state_only(kind: &str) -> bool {
    let families = ["random_", "time_", "tls_"];
    matches!(kind, "terraform_data" | "null_resource") || families.iter().any(|family| kind.starts_with(family))
}

fn step(code: &str, subject: &str, message: &str, command: String, safe: bool) -> NextStep {
    NextStep { code: code.into(), subject: subject.into(), message: message.into(), command, safe }
}

#[cfg(test)]
mod tests;
