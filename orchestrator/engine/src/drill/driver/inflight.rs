//! The steps that are in flight, each in a task of its own.
//!
//! Every start gives exactly one ending, however the task goes: done, failed, interrupted, panicked, or given up on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use scenario::format::Outputs;
use scenario::saga::InterruptReason;
use scenario::{Failure, FailureKind, Saga, StepKind};
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::drill::observer::DrillObserver;
use crate::drill::step::{StepContext, StepFailed};
use crate::drill::steps;
use crate::drill::workshop::Workshop;

const SEEN: &str = "seen";

/// One attempt, of a step or of its undoing.
pub(super) struct Work {
    pub(super) step: String,
    pub(super) token: String,
    pub(super) attempt: u32,
    pub(super) params: StepKind,
    /// For undoing: what the step gave, if it came to an end.
    pub(super) undo: Option<Option<Outputs>>,
}

pub(super) struct Ending {
    pub(super) step: String,
    pub(super) attempt: u32,
    pub(super) undo: bool,
    pub(super) outcome: Result<Outputs, StepFailed>,
}

pub(super) struct InFlight {
    workshop: Arc<dyn Workshop>,
    observer: Arc<dyn DrillObserver>,
    tasks: JoinSet<Result<Outputs, StepFailed>>,
    running: HashMap<Id, Running>,
}

struct Running {
    step: String,
    attempt: u32,
    undo: bool,
    /// How long an interrupted attempt may take to end.
    grace: Duration,
    stop: watch::Sender<Option<InterruptReason>>,
    give_up: Option<(Timestamp, InterruptReason)>,
    abort: AbortHandle,
}

impl InFlight {
    pub(super) fn new(workshop: Arc<dyn Workshop>, observer: Arc<dyn DrillObserver>) -> Self {
        Self { workshop, observer, tasks: JoinSet::new(), running: HashMap::new() }
    }

    pub(super) fn start(&mut self, work: Work, saga: &Saga) {
        let (stop, stopped) = watch::channel(None);
        let Work { step, token, attempt, params, undo } = work;
        let is_undo = undo.is_some();
        let gentle = steps::ends_itself(&params);
        let context = StepContext::new(
            Arc::clone(&self.workshop),
            Arc::clone(&self.observer),
            Arc::new(saga.clone()),
            step.clone(),
            token,
            stopped,
        );
        let abort = self.tasks.spawn(attempted(context, params, undo, gentle));
        let grace = if gentle { Duration::from_secs(300) } else { Duration::from_secs(30) };
        let running = Running { step, attempt, undo: is_undo, grace, stop, give_up: None, abort: abort.clone() };
        self.running.insert(abort.id(), running);
    }

    /// Asks an attempt to end; asking again changes nothing.
    pub(super) fn interrupt(&mut self, step: &str, attempt: u32, because: InterruptReason, now: Timestamp) {
        let found = self.running.values_mut().find(|running| running.step == step && running.attempt == attempt);
        let Some(running) = found.filter(|running| running.give_up.is_none()) else { return };
        running.give_up = Some((now.checked_add(running.grace).unwrap_or(Timestamp::MAX), because));
        running.stop.send_replace(Some(because));
    }

    /// When the first interrupted attempt is given up on.
    pub(super) fn give_up_at(&self) -> Option<Timestamp> {
        self.running.values().filter_map(|running| running.give_up.map(|(at, _)| at)).min()
    }

    /// Gives up on attempts that were interrupted and did not end.
    pub(super) fn give_up(&mut self, now: Timestamp) -> Vec<Ending> {
        let over = |running: &Running| running.give_up.is_some_and(|(at, _)| now >= at);
        let ids: Vec<Id> = self.running.iter().filter(|(_, running)| over(running)).map(|(id, _)| *id).collect();
        let mut endings = Vec::new();
        for running in ids.into_iter().filter_map(|id| self.running.remove(&id)) {
            running.abort.abort();
            let because = running.give_up.map_or(InterruptReason::TimedOut, |(_, because)| because);
            let mut failure = interrupted(because);
            failure.message.push_str("; it did not stop when asked, and what it still does is unknown");
            endings.push(running.ends(Err(failure.into())));
        }
        endings
    }

    /// The next attempt that ends; waits for ever when none is in flight. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Ending {
        while let Some(joined) = self.tasks.join_next_with_id().await {
            let (id, outcome) = match joined {
                Ok((id, outcome)) => (id, outcome),
                Err(error) => {
                    let message =
                        if error.is_panic() { "the step broke off: a bug in landfall" } else { "the step broke off" };
                    (error.id(), Err(Failure::new(FailureKind::Other, message).into()))
                }
            };
            // What was given up on has ended already, as far as anybody knows.
            if let Some(running) = self.running.remove(&id) {
                return running.ends(outcome);
            }
        }
        std::future::pending().await
    }

    /// Leaves everything as it is; the journal knows what was in flight.
    pub(super) fn abandon(&mut self) {
        self.tasks.abort_all();
        self.running.clear();
    }
}

impl Running {
    fn ends(self, outcome: Result<Outputs, StepFailed>) -> Ending {
        Ending { step: self.step, attempt: self.attempt, undo: self.undo, outcome }
    }
}

async fn attempted(
    context: StepContext,
    params: StepKind,
    undo: Option<Option<Outputs>>,
    gentle: bool,
) -> Result<Outputs, StepFailed> {
    let work = async {
        match undo {
            None => steps::run(&context, &params).await.map_err(StepFailed::from),
            Some(outputs) => {
                let seen = steps::undo(&context, &params, outputs.as_ref()).await?;
                Ok(Outputs::from([(SEEN.to_owned(), seen.into())]))
            }
        }
    };
    let work = Box::pin(work);
    if gentle {
        return work.await;
    }
    tokio::select! {
        biased;
        outcome = work => outcome,
        because = context.interrupted() => Err(interrupted_at(because, &context.last_said()).into()),
    }
}

/// What undoing looked at, out of what the attempt gave.
pub(super) fn seen(mut outputs: Outputs) -> Vec<String> {
    outputs.remove(SEEN).and_then(|seen| serde_json::from_value(seen).ok()).unwrap_or_default()
}

/// As below, with what was being done.
fn interrupted_at(because: InterruptReason, doing: &str) -> Failure {
    let mut failure = interrupted(because);
    if !doing.is_empty() {
        failure.message = format!("{}; last: {doing}", failure.message);
    }
    failure
}

pub(in crate::drill) fn interrupted(because: InterruptReason) -> Failure {
    match because {
        InterruptReason::TimedOut => Failure::new(FailureKind::TimedOut, "the step's time was over")
            .hint("give the step a longer timeout, or look at what it was waiting for"),
        InterruptReason::Cancelled => Failure::new(FailureKind::Interrupted, "the run was cancelled"),
        InterruptReason::Guard => Failure::new(FailureKind::Interrupted, "a guard of the scenario stopped the run"),
    }
}
