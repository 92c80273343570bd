//! A fake world in which every scenario runs end to end with no cloud, and in which anything can be made to fail.
//!
//! The same saga, the same journal format, a fake driver with a fake clock. Deterministic: same options, same bytes.

pub mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::dag::Scenario;
use crate::format::{self, CancelMode, Event, Failure, FailureKind, Header, Journal, Outputs, RunKind, Verdict};
use crate::saga::{Command, IllegalEvent, InterruptReason, Saga, SagaError, Waiting};
use crate::steps::{StepKind, Uses};
use world::{Simulated, World};

/// How a simulated run goes.
#[derive(Debug, Clone)]
pub struct Options {
    pub drill: String,
    pub folder: String,
    pub kind: RunKind,
    pub inputs: Outputs,
    pub start: Timestamp,
    pub faults: Vec<Fault>,
    /// Do everything twice, to see that doing it twice is like doing it once.
    pub repeat: bool,
    pub people: People,
}

/// What people do in a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// Approve what they are asked, and skip a failed step when they have to decide.
    Helpful,
    /// Approve, and retry failed steps for ever; the faults decide when it works.
    Patient,
    /// Reject, and cancel when they have to decide.
    Refusing,
    /// Never answer; when a decision is due, nothing is ever going to happen, so they cancel in the end.
    Absent,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub step: String,
    pub at: FaultAt,
    /// How often in a row.
    pub times: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAt {
    /// The step fails before it did anything.
    Run,
    /// The step did its work and fails nevertheless.
    RunAfterEffect,
    /// The step never comes back by itself.
    Hang,
    /// Undoing fails before it did anything.
    Undo,
    /// Undoing did its work and fails nevertheless.
    UndoAfterEffect,
}

/// A run in the fake world; it can be stopped short after any record and carried on.
#[derive(Debug, Clone)]
pub struct Simulation {
    scenario: Arc<Scenario>,
    options: Options,
    pub world: World,
    before: World,
    /// The journal's bytes, as a file would hold them.
    pub journal: String,
    now: Timestamp,
    faults: Vec<Fault>,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error("the inputs do not fit: {}", .problems.join("; "))]
    Inputs { problems: Vec<String> },
    #[error("the journal cannot be written")]
    Write(#[from] serde_json::Error),
    #[error("the journal cannot be read back")]
    Read(#[from] format::JournalError),
    #[error("the journal cannot be replayed")]
    Replay(#[from] SagaError),
    #[error("the saga refused what it asked for")]
    Refused(#[from] IllegalEvent),
    #[error("the run does not come to an end: it waits for {waiting}")]
    Endless { waiting: String },
}

/// How far [`Simulation::run`] came.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Finished(Verdict),
    /// Killed after so many records, as asked.
    Killed,
}

/// When to kill the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// After this many records have been appended in this go.
    pub after: usize,
    /// Whether the effect that the last record announces happened before the kill.
    pub effect: bool,
}

struct Work {
    ends: Timestamp,
    event: Event,
    hangs: bool,
}

/// Runs a scenario from beginning to end.
pub fn simulate(scenario: Arc<Scenario>, options: Options) -> Result<(Verdict, Simulation), SimulationError> {
    let mut simulation = Simulation::new(scenario, options)?;
    match simulation.run(None)? {
        End::Finished(verdict) => Ok((verdict, simulation)),
        End::Killed => Err(SimulationError::Endless { waiting: "a kill that nobody asked for".to_owned() }),
    }
}

impl Options {
    pub fn new(kind: RunKind, start: Timestamp) -> Self {
        Self {
            drill: "simulated".to_owned(),
            folder: "/runs/simulated".to_owned(),
            kind,
            inputs: Outputs::new(),
            start,
            faults: Vec::new(),
            repeat: false,
            people: People::Helpful,
        }
    }
}

impl Simulation {
    pub fn new(scenario: Arc<Scenario>, options: Options) -> Result<Self, SimulationError> {
        let inputs = scenario.inputs(&options.inputs).map_err(|problems| SimulationError::Inputs { problems })?;
        let header = Header {
            journal: Header::version(),
            drill: options.drill.clone(),
            scenario: scenario.name.clone(),
            scenario_digest: scenario.digest.clone(),
            kind: options.kind,
            inputs,
            folder: options.folder.clone(),
            landfall: "landfall".to_owned(),
            opened: options.start,
        };
        Ok(Self {
            scenario,
            world: World::default(),
            before: World::default(),
            journal: header.to_line()?,
            now: options.start,
            faults: options.faults.clone(),
            options,
        })
    }

    /// What the run left behind in the world.
    pub fn left(&self) -> Vec<String> {
        self.world.left(&self.before)
    }

    pub fn read(&self) -> Result<Journal, SimulationError> {
        Ok(format::read(self.journal.as_bytes())?)
    }

    /// The saga as the journal tells it.
    pub fn saga(&self) -> Result<Saga, SimulationError> {
        Ok(Saga::replay(Arc::clone(&self.scenario), &self.read()?)?)
    }

    /// Carries on from the journal to the end, or until killed.
    pub fn run(&mut self, kill: Option<Kill>) -> Result<End, SimulationError> {
        let journal = self.read()?;
        self.journal.truncate(usize::try_from(journal.good_bytes).unwrap_or(usize::MAX));
        let saga = Saga::replay(Arc::clone(&self.scenario), &journal)?;
        let mut driver = Driver { simulation: self, saga, work: BTreeMap::new(), kill, appended: 0 };
        driver.run()
    }

    fn fault(&mut self, step: &str, kinds: &[FaultAt]) -> Option<FaultAt> {
        let fault =
            self.faults.iter_mut().find(|fault| fault.step == step && kinds.contains(&fault.at) && fault.times > 0)?;
        fault.times = fault.times.saturating_sub(1);
        Some(fault.at)
    }

    fn effect(&mut self, step: &str, token: &str, params: &StepKind, undo: bool) -> Result<Outputs, Failure> {
        let times = if self.options.repeat { 2 } else { 1 };
        let mut result = Ok(Outputs::new());
        for _ in 0..times {
            let mut at = Simulated {
                world: &mut self.world,
                drill: &self.options.drill,
                step,
                token,
                folder: &self.options.folder,
                kind: self.options.kind,
                now: self.now,
            };
            result = match undo {
                true => params.simulate_undo(&mut at).map(|()| Outputs::new()),
                false => params.simulate(&mut at),
            };
        }
        result
    }
}

struct Driver<'a> {
    simulation: &'a mut Simulation,
    saga: Saga,
    work: BTreeMap<String, Work>,
    kill: Option<Kill>,
    appended: usize,
}

