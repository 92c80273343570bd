//! Plans a restore: what to bring back, in which version, in which order, and how each body changes on its way.
//!
//! On the index alone:
//! 1. [`select`]: which items, with what relates to them;
//! 2. [`version`](mod@version): in which API version the target can take each;
//! 3. [`order`]: waves with barriers.
//!
//! On one body at a time, [`prepare`](mod@prepare): convert, reset what belonged to the old cluster ([`action`], one
//! file each), apply the user's [`modifier`] rules and the infrastructure transforms; then [`conflict`] with what
//! exists in the target. The decisions of all passes make the [`format`](mod@format) of a saved plan.

pub mod action;
pub mod archived;
pub mod conflict;
pub mod format;
pub mod hooks;
pub mod modifier;
pub mod order;
pub mod owned;
pub mod pod_security;
pub mod prepare;
pub mod scopes;
pub mod select;
pub mod version;
pub mod volumes;
pub mod webhooks;

pub use archived::{ArchivedBody, ArchivedItem};
pub use conflict::{Conflict, conflict};
pub use format::{PlanFile, PlannedItem};
pub use order::Wave;
pub use prepare::{Preparation, Prepared, prepare};
pub use select::{Selection, select};
pub use version::{Choice, choose};
pub use volumes::{VolumeMethod, VolumePlan};
