//! Recovery scenarios: the file, the graph of its steps, the journal of a run, and the saga that drives it.
//!
//! Pure: text, events and times come in, problems and commands go out. Nothing here waits, touches a file, a cluster
//! or a clock; the engine does, and keeps the journal.
//!
//! Read in this order:
//! - [`file`]: what people write; [`load`] checks it and says everything that is wrong, with places.
//! - [`dag`]: the checked [`Scenario`].
//! - [`steps`]: the step kinds, one file each.
//! - [`template`], [`when`], [`period`]: the small languages inside the file.
//! - [`mod@format`]: the journal on disk.
//! - [`saga`]: where a run stands and what to do next.
//! - [`schedule`]: which drills are due.
//! - [`simulate`]: a fake world in which every scenario runs.

pub mod dag;
pub mod file;
pub mod format;
pub mod period;
pub mod problem;
pub mod saga;
pub mod schedule;
pub mod simulate;
pub mod steps;
pub mod template;
pub mod when;
pub mod yaml;

pub use dag::{Need, Scenario, Scope, Step};
pub use file::load::load;
pub use file::schema::schema;
pub use format::{CancelMode, Event, Failure, FailureKind, Header, Journal, Outputs, Record, RunKind, Verdict};
pub use period::Period;
pub use problem::{Place, Problem, Problems};
pub use saga::{Command, Measures, Phase, Saga, SagaError, Status, StepOutcome, StepState, Waiting};
pub use steps::{StepKind, Uses};
