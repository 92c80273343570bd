//! A cluster whose calls are metered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use ports::cluster::{Discovery, ExecOutcome, ExecRequest, ListEvent, ListQuery, ListStream, ObjectRef, PatchKind};
use ports::{Cluster, PortError};

use super::meter::{Meter, Span, What};

pub(super) struct MeteredCluster {
    inner: Arc<dyn Cluster>,
    meter: Arc<Meter>,
}

impl MeteredCluster {
    pub(super) fn new(inner: Arc<dyn Cluster>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    fn span(&self) -> Span {
        self.meter.span(What::Call)
    }
}

#[async_trait]
impl Cluster for MeteredCluster {
    async fn discover(&self) -> Result<Discovery, PortError> {
        let _span = self.span();
        self.inner.discover().await
    }

    async fn list(&self, query: &ListQuery<'_>) -> Result<ListStream, PortError> {
        let span = self.span();
        let stream = self.inner.list(query).await?;
        Ok(Box::pin(Page { stream, _span: span }))
    }

    async fn get(&self, object: &ObjectRef<'_>) -> Result<Bytes, PortError> {
        let _span = self.span();
        self.inner.get(object).await
    }

    async fn create(&self, object: &ObjectRef<'_>, body: Bytes, dry_run: bool) -> Result<Bytes, PortError> {
        let _span = self.span();
        self.inner.create(object, body, dry_run).await
    }

    async fn replace(&self, object: &ObjectRef<'_>, body: Bytes) -> Result<Bytes, PortError> {
        let _span = self.span();
        self.inner.replace(object, body).await
    }

    async fn patch(&self, object: &ObjectRef<'_>, kind: PatchKind, body: Bytes) -> Result<Bytes, PortError> {
        let _span = self.span();
        self.inner.patch(object, kind, body).await
    }

    async fn replace_subresource(
        &self,
        object: &ObjectRef<'_>,
        subresource: &str,
        body: Bytes,
    ) -> Result<Bytes, PortError> {
        let _span = self.span();
        self.inner.replace_subresource(object, subresource, body).await
    }

    async fn delete(&self, object: &ObjectRef<'_>) -> Result<(), PortError> {
        let _span = self.span();
        self.inner.delete(object).await
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecOutcome, PortError> {
        let _span = self.span();
        self.inner.exec(request).await
    }

    async fn get_path(&self, path: &str) -> Result<(u16, Bytes), PortError> {
        let _span = self.span();
        self.inner.get_path(path).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// A page is in flight until its stream is dropped.
struct Page {
    stream: ListStream,
    _span: Span,
}

impl Stream for Page {
    type Item = Result<ListEvent, PortError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}
