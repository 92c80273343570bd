//! What people say to a running drill: approvals, retries, skips, cancels.
//!
//! Carries words; whether a word fits is the saga's to say.

use async_trait::async_trait;
use scenario::Event;

/// One word of a person: `Approved`, `Rejected`, `RetryRequested`, `SkipRequested`, `CancelRequested` or
/// `UndoRequested`. Anything else is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Names the letter for the answer; a file name, say.
    pub id: String,
    pub event: Event,
}

/// Where letters arrive.
///
/// # Guarantees
/// - `next` waits for a letter that has not been answered. Dropping the future loses no letter.
/// - A letter that was not answered comes again, also to the next process.
#[async_trait]
pub trait Mailbox: Send + Sync {
    async fn next(&self) -> Letter;

    /// What became of a letter: written down durably, or refused for this reason. It never comes again.
    async fn answer(&self, letter: &Letter, outcome: Result<(), String>);
}

/// A mailbox that stays empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct NobodyWrites;

#[async_trait]
impl Mailbox for NobodyWrites {
    async fn next(&self) -> Letter {
        std::future::pending().await
    }

    async fn answer(&self, _letter: &Letter, _outcome: Result<(), String>) {}
}
