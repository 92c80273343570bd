//! What happens once everything is created: commands in restored pods, and waiting until things work.
//!
//! Which commands, and for how long, the plan says. A pod that never runs, a claim that never binds and a Deployment
//! that never becomes available are told apart from success.

use std::collections::BTreeMap;
use std::time::Duration;

use ::ports::cluster::{ExecExit, ExecRequest, ObjectRef};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use model::request::OnError;
use model::{ItemId, Manifest, Reason, chain};
use plan::restore::hooks::ExecAfter;
use serde_json::Value;

use super::ItemVerdict;
use super::act::Acted;
use super::prepared::PlannedRestore;
use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

/// Pods whose commands run at a time.
const AT_ONCE: usize = 8;
const POLL: Duration = Duration::from_millis(500);
/// How long a hook without a limit of its own waits for its container.
const LONGEST_WAIT: Duration = Duration::from_secs(4 * 3600);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HookCount {
    pub(super) attempted: usize,
    pub(super) failed: usize,
}

/// Runs the commands of every pod that was created.
pub(super) async fn run_hooks(
    outside: &Outside,
    planned: &PlannedRestore,
    acted: &Acted,
    log: &RunLog,
    progress: &dyn Progress,
) -> HookCount {
    let pods: Vec<(&ItemId, &[ExecAfter])> = acted
        .outcomes
        .iter()
        .filter(|(_, (verdict, _))| *verdict == ItemVerdict::Created)
        .map(|(at, _)| &planned.file.items[*at as usize])
        .filter(|item| !item.hooks.is_empty())
        .map(|item| (&item.target, item.hooks.as_slice()))
        .collect();
    if pods.is_empty() {
        return HookCount::default();
    }
    progress.begin(Stage::Wait, Some(pods.len() as u64));
    let resource = planned.resources.iter().find(|r| r.resource == "pods" && r.group.is_empty());
    let Some(resource) = resource else { return HookCount::default() };
    // Boxed one by one, so that whoever runs a restore may do so in a task.
    let runs: Vec<BoxFuture<'_, HookCount>> =
        pods.into_iter().map(|(pod, hooks)| pod_hooks(outside, resource, pod, hooks, log).boxed()).collect();
    let mut counts = futures::stream::iter(runs).buffer_unordered(AT_ONCE);
    let mut total = HookCount::default();
    let mut done = 0;
    while let Some(count) = counts.next().await {
        total.attempted += count.attempted;
        total.failed += count.failed;
        done += 1;
        progress.advance(Stage::Wait, done);
    }
    progress.end(Stage::Wait);
    total
}

async fn pod_hooks(
    outside: &Outside,
    resource: &model::ApiResource,
    pod: &ItemId,
    hooks: &[ExecAfter],
    log: &RunLog,
) -> HookCount {
    let mut count = HookCount::default();
    let mut stopped = false;
    for after in hooks {
        count.attempted += 1;
        let words = after.hook.command.join(" ");
        let failure = if stopped {
            Some("an earlier command of this pod failed".to_owned())
        } else {
            match container_runs(outside, resource, pod, after).await {
                Ok(()) => exec(outside, pod, after).await,
                Err(why) => Some(why),
            }
        };
        let now = outside.clock.now();
        match failure {
            None => log.info(now, &format!("hook {} ran {words:?} in {pod}", after.source)),
            Some(why) => {
                count.failed += 1;
                log.error(now, Some(pod), &format!("hook {} {words:?}: {why}", after.source));
                stopped |= after.hook.on_error == OnError::Fail;
            }
        }
    }
    count
}

async fn container_runs(
    outside: &Outside,
    resource: &model::ApiResource,
    pod: &ItemId,
    after: &ExecAfter,
) -> Result<(), String> {
    let object = ObjectRef { resource, namespace: pod.namespace.as_deref(), name: &pod.name };
    let begin = outside.clock.now();
    let limit = after.wait.unwrap_or(LONGEST_WAIT);
    loop {
        match outside.cluster.get(&object).await {
            Ok(body) => {
                let pod = Manifest::from_slice(&body).map_err(|error| chain(&error))?;
                if matches!(pod.get_str("/status/phase"), Some("Succeeded" | "Failed")) {
                    return Err("the pod ended before the command could run".to_owned());
                }
                if is_up(&pod, &after.hook.container, after.ready) {
                    return Ok(());
                }
            }
            Err(error) if error.is_not_found() => return Err("the pod is gone".to_owned()),
            Err(error) if !error.is_retryable() => return Err(chain(&error)),
            Err(_) => {}
        }
        if elapsed(begin, outside.clock.now()) >= limit {
            let state = if after.ready { "ready" } else { "running" };
            return Err(format!("container {} was not {state} within {limit:?}", after.hook.container));
        }
        outside.clock.sleep(POLL).await;
    }
}

fn is_up(pod: &Manifest, container: &str, ready: bool) -> bool {
    let statuses = pod.get("/status/containerStatuses").and_then(Value::as_array);
    let found = statuses.into_iter().flatten().find(|status| status["name"] == container);
    found.is_some_and(|status| status.pointer("/state/running").is_some() && (!ready || status["ready"] == true))
}

async fn exec(outside: &Outside, pod: &ItemId, after: &ExecAfter) -> Option<String> {
    let request = ExecRequest {
        namespace: pod.namespace.clone().unwrap_or_default(),
        pod: pod.name.clone(),
        container: after.hook.container.clone(),
        command: after.hook.command.clone(),
        timeout: after.hook.timeout,
    };
    match outside.cluster.exec(&request).await {
        Ok(outcome) => match outcome.exit {
            ExecExit::Code(0) => None,
            ExecExit::Code(code) => Some(format!("ended with {code}: {}", outcome.stderr.trim())),
            ExecExit::TimedOut => Some(format!("did not end within {:?}", after.hook.timeout)),
            ExecExit::Failed(why) => Some(why),
        },
        Err(error) => Some(chain(&error)),
    }
}

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
        let done = acted.outcomes.get(&work.planned).map(|(verdict, _)| *verdict);
        let came = matches!(done, Some(ItemVerdict::Created | ItemVerdict::Updated | ItemVerdict::Unchanged));
        if came && waits_for(&resource.group, &resource.resource) {
            waiting.insert(work.planned, "it was not looked at".to_owned());
        }
    }
    let total = waiting.len() as u64;
    progress.begin(Stage::Wait, Some(total));
    let resource_of: BTreeMap<u32, u16> = planned.work.iter().map(|work| (work.planned, work.resource)).collect();
    let begin = outside.clock.now();
    while !waiting.is_empty() {
        for at in waiting.keys().copied().collect::<Vec<_>>() {
            let target = &planned.file.items[at as usize].target;
            let Some(resource) = resource_of.get(&at).map(|number| &planned.resources[usize::from(*number)]) else {
                continue;
            };
            let object = ObjectRef { resource, namespace: target.namespace.as_deref(), name: &target.name };
            let lacks = match outside.cluster.get(&object).await {
                Ok(body) => Manifest::from_slice(&body).map_or_else(|error| Some(chain(&error)), |body| lacks(&body)),
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
        acted.outcomes.insert(at, (ItemVerdict::Failed, Reason::new("not-available", message)));
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

fn elapsed(begin: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(begin)).unwrap_or_default()
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
