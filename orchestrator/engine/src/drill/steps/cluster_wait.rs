//! `cluster.wait`: waits until a cluster can take workloads. The step's timeout limits the waiting.

use model::Manifest;
use scenario::steps::cluster_wait::{Condition, Outputs, Params};
use scenario::{Failure, FailureKind, Period};

use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};
use crate::readiness::{condition, lacks};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let mut live = Live::connect(context, &params.cluster).await?;
    let mut trying = Trying::new(context, Period::hours(24));
    loop {
        match look(&live, params).await {
            Ok(nodes) => return Ok(Outputs { nodes }),
            Err(failure) => {
                // A kind may come to be served while we wait.
                let unknown = failure.kind == FailureKind::NotFound;
                trying.again(failure).await?;
                if unknown {
                    live.discover().await?;
                }
            }
        }
    }
}

async fn look(live: &Live, params: &Params) -> Result<u32, Failure> {
    let nodes = live.resource("nodes")?;
    let all = live.list(nodes, None, None).await.map_err(|error| failed("failed to list the nodes", &error))?;
    let ready = all.iter().filter(|node| condition(node, "Ready") == Some("True")).count();
    let ready = u32::try_from(ready).unwrap_or(u32::MAX);
    if ready < params.nodes {
        return Err(not_yet(format!("{ready} of {} nodes are ready", params.nodes)));
    }
    for addon in &params.addons {
        self::addon(live, addon).await?;
    }
    for wanted in &params.conditions {
        holds(live, wanted).await?;
    }
    Ok(ready)
}

async fn addon(live: &Live, addon: &str) -> Result<(), Failure> {
    let (namespace, name) = addon.split_once('/').unwrap_or(("default", addon));
    for kind in ["deployments.apps", "daemonsets.apps"] {
        let found = live.get(live.resource(kind)?, Some(namespace), name).await;
        let Some(found) = found.map_err(|error| failed(format!("failed to look at {addon}"), &error))? else {
            continue;
        };
        return match lacks(&found) {
            None => Ok(()),
            Some(why) => Err(not_yet(format!("the add-on {addon} has {why}"))),
        };
    }
    Err(not_yet(format!("there is no Deployment or DaemonSet {addon}")))
}

async fn holds(live: &Live, wanted: &Condition) -> Result<(), Failure> {
    let Condition { resource, namespace, name, condition: kind, status } = wanted;
    let api = live.resource(resource)?;
    let broke = |error| failed(format!("failed to look at {resource}"), &error);
    let objects: Vec<Manifest> = match name {
        Some(name) => live.get(api, namespace.as_deref(), name).await.map_err(broke)?.into_iter().collect(),
        None => live.list(api, namespace.as_deref(), None).await.map_err(broke)?,
    };
    if objects.is_empty() {
        let which = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        return Err(not_yet(format!("there is no {resource}{which}{place} yet")));
    }
    for object in &objects {
        let found = condition(object, kind);
        if found != Some(status.as_str()) {
            let place = object.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            let says = found.unwrap_or("not known");
            return Err(not_yet(format!("{resource} {place}{}: {kind} is {says}, not {status}", object.name())));
        }
    }
    Ok(())
}

fn not_yet(message: String) -> Failure {
    Failure::new(FailureKind::Unavailable, message)
}
