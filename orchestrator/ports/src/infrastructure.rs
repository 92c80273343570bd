//! Infrastructure that can be planned, applied and destroyed.

/// Runs the infrastructure half of a scenario.
pub trait Infrastructure: Send + Sync {}
