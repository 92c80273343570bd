//! A kube-apiserver behind `ports::Cluster`: discovery, streamed lists, raw writes, exec.
//!
//! Translates and nothing else: no retry, no choice of versions, no meaning of objects.
//!
//! - [`connect`]: kubeconfig, in-cluster, explicit endpoint; [`token`]: bearer tokens renewed in time.
//! - `discovery`: what is served, from aggregated discovery or from the old endpoints.
//! - `list` and `scanner`: items cut out of a list while it arrives.
//! - `transport`, `path`, `status`: requests as bytes, URLs, and what refusals mean.
//! - `exec`: commands in containers.

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use kube::Client;
use ports::cluster::{Cluster, Discovery, ExecOutcome, ExecRequest, ListQuery, ListStream, ObjectRef, PatchKind};
use ports::{ErrorKind, PortError};
use std::sync::Arc;

pub mod connect;
mod discovery;
mod exec;
mod list;
mod path;
mod scanner;
mod status;
pub mod token;
mod transport;

pub use connect::{ConnectError, Endpoint};
pub use token::{Token, TokenSource};

use token::TokenCache;
use transport::Call;

/// Bytes of a `get_path` answer that are kept.
const PATH_BODY_CAP: usize = 4 << 20;
/// Who owns the fields that we write.
const FIELD_MANAGER: &str = "landfall";

/// A real cluster. Cheap to share behind an `Arc`; connections are pooled and opened as needed.
///
/// # Caveats
/// - A list item may share memory with its neighbours: copy what is kept for long.
pub struct KubeCluster {
    client: Client,
    server: String,
    tokens: Option<Arc<TokenCache>>,
}

impl KubeCluster {
    async fn fetch(&self, call: Call) -> Result<Bytes, PortError> {
        self.noting(transport::fetch(&self.client, call).await.map(|(_, body)| body)).await
    }

    /// A refused token is not used again.
    async fn noting<T>(&self, outcome: Result<T, PortError>) -> Result<T, PortError> {
        if let (Err(error), Some(tokens)) = (&outcome, &self.tokens)
            && error.kind == ErrorKind::Denied
            && error.reason.as_deref() == Some("Unauthorized")
        {
            tokens.forget().await;
        }
        outcome
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn discover(&self) -> Result<Discovery, PortError> {
        self.noting(discovery::discover(&self.client).await).await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<ListStream, PortError> {
        self.noting(list::list(&self.client, query).await).await
    }

    async fn get(&self, object: &ObjectRef<'_>) -> Result<Bytes, PortError> {
        self.fetch(Call::get(path::object(object)?)).await
    }

    async fn create(&self, object: &ObjectRef<'_>, body: Bytes, dry_run: bool) -> Result<Bytes, PortError> {
        let mut path = path::collection_of(object)?;
        path::add_query(&mut path, "fieldManager", FIELD_MANAGER);
        if dry_run {
            path::add_query(&mut path, "dryRun", "All");
        }
        self.fetch(Call::with_body(Method::POST, path, "application/json", body)).await
    }

    async fn replace(&self, object: &ObjectRef<'_>, body: Bytes) -> Result<Bytes, PortError> {
        let mut path = path::object(object)?;
        path::add_query(&mut path, "fieldManager", FIELD_MANAGER);
        self.fetch(Call::with_body(Method::PUT, path, "application/json", body)).await
    }

    async fn patch(&self, object: &ObjectRef<'_>, kind: PatchKind, body: Bytes) -> Result<Bytes, PortError> {
        let mut path = path::object(object)?;
        let (content_type, manager) = match kind {
            PatchKind::Json => ("application/json-patch+json", FIELD_MANAGER),
            PatchKind::Merge => ("application/merge-patch+json", FIELD_MANAGER),
            PatchKind::Strategic => ("application/strategic-merge-patch+json", FIELD_MANAGER),
            PatchKind::Apply { field_manager } => ("application/apply-patch+yaml", field_manager),
        };
        path::add_query(&mut path, "fieldManager", manager);
        if let PatchKind::Apply { .. } = kind {
            path::add_query(&mut path, "force", "true");
        }
        self.fetch(Call::with_body(Method::PATCH, path, content_type, body)).await
    }

    async fn replace_subresource(
        &self,
        object: &ObjectRef<'_>,
        subresource: &str,
        body: Bytes,
    ) -> Result<Bytes, PortError> {
        let mut path = path::subresource(object, subresource)?;
        path::add_query(&mut path, "fieldManager", FIELD_MANAGER);
        // These are asked for, not replaced: there is nothing to read at their address.
        let method = match subresource {
            "eviction" | "binding" | "token" => Method::POST,
            _ => Method::PUT,
        };
        self.fetch(Call::with_body(method, path, "application/json", body)).await
    }

    async fn delete(&self, object: &ObjectRef<'_>) -> Result<(), PortError> {
        let mut path = path::object(object)?;
        // Without it, some kinds in old versions orphan what they own.
        path::add_query(&mut path, "propagationPolicy", "Background");
        let call = Call { method: Method::DELETE, ..Call::get(path) };
        self.fetch(call).await.map(|_| ())
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, PortError> {
        self.noting(exec::exec(&self.client, request).await).await
    }

    async fn get_path(&self, path: &str) -> Result<(u16, Bytes), PortError> {
        if !path.starts_with('/') {
            return Err(PortError::invalid(format!("{path:?} does not begin with a slash")));
        }
        let response = transport::send(&self.client, Call { accept: transport::ANYTHING, ..Call::get(path) }).await?;
        let (head, body) = response.into_parts();
        let (bytes, _) = transport::read(body, PATH_BODY_CAP).await?;
        Ok((head.status.as_u16(), bytes))
    }

    fn describe(&self) -> String {
        self.server.clone()
    }
}
