//! Runs terraform or tofu and reads what it says.
pub mod address;
pub mod command;
pub mod diagnostic;
pub mod drift;
pub mod environment;
pub mod error;
pub mod event;
pub mod gate;
pub mod import;
pub mod journal;
pub mod plan;
pub mod progress;
pub mod record;
pub mod redact;
pub mod run;
pub mod state;
pub mod tool;
