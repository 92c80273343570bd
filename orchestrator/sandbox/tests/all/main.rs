//! Sandboxes for real: servers are found or built, started, killed, and looked at from outside.

mod components;
mod kills;
mod lifecycle;
mod nodes;
mod support;
