//! What a caller may show while an operation runs.
//!
//! Reporting must be cheap and must not fail; an operation never waits for it.

/// A part of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Discover,
    List,
    Store,
    Upload,
    Download,
    Prepare,
    Apply,
    Wait,
    Verify,
}

pub trait Progress: Send + Sync {
    /// A stage begins; the total is what is known of its size.
    fn begin(&self, stage: Stage, total: Option<u64>);
    /// So much is done since the stage began.
    fn advance(&self, stage: Stage, done: u64);
    /// The stage is over.
    fn end(&self, stage: Stage);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _stage: Stage, _total: Option<u64>) {}
    fn advance(&self, _stage: Stage, _done: u64) {}
    fn end(&self, _stage: Stage) {}
}
