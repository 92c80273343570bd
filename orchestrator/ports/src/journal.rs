//! Durable lines, appended before an effect begins.

use async_trait::async_trait;

use crate::error::PortError;

/// An append-only record of one run.
///
/// # Guarantees
/// - When `append` returns, the line survives the loss of the process and of the machine.
/// - Lines come back in the order in which they were appended; each was written whole or not at all, except the
///   last one, which a crash may have cut short. The reader decides what a cut line means.
///
/// # Assumptions
/// - One writer at a time; opening a journal for writing takes its lock.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends one line (without its line break).
    async fn append(&self, line: &str) -> Result<(), PortError>;
    /// Everything written so far.
    async fn read(&self) -> Result<Vec<u8>, PortError>;
}
