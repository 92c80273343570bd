//! The saga: where one run of a scenario stands, and what to do next.
//!
//! Pure. A driver asks [`Saga::next`], appends what it is about to do to the journal, tells the saga with
//! [`Saga::record`], and only then does it. After a crash [`Saga::replay`] of the journal gives the same saga again.
//!
//! # Expected flow
//! `open` or `replay`, then over and over: `next(now)`; every [`Command::Record`] is appended and recorded as it is;
//! for [`Command::Run`] and [`Command::Undo`] the driver appends and records the matching `started` event first, does
//! the work in the background, and appends and records its ending; with [`Command::Wait`] it sleeps until something
//! ends, a person says something, or `wake_at`; with [`Command::Done`] it stops.
//!
//! # Guarantees
//! Every run ends in a [`Verdict`]. A step that started without an ending is run again with the same token. Whatever
//! started is undone, in reverse order, unless the run keeps it. What could not be checked never makes a pass.
//!
//! # Assumptions
//! A record is durable before its effect begins. Steps and undos are idempotent for their token. An interrupted step
//! ends with a `failed` event within reasonable time, even if the driver has to give up on it.

mod measure;
mod next;
mod transition;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::dag::{Scenario, Scope, Step};
use crate::file::Done;
use crate::format::{CancelMode, Event, Failure, Header, Journal, Outputs, Record, RunKind, Skip, StopReason, Verdict};
use crate::steps::StepKind;

pub use measure::Measures;
pub use transition::{IllegalEvent, Status};

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Append this to the journal and record it; there is nothing else to do.
    Record(Event),
    /// Append `started`, then run the step.
    Run {
        step: String,
        token: String,
        attempt: u32,
        params: Box<StepKind>,
        deadline: Timestamp,
    },
    /// End what is in flight, as gently as its kind knows; then record its ending as usual. May be repeated.
    Interrupt {
        step: String,
        attempt: u32,
        because: InterruptReason,
    },
    /// Append `undo-started`, then undo the step. It may never have happened, or only half.
    Undo {
        step: String,
        token: String,
        attempt: u32,
        params: Box<StepKind>,
        outputs: Option<Outputs>,
        deadline: Timestamp,
    },
    /// Nothing to do before something ends, a person answers, or this moment comes.
    Wait {
        until: Option<Timestamp>,
        waiting: Vec<Waiting>,
    },
    Done(Verdict),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterruptReason {
    TimedOut,
    Cancelled,
    /// The time to live or the budget is over, or a stop condition holds.
    Guard,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A step, or its undoing, is in flight.
    Step { step: String, undo: bool },
    /// A failed step is tried again at this moment.
    Retry { step: String, at: Timestamp },
    /// A person has to approve, or to end a pause.
    Answer { step: String, message: String, approvers: Vec<String>, until: Timestamp },
    /// A person has to retry or skip a failed step, or cancel the run.
    Decision { step: String, failure: Failure },
}

/// Where the run as a whole stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    Forward,
    /// Nothing new starts; what is in flight comes to its end.
    Stopping {
        because: StopReason,
        interrupt: Option<InterruptReason>,
    },
    Undoing {
        because: StopReason,
    },
    Finished {
        because: StopReason,
        verdict: Verdict,
    },
}

/// Where one step stands, with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    pub status: Status,
    /// Attempts since the step began, or since a person asked for another go: automatic retries are counted by it.
    pub tries: u32,
    pub undo_tries: u32,
    /// The first start of the first attempt; the order of undoing.
    pub began: Option<Timestamp>,
    /// The start of what is in flight now, or was last.
    pub since: Option<Timestamp>,
    /// The last ending, of an attempt or of an undoing.
    pub ended: Option<Timestamp>,
    /// When the step's own work ended, undoing left out.
    pub settled: Option<Timestamp>,
    pub outcome: Option<StepOutcome>,
    pub outputs: Option<Outputs>,
    /// What the last failed undo says is left.
    pub left: Vec<String>,
    pub undo_failure: Option<Failure>,
}

