//! Commands in restored pods, once everything is created.
//!
//! Which commands, and for how long, the plan says.

use std::time::Duration;

use ::ports::cluster::ObjectRef;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use model::request::OnError;
use model::{ItemId, Manifest, Verdict, chain};
use plan::restore::format::PlannedItem;
use plan::restore::hooks::ExecAfter;
use serde_json::Value;

use super::act::Acted;
use super::prepared::PlannedRestore;
use crate::bucket::RestoreKeys;
use crate::exec;
use crate::log::RunLog;
use crate::ports::{Outside, elapsed};
use crate::progress::{Progress, Stage};

/// Pods whose commands run at a time.
const AT_ONCE: usize = 8;
const POLL: Duration = Duration::from_millis(500);
/// How long a command without a limit of its own waits for its container.
const LONGEST_WAIT: Duration = Duration::from_secs(4 * 3600);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HookCount {
    pub(super) attempted: usize,
    pub(super) failed: usize,
}

/// Runs the commands of every pod that was created, and of those that an earlier run created and did not get to.
pub(super) async fn run_hooks(
    outside: &Outside,
    planned: &PlannedRestore,
    acted: &Acted,
    log: &RunLog,
    progress: &dyn Progress,
) -> HookCount {
    let has_hooks = |item: &&PlannedItem| !item.hooks.is_empty();
    let mut pods: Vec<(&ItemId, &[ExecAfter])> = acted
        .outcomes
        .created()
        .map(|at| &planned.file.items[at as usize])
        .filter(has_hooks)
        .map(|item| (&*item.target, item.hooks.as_slice()))
        .collect();
    let earlier: Vec<&PlannedItem> =
        planned.file.items.iter().filter(has_hooks).filter(|item| item.verdict != Verdict::Create).collect();
    if !earlier.is_empty() && was_interrupted(outside, &planned.file.request.name, log).await {
        pods.extend(earlier.into_iter().map(|item| (&*item.target, item.hooks.as_slice())));
    }
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

/// Whether an earlier run of this restore did not come to its end: the record is the last thing that a run writes.
async fn was_interrupted(outside: &Outside, name: &str, log: &RunLog) -> bool {
    let Ok(keys) = RestoreKeys::new(name) else { return false };
    let key = keys.record();
    match outside.store.head(&key).await {
        Ok(found) => found.is_none(),
        Err(error) => {
            let message = format!(
                "commands of pods that were there already are not run: it is not known whether they ran: {}",
                chain(&error)
            );
            log.warn(outside.clock.now(), None, &message);
            false
        }
    }
}

/// Runs the commands of one pod, each container's in order as soon as that container is up.
///
/// Velero: internal/hook/wait_exec_hook_handler.go. The pod is watched for as long as its most patient command waits. A
/// command whose own wait is over by then has failed, and runs nevertheless unless it says `Fail`.
async fn pod_hooks(
    outside: &Outside,
    resource: &model::ApiResource,
    pod: &ItemId,
    hooks: &[ExecAfter],
    log: &RunLog,
) -> HookCount {
    let mut run = PodRun { outside, pod, log, begin: outside.clock.now(), failed: 0 };
    let mut waiting: Vec<&ExecAfter> = hooks.iter().collect();
    let limit = longest_wait(hooks);
    let object = ObjectRef { resource, namespace: pod.namespace.as_deref(), name: &pod.name };
    let why = loop {
        match outside.cluster.get(&object).await {
            Ok(body) => match Manifest::from_slice(&body) {
                Ok(found) if matches!(found.get_str("/status/phase"), Some("Succeeded" | "Failed")) => {
                    break Some("the pod ended before the command could run".to_owned());
                }
                Ok(found) => match run.what_can(&found, hooks, waiting).await {
                    Ok(rest) => waiting = rest,
                    Err(rest) => {
                        waiting = rest;
                        break Some("a command of this pod failed before it".to_owned());
                    }
                },
                Err(error) => break Some(chain(&error)),
            },
            Err(error) if error.is_not_found() => break Some("the pod is gone".to_owned()),
            Err(error) if !error.is_retryable() => break Some(chain(&error)),
            Err(_) => {}
        }
        if waiting.is_empty() || elapsed(run.begin, outside.clock.now()) >= limit {
            break None;
        }
        outside.clock.sleep(POLL).await;
    };
    for after in waiting {
        let state = if is_ready_wanted(hooks, after) { "ready" } else { "running" };
        let late = || format!("the container was not {state} within {limit:?}");
        run.fail(after, &why.clone().unwrap_or_else(late));
    }
    HookCount { attempted: hooks.len(), failed: run.failed }
}

/// The commands of one pod as they run.
struct PodRun<'a> {
    outside: &'a Outside,
    pod: &'a ItemId,
    log: &'a RunLog,
    begin: Timestamp,
    failed: usize,
}

