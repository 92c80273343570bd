//! `verify.tcp`: something accepts connections.

use std::time::Duration;

use scenario::Failure;
use scenario::steps::Verification;
use scenario::steps::verify_http::Port;
use scenario::steps::verify_tcp::Params;

use super::checks::{no, unknown};
use super::service::{proxy_failure, proxy_path};
use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};

const TIMEOUT: Duration = Duration::from_secs(10);
/// What the apiserver's proxy says when it was connected, and then did not hear HTTP.
const CONNECTED: [&str; 4] =
    ["malformed HTTP", "EOF", "connection reset by peer", "HTTP/1.x transport connection broken"];

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    let live = match (&params.service, &params.cluster) {
        (Some(_), Some(cluster)) => Some(Live::connect(context, cluster).await?),
        _ => None,
    };
    let mut trying = Trying::new(context, params.within);
    loop {
        match connect(context, live.as_ref(), params).await {
            Ok(place) => return Ok(Verification::passed(1, format!("{place} accepts connections"))),
            Err(failure) => trying.again(failure).await?,
        }
    }
}

async fn connect(context: &StepContext, live: Option<&Live>, params: &Params) -> Result<String, Failure> {
    if let (Some(live), Some(service)) = (live, &params.service) {
        let path = proxy_path(live, service, Some(&Port::Number(params.port))).await?;
        let asked = live.cluster.get_path(&format!("{path}/")).await;
        let (status, body) = asked.map_err(|error| failed(format!("failed to reach {service}"), &error))?;
        return match proxy_failure(status, &body) {
            Some(why) if !CONNECTED.iter().any(|word| why.contains(word)) => {
                Err(no(format!("{service} does not accept connections: {why}")))
            }
            _ => Ok(format!("{service}:{}", params.port)),
        };
    }
    let host = params
        .host
        .as_deref()
        .ok_or_else(|| unknown("the step names neither a service with its cluster nor a host"))?;
    let connected = context.workshop.prober().tcp(host, params.port, TIMEOUT).await;
    connected.map_err(|error| failed(format!("{host}:{} does not accept connections", params.port), &error))?;
    Ok(format!("{host}:{}", params.port))
}
