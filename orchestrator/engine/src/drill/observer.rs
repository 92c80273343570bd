//! What a caller may show while a drill runs.
//!
//! Observing must be cheap and must not fail; a drill never waits for it.

use jiff::Timestamp;
use scenario::{Record, Saga, Waiting};

/// Sees a drill run.
pub trait DrillObserver: Send + Sync {
    /// A record has become durable, and the saga knows it: steps that start and end, questions, the verdict.
    fn recorded(&self, saga: &Saga, record: &Record);

    /// A step that is in flight says how far it is.
    fn progress(&self, step: &str, progress: &StepProgress);

    /// There is nothing to do before one of these ends, or this moment comes.
    fn waiting(&self, saga: &Saga, waiting: &[Waiting], until: Option<Timestamp>);
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepProgress {
    /// What is being done now, as a lowercase fragment.
    pub text: String,
    pub done: u64,
    pub total: Option<u64>,
}

/// Nobody looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl DrillObserver for Unobserved {
    fn recorded(&self, _saga: &Saga, _record: &Record) {}
    fn progress(&self, _step: &str, _progress: &StepProgress) {}
    fn waiting(&self, _saga: &Saga, _waiting: &[Waiting], _until: Option<Timestamp>) {}
}
