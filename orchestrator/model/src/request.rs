//! Validated intent: what a person asked of a backup or a restore, with every default filled in.
//!
//! Built by `api` from velero.io specs and by the command line from flags; planners read these and nothing else, so
//! no planner meets an option that still needs interpreting.

pub mod backup;
pub mod filter;
pub mod hook;
pub mod restore;

pub use backup::{BackupRequest, KindFilter};
pub use filter::{LabelChoice, NameFilter};
pub use hook::{BackupHooks, ExecHook, HookSelector, OnError, RestoreHook, RestoreHooks};
pub use restore::{ExistingPolicy, RestoreRequest};
