//! `verify.exec`: a command inside a container says that all is well.

use std::time::Duration;

use ::ports::cluster::{ExecExit, ExecRequest};
use model::Manifest;
use scenario::Failure;
use scenario::steps::Verification;
use scenario::steps::verify_exec::Params;

use super::checks::{no, unknown};
use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};
use crate::readiness::condition;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    let live = Live::connect(context, &params.cluster).await?;
    let mut trying = Trying::new(context, params.within);
    loop {
        match ask(&live, params).await {
            Ok(pod) => {
                let words = params.command.join(" ");
                return Ok(Verification::passed(
                    1,
                    format!("{words} in {}/{pod} said that all is well", params.namespace),
                ));
            }
            Err(failure) => trying.again(failure).await?,
        }
    }
}

async fn ask(live: &Live, params: &Params) -> Result<String, Failure> {
    let pod = pod(live, params).await?;
    let container = match &params.container {
        Some(container) => container.clone(),
        None => pod.get_str("/spec/containers/0/name").unwrap_or_default().to_owned(),
    };
    let name = pod.name().to_owned();
    let request = ExecRequest {
        namespace: params.namespace.clone(),
        pod: name.clone(),
        container,
        command: params.command.clone(),
        timeout: TIMEOUT,
    };
    let place = format!("{} in {}/{name}", params.command.join(" "), params.namespace);
    let ran = live.cluster.exec(&request).await;
    let outcome = ran.map_err(|error| failed(format!("failed to run {place}"), &error))?;
    match outcome.exit {
        ExecExit::Code(code) if code == params.exit_code => {}
        ExecExit::Code(code) => {
            let said: String = outcome.stderr.trim().chars().take(500).collect();
            return Err(no(format!("{place} ended with {code}, not {}: {said}", params.exit_code)));
        }
        ExecExit::TimedOut => return Err(unknown(format!("{place} did not end within {TIMEOUT:?}"))),
        ExecExit::Failed(why) => return Err(unknown(format!("{place} could not be run: {why}"))),
    }
    match &params.stdout_contains {
        Some(text) if !outcome.stdout.contains(text.as_str()) => Err(no(format!("{place} did not print {text:?}"))),
        _ => Ok(name),
    }
}

/// The pod that is named, or the first ready one of those selected.
async fn pod(live: &Live, params: &Params) -> Result<Manifest, Failure> {
    let pods = live.resource("pods")?;
    let broke = |error| failed(format!("failed to look for the pod in {}", params.namespace), &error);
    if let Some(name) = &params.pod {
        let found = live.get(pods, Some(&params.namespace), name).await.map_err(broke)?;
        return found.ok_or_else(|| no(format!("there is no pod {}/{name}", params.namespace)));
    }
    let mut found = live.list(pods, Some(&params.namespace), params.selector.as_deref()).await.map_err(broke)?;
    found.sort_by(|a, b| a.name().cmp(b.name()));
    let count = found.len();
    let ready = found.into_iter().find(|pod| condition(pod, "Ready") == Some("True"));
    ready.ok_or_else(|| no(format!("none of {count} pods in {} is ready", params.namespace)))
}
