//! The driver: what the saga asks for, made durable first and done then.
//!
//! Decides nothing about the scenario. A journal that cannot be written stops the drill at once: without a durable
//! intent nothing may begin.

mod inflight;

use std::sync::Arc;

use ::ports::{Clock, Journal, PortError};
use jiff::Timestamp;
use scenario::saga::IllegalEvent;
use scenario::{Command, Event, Failure, FailureKind, Header, Saga, SagaError, Scenario, Verdict};

use super::mailbox::{Letter, Mailbox};
use super::observer::DrillObserver;
use super::workshop::Workshop;
pub(super) use inflight::interrupted;
use inflight::{Ending, InFlight, Work};

/// Why a drill could not go on. It is not over: `landfall drill resume` carries on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    #[error(
        "the journal of drill {drill} could not be written, so nothing more was started; when it can be written again: landfall drill resume {drill}"
    )]
    Append {
        drill: String,
        #[source]
        source: PortError,
    },
    #[error("the journal could not be read")]
    Read(#[source] PortError),
    #[error("the journal is not usable")]
    Journal(#[from] scenario::format::JournalError),
    #[error("a record could not be written as text")]
    Encode(#[from] serde_json::Error),
    #[error("the run cannot be carried on")]
    Saga(#[from] SagaError),
    #[error(
        "the journal of drill {drill} was written by a newer version: it may be read, but only that version can carry on"
    )]
    ReadOnly { drill: String },
    #[error(
        "the journal of drill {drill} ends in a torn line: it must be cut to {good_bytes} bytes before it is written to"
    )]
    Torn { drill: String, good_bytes: u64 },
    #[error("the driver and the saga disagree")]
    Illegal(#[from] IllegalEvent),
}

/// Begins a run: its header becomes the first line of an empty journal.
pub async fn begin(journal: &dyn Journal, scenario: Arc<Scenario>, header: Header) -> Result<Saga, DriveError> {
    let line = header.to_line()?;
    let drill = header.drill.clone();
    let saga = Saga::open(scenario, header)?;
    append(journal, &drill, &line).await?;
    Ok(saga)
}

/// Reads a journal that may be written to, and gives the saga where it stands. What a crash tore off must have been
/// cut away: opening the journal for writing does that.
pub async fn resume(journal: &dyn Journal, scenario: Arc<Scenario>) -> Result<Saga, DriveError> {
    let bytes = journal.read().await.map_err(DriveError::Read)?;
    let read = scenario::format::read(&bytes)?;
    let drill = read.header.drill.clone();
    if read.read_only {
        return Err(DriveError::ReadOnly { drill });
    }
    if read.torn {
        return Err(DriveError::Torn { drill, good_bytes: read.good_bytes });
    }
    Ok(Saga::replay(scenario, &read)?)
}

/// Drives a run to its verdict, and returns the saga with it.
pub async fn drive(
    workshop: Arc<dyn Workshop>,
    mailbox: &dyn Mailbox,
    journal: &dyn Journal,
    saga: Saga,
    observer: Arc<dyn DrillObserver>,
) -> Result<(Saga, Verdict), DriveError> {
    let clock = workshop.clock();
    let mut driver =
        Driver { clock, journal, saga, observer: Arc::clone(&observer), work: InFlight::new(workshop, observer) };
    let verdict = driver.drive(mailbox).await;
    driver.work.abandon();
    verdict.map(|verdict| (driver.saga, verdict))
}

struct Driver<'a> {
    clock: Arc<dyn Clock>,
    journal: &'a dyn Journal,
    saga: Saga,
    observer: Arc<dyn DrillObserver>,
    work: InFlight,
}

/// What woke the driver.
enum Woken {
    Ended(Ending),
    Letter(Letter),
    Time,
}

