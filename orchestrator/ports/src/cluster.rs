//! A kube-apiserver as the engine sees it: what it serves, streamed lists, raw reads and writes, exec.
//!
//! Bodies are bytes of JSON: a backup never parses them here, a restore has them ready. Which object, which version
//! and in which order is decided elsewhere.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use model::{ApiResource, Catalog, GroupVersion};

use crate::error::PortError;

/// What discovery said, with the parts of it that failed.
#[derive(Debug)]
pub struct Discovery {
    pub catalog: Catalog,
    /// The server's own version, as it prints it: `v1.36.3`.
    pub version: String,
    /// Group versions that are registered but did not answer (a broken aggregated API).
    pub failures: BTreeMap<GroupVersion, PortError>,
}

/// A list of one kind, page by page.
#[derive(Debug, Clone)]
pub struct ListQuery<'a> {
    pub resource: &'a ApiResource,
    /// `None` lists all namespaces, or a cluster-scoped kind.
    pub namespace: Option<&'a str>,
    pub label_selector: Option<String>,
    /// Objects a page at the most; 0 asks for everything at once.
    pub limit: u32,
    pub continue_token: Option<String>,
}

#[derive(Debug)]
pub enum ListEvent {
    /// One object exactly as the server sent it; list items may lack `apiVersion` and `kind`.
    Item(Bytes),
    /// The page is over. A token means that there are more.
    End { continue_token: Option<String>, resource_version: String },
}

pub type ListStream = Pin<Box<dyn Stream<Item = Result<ListEvent, PortError>> + Send>>;

/// Names one object, or with `name: None` the collection it would be created in.
#[derive(Debug, Clone, Copy)]
pub struct ObjectRef<'a> {
    pub resource: &'a ApiResource,
    pub namespace: Option<&'a str>,
    pub name: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    Json,
    Merge,
    Strategic,
    /// Server-side apply as the given field manager, forced.
    Apply {
        field_manager: &'static str,
    },
}

#[derive(Debug, Clone)]
pub struct ExecRequest {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    pub command: Vec<String>,
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// Output, cut at the implementation's cap.
    pub stdout: String,
    pub stderr: String,
    pub exit: ExecExit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecExit {
    Code(i32),
    /// Still running when the time was over; it is left alone.
    TimedOut,
    /// The command could not be started or the stream broke; the server's words.
    Failed(String),
}

/// A Kubernetes API.
///
/// # Guarantees
/// - A list item is yielded before the rest of its page has arrived; no page is held whole.
/// - A list stream ends with `End`, or with an error; a stream that ends without either never happens.
/// - An expired continue token is an error whose `is_expired()` holds.
/// - Writes are sent once: retrying is the caller's, who knows whether the request may be repeated.
/// - `delete` of what is not there is `NotFound`.
///
/// # Assumptions
/// - Deadlines and retries are wrapped around this, not inside it.
#[async_trait]
pub trait Cluster: Send + Sync {
    async fn discover(&self) -> Result<Discovery, PortError>;
    /// Lists one page.
    async fn list(&self, query: &ListQuery<'_>) -> Result<ListStream, PortError>;
    async fn get(&self, object: &ObjectRef<'_>) -> Result<Bytes, PortError>;
    /// Creates from a ready body; the answer is what the server stored.
    async fn create(&self, object: &ObjectRef<'_>, body: Bytes, dry_run: bool) -> Result<Bytes, PortError>;
    async fn replace(&self, object: &ObjectRef<'_>, body: Bytes) -> Result<Bytes, PortError>;
    async fn patch(&self, object: &ObjectRef<'_>, kind: PatchKind, body: Bytes) -> Result<Bytes, PortError>;
    /// Writes to a subresource: `status`, `scale`, `eviction`.
    async fn replace_subresource(
        &self,
        object: &ObjectRef<'_>,
        subresource: &str,
        body: Bytes,
    ) -> Result<Bytes, PortError>;
    async fn delete(&self, object: &ObjectRef<'_>) -> Result<(), PortError>;
    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, PortError>;
    /// GET of any path (`/readyz`, `/api/v1/namespaces/a/services/web:80/proxy/healthz`): status and capped body.
    async fn get_path(&self, path: &str) -> Result<(u16, Bytes), PortError>;
    /// The server's address, for people.
    fn describe(&self) -> String;
}
