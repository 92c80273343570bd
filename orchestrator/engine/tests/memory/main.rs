//! Backups and restores against a cluster and a bucket in memory that fail on request.
//!
//! What a real server does differently is for the tests of the binary; here every request can be refused, lost or cut.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod backup;
mod bed;
mod gone;
mod ground;
mod hooks;
mod hostile;
mod kills;
mod pod_security;
mod restore;
