//! What an error of the SDK means to a caller.
//!
//! The service's own code and words go into the message, because the SDK hides both in its chain; what lies below,
//! such as a refused connection, stays the source.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use ports::{ErrorKind, PortError};

/// Explains a failure of `what`, a verb and its object: `write backups/b/b.tar.gz`.
pub(crate) fn explain<E>(error: SdkError<E, HttpResponse>, what: &str) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let failed = format!("failed to {what}");
    match &error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let status = service.raw().status().as_u16();
            let retry_after = retry_after(service.raw());
            let message = match service.err().message() {
                Some(text) if !text.is_empty() && !code.is_empty() => format!("{failed}: {code}: {text}"),
                Some(text) if !text.is_empty() => format!("{failed}: {text} (status {status})"),
                _ if !code.is_empty() => format!("{failed}: {code} (status {status})"),
                _ => format!("{failed}: status {status}"),
            };
            let mut explained = PortError::new(kind(status, code), message).with_retry_after(retry_after);
            explained.reason = Some(code).filter(|code| !code.is_empty()).map(str::to_owned);
            explained
        }
        SdkError::ResponseError(_) | SdkError::TimeoutError(_) => PortError::unavailable(failed).with_source(error),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => unsent(error, failed),
        _ => PortError::unavailable(failed).with_source(error),
    }
}

fn unsent(error: impl Error + Send + Sync + 'static, failed: String) -> PortError {
    if find::<CredentialsError>(&error).is_some() {
        let hint = format!("{failed}: no usable credentials");
        return PortError::denied(hint).with_reason("NoCredentials").with_source(error);
    }
    if find::<rustls::Error>(&error).is_some_and(|tls| matches!(tls, rustls::Error::InvalidCertificate(_))) {
        let hint = format!("{failed}: the server's certificate is not trusted");
        return PortError::invalid(hint).with_reason("UntrustedCertificate").with_source(error);
    }
    PortError::unavailable(failed).with_source(error)
}

fn kind(status: u16, code: &str) -> ErrorKind {
    match code {
        "NoSuchKey" | "NotFound" | "NoSuchVersion" | "ResourceNotFoundException" => return ErrorKind::NotFound,
        // A store that is not there is no missing object; waiting will not bring it.
        "NoSuchBucket" => return ErrorKind::Invalid,
        // An upload that was given up or completed by an answer that got lost: the whole put may be repeated.
        "NoSuchUpload" | "RequestTimeout" | "InternalError" | "OperationAborted" => return ErrorKind::Unavailable,
        "SlowDown" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            return ErrorKind::Throttled;
        }
        "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
            return ErrorKind::Denied;
        }
        _ => {}
    }
    match status {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Unavailable,
        409 | 412 => ErrorKind::Conflict,
        429 | 503 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

/// Seconds only; a date would need a clock to mean anything.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An I/O error hides what it wraps from `source`.
        if let Some(wrapped) = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref())
            && let Some(found) = find::<T>(wrapped)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_what_can_be_done() {
        let check = |status, code, expected| assert_eq!(kind(status, code), expected, "{status} {code}");
        check(404, "NoSuchKey", ErrorKind::NotFound);
        check(404, "NoSuchBucket", ErrorKind::Invalid);
        check(404, "NoSuchUpload", ErrorKind::Unavailable);
        check(404, "", ErrorKind::NotFound);
        check(403, "AccessDenied", ErrorKind::Denied);
        check(400, "ExpiredToken", ErrorKind::Denied);
        check(503, "SlowDown", ErrorKind::Throttled);
        check(503, "", ErrorKind::Throttled);
        check(400, "RequestTimeout", ErrorKind::Unavailable);
        check(500, "InternalError", ErrorKind::Unavailable);
        check(412, "PreconditionFailed", ErrorKind::Conflict);
        check(400, "InvalidArgument", ErrorKind::Invalid);
        check(301, "PermanentRedirect", ErrorKind::Invalid);
    }

    #[test]
    fn a_wrapped_cause_is_found() {
        let inner = std::io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        let outer = std::io::Error::other(inner);
        assert!(find::<rustls::Error>(&outer).is_some());
        assert_eq!(unsent(outer, "failed".into()).kind, ErrorKind::Invalid);
    }
}