/// How the step's own work ended; undoing does not change it.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    Succeeded,
    Failed(Failure),
    Skipped(Skip),
    /// A person went on without it, after this failure.
    SkippedByPerson {
        by: String,
        comment: String,
        failure: Option<Failure>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum SagaError {
    #[error("the journal belongs to another version of the scenario {scenario}: use the copy that the run keeps")]
    ScenarioChanged { scenario: String },
    #[error("record {number} of the journal makes no sense where it stands")]
    Record {
        number: u64,
        #[source]
        source: IllegalEvent,
    },
}

#[derive(Debug, Clone)]
pub struct Saga {
    scenario: Arc<Scenario>,
    header: Header,
    phase: Phase,
    steps: BTreeMap<String, StepState>,
    /// Ids in the order of their first start.
    begun: Vec<String>,
    /// Undo or keep, when a person overruled the scenario.
    undo_override: Option<bool>,
    /// Another process left something in flight: whether it happened is unknown.
    replayed: bool,
    records: u64,
    run: Outputs,
}

impl Saga {
    /// A run that has just begun: its header is the only line of the journal.
    pub fn open(scenario: Arc<Scenario>, header: Header) -> Result<Self, SagaError> {
        if header.scenario_digest != scenario.digest {
            return Err(SagaError::ScenarioChanged { scenario: scenario.name.clone() });
        }
        let run = [
            ("id", header.drill.clone()),
            ("folder", header.folder.clone()),
            ("kind", header.kind.to_string()),
            ("scenario", scenario.name.clone()),
            ("landfall", header.landfall.clone()),
            ("startedAt", header.opened.to_string()),
        ];
        let steps = scenario.steps.iter().map(|step| (step.id.clone(), StepState::default())).collect();
        Ok(Self {
            scenario,
            header,
            phase: Phase::Forward,
            steps,
            begun: Vec::new(),
            undo_override: None,
            replayed: false,
            records: 0,
            run: run.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        })
    }

    /// The saga as a journal tells it.
    pub fn replay(scenario: Arc<Scenario>, journal: &Journal) -> Result<Self, SagaError> {
        let mut saga = Self::open(scenario, journal.header.clone())?;
        for record in &journal.records {
            saga.record(record).map_err(|source| SagaError::Record { number: record.number, source })?;
        }
        saga.replayed =
            saga.steps.values().any(|state| matches!(state.status, Status::Running { .. } | Status::Undoing { .. }));
        Ok(saga)
    }

    /// The record to append for an event, numbered.
    pub fn next_record(&self, at: Timestamp, event: Event) -> Record {
        Record { number: self.records + 1, at, event }
    }

    /// Takes note of what the journal now says. Refuses what cannot follow; the saga is then as before.
    pub fn record(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        let at = record.at;
        let event = &record.event;
        transition::allowed(&self.phase, event)?;
        self.may_answer(event)?;
        match event.step() {
            Some(id) => {
                let state = self.steps.get_mut(id).ok_or_else(|| IllegalEvent::unknown_step(id))?;
                state.status = transition::step(&state.status, event)?;
                if state.note(event, at) {
                    self.begun.push(id.to_owned());
                }
            }
            None => {
                self.phase = transition::run(&self.phase, event)?;
                match event {
                    Event::Resumed => {
                        for state in self.steps.values_mut() {
                            state.status = transition::step(&state.status, event)?;
                        }
                        self.replayed = false;
                    }
                    Event::CancelRequested { undo: Some(undo), .. } => self.undo_override = Some(*undo),
                    Event::UndoRequested { .. } => {
                        for state in self.steps.values_mut() {
                            state.undo_tries = 0;
                        }
                        self.undo_override = Some(true);
                    }
                    _ => {}
                }
            }
        }
        self.records = record.number;
        Ok(())
    }

    /// An answer counts when it comes from somebody who was asked.
    fn may_answer(&self, event: &Event) -> Result<(), IllegalEvent> {
        let (Event::Approved { step, by, .. } | Event::Rejected { step, by, .. }) = event else { return Ok(()) };
        let approvers = self.scenario.step(step).map(|step| self.approvers(step)).unwrap_or_default();
        if approvers.is_empty() || approvers.contains(by) {
            return Ok(());
        }
        Err(IllegalEvent::not_asked(step, by, &approvers))
    }

    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    pub fn kind(&self) -> RunKind {
        self.header.kind
    }

    pub fn state(&self, step: &str) -> Option<&StepState> {
        self.steps.get(step)
    }

    /// Every step with its state, in the order of the scenario.
    pub fn steps(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        self.scenario.steps.iter().filter_map(|step| self.steps.get(&step.id).map(|state| (step, state)))
    }

    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            Phase::Finished { verdict, .. } => Some(verdict),
            Phase::Forward | Phase::Stopping { .. } | Phase::Undoing { .. } => None,
        }
    }

    /// Times that matter, as far as the run has come.
    pub fn measures(&self) -> Measures {
        measure::measure(self)
    }

    /// Steps that made something which is still there, as far as the journal knows; in the order of their start.
    pub fn still_there(&self) -> Vec<&Step> {
        let there = |step: &&Step| {
            step.traits.leaves && self.steps.get(&step.id).is_some_and(|state| state.status != Status::Undone)
        };
        self.begun.iter().filter_map(|id| self.scenario.step(id)).filter(there).collect()
    }

    /// When what a finished drill kept has to be destroyed.
    pub fn expires(&self) -> Option<Timestamp> {
        match self.kind() {
            RunKind::Drill => self.scenario.ttl.and_then(|ttl| self.header.opened.checked_add(ttl.0).ok()),
            RunKind::Recovery => None,
        }
    }

    /// The step's idempotency token: the same for every attempt of this step in this run, and for its undoing.
    pub fn token(&self, step: &str) -> String {
        token(&self.header.drill, step)
    }

    /// A step's parameters, as far as what has been given so far fills them.
    pub fn params(&self, step: &str) -> Option<StepKind> {
        self.scenario.step(step)?.resolve(&|reference| self.lookup(reference)).ok()
    }

    /// Whether what was built is to be destroyed when the run has stopped for this reason.
    fn destroys(&self, because: &StopReason) -> bool {
        match self.undo_override {
            Some(undo) => undo,
            None => {
                matches!(because, StopReason::TimeToLive { .. }) || self.scenario.on_done(self.kind()) == Done::Destroy
            }
        }
    }

    fn lookup(&self, reference: &crate::template::Reference) -> Result<serde_json::Value, String> {
        let outputs = |step: &str| self.steps.get(step).and_then(|state| state.outputs.clone());
        Scope { inputs: &self.header.inputs, run: &self.run, outputs: &outputs }.lookup(reference)
    }
}

