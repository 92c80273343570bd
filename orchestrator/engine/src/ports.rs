//! The outside that an operation works with, and the retries around it.
//!
//! Only requests that may be repeated are retried here; what a repeated create means is its caller's to know.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::ports::{Clock, Cluster, ObjectStore, PortError};
use jiff::Timestamp;

/// The ports of one operation.
#[derive(Clone)]
pub struct Outside {
    pub cluster: Arc<dyn Cluster>,
    pub store: Arc<dyn ObjectStore>,
    pub clock: Arc<dyn Clock>,
}

/// How often and how long a request is repeated.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub attempts: u32,
    pub first_wait: Duration,
    pub longest_wait: Duration,
}

impl Default for Patience {
    /// About two minutes: long enough for an apiserver that restarts.
    fn default() -> Self {
        Self { attempts: 14, first_wait: Duration::from_millis(100), longest_wait: Duration::from_secs(15) }
    }
}

impl Patience {
    /// How long to wait after the failure of attempt `done` (from 1); `None` gives up.
    pub fn wait(&self, done: u32, error: &PortError) -> Option<Duration> {
        if !error.is_retryable() || done >= self.attempts {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << done.saturating_sub(1).min(16)).min(self.longest_wait);
        Some(error.retry_after.unwrap_or(doubled).max(doubled).min(Duration::from_secs(60)))
    }
}

/// How long ago something began; nothing when the clock was set back since.
pub(crate) fn elapsed(begin: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(begin)).unwrap_or_default()
}

/// Repeats a request while its failure may pass.
pub async fn retrying<T, F>(
    clock: &dyn Clock,
    patience: Patience,
    mut request: impl FnMut() -> F,
) -> Result<T, PortError>
where
    F: Future<Output = Result<T, PortError>>,
{
    let mut done = 0;
    loop {
        let error = match request().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        done += 1;
        match patience.wait(done, &error) {
            Some(wait) => clock.sleep(wait).await,
            None => return Err(error),
        }
    }
}
