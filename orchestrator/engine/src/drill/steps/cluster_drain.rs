//! `cluster.drain`: removes what would keep Terraform from destroying the infrastructure under a cluster.
//!
//! Load balancers, volumes and nodes that controllers made are in no Terraform state. Their objects are deleted while
//! the controllers live, and are gone when the cloud's own objects are, because finalizers hold them until then.

use std::collections::{BTreeMap, BTreeSet};

use model::{Glob, ItemId, Manifest};
use scenario::steps::cluster_drain::{Moment, Outputs, Params};
use scenario::{Failure, FailureKind, Period};
use serde_json::Value;

use super::verify_ready::globs;
use crate::drill::live::{Live, Trying};
use crate::drill::made::is_absence;
use crate::drill::step::{Ground, StepContext, StepFailed, failed};

/// In this order: what makes others comes before what it makes.
const CLOUD: [&str; 6] = [
    "nodepools.karpenter.sh",
    "gateways.gateway.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "services",
    "targetgroupbindings.elbv2.k8s.aws",
    "nodeclaims.karpenter.sh",
];
const CLAIMS: &str = "persistentvolumeclaims";

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    if params.at == Moment::Undo {
        return Ok(Outputs { deleted: 0, gone: Vec::new() });
    }
    drain(context, &Live::connect(context, &params.cluster).await?, params).await
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    let ground = context.ground(&params.cluster);
    if params.at == Moment::Now || ground == Ground::Gone {
        return Ok(());
    }
    let left = || vec![format!("load balancers and volumes of {}", params.cluster.name)];
    let live = match Live::connect_shortly(context, &params.cluster).await {
        Ok(live) => live,
        // Without a cluster nothing can be asked; destroying the stack shows what is in its way.
        Err(failure) if ground == Ground::Ours && is_absence(&failure) => return Ok(()),
        Err(failure) => return Err(StepFailed { failure, left: left() }),
    };
    drain(context, &live, params).await.map(|_| ()).map_err(|failure| StepFailed { failure, left: left() })
}

async fn drain(context: &StepContext, live: &Live, params: &Params) -> Result<Outputs, Failure> {
    let namespaces = globs(&params.namespaces)?;
    let mut trying = Trying::new(context, Period::hours(24));
    let mut seen: BTreeSet<ItemId> = BTreeSet::new();
    loop {
        let there = find(live, params, &namespaces).await?;
        // Again and again: controllers may make new ones until what makes them is gone.
        for (id, object) in &there {
            seen.insert(id.clone());
            if object.get("/metadata/deletionTimestamp").is_none() {
                let resource = live.resource(&id.resource.to_string())?;
                let deleted = live.delete(resource, id.namespace.as_deref(), &id.name).await;
                deleted.map_err(|error| failed(format!("failed to delete {id}"), &error))?;
            }
        }
        let Some(first) = there.first() else { break };
        let message = format!("{} objects are not gone yet, such as {}", there.len(), first.0);
        trying.again(Failure::new(FailureKind::Unavailable, message)).await?;
    }
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for id in &seen {
        *kinds.entry(id.resource.to_string()).or_default() += 1;
    }
    Ok(Outputs { deleted: seen.len() as u64, gone: kinds.into_keys().collect() })
}

async fn find(live: &Live, params: &Params, namespaces: &[Glob]) -> Result<Vec<(ItemId, Manifest)>, Failure> {
    let mut found = Vec::new();
    for kind in CLOUD {
        for (id, object) in objects(live, kind, namespaces).await? {
            let balanced = kind != "services" || object.get_str("/spec/type") == Some("LoadBalancer");
            if balanced {
                found.push((id, object));
            }
        }
    }
    let mut claims = objects(live, CLAIMS, namespaces).await?;
    let volumes = objects(live, "persistentvolumes", &[]).await?;
    claims.retain(|(id, claim)| {
        let place = format!("{}/{}", id.namespace.as_deref().unwrap_or_default(), id.name);
        !params.keep_claims.contains(&place) && goes_with_claim(claim, &volumes)
    });
    found.extend(users(live, &claims, namespaces).await?);
    let going: BTreeSet<&str> = claims.iter().filter_map(|(_, claim)| claim.get_str("/spec/volumeName")).collect();
    // A volume whose claim is gone and that is to be deleted is on its way, and waited for.
    for (id, volume) in &volumes {
        let released = volume.get_str("/status/phase") == Some("Released");
        if is_deleted(volume)
            && (released || volume.get("/metadata/deletionTimestamp").is_some())
            && !going.contains(id.name.as_str())
        {
            found.push((id.clone(), volume.clone()));
        }
    }
    found.extend(claims);
    Ok(found)
}

