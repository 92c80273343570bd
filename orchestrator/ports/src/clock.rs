//! The time, and waiting for it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// The only way to learn the time or to wait; tests use one that jumps.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    async fn sleep(&self, duration: Duration);
}
