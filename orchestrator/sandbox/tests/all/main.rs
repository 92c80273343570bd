//! Sandboxes for real: servers are found or built, started, killed, and looked at from outside.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this is tests, helpers included")]

mod components;
mod kills;
mod lifecycle;
mod nodes;
mod real_node;
mod speed;
mod support;
