//! Drills in a world in memory: clusters, stacks, buckets and folders that a test can look into afterwards.

mod driving;
mod quickstart;
mod world;
