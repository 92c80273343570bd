//! The outside that an operation works with.

use std::sync::Arc;
use std::time::Duration;

use ::ports::{Clock, Cluster, ObjectStore};
use jiff::Timestamp;

/// The ports of one operation.
#[derive(Clone)]
pub struct Outside {
    pub cluster: Arc<dyn Cluster>,
    pub store: Arc<dyn ObjectStore>,
    pub clock: Arc<dyn Clock>,
}

/// How long ago something began; nothing when the clock was set back since.
pub(crate) fn elapsed(begin: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(begin)).unwrap_or_default()
}
