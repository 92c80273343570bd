//! Drills in a world in memory: clusters, stacks, buckets and folders that a test can look into afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod driving;
mod faults;
mod kills;
mod quickstart;
mod world;
