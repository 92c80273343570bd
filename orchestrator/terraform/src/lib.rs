//! Runs terraform or tofu, and reads what it says.
//!
//! The only crate that knows the tool. It finds it, runs it detached, follows its event stream, gates its plans, and
//! tells after every end what was created, what is unknown and what to do next. It reads no clock and no environment
//! of its own, prints nothing, and never kills.
//!
//! Read in this order:
//! - [`infrastructure`]: the port on top of everything: what is run in which order.
//! - [`tool`], [`environment`], [`stack`]: the binary, what it inherits, and the commands run in a folder.
//! - [`run`]: one detached run; [`journal`]: its durable record; [`event`], [`record`]: what it says, and said so far.
//! - [`plan`], [`gate`], [`progress`]: what would happen, whether it may, how far it is.
//! - [`aftermath`], [`recovery`], [`import`]: after a bad end. [`drift`]: after a while.
//! - [`state`], [`address`], [`diagnostic`], [`redact`]: the tool's own formats, and its secrets kept.

pub mod address;
pub mod aftermath;
pub mod command;
pub mod diagnostic;
pub mod drift;
pub mod environment;
pub mod error;
pub mod event;
pub mod gate;
pub mod import;
pub mod infrastructure;
pub mod journal;
pub mod plan;
pub mod progress;
pub mod record;
pub mod recovery;
pub mod redact;
pub mod run;
pub mod stack;
pub mod state;
pub mod tool;

pub use environment::Environment;
pub use error::TerraformError;
pub use infrastructure::{Expiry, Settings, TerraformInfrastructure};
pub use stack::Stack;
pub use tool::Tool;
