//! What a refusal for good means: one code, one message.

use ::ports::{ErrorKind, PortError};
use model::{Reason, chain};

/// One code and one message for a request that was refused for good.
pub(super) fn refused(error: &PortError) -> Reason {
    let message = chain(error);
    if let Some(webhook) = broken_webhook(error) {
        return Reason::new("webhook-failed", format!("the webhook {webhook} does not work: {message}"));
    }
    let says = |text: &str| message.contains(text);
    let by_admission = says("admission webhook") || says("ValidatingAdmissionPolicy") || says("violates PodSecurity");
    let immutable = ["immutable", "updates to ", "may not change fields other than", "field can not be modified"];
    let code = match error.kind {
        ErrorKind::Invalid | ErrorKind::Denied if by_admission => "admission",
        ErrorKind::Invalid if says("already allocated") => "port-allocated",
        ErrorKind::Denied if says("exceeded quota") => "quota",
        ErrorKind::Invalid | ErrorKind::Denied if immutable.iter().any(|text| says(text)) => "immutable",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Denied => "denied",
        ErrorKind::NotFound if missing_namespace(error) => "namespace-missing",
        ErrorKind::NotFound => "not-served",
        ErrorKind::Conflict if is_terminating(error) => "namespace-terminating",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Unavailable => "unavailable",
    };
    Reason::new(code, message)
}

/// The webhook that the server could not ask, by name; for conversions, what was to be converted.
///
/// The server answers 500 then, as it does in trouble of its own, but waiting seldom helps.
pub(super) fn broken_webhook(error: &PortError) -> Option<String> {
    if error.kind != ErrorKind::Unavailable {
        return None;
    }
    let message = error.message.as_str();
    if let Some((_, rest)) = message.split_once("failed calling webhook \"") {
        return rest.split_once('"').map(|(name, _)| name.to_owned());
    }
    let (_, rest) = message.split_once("conversion webhook for ")?;
    let (kind, _) = rest.split_once(" failed")?;
    Some(format!("for conversions of {kind}"))
}

pub(super) fn is_terminating(error: &PortError) -> bool {
    error.reason.as_deref() == Some("NamespaceTerminating")
}

/// Whether "not found" is about the namespace, not about the kind.
pub(super) fn missing_namespace(error: &PortError) -> bool {
    error.is_not_found() && error.message.starts_with("namespaces \"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_one_code() {
        let new = |kind, message: &str| refused(&PortError::new(kind, message)).code;
        let hook = "Internal error occurred: failed calling webhook \"guard.example.com\": failed to call webhook: EOF";
        for (kind, message, code) in [
            (ErrorKind::Unavailable, hook, "webhook-failed"),
            (ErrorKind::Unavailable, "etcdserver: leader changed", "unavailable"),
            (ErrorKind::Denied, "admission webhook \"a\" denied the request: data is immutable", "admission"),
            (ErrorKind::Denied, "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"", "admission"),
            (ErrorKind::Denied, "pods \"a\" is forbidden: exceeded quota: small", "quota"),
            (ErrorKind::Invalid, "Service \"a\" is invalid: spec.clusterIP: field is immutable", "immutable"),
            (ErrorKind::Denied, "updates to parameters are forbidden.", "immutable"),
            (ErrorKind::NotFound, "namespaces \"shop\" not found", "namespace-missing"),
            (ErrorKind::NotFound, "the server could not find the requested resource", "not-served"),
        ] {
            assert_eq!(new(kind, message), code, "{message}");
        }
    }

    #[test]
    fn a_broken_webhook_is_known_by_name() {
        let name = |message: &str| broken_webhook(&PortError::unavailable(message));
        let admission = "Internal error occurred: failed calling webhook \"a.b.c\": Post \"https://x\": refused";
        assert_eq!(name(admission).as_deref(), Some("a.b.c"));
        let conversion = "conversion webhook for example.com/v1, Kind=Order failed: Post \"https://x\": refused";
        assert_eq!(name(conversion).as_deref(), Some("for conversions of example.com/v1, Kind=Order"));
        assert_eq!(name("failed calling webhook \"cut"), None);
        assert_eq!(name("the server is down"), None);
    }
}
