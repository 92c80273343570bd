//! One page of a list as a stream of items.

use bytes::Bytes;
use futures::stream;
use kube::Client;
use kube::client::Body;
use ports::PortError;
use ports::cluster::{ListEvent, ListQuery, ListStream};

use crate::path;
use crate::scanner::Scanner;
use crate::status;
use crate::transport::{self, Call};

pub(crate) async fn list(client: &Client, query: &ListQuery<'_>) -> Result<ListStream, PortError> {
    let mut path = path::collection(query.resource, query.namespace)?;
    if query.limit > 0 {
        path::add_query(&mut path, "limit", &query.limit.to_string());
    }
    if let Some(selector) = query.label_selector.as_deref().filter(|selector| !selector.is_empty()) {
        path::add_query(&mut path, "labelSelector", selector);
    }
    if let Some(token) = query.continue_token.as_deref().filter(|token| !token.is_empty()) {
        path::add_query(&mut path, "continue", token);
    }
    let response = transport::accepted(transport::send(client, Call::get(path)).await?).await?;
    let page = Page { body: response.into_body(), scanner: Scanner::new() };
    Ok(Box::pin(stream::unfold(Some(page), |page| async move {
        let mut page = page?;
        match page.next_item().await {
            Ok(Some(item)) => Some((Ok(ListEvent::Item(item)), Some(page))),
            Ok(None) => Some((page.end(), None)),
            Err(error) => Some((Err(error), None)),
        }
    })))
}

struct Page {
    body: Body,
    scanner: Scanner,
}

impl Page {
    async fn next_item(&mut self) -> Result<Option<Bytes>, PortError> {
        loop {
            if let Some(item) = self.scanner.next().map_err(status::unreadable)? {
                return Ok(Some(item));
            }
            match transport::next_chunk(&mut self.body).await? {
                Some(chunk) => self.scanner.push(chunk),
                None => return Ok(None),
            }
        }
    }

    fn end(self) -> Result<ListEvent, PortError> {
        let meta = self.scanner.finish().map_err(status::unreadable)?;
        let continue_token = Some(meta.continue_token).filter(|token| !token.is_empty());
        Ok(ListEvent::End { continue_token, resource_version: meta.resource_version })
    }
}
