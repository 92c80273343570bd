//! Runs the commands that planning chose, in their containers.
//!
//! Which commands, where and in which order is decided; here they run, and what they did is counted. As Velero counts:
//! what was not run because a command before it failed has been attempted, and has not failed.

use model::ItemId;
use model::request::OnError;
use plan::backup::HookCall;

use crate::exec;
use crate::log::RunLog;
use crate::ports::Outside;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HookCount {
    pub(crate) attempted: usize,
    pub(crate) failed: usize,
}

/// Runs the commands before a block, one after another. Returns the pods that must not be stored, because a command of
/// theirs failed and asked for that.
pub(crate) async fn before(outside: &Outside, calls: &[HookCall], log: &RunLog, count: &mut HookCount) -> Vec<ItemId> {
    let stopped = run(outside, calls, "before", log, count).await;
    for pod in &stopped {
        log.error(outside.clock.now(), Some(pod), "the pod is not stored: a hook before it failed");
    }
    stopped
}

/// Runs the commands after a block, but none of the pods that were stopped before it.
pub(crate) async fn after(
    outside: &Outside,
    calls: &[HookCall],
    stopped: &[ItemId],
    log: &RunLog,
    count: &mut HookCount,
) {
    let (left_out, calls): (Vec<HookCall>, Vec<HookCall>) =
        calls.iter().cloned().partition(|call| stopped.contains(&call.pod));
    for call in left_out {
        let message = format!("{} is not run: a hook before {} failed", described(&call, "after"), call.pod);
        log.info(outside.clock.now(), &message);
    }
    run(outside, &calls, "after", log, count).await;
}

async fn run(outside: &Outside, calls: &[HookCall], when: &str, log: &RunLog, count: &mut HookCount) -> Vec<ItemId> {
    let mut stopped = Vec::new();
    for call in calls {
        count.attempted += 1;
        let what = described(call, when);
        if stopped.contains(&call.pod) {
            log.info(outside.clock.now(), &format!("{what} is not run: one before it failed"));
            continue;
        }
        if call.ended {
            log.info(outside.clock.now(), &format!("{what} is not run: {} has ended", call.pod));
            continue;
        }
        match exec::run(outside, &call.pod, &call.hook).await {
            Ok(printed) => log.info(outside.clock.now(), &format!("{what} ran in {}{printed}", call.pod)),
            Err(why) => {
                count.failed += 1;
                log.error(outside.clock.now(), Some(&call.pod), &format!("{what}: {why}"));
                // Velero: internal/hook/item_hook_handler.go; only an explicit `Fail` stops.
                if call.hook.on_error == OnError::Fail {
                    stopped.push(call.pod.clone());
                }
            }
        }
    }
    stopped
}

fn described(call: &HookCall, when: &str) -> String {
    let words = call.hook.command.join(" ");
    format!("hook {} {when} the block, {words:?} in container {}", call.source, call.hook.container)
}