impl Driver<'_> {
    async fn drive(&mut self, mailbox: &dyn Mailbox) -> Result<Verdict, DriveError> {
        loop {
            let mut wait = None;
            for command in self.saga.next(self.clock.now()) {
                match command {
                    Command::Record(event) => self.record(event).await?,
                    Command::Run { step, token, attempt, params, .. } => {
                        self.record(Event::Started { step: step.clone(), attempt }).await?;
                        let work = Work { step, token, attempt, params: *params, undo: None };
                        self.work.start(work, &self.saga);
                    }
                    Command::Undo { step, token, attempt, params, outputs, .. } => {
                        self.record(Event::UndoStarted { step: step.clone(), attempt }).await?;
                        let work = Work { step, token, attempt, params: *params, undo: Some(outputs) };
                        self.work.start(work, &self.saga);
                    }
                    Command::Interrupt { step, attempt, because } => {
                        self.work.interrupt(&step, attempt, because, self.clock.now());
                    }
                    Command::Wait { until, waiting } => wait = Some((until, waiting)),
                    Command::Done(verdict) => return Ok(verdict),
                }
            }
            let Some((until, waiting)) = wait else { continue };
            self.observer.waiting(&self.saga, &waiting, until);
            let until = [until, self.work.give_up_at()].into_iter().flatten().min();
            match self.wait(mailbox, until).await {
                Woken::Ended(ending) => self.end(ending).await?,
                Woken::Letter(letter) => self.read(mailbox, letter).await?,
                Woken::Time => {
                    for ending in self.work.give_up(self.clock.now()) {
                        self.end(ending).await?;
                    }
                }
            }
        }
    }

    async fn wait(&mut self, mailbox: &dyn Mailbox, until: Option<Timestamp>) -> Woken {
        let clock = Arc::clone(&self.clock);
        let sleep = async {
            match until {
                Some(until) => {
                    let left = until.duration_since(clock.now());
                    clock.sleep(std::time::Duration::try_from(left).unwrap_or_default()).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ending = self.work.next() => Woken::Ended(ending),
            letter = mailbox.next() => Woken::Letter(letter),
            () = sleep => Woken::Time,
        }
    }

    async fn end(&mut self, ending: Ending) -> Result<(), DriveError> {
        let Ending { step, attempt, undo, outcome } = ending;
        let event = match (undo, outcome) {
            (false, Ok(outputs)) => Event::Succeeded { step, attempt, outputs },
            (false, Err(failed)) => Event::Failed { step, attempt, failure: failed.failure },
            (true, Ok(outputs)) => Event::Undone { step, attempt, seen: inflight::seen(outputs) },
            (true, Err(failed)) => Event::UndoFailed { step, attempt, failure: failed.failure, left: failed.left },
        };
        self.record(event).await
    }

    /// A person's word: tried on a copy of the saga first, so that nothing that does not fit reaches the journal.
    async fn read(&mut self, mailbox: &dyn Mailbox, letter: Letter) -> Result<(), DriveError> {
        if let Err(why) = self.fits(&letter.event) {
            mailbox.answer(&letter, Err(why)).await;
            return Ok(());
        }
        self.record(letter.event.clone()).await?;
        mailbox.answer(&letter, Ok(())).await;
        Ok(())
    }

    fn fits(&self, event: &Event) -> Result<(), String> {
        match event {
            Event::Approved { step, by, .. } | Event::Rejected { step, by, .. } => self.may_answer(step, by)?,
            Event::RetryRequested { .. }
            | Event::SkipRequested { .. }
            | Event::CancelRequested { .. }
            | Event::UndoRequested { .. } => {}
            _ => return Err("this is not for a person to say".to_owned()),
        }
        let record = self.saga.next_record(self.clock.now(), event.clone());
        self.saga.clone().record(&record).map_err(|error| model::chain(&error))
    }

    fn may_answer(&self, step: &str, by: &str) -> Result<(), String> {
        for command in self.saga.next(self.clock.now()) {
            let Command::Wait { waiting, .. } = command else { continue };
            for waiting in waiting {
                if let scenario::Waiting::Answer { step: asked, approvers, .. } = waiting
                    && asked == step
                    && !approvers.is_empty()
                    && !approvers.iter().any(|name| name == by)
                {
                    return Err(format!("{by} may not answer {step}; one of these may: {}", approvers.join(", ")));
                }
            }
        }
        Ok(())
    }

    async fn record(&mut self, event: Event) -> Result<(), DriveError> {
        let mut record = self.saga.next_record(self.clock.now(), event);
        let line = match record.to_line() {
            Ok(line) => line,
            Err(error) => {
                // Outputs that cannot be written are a failure of the step, not of the drill.
                let Event::Succeeded { step, attempt, .. } = record.event else { return Err(error.into()) };
                let message = format!("the step's outputs cannot be written: {error}");
                let failure = Failure::new(FailureKind::Other, message);
                record.event = Event::Failed { step, attempt, failure };
                record.to_line()?
            }
        };
        append(self.journal, &self.saga.header().drill, &line).await?;
        self.saga.record(&record)?;
        self.observer.recorded(&self.saga, &record);
        Ok(())
    }
}

async fn append(journal: &dyn Journal, drill: &str, line: &str) -> Result<(), DriveError> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    journal.append(line).await.map_err(|source| DriveError::Append { drill: drill.to_owned(), source })
}
