//! Questions to a running application.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::PortError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    /// Bytes of the answer that are kept at the most.
    pub body_cap: usize,
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    pub body: Vec<u8>,
    /// Whether the body was longer than the cap.
    pub cut: bool,
    pub elapsed: Duration,
}

/// Asks once and reports what came; what is good enough is decided by the caller.
#[async_trait]
pub trait Prober: Send + Sync {
    async fn http(&self, probe: &HttpProbe) -> Result<HttpAnswer, PortError>;
    /// Connects and closes; the answer is how long that took.
    async fn tcp(&self, host: &str, port: u16, timeout: Duration) -> Result<Duration, PortError>;
}