/// The cluster's own choice: only volumes that it provisioned and deletes itself are the cloud's and in no state.
fn goes_with_claim(claim: &Manifest, volumes: &[(ItemId, Manifest)]) -> bool {
    let Some(volume) = claim.get_str("/spec/volumeName") else { return false };
    volumes.iter().any(|(id, found)| id.name == volume && is_deleted(found))
}

fn is_deleted(volume: &Manifest) -> bool {
    volume.get_str("/spec/persistentVolumeReclaimPolicy") == Some("Delete")
        && volume.annotation("pv.kubernetes.io/provisioned-by").is_some()
}

/// What runs the pods that hold the claims: a claim in use does not go.
async fn users(
    live: &Live,
    claims: &[(ItemId, Manifest)],
    namespaces: &[Glob],
) -> Result<Vec<(ItemId, Manifest)>, Failure> {
    let held: BTreeSet<(&str, &str)> =
        claims.iter().map(|(id, _)| (id.namespace.as_deref().unwrap_or_default(), id.name.as_str())).collect();
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut owners: BTreeSet<(String, String, String)> = BTreeSet::new();
    for (id, pod) in objects(live, "pods", namespaces).await? {
        let namespace = id.namespace.clone().unwrap_or_default();
        let volumes = pod.get("/spec/volumes").and_then(Value::as_array);
        let mut names = volumes
            .into_iter()
            .flatten()
            .filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName")?.as_str());
        if names.any(|name| held.contains(&(namespace.as_str(), name))) {
            owners.extend(owner(&pod).map(|(kind, name)| (kind, namespace.clone(), name)));
            found.push((id, pod));
        }
    }
    let kinds = [
        "replicasets.apps",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "cronjobs.batch",
        "jobs.batch",
    ];
    let mut workloads = Vec::new();
    // From the pods upwards: replica sets name deployments, jobs name cron jobs.
    for kind in ["replicasets.apps", "jobs.batch"].into_iter().chain(kinds) {
        for (id, object) in objects(live, kind, namespaces).await? {
            let namespace = id.namespace.clone().unwrap_or_default();
            if owners.contains(&(object.kind().to_owned(), namespace.clone(), id.name.clone())) {
                owners.extend(owner(&object).map(|(kind, name)| (kind, namespace, name)));
                if !workloads.iter().any(|(known, _)| *known == id) {
                    workloads.push((id, object));
                }
            }
        }
    }
    // The highest first, or it would make the others anew.
    workloads.reverse();
    workloads.extend(found);
    Ok(workloads)
}

fn owner(object: &Manifest) -> Option<(String, String)> {
    let owners = object.get("/metadata/ownerReferences").and_then(Value::as_array)?;
    let owner = owners.iter().find(|owner| owner["controller"] == true)?;
    Some((owner["kind"].as_str()?.to_owned(), owner["name"].as_str()?.to_owned()))
}

async fn objects(live: &Live, kind: &str, namespaces: &[Glob]) -> Result<Vec<(ItemId, Manifest)>, Failure> {
    let Ok(resource) = live.resource(kind) else { return Ok(Vec::new()) };
    let listed = live.list(resource, None, None).await;
    let listed = listed.map_err(|error| failed(format!("failed to list {kind}"), &error))?;
    let meant = |object: &Manifest| match object.namespace() {
        Some(namespace) => namespaces.is_empty() || namespaces.iter().any(|glob| glob.matches(namespace)),
        None => true,
    };
    let id = |object: &Manifest| ItemId {
        resource: resource.group_resource(),
        namespace: object.namespace().map(str::to_owned),
        name: object.name().to_owned(),
    };
    Ok(listed.into_iter().filter(meant).map(|object| (id(&object), object)).collect())
}
