//! Observes, acts and records: the async half of every operation. Every decision is `plan`'s.
//!
//! Works through ports alone, so that the same code runs against a real cluster and bucket and against fakes.
//!
//! - [`ports`]: the outside that an operation works with.
//! - [`progress`]: what a caller may show while an operation runs.
//! - [`log`]: the log of one operation, which its users download.
//! - [`bucket`]: where the files of backups and restores lie.
//! - [`backup`]: a cluster into a bucket.
//! - [`restore`]: a backup into a cluster.
//! - [`rewriting`]: what a restore into other infrastructure rewrites.
//! - [`readiness`]: whether an object works, as it says of itself.
//! - [`drill`]: runs a scenario: drives its saga, does and undoes its steps.
//! - [`shelf`]: what lies in a bucket: list, verify, delete, collect what has expired.

pub mod backup;
pub mod bucket;
pub mod drill;
mod exec;
pub mod log;
pub mod ports;
pub mod progress;
pub mod readiness;
pub mod restore;
pub mod rewriting;
pub mod shelf;

pub use ports::Outside;
pub use progress::{Progress, Quiet, Stage};
