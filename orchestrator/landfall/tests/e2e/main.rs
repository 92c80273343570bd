//! The real binary against real control planes: backups, restores, kills, and servers as judges.
//!
//! One test at a time: two control planes and a restore are all that a small machine has room for.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod apply_plan;
mod differential;
mod kills;
mod migrate;
mod old;
mod operations;
mod options;
mod real_node;
mod support;
mod velero;
