//! Runs the commands that planning chose, in their containers.
//!
//! Which commands, where and in which order is decided; here they run, and what they did is counted.

use ::ports::cluster::{ExecExit, ExecRequest};
use model::chain;
use model::request::OnError;
use plan::backup::HookCall;

use crate::log::RunLog;
use crate::ports::Outside;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HookCount {
    pub(crate) attempted: usize,
    pub(crate) failed: usize,
}

/// Runs commands one after another. Returns the pods that must not be stored, because a command of theirs failed and
/// asked for that.
pub(crate) async fn run(
    outside: &Outside,
    calls: &[HookCall],
    log: &RunLog,
    count: &mut HookCount,
) -> Vec<model::ItemId> {
    let mut stopped = Vec::new();
    for call in calls {
        count.attempted += 1;
        if stopped.contains(&call.pod) {
            count.failed += 1;
            continue;
        }
        let request = ExecRequest {
            namespace: call.pod.namespace.clone().unwrap_or_default(),
            pod: call.pod.name.clone(),
            container: call.hook.container.clone(),
            command: call.hook.command.clone(),
            timeout: call.hook.timeout,
        };
        let words = call.hook.command.join(" ");
        let why = match outside.cluster.exec(&request).await {
            Ok(outcome) => match outcome.exit {
                ExecExit::Code(0) => None,
                ExecExit::Code(code) => Some(format!("ended with {code}: {}", outcome.stderr.trim())),
                ExecExit::TimedOut => Some(format!("did not end within {:?}", call.hook.timeout)),
                ExecExit::Failed(why) => Some(why),
            },
            Err(error) => Some(chain(&error)),
        };
        let now = outside.clock.now();
        match why {
            None => log.info(now, &format!("hook {} ran {words:?} in {}", call.source, call.pod)),
            Some(why) => {
                count.failed += 1;
                let message = format!("hook {} {words:?} in container {}: {why}", call.source, call.hook.container);
                log.error(now, Some(&call.pod), &message);
                if call.hook.on_error == OnError::Fail {
                    stopped.push(call.pod.clone());
                }
            }
        }
    }
    stopped
}
