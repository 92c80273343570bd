//! Fakes with real semantics, conformance suites, fault injection: for tests only.
//!
//! - [`fake_cluster`]: a Kubernetes API in memory, with faults on request and a log of what was asked.
//! - [`cluster_suite`]: what every `ports::Cluster` must do, run on the fake and on real servers.
//! - [`object_store_suite`]: what every `ports::ObjectStore` must do; [`faulty_store`]: one that fails on request;
//!   [`s3_server`]: a real S3 server on loopback.
//! - [`clock`]: time that jumps; [`journal`]: a journal that dies on request.
//! - [`catalog`]: common kinds.
//! - [`moments`]: when tests kill something, by seed.
//! - [`processes`]: who is still at work for a test; [`room`]: how many tests are.
//! - [`skip`]: how a test says that it cannot run.

pub mod catalog;
pub mod clock;
pub mod cluster_suite;
pub mod fake_cluster;
pub mod faulty_store;
pub mod journal;
pub mod moments;
pub mod object_store_suite;
pub mod processes;
pub mod room;
pub mod s3_server;
pub mod skip;

pub use catalog::standard_catalog;
pub use clock::FakeClock;
pub use fake_cluster::{FakeCluster, Fault, Refusal, Verb};
pub use faulty_store::{FaultyStore, StoreVerb, WhatFails};
pub use journal::MemoryJournal;
pub use moments::Moments;
pub use s3_server::S3Server;
pub use skip::{Why, skip};
