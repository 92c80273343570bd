//! What went wrong behind a port, as far as a caller can act on it.
//!
//! `kind` decides what to do, `reason` is the far side's own code, `message` is for people. Retrying asks
//! `is_retryable` and nothing else.

use std::error::Error;
use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    /// It exists already, or changed meanwhile.
    Conflict,
    /// Credentials or permissions.
    Denied,
    /// Asked to slow down; `retry_after` may say for how long.
    Throttled,
    /// Refused for what it says; the same request will be refused again.
    Invalid,
    /// Unreachable, broken or busy; the same request may go through later.
    Unavailable,
}

#[derive(Debug)]
pub struct PortError {
    pub kind: ErrorKind,
    /// The far side's own code: `AlreadyExists`, `Expired`, `NoSuchBucket`.
    pub reason: Option<String>,
    /// A lowercase fragment; does not repeat the source.
    pub message: String,
    pub retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, reason: None, message: message.into(), retry_after: None, source: None }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self.kind {
            ErrorKind::Throttled | ErrorKind::Unavailable => true,
            ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Denied | ErrorKind::Invalid => false,
        }
    }

    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// A create found that the object is there already.
    pub fn is_already_exists(&self) -> bool {
        self.kind == ErrorKind::Conflict && self.reason.as_deref() == Some("AlreadyExists")
    }

    /// A continue token or a resource version is too old.
    pub fn is_expired(&self) -> bool {
        self.reason.as_deref() == Some("Expired")
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
