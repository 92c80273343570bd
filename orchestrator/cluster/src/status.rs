//! What the server's refusals and the transport's failures mean to a caller.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use kube::Error as KubeError;
use kube::client::AuthError;
use ports::{ErrorKind, PortError};
use serde::Deserialize;

use crate::scanner::ScanError;

/// Characters of a server's message that are kept.
const MESSAGE_CAP: usize = 4096;

/// How rustls calls what OpenSSL makes when it is asked for no extension.
pub(crate) const VERSION_1: &str = "UnsupportedCertVersion";
pub(crate) const VERSION_1_HINT: &str =
    "a certificate is X.509 version 1, which is not supported; issue a version 3 one (with any extension)";

/// What servers answer with 500 although it is the request that is wrong.
const FINAL: &[&str] = &["resourceVersion should not be set on objects to be created"];

const TERMINATING: &str = "because it is being terminated";

/// The parts of `metav1.Status` that are looked at; whatever else is in it, or missing, does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: Option<String>,
    reason: Option<String>,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: Option<u64>,
    causes: Option<Vec<Cause>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: Option<String>,
}

/// An answer of 400 and above, with its body (or the beginning of it).
pub(crate) fn refusal(code: StatusCode, headers: &HeaderMap, body: &[u8]) -> PortError {
    let status = serde_json::from_slice::<Status>(body).ok().filter(|status| status.kind == "Status");
    let Some(status) = status else {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let message = if text.is_empty() { format!("the server answered {code}") } else { format!("{code}: {text}") };
        return PortError::new(kind_of(code, None), cut(&message)).with_retry_after(retry_after(headers, None));
    };
    let details = status.details.unwrap_or_default();
    // Old servers (1.16) say it in the message only.
    let terminating = details.causes.iter().flatten().any(|c| c.reason.as_deref() == Some("NamespaceTerminating"))
        || (code == StatusCode::FORBIDDEN && status.message.as_deref().is_some_and(|m| m.ends_with(TERMINATING)));
    let reason = match status.reason.as_deref() {
        // Not a matter of permissions: the namespace is on its way out.
        _ if terminating => Some("NamespaceTerminating"),
        _ if code == StatusCode::GONE => Some("Expired"),
        reason => reason.filter(|reason| !reason.is_empty()),
    };
    let message = status.message.filter(|m| !m.is_empty()).unwrap_or_else(|| format!("the server answered {code}"));
    let after = retry_after(headers, details.retry_after_seconds);
    let mut error = stated(code, reason, &message).with_retry_after(after);
    if FINAL.contains(&message.as_str()) {
        error.kind = ErrorKind::Invalid;
    }
    error
}

/// A refusal whose parts are known already.
pub(crate) fn stated(code: StatusCode, reason: Option<&str>, message: &str) -> PortError {
    let error = PortError::new(kind_of(code, reason), cut(message));
    match reason {
        Some(reason) => error.with_reason(reason),
        None => error,
    }
}

/// A request that got no answer, or an answer that broke off.
pub(crate) fn transport(doing: &str, error: KubeError) -> PortError {
    // What the token source said comes back out of the stack as it went in.
    let error: Box<dyn Error + Send + Sync> = match error {
        KubeError::Service(inner) => match inner.downcast::<PortError>() {
            Ok(own) => return *own,
            Err(inner) => inner,
        },
        error => error.into(),
    };
    if error.is::<AuthError>() {
        return PortError::denied(format!("{doing}: no credentials")).with_reason("Credentials").with_source(error);
    }
    let chain = chain_of(error.as_ref());
    if let Some(hint) = certificate_trouble(&chain) {
        return PortError::denied(format!("{doing}: {hint}")).with_reason("Certificate").with_source(error);
    }
    PortError::unavailable(doing.to_owned()).with_source(error)
}

/// A body that is not what it should be. A cut one may be whole the next time.
pub(crate) fn unreadable(error: ScanError) -> PortError {
    let kind = if error == ScanError::Cut { ErrorKind::Unavailable } else { ErrorKind::Invalid };
    PortError::new(kind, error.to_string())
}