impl PodRun<'_> {
    /// Runs what can run now. Gives back what still waits; as an error when nothing more may run.
    async fn what_can<'h>(
        &mut self,
        found: &Manifest,
        hooks: &[ExecAfter],
        waiting: Vec<&'h ExecAfter>,
    ) -> Result<Vec<&'h ExecAfter>, Vec<&'h ExecAfter>> {
        let mut rest = Vec::new();
        let mut stopped = false;
        for after in waiting {
            let container = &after.hook.container;
            if stopped {
                rest.push(after);
            } else if !has_container(found, container) {
                // It never comes up, so nobody waits for it.
                self.fail(after, "the pod has no such container");
            } else if is_up(found, container, is_ready_wanted(hooks, after)) {
                stopped = !self.run(after).await && after.hook.on_error == OnError::Fail;
            } else {
                rest.push(after);
            }
        }
        if stopped { Err(rest) } else { Ok(rest) }
    }

    /// Whether all went well.
    async fn run(&mut self, after: &ExecAfter) -> bool {
        let waited = elapsed(self.begin, self.outside.clock.now());
        let late = after.wait.filter(|wait| waited > *wait);
        if let Some(wait) = late {
            self.fail(after, &format!("the container was not up within {wait:?}"));
            if after.hook.on_error == OnError::Fail {
                return false;
            }
        }
        match exec::run(self.outside, self.pod, &after.hook).await {
            Ok(printed) => {
                let message = format!("{} ran in {}{printed}", described(after), self.pod);
                self.log.info(self.outside.clock.now(), &message);
                late.is_none()
            }
            Err(why) => {
                // One command fails once, however much is wrong with it.
                self.failed -= usize::from(late.is_some());
                self.fail(after, &why);
                false
            }
        }
    }

    fn fail(&mut self, after: &ExecAfter, why: &str) {
        self.failed += 1;
        self.log.error(self.outside.clock.now(), Some(self.pod), &format!("{}: {why}", described(after)));
    }
}

fn described(after: &ExecAfter) -> String {
    let words = after.hook.command.join(" ");
    format!("hook {} {words:?} in container {}", after.source, after.hook.container)
}

/// As long as the most patient one; one that says nothing waits as long as the restore does.
fn longest_wait(hooks: &[ExecAfter]) -> Duration {
    let waits: Option<Vec<Duration>> = hooks.iter().map(|after| after.wait).collect();
    waits.and_then(|waits| waits.into_iter().max()).unwrap_or(LONGEST_WAIT)
}

/// A container's commands wait until it is ready when one of them does.
fn is_ready_wanted(hooks: &[ExecAfter], after: &ExecAfter) -> bool {
    hooks.iter().any(|other| other.ready && other.hook.container == after.hook.container)
}

fn has_container(pod: &Manifest, name: &str) -> bool {
    let containers = pod.get("/spec/containers").and_then(Value::as_array);
    containers.into_iter().flatten().any(|container| container["name"] == name)
}

fn is_up(pod: &Manifest, container: &str, ready: bool) -> bool {
    let statuses = pod.get("/status/containerStatuses").and_then(Value::as_array);
    let found = statuses.into_iter().flatten().find(|status| status["name"] == container);
    found.is_some_and(|status| status.pointer("/state/running").is_some() && (!ready || status["ready"] == true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn after(container: &str, wait: Option<u64>, ready: bool) -> ExecAfter {
        let hook = model::request::ExecHook {
            container: container.to_owned(),
            command: vec!["true".to_owned()],
            on_error: OnError::Unset,
            timeout: Duration::from_secs(1),
        };
        ExecAfter { source: "annotation".to_owned(), hook, wait: wait.map(Duration::from_secs), ready }
    }

    #[test]
    fn the_most_patient_command_decides_how_long_a_pod_is_watched() {
        let longest = |waits: &[Option<u64>]| {
            longest_wait(&waits.iter().map(|wait| after("main", *wait, false)).collect::<Vec<_>>())
        };
        assert_eq!(longest(&[Some(1), Some(30), Some(2)]), Duration::from_secs(30));
        assert_eq!(longest(&[Some(1), None]), LONGEST_WAIT);
    }

    #[test]
    fn one_command_that_waits_until_its_container_is_ready_makes_the_others_wait() {
        let hooks = [after("main", None, false), after("main", None, true), after("side", None, false)];
        let wanted: Vec<bool> = hooks.iter().map(|hook| is_ready_wanted(&hooks, hook)).collect();
        assert_eq!(wanted, [true, true, false]);
        let pod = |ready: bool| {
            Manifest::from_value(json!({"kind": "Pod", "spec": {"containers": [{"name": "main"}]},
                "status": {"containerStatuses": [{"name": "main", "ready": ready, "state": {"running": {}}}]}}))
            .unwrap()
        };
        assert!(
            is_up(&pod(false), "main", false) && !is_up(&pod(false), "main", true) && is_up(&pod(true), "main", true)
        );
        assert!(!is_up(&pod(true), "side", false) && !has_container(&pod(true), "side"));
    }
}
