//! Every decision of a backup, of a restore and of retention, and nothing else.
//!
//! Planning is a function of what was asked and what was observed: no clock, no network, no files. When a fact is
//! missing it says which (`Need`), the engine observes it and plans again.
//!
//! - [`backup`]: which kinds to list, which items to store, in which order, with which hooks.
//! - [`restore`]: select, choose versions, order into waves; prepare each body; decide about what exists.
//! - [`transform`]: what changes in a body on its way into other infrastructure, one file each.
//! - [`retention`]: which backups have outlived their time.

pub mod backup;
pub mod restore;
pub mod retention;
pub mod transform;
