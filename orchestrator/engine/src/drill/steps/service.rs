//! A Service through the apiserver's proxy: the way to an application that nobody else can answer on.

use model::Manifest;
use scenario::steps::verify_http::Port;
use scenario::{Failure, FailureKind};
use serde_json::Value;

use super::checks::no;
use crate::drill::live::Live;
use crate::drill::step::failed;

/// The path of the proxy to a Service, without what is asked of it.
pub(super) async fn proxy_path(live: &Live, service: &str, port: Option<&Port>) -> Result<String, Failure> {
    let (namespace, name) = service.split_once('/').ok_or_else(|| {
        Failure::new(FailureKind::Invalid, format!("a service is written namespace/name, not {service:?}"))
    })?;
    let found = live.get(live.resource("services")?, Some(namespace), name).await;
    let found = found.map_err(|error| failed(format!("failed to look at the service {service}"), &error))?;
    let found = found.ok_or_else(|| no(format!("there is no service {service}")))?;
    let (number, scheme) = port_of(&found, service, port)?;
    Ok(format!("/api/v1/namespaces/{namespace}/services/{scheme}{name}:{number}/proxy"))
}

fn port_of(found: &Manifest, service: &str, wanted: Option<&Port>) -> Result<(i64, &'static str), Failure> {
    let ports = found.get("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let chosen = match (wanted, ports) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(Port::Number(number)), _) => ports.iter().find(|port| port["port"] == *number),
        (Some(Port::Name(name)), _) => ports.iter().find(|port| port["name"] == *name),
    };
    let chosen = chosen.ok_or_else(|| match wanted {
        None => {
            Failure::new(FailureKind::Invalid, format!("the service {service} has {} ports; give `port`", ports.len()))
        }
        Some(_) => no(format!("the service {service} has no such port")),
    })?;
    let number = chosen["port"].as_i64().unwrap_or_default();
    let word = |field: &str| chosen[field].as_str().unwrap_or_default().to_ascii_lowercase();
    let secure = number == 443 || word("name").starts_with("https") || word("appProtocol") == "https";
    Ok((number, if secure { "https:" } else { "" }))
}

/// What the apiserver says when the proxy could not connect; `None` when the application itself answered.
pub(super) fn proxy_failure(status: u16, body: &[u8]) -> Option<String> {
    if !matches!(status, 500 | 502 | 503 | 504) {
        return None;
    }
    let said: Value = serde_json::from_slice(body).ok()?;
    (said["kind"] == "Status" && said["apiVersion"] == "v1")
        .then(|| said["message"].as_str().unwrap_or_default().to_owned())
}