/// The idempotency token of a step in a drill.
pub fn token(drill: &str, step: &str) -> String {
    hex::encode(Sha256::digest(format!("{drill}/{step}").as_bytes()))[..20].to_owned()
}

impl Default for StepState {
    fn default() -> Self {
        Self {
            status: Status::Pending,
            tries: 0,
            undo_tries: 0,
            began: None,
            since: None,
            ended: None,
            settled: None,
            outcome: None,
            outputs: None,
            left: Vec::new(),
            undo_failure: None,
        }
    }
}

impl StepState {
    /// Whether an attempt was ever started: then something may be there.
    pub fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// Keeps what an event says. True when it is the step's very first start.
    fn note(&mut self, event: &Event, at: Timestamp) -> bool {
        match event {
            Event::Started { attempt: _, .. } => {
                // A lost attempt that is run again is not another try.
                if self.ended.is_some() || self.began.is_none() {
                    self.tries += 1;
                }
                self.since = Some(at);
                self.ended = None;
                self.settled = None;
                let first = self.began.is_none();
                self.began = self.began.or(Some(at));
                return first;
            }
            Event::Asked { .. } => self.since = Some(at),
            Event::Succeeded { outputs, .. } => self.settle(at, StepOutcome::Succeeded, Some(outputs.clone())),
            Event::Failed { failure, .. } | Event::Refused { failure, .. } => {
                self.settle(at, StepOutcome::Failed(failure.clone()), None);
            }
            Event::Approved { by, comment, .. } => {
                let outputs = [("by", by), ("comment", comment)];
                let outputs = outputs.map(|(name, value)| (name.to_owned(), value.clone().into()));
                self.settle(at, StepOutcome::Succeeded, Some(Outputs::from(outputs)));
            }
            Event::Rejected { by, comment, .. } => {
                let message = if comment.is_empty() {
                    format!("rejected by {by}")
                } else {
                    format!("rejected by {by}: {comment}")
                };
                let failure = Failure::new(crate::format::FailureKind::Rejected, message);
                self.settle(at, StepOutcome::Failed(failure), None);
            }
            Event::Skipped { because, .. } => self.settle(at, StepOutcome::Skipped(because.clone()), None),
            Event::SkipRequested { by, comment, .. } => {
                let failure = match self.outcome.take() {
                    Some(StepOutcome::Failed(failure)) => Some(failure),
                    _ => None,
                };
                let outcome = StepOutcome::SkippedByPerson { by: by.clone(), comment: comment.clone(), failure };
                self.settle(at, outcome, None);
            }
            Event::RetryRequested { .. } => self.tries = 0,
            Event::UndoStarted { .. } => {
                if self.undo_tries == 0 || self.undo_failure.is_some() {
                    self.undo_tries += 1;
                }
                self.since = Some(at);
                self.undo_failure = None;
            }
            Event::Undone { .. } => {
                self.ended = Some(at);
                self.left.clear();
            }
            Event::UndoFailed { failure, left, .. } => {
                self.ended = Some(at);
                self.left.clone_from(left);
                self.undo_failure = Some(failure.clone());
            }
            Event::Resumed
            | Event::CancelRequested { .. }
            | Event::Stopped { .. }
            | Event::UndoBegan
            | Event::UndoRequested { .. }
            | Event::Finished { .. } => {}
        }
        false
    }

    fn settle(&mut self, at: Timestamp, outcome: StepOutcome, outputs: Option<Outputs>) {
        self.ended = Some(at);
        self.settled = Some(at);
        self.outcome = Some(outcome);
        self.outputs = outputs;
    }
}

/// How a cancel is put, for drivers: the words of the command line.
impl CancelMode {
    pub fn interrupts(self) -> bool {
        self == Self::Now
    }
}

#[cfg(test)]
mod tests;
