//! The real binary against real control planes: backups, restores, kills, and servers as judges.
//!
//! Two tests at a time: four control planes are all that a small machine has room for.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod apply_plan;
mod beside_velero;
mod differential;
mod drills;
mod kills;
mod migrate;
mod old;
mod operations;
mod options;
mod real_node;
mod support;
