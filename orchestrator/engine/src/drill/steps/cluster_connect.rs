//! `cluster.connect`: reaches a cluster and proves that it answers. Changes nothing in it.

use std::path::Path;

use scenario::steps::cluster_connect::{ConnectionKind, Outputs, Params, SSM_REFUSED};
use scenario::steps::{ClusterHandle, Reach};
use scenario::{Failure, FailureKind, Period};

use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let invalid = |message: String| Failure::new(FailureKind::Invalid, message);
    let reach = params.reach().ok_or_else(|| invalid("the step names no cluster, or several".to_owned()))?;
    let kind = params.connection_kind().map_err(invalid)?;
    let said = params.contract.as_ref().and_then(|contract| {
        let value = contract.0.pointer("/connection/proxy").or_else(|| contract.0.pointer("/connection/proxy_url"));
        value.and_then(serde_json::Value::as_str).map(str::to_owned)
    });
    let proxy = match kind {
        ConnectionKind::SsmPortForward => return Err(invalid(SSM_REFUSED.to_owned())),
        ConnectionKind::Direct => None,
        ConnectionKind::HttpsProxy => {
            let proxy = params.proxy().or(said);
            Some(proxy.ok_or_else(|| invalid("the connection goes through a proxy that nobody names".to_owned()))?)
        }
    };
    let name = name(&reach);
    let handle = ClusterHandle { step: context.step.clone(), name: name.clone(), reach, proxy };
    context.say(format!("connecting to {name}"));
    // A server that has just been made may refuse for a while.
    let mut trying = Trying::new(context, Period::minutes(5));
    loop {
        let failure = match answers(context, &handle).await {
            Ok(live) => {
                let (endpoint, version) = (live.cluster.describe(), live.release());
                return Ok(Outputs { handle, name, endpoint, version });
            }
            Err(failure) => failure,
        };
        trying.again(failure).await?;
    }
}

async fn answers(context: &StepContext, handle: &ClusterHandle) -> Result<Live, Failure> {
    let live = Live::connect(context, handle).await?;
    let ready = live.cluster.get_path("/readyz").await;
    match ready.map_err(|error| failed(format!("failed to ask {} whether it is ready", handle.name), &error))? {
        (200, _) => Ok(live),
        // Not everybody may ask; discovery has answered.
        (401 | 403 | 404, _) => Ok(live),
        (status, _) => Err(Failure::new(FailureKind::Unavailable, format!("{} says {status} to /readyz", handle.name))),
    }
}

fn name(reach: &Reach) -> String {
    match reach {
        Reach::Kubeconfig { context, .. } => context.clone().unwrap_or_else(|| "the current context".to_owned()),
        Reach::Sandbox { folder } => {
            Path::new(folder).file_name().map_or_else(|| folder.clone(), |name| name.to_string_lossy().into_owned())
        }
        Reach::Eks { cluster, .. } => cluster.clone(),
        Reach::Contract { contract } => {
            let names = ["/cluster/name", "/environment", "/connection/sandbox"];
            let found = names.iter().find_map(|pointer| contract.0.pointer(pointer)?.as_str());
            found.unwrap_or("the contract's cluster").to_owned()
        }
    }
}
