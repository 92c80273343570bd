//! Requests and answers as bytes, over kube's client.
//!
//! No typed decoding, no retry and no rate limit: those are the caller's.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use ports::PortError;

use crate::status;

/// Bytes of one object's answer at the most.
pub(crate) const OBJECT_CAP: usize = 64 << 20;
/// Bytes of an error's body that are looked at.
const ERROR_CAP: usize = 1 << 20;
/// A server that is alive sends something within this time; its own limit for a whole request is a minute.
const SILENCE: Duration = Duration::from_secs(180);

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(crate) const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// One request: where to, and with what.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) accept: HeaderValue,
    pub(crate) content: Option<(HeaderValue, Bytes)>,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), accept: JSON, content: None }
    }

    pub(crate) fn with_body(method: Method, path: String, content_type: &'static str, body: Bytes) -> Self {
        let content = Some((HeaderValue::from_static(content_type), body));
        Self { method, path, accept: JSON, content }
    }
}

/// Sends and waits for the head of the answer, whatever its status.
pub(crate) async fn send(client: &Client, call: Call) -> Result<Response<Body>, PortError> {
    let doing = format!("{} {}", call.method, call.path.split('?').next().unwrap_or_default());
    let mut request = Request::builder().method(call.method).uri(call.path).header(ACCEPT, call.accept);
    let body = match call.content {
        Some((content_type, body)) => {
            request = request.header(CONTENT_TYPE, content_type);
            Body::from(body)
        }
        None => Body::empty(),
    };
    let request = request.body(body).map_err(|e| PortError::invalid(format!("{doing}: bad request")).with_source(e))?;
    match tokio::time::timeout(SILENCE, client.send(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(status::transport(&doing, error)),
        Err(_) => Err(silence(&doing)),
    }
}

/// Sends, and reads the whole answer; a status of 400 or more is an error.
pub(crate) async fn fetch(client: &Client, call: Call) -> Result<(HeaderMap, Bytes), PortError> {
    let (head, body) = accepted(send(client, call).await?).await?.into_parts();
    let (bytes, cut) = read(body, OBJECT_CAP).await?;
    if cut {
        return Err(PortError::invalid(format!("the answer is longer than {OBJECT_CAP} bytes")));
    }
    Ok((head.headers, bytes))
}

/// Lets a good answer through and turns any other into the server's words.
pub(crate) async fn accepted(response: Response<Body>) -> Result<Response<Body>, PortError> {
    let code = response.status();
    if code.is_success() {
        return Ok(response);
    }
    let (head, body) = response.into_parts();
    // A refusal whose explanation breaks off is still that refusal.
    let (text, _) = read(body, ERROR_CAP).await.unwrap_or_default();
    Err(status::refusal(code, &head.headers, &text))
}

/// Reads a body up to a cap; the flag says that there was more.
pub(crate) async fn read(mut body: Body, cap: usize) -> Result<(Bytes, bool), PortError> {
    let Some(first) = next_chunk(&mut body).await? else { return Ok((Bytes::new(), false)) };
    let Some(second) = next_chunk(&mut body).await? else {
        let cut = first.len() > cap;
        return Ok((first.slice(..first.len().min(cap)), cut));
    };
    let mut whole = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let room = cap.saturating_sub(whole.len());
        if chunk.len() > room {
            whole.extend_from_slice(&chunk[..room]);
            whole.truncate(cap);
            return Ok((whole.freeze(), true));
        }
        whole.extend_from_slice(&chunk);
        next = next_chunk(&mut body).await?;
    }
    Ok((whole.freeze(), false))
}

/// The next bytes of a body; `None` only when it is complete.
pub(crate) async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, PortError> {
    loop {
        let frame = match tokio::time::timeout(SILENCE, body.frame()).await {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(status::transport("the answer broke off", error)),
            Err(_) => return Err(silence("reading the answer")),
        };
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
}

fn silence(doing: &str) -> PortError {
    PortError::unavailable(format!("{doing}: the server has been silent for {} s", SILENCE.as_secs()))
}
