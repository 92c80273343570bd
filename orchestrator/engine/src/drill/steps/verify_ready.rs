//! `verify.ready`: workloads and other objects have become ready.

use model::{ApiResource, Glob, ItemId, Manifest, Severity};
use scenario::steps::Verification;
use scenario::steps::verify_ready::Params;
use scenario::{Failure, FailureKind};
use serde_json::Value;

use super::checks::Checks;
use super::restoring::{into_cluster, namespaces_of};
use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};
use crate::readiness::{condition, lacks};

/// Kinds that say of themselves whether they are ready, beside custom resources.
const KINDS: [&str; 6] =
    ["deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "persistentvolumeclaims", "services"];
/// The cluster's own namespaces, left out unless they are named.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    let live = Live::connect(context, &params.cluster).await?;
    let mut namespaces = params.namespaces.clone();
    if namespaces.is_empty() {
        namespaces = into_cluster(context, &params.cluster).map(|restore| namespaces_of(&restore)).unwrap_or_default();
    }
    let scope = Scope { namespaces: globs(&namespaces)?, except: &params.except };
    let mut trying = Trying::new(context, params.within);
    loop {
        match look(&live, params, &scope).await {
            Ok(verification) => return Ok(verification),
            Err(failure) => trying.again(failure).await?,
        }
    }
}

pub(super) fn globs(patterns: &[String]) -> Result<Vec<Glob>, Failure> {
    let parse = |pattern: &String| {
        Glob::parse(pattern).map_err(|error| Failure::new(FailureKind::Invalid, model::chain(&error)))
    };
    patterns.iter().map(parse).collect()
}

/// Whether a namespace is meant; without globs, every one that is not the cluster's own.
pub(super) fn admits(namespaces: &[Glob], namespace: &str) -> bool {
    match namespaces.is_empty() {
        true => !SYSTEM.contains(&namespace),
        false => namespaces.iter().any(|glob| glob.matches(namespace)),
    }
}

struct Scope<'a> {
    namespaces: Vec<Glob>,
    except: &'a [String],
}

async fn look(live: &Live, params: &Params, scope: &Scope<'_>) -> Result<Verification, Failure> {
    let kinds: Vec<&ApiResource> = match params.resources.is_empty() {
        true => default_kinds(live),
        false => params.resources.iter().map(|word| live.resource(word)).collect::<Result<_, _>>()?,
    };
    let mut checks = Checks::default();
    for resource in kinds {
        let named = !params.resources.is_empty();
        let builtin = KINDS.contains(&resource.group_resource().to_string().as_str());
        let objects = live.list(resource, None, None).await;
        let objects =
            objects.map_err(|error| failed(format!("failed to list {}", resource.group_resource()), &error))?;
        for object in &objects {
            if resource.namespaced && !admits(&scope.namespaces, object.namespace().unwrap_or_default()) {
                continue;
            }
            let id = ItemId {
                resource: resource.group_resource(),
                namespace: object.namespace().map(str::to_owned),
                name: object.name().to_owned(),
            };
            if scope.except.iter().any(|except| is_excepted(except, &id)) || is_of_a_schedule(object) {
                continue;
            }
            // A custom resource that says nothing of readiness has none.
            if !builtin && !named && condition(object, "Ready").is_none() && !has_ready(object) {
                continue;
            }
            match lacks(object) {
                Some(why) => checks.bad(Some(&id), "not-ready", why),
                None if object.kind() == "Service" => service(live, object, &id, &mut checks).await?,
                None => checks.good(),
            }
        }
    }
    checks.end("what can be ready is ready", "objects are not ready")
}

fn default_kinds(live: &Live) -> Vec<&ApiResource> {
    let custom = |resource: &&ApiResource| {
        resource.group.contains('.') && !resource.group.ends_with(".k8s.io") && resource.has_verb("list")
    };
    let builtin = KINDS.iter().filter_map(|kind| live.resource(kind).ok());
    let custom = live.catalog.preferred_resources().into_iter().filter(custom).filter(|resource| resource.namespaced);
    builtin.chain(custom).collect()
}

fn has_ready(object: &Manifest) -> bool {
    let conditions = object.get("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready")
}

/// Jobs that a CronJob makes come and go.
fn is_of_a_schedule(object: &Manifest) -> bool {
    let owners = object.get("/metadata/ownerReferences").and_then(Value::as_array);
    object.kind() == "Job" && owners.into_iter().flatten().any(|owner| owner["kind"] == "CronJob")
}

fn is_excepted(except: &str, id: &ItemId) -> bool {
    let Some((resource, place)) = except.split_once(' ') else { return false };
    let own = match &id.namespace {
        Some(namespace) => format!("{namespace}/{}", id.name),
        None => id.name.clone(),
    };
    (resource == id.resource.to_string() || resource == id.resource.resource) && place.trim() == own
}

/// A Service answers when one of its endpoints is ready.
async fn service(live: &Live, service: &Manifest, id: &ItemId, checks: &mut Checks) -> Result<(), Failure> {
    let selector = service.get("/spec/selector").and_then(Value::as_object).filter(|selector| !selector.is_empty());
    let (Some(selector), Ok(slices)) = (selector, live.resource("endpointslices.discovery.k8s.io")) else {
        checks.good();
        return Ok(());
    };
    let broke = |error| failed(format!("failed to look at the endpoints of {id}"), &error);
    let label = format!("kubernetes.io/service-name={}", service.name());
    let slices = live.list(slices, service.namespace(), Some(&label)).await.map_err(broke)?;
    let endpoints = slices.iter().filter_map(|slice| slice.as_map().get("endpoints")?.as_array()).flatten();
    if endpoints.into_iter().any(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false))) {
        checks.good();
        return Ok(());
    }
    let selector: Vec<String> =
        selector.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let pods =
        live.list(live.resource("pods")?, service.namespace(), Some(&selector.join(","))).await.map_err(broke)?;
    let reachable = pods.iter().any(|pod| pod.get_str("/status/podIP").is_some_and(|address| !address.is_empty()));
    match reachable {
        true => checks.bad(Some(id), "no-endpoint", "no endpoint is ready"),
        // Nobody to answer is the workload's own matter, which is checked by itself.
        false => {
            checks.good();
            checks.note(Severity::Info, Some(id), "no-pod", "no pod with an address is behind it");
        }
    }
    Ok(())
}
