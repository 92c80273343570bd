//! What to do next: a function of the saga and the time, the same every time it is asked.

use jiff::Timestamp;

use super::{Command, InterruptReason, Phase, Saga, Status, StepOutcome, StepState, Waiting};
use crate::dag::{Need, Step};
use crate::file::{AfterFailure, Retries};
use crate::format::{Event, Failure, FailureKind, RunKind, Skip, StopReason};
use crate::period::Period;
use crate::steps::StepKind;
use crate::when::When;

/// Undoing is tried so often before a person is called.
const UNDO_TRIES: u32 = 3;
const UNDO_BACKOFF: Retries = Retries { times: UNDO_TRIES, backoff: Period::seconds(5), longest: Period::minutes(1) };

/// What one step asks for.
enum Turn {
    Nothing,
    Do(Command),
    Wait(Waiting, Option<Timestamp>),
}

impl Saga {
    /// What to do now. Without a `Wait` among the commands, ask again as soon as they are recorded; interruptions come
    /// with a `Wait`, because they take effect when the step ends.
    pub fn next(&self, now: Timestamp) -> Vec<Command> {
        if self.replayed {
            return vec![Command::Record(Event::Resumed)];
        }
        match &self.phase {
            Phase::Forward => self.forward(now),
            Phase::Stopping { because, interrupt } => self.stopping(because, *interrupt, now),
            Phase::Undoing { .. } => self.undoing(now),
            Phase::Finished { verdict, .. } => vec![Command::Done(verdict.clone())],
        }
    }

