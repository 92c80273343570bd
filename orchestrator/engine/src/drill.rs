//! Runs a scenario: keeps the journal, drives the saga, does and undoes its steps.
//!
//! What to do next is the saga's decision alone. This half makes every intent durable before its effect begins, runs
//! the steps in the background, and writes down how they ended. After a kill at any point [`resume`] carries on.
//!
//! - [`workshop`]: the outside that a drill works with; the caller brings it.
//! - [`mailbox`]: what people say to a running drill.
//! - [`observer`]: what a caller may show while a drill runs.
//! - [`driver`]: [`begin`], [`resume`], [`drive`].
//! - [`step`]: what every step gets; [`steps`]: the step kinds, one file each with `run` and `undo`.

pub mod driver;
mod live;
mod made;
pub mod mailbox;
pub mod observer;
pub mod step;
pub mod steps;
pub mod workshop;

pub use driver::{DriveError, begin, drive, resume};
pub use mailbox::{Letter, Mailbox, NobodyWrites};
pub use observer::{DrillObserver, StepProgress, Unobserved};
pub use workshop::{CommandAnswer, CommandExit, OpenLocation, UserCommand, Workshop};