/// Tells trouble with certificates, which waiting does not cure, from trouble with the network.
fn certificate_trouble(chain: &str) -> Option<&'static str> {
    if chain.contains(VERSION_1) {
        return Some(VERSION_1_HINT);
    }
    // Two authorities of the same name differ in their keys only.
    if chain.contains("UnknownIssuer") || chain.contains("BadSignature") {
        return Some("the server's certificate is not signed by the given certificate authority");
    }
    if chain.contains("NotValidForName") {
        return Some("the server's certificate is for another name");
    }
    if chain.contains("invalid peer certificate") || chain.contains("certificate expired") {
        return Some("the server's certificate is not accepted");
    }
    ["received fatal alert: BadCertificate", "received fatal alert: CertificateRequired", "alert: UnknownCA"]
        .iter()
        .any(|alert| chain.contains(alert))
        .then_some("the server does not accept the client certificate")
}

/// Every message of an error and its sources, for looking things up in it.
pub(crate) fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        // Writing into a string does not fail.
        let _ = write!(text, ": {error} {error:?}");
        source = error.source();
    }
    text
}

fn kind_of(code: StatusCode, reason: Option<&str>) -> ErrorKind {
    match (code.as_u16(), reason) {
        (_, Some("NamespaceTerminating")) | (409 | 410, _) => ErrorKind::Conflict,
        (401 | 403 | 407, _) => ErrorKind::Denied,
        (404, _) => ErrorKind::NotFound,
        (429, _) => ErrorKind::Throttled,
        (408, _) | (500.., _) => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

fn retry_after(headers: &HeaderMap, seconds: Option<u64>) -> Option<Duration> {
    let header = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    header.or(seconds).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

fn cut(message: &str) -> String {
    message.chars().take(MESSAGE_CAP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(code: u16, body: serde_json::Value) -> PortError {
        refusal(StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn reasons_become_kinds() {
        let cases = [
            (400, "BadRequest", ErrorKind::Invalid),
            (401, "Unauthorized", ErrorKind::Denied),
            (403, "Forbidden", ErrorKind::Denied),
            (404, "NotFound", ErrorKind::NotFound),
            (409, "AlreadyExists", ErrorKind::Conflict),
            (410, "Expired", ErrorKind::Conflict),
            (413, "RequestEntityTooLarge", ErrorKind::Invalid),
            (422, "Invalid", ErrorKind::Invalid),
            (429, "TooManyRequests", ErrorKind::Throttled),
            (500, "InternalError", ErrorKind::Unavailable),
            (503, "ServiceUnavailable", ErrorKind::Unavailable),
            (504, "Timeout", ErrorKind::Unavailable),
        ];
        for (code, reason, kind) in cases {
            let error = refused(code, json!({"kind": "Status", "reason": reason, "message": "no"}));
            assert_eq!((error.kind, error.reason.as_deref(), error.message.as_str()), (kind, Some(reason), "no"));
        }
    }

    #[test]
    fn gone_is_expired_whatever_it_is_called() {
        assert!(refused(410, json!({"kind": "Status", "reason": "Gone"})).is_expired());
    }

    #[test]
    fn a_terminating_namespace_is_no_matter_of_permissions() {
        let error = refused(
            403,
            json!({"kind": "Status", "reason": "Forbidden", "message": "x", "details": {"causes":
            [{"reason": "NamespaceTerminating", "message": "y", "field": "metadata.namespace"}]}}),
        );
        assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("NamespaceTerminating")));
        let message = "forbidden: unable to create new content in namespace x because it is being terminated";
        let old = refused(403, json!({"kind": "Status", "reason": "Forbidden", "message": message}));
        assert_eq!((old.kind, old.reason.as_deref()), (ErrorKind::Conflict, Some("NamespaceTerminating")));
    }

    #[test]
    fn the_wait_comes_from_the_header_or_the_details() {
        let body = json!({"kind": "Status", "details": {"retryAfterSeconds": 3}});
        assert_eq!(refused(429, body.clone()).retry_after, Some(Duration::from_secs(3)));
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "7".parse().unwrap());
        let error = refusal(StatusCode::TOO_MANY_REQUESTS, &headers, body.to_string().as_bytes());
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn any_other_body_is_quoted_and_cut() {
        let error = refusal(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>oops</html>\n");
        assert_eq!(error.message, "502 Bad Gateway: <html>oops</html>");
        assert!(error.is_retryable());
        let long = "x".repeat(100_000);
        assert_eq!(
            refusal(StatusCode::BAD_GATEWAY, &HeaderMap::new(), long.as_bytes()).message.chars().count(),
            MESSAGE_CAP
        );
        assert_eq!(refused(404, json!({"kind": "Status", "details": null, "message": null})).kind, ErrorKind::NotFound);
    }
}