    /// When to ask again although nothing has happened.
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.next(now).into_iter().find_map(|command| match command {
            Command::Wait { until, .. } => until,
            _ => None,
        })
    }

    fn forward(&self, now: Timestamp) -> Vec<Command> {
        if let Some(because) = self.must_stop(now) {
            return vec![Command::Record(Event::Stopped { because })];
        }
        let (mut records, mut commands) = (Vec::new(), Vec::new());
        let (mut waiting, mut until) = (Vec::new(), self.guard_at());
        for step in &self.scenario.steps {
            match self.turn(step, now) {
                Turn::Nothing => {}
                Turn::Do(command @ Command::Record(_)) => records.push(command),
                Turn::Do(command) => commands.push(command),
                Turn::Wait(what, at) => {
                    waiting.push(what);
                    until = earlier(until, at);
                }
            }
        }
        if !records.is_empty() {
            return records;
        }
        if commands.is_empty() && waiting.is_empty() {
            return vec![Command::Record(Event::Stopped { because: StopReason::Completed })];
        }
        // What is about to start has no deadline yet: it is waited for when it has been recorded.
        if !commands.iter().any(|command| matches!(command, Command::Run { .. })) {
            commands.push(Command::Wait { until, waiting });
        }
        commands
    }

    /// Why nothing more may be started.
    fn must_stop(&self, now: Timestamp) -> Option<StopReason> {
        if self.kind() == RunKind::Drill {
            if let Some(ttl) = self.scenario.ttl.filter(|ttl| passed(self.header.opened, *ttl, now)) {
                return Some(StopReason::TimeToLive { limit: ttl.to_string() });
            }
            if let Some(budget) = self.scenario.budget.filter(|budget| passed(self.header.opened, *budget, now)) {
                return Some(StopReason::Budget { limit: budget.to_string() });
            }
            for condition in &self.scenario.stop_on {
                let known = condition
                    .references()
                    .iter()
                    .all(|reference| self.steps.get(&reference.root).is_none_or(|state| state.outputs.is_some()));
                // A condition that cannot be evaluated cannot protect anything any more: stop.
                if known && condition.holds(&|reference| self.lookup(reference)).unwrap_or(true) {
                    return Some(StopReason::StopCondition { condition: condition.text.clone() });
                }
            }
        }
        if self.scenario.on_failure(self.kind()) == AfterFailure::Wait {
            return None;
        }
        self.steps()
            .find(|(step, state)| !step.traits.verifies && self.failed_for_good(step, state))
            .map(|(step, _)| StopReason::StepFailed { step: step.id.clone() })
    }

    fn guard_at(&self) -> Option<Timestamp> {
        if self.kind() == RunKind::Recovery {
            return None;
        }
        let at = |limit: Option<Period>| limit.and_then(|limit| self.header.opened.checked_add(limit.0).ok());
        earlier(at(self.scenario.ttl), at(self.scenario.budget))
    }

    /// Failed, and no automatic attempt follows.
    pub(super) fn failed_for_good(&self, step: &Step, state: &StepState) -> bool {
        matches!(state.status, Status::Failed { .. }) && !retries(step, state)
    }

    fn turn(&self, step: &Step, now: Timestamp) -> Turn {
        let Some(state) = self.steps.get(&step.id) else { return Turn::Nothing };
        match &state.status {
            Status::Succeeded | Status::Skipped => Turn::Nothing,
            Status::Undoing { .. } | Status::UndoLost { .. } | Status::UndoFailed { .. } | Status::Undone => {
                Turn::Nothing
            }
            Status::Pending => self.pending(step, now),
            Status::Retry { attempt } | Status::Lost { attempt } if step.uses.asks() => {
                debug_assert_eq!(*attempt, 0);
                record(Event::Asked { step: step.id.clone() })
            }
            Status::Retry { attempt } => self.run(step, attempt + 1, now),
            Status::Lost { attempt } => self.run(step, *attempt, now),
            Status::Running { attempt } => {
                let deadline = state.since.and_then(|since| since.checked_add(step.timeout.0).ok());
                if deadline.is_some_and(|deadline| now >= deadline) {
                    let because = InterruptReason::TimedOut;
                    return Turn::Do(Command::Interrupt { step: step.id.clone(), attempt: *attempt, because });
                }
                Turn::Wait(Waiting::Step { step: step.id.clone(), undo: false }, deadline)
            }
            Status::Asked => self.asked(step, state, now),
            Status::Failed { attempt } => {
                if !retries(step, state) {
                    return match (self.scenario.on_failure(self.kind()), &state.outcome) {
                        (AfterFailure::Wait, Some(StepOutcome::Failed(failure))) => {
                            Turn::Wait(Waiting::Decision { step: step.id.clone(), failure: failure.clone() }, None)
                        }
                        _ => Turn::Nothing,
                    };
                }
                let wait = step.retries.wait_after(state.tries);
                let at = state.ended.and_then(|ended| ended.checked_add(wait.0).ok()).unwrap_or(now);
                if now >= at {
                    return self.run(step, attempt + 1, now);
                }
                Turn::Wait(Waiting::Retry { step: step.id.clone(), at }, Some(at))
            }
        }
    }

    fn pending(&self, step: &Step, now: Timestamp) -> Turn {
        let skip = |because: Skip| record(Event::Skipped { step: step.id.clone(), because });
        if !step.is_for(self.kind()) {
            let other = if self.kind() == RunKind::Drill { RunKind::Recovery } else { RunKind::Drill };
            return skip(Skip::When { condition: other.to_string() });
        }
        let stops = self.scenario.on_failure(self.kind()) == AfterFailure::Stop;
        let mut blocked = None;
        let mut missing = None;
        for (id, need) in &step.needs {
            let (Some(needed), Some(state)) = (self.scenario.step(id), self.steps.get(id)) else { continue };
            match (&state.status, &state.outcome) {
                (Status::Succeeded, _) => {}
                (Status::Skipped, Some(StepOutcome::Skipped(Skip::NeedsFailed { step }))) => {
                    if *need != Need::Order {
                        blocked = Some(step.clone());
                    }
                }
                (Status::Skipped, _) => {
                    if *need == Need::Output {
                        missing = Some(id.clone());
                    }
                }
                (Status::Failed { .. }, _) if stops && self.failed_for_good(needed, state) => {
                    if *need != Need::Order {
                        blocked = Some(id.clone());
                    }
                }
                _ => return Turn::Nothing,
            }
        }
        if let Some(step) = blocked {
            return skip(Skip::NeedsFailed { step });
        }
        if let Some(step) = missing {
            return skip(Skip::Missing { step });
        }
        if stops && let Some(failed) = self.failed_verification(step) {
            return skip(Skip::NeedsFailed { step: failed });
        }
        for when in &step.when {
            if let When::Expression(expression) = when {
                match expression.holds(&|reference| self.lookup(reference)) {
                    Ok(true) => {}
                    Ok(false) => return skip(Skip::When { condition: expression.text.clone() }),
                    Err(message) => return refuse(step, message),
                }
            }
        }
        if step.uses.asks() {
            return match step.resolve(&|reference| self.lookup(reference)) {
                Ok(_) => record(Event::Asked { step: step.id.clone() }),
                Err(message) => refuse(step, message),
            };
        }
        self.run(step, 1, now)
    }

    /// After a failed verification only what leads to other verifications goes on.
    fn failed_verification(&self, step: &Step) -> Option<String> {
        let failed = self.steps().find(|(step, state)| step.traits.verifies && self.failed_for_good(step, state))?.0;
        let leads_on = step.traits.verifies
            || self.scenario.dependents(&step.id).into_iter().any(|id| {
                self.scenario.step(id).is_some_and(|step| step.traits.verifies)
                    && self.steps.get(id).is_some_and(|state| state.status == Status::Pending)
            });
        (!leads_on).then(|| failed.id.clone())
    }

    fn run(&self, step: &Step, attempt: u32, now: Timestamp) -> Turn {
        match step.resolve(&|reference| self.lookup(reference)) {
            Ok(params) => Turn::Do(Command::Run {
                step: step.id.clone(),
                token: self.token(&step.id),
                attempt,
                params: Box::new(params),
                deadline: now.checked_add(step.timeout.0).unwrap_or(Timestamp::MAX),
            }),
            Err(message) => refuse(step, message),
        }
    }

    /// Who may answer a step; empty means anybody.
    pub(super) fn approvers(&self, step: &Step) -> Vec<String> {
        match step.resolve(&|reference| self.lookup(reference)) {
            Ok(StepKind::Approve(params)) => params.approvers,
            _ => Vec::new(),
        }
    }

    fn asked(&self, step: &Step, state: &StepState, now: Timestamp) -> Turn {
        let since = state.since.unwrap_or(now);
        let (message, approvers, length) = match step.resolve(&|reference| self.lookup(reference)) {
            Ok(StepKind::Approve(params)) => (params.message, params.approvers, None),
            Ok(StepKind::Pause(params)) => (params.message, Vec::new(), params.length),
            _ => (String::new(), Vec::new(), None),
        };
        if let Some(length) = length {
            let over = since.checked_add(length.0).unwrap_or(Timestamp::MAX);
            if now >= over {
                let comment = format!("the pause of {length} is over");
                return record(Event::Approved { step: step.id.clone(), by: "landfall".to_owned(), comment });
            }
            let waiting = Waiting::Answer { step: step.id.clone(), message, approvers, until: over };
            return Turn::Wait(waiting, Some(over));
        }
        let until = since.checked_add(step.timeout.0).unwrap_or(Timestamp::MAX);
        if now >= until {
            let failure = Failure::new(FailureKind::TimedOut, format!("nobody answered within {}", step.timeout))
                .hint("retry the step to ask again");
            return record(Event::Failed { step: step.id.clone(), attempt: 0, failure });
        }
        Turn::Wait(Waiting::Answer { step: step.id.clone(), message, approvers, until }, Some(until))
    }

    fn stopping(&self, because: &StopReason, interrupt: Option<InterruptReason>, now: Timestamp) -> Vec<Command> {
        let (mut commands, mut waiting, mut until) = (Vec::new(), Vec::new(), None);
        let mut records = Vec::new();
        for (step, state) in self.steps() {
            match &state.status {
                Status::Running { attempt } => {
                    let deadline = state.since.and_then(|since| since.checked_add(step.timeout.0).ok());
                    let over = deadline.is_some_and(|deadline| now >= deadline).then_some(InterruptReason::TimedOut);
                    if let Some(because) = interrupt.or(over) {
                        commands.push(Command::Interrupt { step: step.id.clone(), attempt: *attempt, because });
                    }
                    until = earlier(until, deadline.filter(|deadline| now < *deadline));
                    waiting.push(Waiting::Step { step: step.id.clone(), undo: false });
                }
                Status::Pending | Status::Asked => {
                    let because = if step.is_for(self.kind()) {
                        Skip::Stopped
                    } else {
                        let other = if self.kind() == RunKind::Drill { RunKind::Recovery } else { RunKind::Drill };
                        Skip::When { condition: other.to_string() }
                    };
                    records.push(Command::Record(Event::Skipped { step: step.id.clone(), because }));
                }
                _ => {}
            }
        }
        if !records.is_empty() {
            return records;
        }
        if !waiting.is_empty() {
            commands.push(Command::Wait { until, waiting });
            return commands;
        }
        let event = match self.destroys(because) && !self.begun.is_empty() {
            true => Event::UndoBegan,
            false => Event::Finished { verdict: self.judge() },
        };
        vec![Command::Record(event)]
    }

    fn undoing(&self, now: Timestamp) -> Vec<Command> {
        let mut held = std::collections::BTreeSet::new();
        for id in self.begun.iter().rev() {
            let (Some(step), Some(state)) = (self.scenario.step(id), self.steps.get(id)) else { continue };
            let attempt = match &state.status {
                Status::Undone => continue,
                Status::Undoing { attempt } => {
                    let deadline = state.since.and_then(|since| since.checked_add(step.timeout.0).ok());
                    let mut commands = Vec::new();
                    if deadline.is_some_and(|deadline| now >= deadline) {
                        let because = InterruptReason::TimedOut;
                        commands.push(Command::Interrupt { step: id.clone(), attempt: *attempt, because });
                    }
                    let until = deadline.filter(|deadline| now < *deadline);
                    commands
                        .push(Command::Wait { until, waiting: vec![Waiting::Step { step: id.clone(), undo: true }] });
                    return commands;
                }
                Status::UndoFailed { .. } if self.is_stuck(state) => {
                    // What it stands on must stay, or it could never be cleaned up.
                    held.extend(self.scenario.ancestors(id));
                    continue;
                }
                _ if held.contains(id.as_str()) => continue,
                Status::UndoFailed { attempt } => {
                    let wait = UNDO_BACKOFF.wait_after(state.undo_tries.max(1));
                    let at = state.ended.and_then(|ended| ended.checked_add(wait.0).ok()).unwrap_or(now);
                    // A person who asks for undoing does not wait for a back-off.
                    if state.undo_tries > 0 && now < at {
                        let waiting = vec![Waiting::Retry { step: id.clone(), at }];
                        return vec![Command::Wait { until: Some(at), waiting }];
                    }
                    attempt + 1
                }
                Status::UndoLost { attempt } => *attempt,
                Status::Pending
                | Status::Asked
                | Status::Running { .. }
                | Status::Lost { .. }
                | Status::Succeeded
                | Status::Failed { .. }
                | Status::Retry { .. }
                | Status::Skipped => 1,
            };
            // A step that started had its references resolved; they resolve again to the same.
            let Ok(params) = step.resolve(&|reference| self.lookup(reference)) else { continue };
            return vec![Command::Undo {
                step: id.clone(),
                token: self.token(id),
                attempt,
                params: Box::new(params),
                outputs: state.outputs.clone(),
                deadline: now.checked_add(step.timeout.0).unwrap_or(Timestamp::MAX),
            }];
        }
        vec![Command::Record(Event::Finished { verdict: self.judge() })]
    }

    /// Undoing it failed, and trying again by itself is over.
    pub(super) fn is_stuck(&self, state: &StepState) -> bool {
        matches!(state.status, Status::UndoFailed { .. })
            && (state.undo_tries >= UNDO_TRIES
                || (state.undo_tries > 0 && state.undo_failure.as_ref().is_some_and(|failure| !failure.is_retryable())))
    }
}

fn retries(step: &Step, state: &StepState) -> bool {
    let retryable = matches!(&state.outcome, Some(StepOutcome::Failed(failure)) if failure.is_retryable());
    retryable && state.has_begun() && state.tries <= step.retries.times
}

fn record(event: Event) -> Turn {
    Turn::Do(Command::Record(event))
}

fn refuse(step: &Step, message: String) -> Turn {
    let failure = Failure::new(FailureKind::Invalid, message)
        .hint("a retry helps only when the step that gives the value is run again; otherwise cancel the run");
    record(Event::Refused { step: step.id.clone(), failure })
}

fn passed(since: Timestamp, limit: Period, now: Timestamp) -> bool {
    since.checked_add(limit.0).is_ok_and(|end| now >= end)
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
