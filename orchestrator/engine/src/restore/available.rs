//! Waits until what was restored works.
//!
//! A pod that never runs, a claim that never binds and a Deployment that never becomes available are told apart from
//! success.

use std::collections::BTreeMap;
use std::time::Duration;

use ::ports::cluster::ObjectRef;
use model::{Manifest, Reason, chain};
use serde_json::Value;

use super::ItemVerdict;
use super::act::Acted;
use super::prepared::{PlannedRestore, Work};
use crate::log::RunLog;
use crate::ports::{Outside, elapsed};
use crate::progress::{Progress, Stage};

const POLL: Duration = Duration::from_millis(500);

/// Waits until what was restored is available; what is not by then becomes a failure that says what it lacks.
pub(super) async fn wait_available(
    outside: &Outside,
    planned: &PlannedRestore,
    acted: &mut Acted,
    limit: Duration,
    log: &RunLog,
    progress: &dyn Progress,
) {
    let mut waiting: BTreeMap<u32, String> = BTreeMap::new();
    for work in &planned.work {
        let resource = &planned.resources[usize::from(work.resource)];
        let done = acted.outcomes.verdict(work.planned);
        let came = matches!(done, Some(ItemVerdict::Created | ItemVerdict::Updated | ItemVerdict::Unchanged));
        if came && waits_for(&resource.group, &resource.resource) {
            waiting.insert(work.planned, "it was not looked at".to_owned());
        }
    }
    let total = waiting.len() as u64;
    progress.begin(Stage::Wait, Some(total));
    let work_of: BTreeMap<u32, &Work> = planned.work.iter().map(|work| (work.planned, work)).collect();
    let begin = outside.clock.now();
    while !waiting.is_empty() {
        for at in waiting.keys().copied().collect::<Vec<_>>() {
            let target = &planned.file.items[at as usize].target;
            let Some(work) = work_of.get(&at) else { continue };
            let resource = &planned.resources[usize::from(work.resource)];
            let object = ObjectRef { resource, namespace: target.namespace.as_deref(), name: &target.name };
            let lacks = match outside.cluster.get(&object).await {
                Ok(body) => Manifest::from_slice(&body).map_or_else(|error| Some(chain(&error)), |body| lacks(&body)),
                // Its owner removed it, and is waited for itself.
                Err(error) if work.replaceable && error.is_not_found() => None,
                Err(error) => Some(chain(&error)),
            };
            match lacks {
                None => {
                    waiting.remove(&at);
                }
                Some(why) => {
                    waiting.insert(at, why);
                }
            }
        }
        progress.advance(Stage::Wait, total - waiting.len() as u64);
        if waiting.is_empty() || elapsed(begin, outside.clock.now()) >= limit {
            break;
        }
        outside.clock.sleep(POLL).await;
    }
    for (at, why) in waiting {
        let message = format!("restored, but not available within {limit:?}: {why}");
        log.error(outside.clock.now(), Some(&planned.file.items[at as usize].target), &message);
        acted.outcomes.insert(at, ItemVerdict::Failed, Reason::new("not-available", message));
    }
    progress.end(Stage::Wait);
}

fn waits_for(group: &str, resource: &str) -> bool {
    matches!(
        (group, resource),
        ("apps", "deployments" | "statefulsets" | "daemonsets" | "replicasets")
            | ("", "persistentvolumeclaims" | "pods")
    )
}

/// What an object lacks to be available; `None` when it is.
fn lacks(object: &Manifest) -> Option<String> {
    let number = |pointer: &str| object.get(pointer).and_then(Value::as_i64);
    let count = |have: &str, want: i64, word: &str| {
        let have = number(have).unwrap_or(0);
        (have < want).then(|| format!("{have} of {want} {word}"))
    };
    let seen = number("/status/observedGeneration").unwrap_or(0) >= number("/metadata/generation").unwrap_or(0);
    match object.kind() {
        "PersistentVolumeClaim" => {
            let phase = object.get_str("/status/phase").unwrap_or("unknown");
            // A claim that waits for its first consumer is as far as it can be.
            let waits = object.annotation("volume.kubernetes.io/selected-node").is_none() && phase == "Pending";
            (phase != "Bound").then(|| match waits {
                true => "the claim is Pending; no volume was provisioned for it".to_owned(),
                false => format!("the claim is {phase}"),
            })
        }
        "Pod" => {
            let conditions = object.get("/status/conditions").and_then(Value::as_array);
            let ready = conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
            let phase = object.get_str("/status/phase").unwrap_or("unknown");
            (!ready && phase != "Succeeded").then(|| format!("the pod is {phase} and not ready"))
        }
        _ if !seen => Some("its controller has not looked at it".to_owned()),
        "Deployment" => count("/status/availableReplicas", number("/spec/replicas").unwrap_or(1), "replicas available"),
        "StatefulSet" | "ReplicaSet" => {
            count("/status/readyReplicas", number("/spec/replicas").unwrap_or(1), "replicas ready")
        }
        "DaemonSet" => {
            count("/status/numberAvailable", number("/status/desiredNumberScheduled").unwrap_or(0), "pods available")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_lacking_is_said() {
        let object = |value| Manifest::from_value(value).unwrap();
        let deployment = |available: i64| {
            object(json!({"kind": "Deployment", "metadata": {"generation": 1}, "spec": {"replicas": 2},
                "status": {"observedGeneration": 1, "availableReplicas": available}}))
        };
        assert_eq!(lacks(&deployment(1)).as_deref(), Some("1 of 2 replicas available"));
        assert_eq!(lacks(&deployment(2)), None);
        let claim = object(json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Lost"}}));
        assert_eq!(lacks(&claim).as_deref(), Some("the claim is Lost"));
    }
}
