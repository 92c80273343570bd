//! Refusals in the words of a real server, as they look on this side of the port.

use std::time::Duration;

use model::GroupResource;
use ports::{ErrorKind, PortError};

/// An error to give, as often as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: ErrorKind,
    pub reason: Option<String>,
    pub message: String,
    pub retry_after: Option<Duration>,
}

impl Refusal {
    pub fn new(kind: ErrorKind, reason: Option<&str>, message: &str) -> Self {
        Self { kind, reason: reason.map(str::to_owned), message: message.to_owned(), retry_after: None }
    }

    /// Nobody listens: the server is being restarted.
    pub fn unavailable() -> Self {
        Self::new(ErrorKind::Unavailable, None, "connection refused")
    }

    pub fn throttled(retry_after: Option<Duration>) -> Self {
        let message = "too many requests, please try again later";
        Self { retry_after, ..Self::new(ErrorKind::Throttled, Some("TooManyRequests"), message) }
    }

    pub fn internal(message: &str) -> Self {
        Self::new(ErrorKind::Unavailable, Some("InternalError"), message)
    }

    pub fn forbidden(message: &str) -> Self {
        Self::new(ErrorKind::Denied, Some("Forbidden"), message)
    }

    pub fn invalid(message: &str) -> Self {
        Self::new(ErrorKind::Invalid, Some("Invalid"), message)
    }

    pub fn expired() -> Self {
        let message = "the provided continue parameter is too old to display a consistent list result";
        Self::new(ErrorKind::Conflict, Some("Expired"), message)
    }

    pub(super) fn lost() -> Self {
        Self::new(ErrorKind::Unavailable, None, "the connection was closed before the answer came")
    }

    pub(super) fn cut() -> Self {
        Self::new(ErrorKind::Unavailable, None, "the answer broke off")
    }

    pub(super) fn killed() -> Self {
        Self::new(ErrorKind::Unavailable, Some("Killed"), "killed")
    }

    pub fn error(&self) -> PortError {
        let error = PortError::new(self.kind, self.message.clone()).with_retry_after(self.retry_after);
        match &self.reason {
            Some(reason) => error.with_reason(reason.clone()),
            None => error,
        }
    }
}

pub(super) fn not_found(resource: &GroupResource, name: &str) -> PortError {
    PortError::not_found(format!("{resource} \"{name}\" not found")).with_reason("NotFound")
}

pub(super) fn not_served() -> PortError {
    PortError::not_found("the server could not find the requested resource").with_reason("NotFound")
}

pub(super) fn already_exists(resource: &GroupResource, name: &str) -> PortError {
    PortError::conflict(format!("{resource} \"{name}\" already exists")).with_reason("AlreadyExists")
}

pub(super) fn conflict(resource: &GroupResource, name: &str, why: &str) -> PortError {
    PortError::conflict(format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}"))
        .with_reason("Conflict")
}

pub(super) fn modified(resource: &GroupResource, name: &str) -> PortError {
    let why = "the object has been modified; please apply your changes to the latest version and try again";
    conflict(resource, name, why)
}

pub(super) fn terminating(resource: &GroupResource, name: &str, namespace: &str) -> PortError {
    let message = format!(
        "{resource} \"{name}\" is forbidden: unable to create new content in namespace {namespace} because it is \
         being terminated"
    );
    PortError::conflict(message).with_reason("NamespaceTerminating")
}

pub(super) fn bad_request(message: impl Into<String>) -> PortError {
    PortError::invalid(message).with_reason("BadRequest")
}

pub(super) fn unprocessable(kind: &str, name: &str, why: &str) -> PortError {
    PortError::invalid(format!("{kind} \"{name}\" is invalid: {why}")).with_reason("Invalid")
}

pub(super) fn method_not_allowed() -> PortError {
    PortError::invalid("the server does not allow this method on the requested resource")
        .with_reason("MethodNotAllowed")
}