/// Far more than any scenario needs; a run that takes more is caught in a loop.
const MAX_ROUNDS: usize = 50_000;

impl Driver<'_> {
    fn run(&mut self) -> Result<End, SimulationError> {
        let mut waiting_for = String::new();
        for _ in 0..MAX_ROUNDS {
            for command in self.saga.next(self.simulation.now) {
                match command {
                    Command::Record(event) => {
                        if self.append(event)? {
                            return Ok(End::Killed);
                        }
                    }
                    Command::Run { step, token, attempt, params, .. } => {
                        let killed = self.append(Event::Started { step: step.clone(), attempt })?;
                        if self.act(step, token, attempt, &params, false, killed) {
                            return Ok(End::Killed);
                        }
                    }
                    Command::Undo { step, token, attempt, params, .. } => {
                        let killed = self.append(Event::UndoStarted { step: step.clone(), attempt })?;
                        if self.act(step, token, attempt, &params, true, killed) {
                            return Ok(End::Killed);
                        }
                    }
                    Command::Interrupt { step, attempt, because } => self.interrupt(&step, attempt, because),
                    Command::Wait { until, waiting } => {
                        waiting_for = format!("{waiting:?}");
                        if self.wait(until, &waiting)? {
                            return Ok(End::Killed);
                        }
                    }
                    Command::Done(verdict) => return Ok(End::Finished(verdict)),
                }
            }
        }
        Err(SimulationError::Endless { waiting: waiting_for })
    }

    /// Writes and records an event. True when the run is killed right after.
    fn append(&mut self, event: Event) -> Result<bool, SimulationError> {
        let record = self.saga.next_record(self.simulation.now, event);
        self.simulation.journal.push_str(&record.to_line()?);
        self.saga.record(&record)?;
        self.appended += 1;
        Ok(self.kill.is_some_and(|kill| kill.after == self.appended))
    }

    /// Does a step's work, or undoes it; its ending is known at once and comes later.
    fn act(&mut self, step: String, token: String, attempt: u32, params: &StepKind, undo: bool, killed: bool) -> bool {
        if killed && !self.kill.is_some_and(|kill| kill.effect) {
            return true;
        }
        let kinds = if undo {
            [FaultAt::Undo, FaultAt::UndoAfterEffect].as_slice()
        } else {
            [FaultAt::Run, FaultAt::RunAfterEffect, FaultAt::Hang].as_slice()
        };
        let fault = self.simulation.fault(&step, kinds);
        let broken = || Failure::new(FailureKind::Unavailable, "made to fail by the simulation");
        let result = match fault {
            Some(FaultAt::Run | FaultAt::Undo) => Err(broken()),
            Some(FaultAt::RunAfterEffect | FaultAt::UndoAfterEffect) => {
                self.simulation.effect(&step, &token, params, undo).and(Err(broken()))
            }
            Some(FaultAt::Hang) | None => self.simulation.effect(&step, &token, params, undo),
        };
        if killed {
            return true;
        }
        let event = match (result, undo) {
            (Ok(outputs), false) => Event::Succeeded { step: step.clone(), attempt, outputs },
            (Err(failure), false) => Event::Failed { step: step.clone(), attempt, failure },
            (Ok(_), true) => Event::Undone { step: step.clone(), attempt, seen: Vec::new() },
            (Err(failure), true) => {
                let left = vec![format!("what {step} made")];
                Event::UndoFailed { step: step.clone(), attempt, failure, left }
            }
        };
        let ends = after(self.simulation.now, usual(params.uses()));
        self.work.insert(step, Work { ends, event, hangs: fault == Some(FaultAt::Hang) });
        false
    }

    fn interrupt(&mut self, step: &str, attempt: u32, because: InterruptReason) {
        let Some(work) = self.work.get_mut(step) else { return };
        let (kind, message) = match because {
            InterruptReason::TimedOut => (FailureKind::TimedOut, "took too long"),
            InterruptReason::Cancelled => (FailureKind::Interrupted, "was cancelled"),
            InterruptReason::Guard => (FailureKind::Interrupted, "was stopped by a guard"),
        };
        let failure = Failure::new(kind, message);
        let step = step.to_owned();
        work.event = match &work.event {
            Event::Undone { .. } | Event::UndoFailed { .. } => {
                Event::UndoFailed { left: vec![format!("what {step} made")], step, attempt, failure }
            }
            _ => Event::Failed { step, attempt, failure },
        };
        work.ends = self.simulation.now;
        work.hangs = false;
    }

    /// Lets time pass until something happens, and makes it happen.
    fn wait(&mut self, until: Option<Timestamp>, waiting: &[Waiting]) -> Result<bool, SimulationError> {
        let next = self.work.values().filter(|work| !work.hangs).map(|work| work.ends).min();
        let mut people = None;
        for what in waiting {
            if let Some(event) = self.person(what) {
                people = Some(event);
                break;
            }
        }
        let soon = people.as_ref().map(|_| after(self.simulation.now, Duration::from_secs(60)));
        let Some(then) = [next, until, soon].into_iter().flatten().min() else {
            return Err(SimulationError::Endless { waiting: format!("{waiting:?}") });
        };
        self.simulation.now = self.simulation.now.max(then);
        let due: Vec<String> = self
            .work
            .iter()
            .filter(|(_, work)| !work.hangs && work.ends <= self.simulation.now)
            .map(|(step, _)| step.clone())
            .collect();
        for step in due {
            if let Some(work) = self.work.remove(&step)
                && self.append(work.event)?
            {
                return Ok(true);
            }
        }
        if let Some(event) = people
            && soon.is_some_and(|soon| soon <= self.simulation.now)
        {
            return self.append(event);
        }
        Ok(false)
    }

    fn person(&self, waiting: &Waiting) -> Option<Event> {
        // Whoever is asked, when somebody in particular is.
        let asked = match waiting {
            Waiting::Answer { approvers, .. } => approvers.first().cloned(),
            Waiting::Step { .. } | Waiting::Retry { .. } | Waiting::Decision { .. } => None,
        };
        let by = asked.unwrap_or_else(|| "a simulated person".to_owned());
        let comment = String::new();
        match (waiting, self.simulation.options.people) {
            (Waiting::Step { .. } | Waiting::Retry { .. }, _) => None,
            (Waiting::Answer { .. }, People::Absent) => None,
            (Waiting::Answer { step, .. }, People::Helpful | People::Patient) => {
                Some(Event::Approved { step: step.clone(), by, comment })
            }
            (Waiting::Answer { step, .. }, People::Refusing) => {
                Some(Event::Rejected { step: step.clone(), by, comment })
            }
            (Waiting::Decision { step, .. }, People::Helpful) => {
                Some(Event::SkipRequested { step: step.clone(), by, comment })
            }
            (Waiting::Decision { step, .. }, People::Patient) => Some(Event::RetryRequested { step: step.clone(), by }),
            (Waiting::Decision { .. }, People::Refusing | People::Absent) => {
                Some(Event::CancelRequested { mode: CancelMode::Now, by, undo: None })
            }
        }
    }
}

/// About how long a kind of step takes; only the proportions matter.
fn usual(uses: Uses) -> Duration {
    Duration::from_secs(match uses {
        Uses::TerraformApply => 600,
        Uses::TerraformDestroy => 300,
        Uses::RestoreRun => 90,
        Uses::BackupRun => 30,
        Uses::ClusterDrain | Uses::VerifyReady | Uses::ClusterWait => 45,
        Uses::TerraformPlan | Uses::RestorePlan => 20,
        _ => 5,
    })
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
