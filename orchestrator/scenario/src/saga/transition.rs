//! The transition tables: what may follow what. Everything that is not listed is an error.

use std::fmt;

use super::{InterruptReason, Phase};
use crate::format::{Event, StopReason};

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Pending,
    /// A person has been asked.
    Asked,
    Running {
        attempt: u32,
    },
    /// Started, and the process that ran it is gone: whether it happened is unknown.
    Lost {
        attempt: u32,
    },
    Succeeded,
    /// The attempt failed; another one may follow by itself.
    Failed {
        attempt: u32,
    },
    /// Failed, and a person asked for another go.
    Retry {
        attempt: u32,
    },
    Skipped,
    Undoing {
        attempt: u32,
    },
    UndoLost {
        attempt: u32,
    },
    UndoFailed {
        attempt: u32,
    },
    Undone,
}

/// An event that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct IllegalEvent {
    what: String,
}

impl IllegalEvent {
    pub(super) fn unknown_step(step: &str) -> Self {
        Self { what: format!("the scenario has no step {step:?}") }
    }

    pub(super) fn not_asked(step: &str, by: &str, approvers: &[String]) -> Self {
        Self { what: format!("{by} may not answer {step}; that is for {}", approvers.join(", ")) }
    }

    fn of(event: &Event, state: &dyn fmt::Debug) -> Self {
        Self { what: format!("{event:?} cannot follow {state:?}") }
    }
}

/// What an event makes of a step.
pub(super) fn step(status: &Status, event: &Event) -> Result<Status, IllegalEvent> {
    use Status::{
        Asked, Failed, Lost, Pending, Retry, Running, Skipped, Succeeded, UndoFailed, UndoLost, Undoing, Undone,
    };
    Ok(match (status, event) {
        (Pending, Event::Skipped { .. }) => Skipped,
        (Asked, Event::Skipped { .. }) => Skipped,
        (Pending, Event::Refused { .. }) => Failed { attempt: 0 },
        (Retry { attempt }, Event::Refused { .. }) => Failed { attempt: *attempt },

        (Pending | Retry { attempt: 0 }, Event::Asked { .. }) => Asked,
        (Asked, Event::Approved { .. }) => Succeeded,
        (Asked, Event::Rejected { .. }) => Failed { attempt: 0 },
        (Asked, Event::Failed { attempt: 0, .. }) => Failed { attempt: 0 },

        (Pending, Event::Started { attempt: 1, .. }) => Running { attempt: 1 },
        (Lost { attempt }, Event::Started { attempt: again, .. }) if attempt == again => Running { attempt: *again },
        (Failed { attempt } | Retry { attempt }, Event::Started { attempt: next, .. }) if attempt + 1 == *next => {
            Running { attempt: *next }
        }
        (Running { attempt }, Event::Succeeded { attempt: ended, .. }) if attempt == ended => Succeeded,
        (Running { attempt }, Event::Failed { attempt: ended, .. }) if attempt == ended => Failed { attempt: *ended },

        (Failed { attempt }, Event::RetryRequested { .. }) => Retry { attempt: *attempt },
        (Failed { .. }, Event::SkipRequested { .. }) => Skipped,

        (Succeeded | Failed { .. } | Retry { .. } | Lost { .. } | Skipped, Event::UndoStarted { attempt: 1, .. }) => {
            Undoing { attempt: 1 }
        }
        (UndoLost { attempt }, Event::UndoStarted { attempt: again, .. }) if attempt == again => {
            Undoing { attempt: *again }
        }
        (UndoFailed { attempt }, Event::UndoStarted { attempt: next, .. }) if attempt + 1 == *next => {
            Undoing { attempt: *next }
        }
        (Undoing { attempt }, Event::Undone { attempt: ended, .. }) if attempt == ended => Undone,
        (Undoing { attempt }, Event::UndoFailed { attempt: ended, .. }) if attempt == ended => {
            UndoFailed { attempt: *ended }
        }

        (Running { attempt }, Event::Resumed) => Lost { attempt: *attempt },
        (Undoing { attempt }, Event::Resumed) => UndoLost { attempt: *attempt },
        (
            Pending
            | Asked
            | Lost { .. }
            | Succeeded
            | Failed { .. }
            | Retry { .. }
            | Skipped
            | UndoLost { .. }
            | UndoFailed { .. }
            | Undone,
            Event::Resumed,
        ) => status.clone(),

        _ => return Err(IllegalEvent::of(event, status)),
    })
}

/// What an event makes of the run.
pub(super) fn run(phase: &Phase, event: &Event) -> Result<Phase, IllegalEvent> {
    Ok(match (phase, event) {
        (_, Event::Resumed) => phase.clone(),

        (Phase::Forward, Event::Stopped { because }) => {
            let interrupt = match because {
                StopReason::TimeToLive { .. } | StopReason::Budget { .. } | StopReason::StopCondition { .. } => {
                    Some(InterruptReason::Guard)
                }
                StopReason::Completed | StopReason::StepFailed { .. } | StopReason::Cancelled { .. } => None,
            };
            Phase::Stopping { because: because.clone(), interrupt }
        }
        (Phase::Forward, Event::CancelRequested { mode, by, .. }) => Phase::Stopping {
            because: StopReason::Cancelled { by: by.clone() },
            interrupt: mode.interrupts().then_some(InterruptReason::Cancelled),
        },
        // The first reason stays the reason; a second word of a person can only make it faster.
        (Phase::Stopping { because, interrupt }, Event::CancelRequested { mode, .. }) => Phase::Stopping {
            because: because.clone(),
            interrupt: interrupt.or(mode.interrupts().then_some(InterruptReason::Cancelled)),
        },
        (Phase::Undoing { .. }, Event::CancelRequested { .. }) => phase.clone(),

        (Phase::Stopping { because, .. }, Event::UndoBegan) => Phase::Undoing { because: because.clone() },
        (Phase::Stopping { because, .. } | Phase::Undoing { because }, Event::Finished { verdict }) => {
            Phase::Finished { because: because.clone(), verdict: verdict.clone() }
        }
        (Phase::Finished { because, .. }, Event::UndoRequested { .. }) => Phase::Undoing { because: because.clone() },

        _ => return Err(IllegalEvent::of(event, phase)),
    })
}

/// Whether an event about a step may come in this phase at all.
pub(super) fn allowed(phase: &Phase, event: &Event) -> Result<(), IllegalEvent> {
    let fits = match event {
        Event::Started { .. }
        | Event::Refused { .. }
        | Event::Asked { .. }
        | Event::Approved { .. }
        | Event::Rejected { .. }
        | Event::RetryRequested { .. }
        | Event::SkipRequested { .. } => matches!(phase, Phase::Forward),
        Event::Succeeded { .. } | Event::Failed { .. } | Event::Skipped { .. } => {
            matches!(phase, Phase::Forward | Phase::Stopping { .. })
        }
        Event::UndoStarted { .. } | Event::Undone { .. } | Event::UndoFailed { .. } => {
            matches!(phase, Phase::Undoing { .. })
        }
        // About the run: its own table decides.
        Event::Resumed
        | Event::CancelRequested { .. }
        | Event::Stopped { .. }
        | Event::UndoBegan
        | Event::UndoRequested { .. }
        | Event::Finished { .. } => true,
    };
    if fits { Ok(()) } else { Err(IllegalEvent::of(event, phase)) }
}
