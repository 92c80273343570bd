//! Bearer tokens that are fetched when needed and again before they expire.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::{AUTHORIZATION, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use ports::{Clock, PortError};
use tokio::sync::RwLock;

/// A token is renewed when it has less than this left.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// Where tokens come from: a cloud's API, a file, a plugin.
#[async_trait]
pub trait TokenSource: Send + Sync {
    async fn token(&self) -> Result<Token, PortError>;
}

/// A bearer token; `Debug` does not show it.
#[derive(Clone)]
pub struct Token {
    pub value: String,
    /// `None`: good for as long as the process lives.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Any async closure is a source.
#[async_trait]
impl<F, Fut> TokenSource for F
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<Token, PortError>> + Send,
{
    async fn token(&self) -> Result<Token, PortError> {
        self().await
    }
}

pub(crate) struct TokenCache {
    source: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    cached: RwLock<Option<(HeaderValue, Option<Timestamp>)>>,
}

impl TokenCache {
    pub(crate) fn new(source: Arc<dyn TokenSource>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { source, clock, cached: RwLock::new(None) })
    }

    /// Adds the header to a request.
    pub(crate) async fn authorize<B>(
        self: Arc<Self>,
        mut request: http::Request<B>,
    ) -> Result<http::Request<B>, PortError> {
        let header = self.header().await?;
        request.headers_mut().insert(AUTHORIZATION, header);
        Ok(request)
    }

    /// The server refused the token: the next request fetches another.
    pub(crate) async fn forget(&self) {
        *self.cached.write().await = None;
    }

    async fn header(&self) -> Result<HeaderValue, PortError> {
        if let Some(header) = self.fresh(&*self.cached.read().await) {
            return Ok(header);
        }
        // Whoever waited for this lock finds what the first one fetched.
        let mut cached = self.cached.write().await;
        if let Some(header) = self.fresh(&cached) {
            return Ok(header);
        }
        let token = self.source.token().await?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.value.trim()))
            .map_err(|e| PortError::denied("the token holds characters that no token has").with_source(e))?;
        header.set_sensitive(true);
        *cached = Some((header.clone(), token.expires));
        Ok(header)
    }

    fn fresh(&self, cached: &Option<(HeaderValue, Option<Timestamp>)>) -> Option<HeaderValue> {
        let (header, expires) = cached.as_ref()?;
        let fresh = expires.is_none_or(|expires| self.clock.now().duration_until(expires) > MARGIN);
        fresh.then(|| header.clone())
    }
}
