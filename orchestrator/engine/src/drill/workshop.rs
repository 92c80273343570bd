//! The outside that a drill works with: clusters, buckets, infrastructure, probes, programs of the user's.
//!
//! The composition root implements it, because only it may construct adapters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::ports::{Clock, Cluster, Infrastructure, ObjectStore, PortError, Prober};
use async_trait::async_trait;
use scenario::steps::ClusterHandle;
use serde_json::Value;

/// Everything a drill needs from the outside.
///
/// # Guarantees
/// - Opening a cluster or a location twice is fine; both may be kept by the implementation.
/// - Dropping a returned future stops what it was doing, with two exceptions that the ports name themselves:
///   infrastructure goes on, and a request that was sent may have been carried out.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// Connects to a cluster. `Invalid` when the handle cannot be understood, `Unavailable` when nobody answers.
    async fn cluster(&self, handle: &ClusterHandle) -> Result<Arc<dyn Cluster>, PortError>;

    /// Opens a configured location by name, or a URL. `Invalid` when there is no such location.
    async fn location(&self, location: &str) -> Result<OpenLocation, PortError>;

    /// Infrastructure whose tool keeps what it knows about one stack with one state in this folder, so that two copies
    /// of a stack do not get into each other's way.
    fn infrastructure(&self, data: &Path) -> Arc<dyn Infrastructure>;

    /// What is still there of the environment that a contract describes, once its stack is destroyed and as far as this
    /// can be seen without the stack; in words.
    async fn remains(&self, contract: &Value) -> Result<Vec<String>, PortError>;

    fn prober(&self) -> Arc<dyn Prober>;

    fn clock(&self) -> Arc<dyn Clock>;

    /// Runs a program of the user's to its end: an empty environment but for `PATH`, `HOME` and what is named, no
    /// shell, no standard input, none of landfall's credentials. Dropping the future kills it with all its children.
    async fn command(&self, command: &UserCommand) -> Result<CommandAnswer, PortError>;

    /// 32 bytes that nobody can guess.
    fn secret(&self) -> Result<[u8; 32], PortError>;

    /// The folder that relative paths of the scenario start from.
    fn project(&self) -> &Path;
}

/// A location, ready to use.
#[derive(Clone)]
pub struct OpenLocation {
    /// How a backup's object calls it.
    pub name: String,
    pub store: Arc<dyn ObjectStore>,
}

/// A program of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCommand {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// Bytes of each output that are kept at the most; the rest is read and dropped.
    pub output_cap: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandAnswer {
    pub exit: CommandExit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether an output was longer than the cap.
    pub cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandExit {
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}
