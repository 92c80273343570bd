//! Carries out a plan: wave by wave, many requests at once, as many as the server takes.
//!
//! Each item ends with one verdict and one reason. What fails does not stop the rest; what stands on something that
//! failed, a definition or a namespace, is not tried.

mod definitions;
mod ground;
mod outcomes;
mod refusal;
mod send;
mod struggle;

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use plan::restore::order::Wave;
use plan::restore::webhooks::UnreadyWebhooks;

use super::prepared::PlannedRestore;
use super::{ItemVerdict, RestoreJob, gates};
use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::{Progress, Stage};
use definitions::established;
use ground::Ground;
use outcomes::Outcomes;
use send::{Sent, send};
use struggle::Struggle;

/// What was done.
pub(super) struct Acted {
    /// One for each item of the plan that was sent.
    pub(super) outcomes: Outcomes,
    pub(super) writes: u64,
}

/// Requests in flight: where it starts, and how far it goes.
const START: usize = 64;
const MOST: usize = 128;
const LEAST: usize = 4;
/// How long the backends of webhooks are waited for.
const BACKENDS: Duration = Duration::from_secs(300);

pub(super) async fn act(
    outside: &Outside,
    job: &RestoreJob<'_>,
    planned: &PlannedRestore,
    log: &RunLog,
    progress: &dyn Progress,
) -> Acted {
    progress.begin(Stage::Apply, Some(planned.work.len() as u64));
    let mut acted = Acted { outcomes: Outcomes::default(), writes: 0 };
    let mut ground = Ground::default();
    let struggle = Struggle::new(job.webhooks);
    let mut limit = START;
    let mut done = 0;
    let mut wait_for_backends = match job.webhooks {
        UnreadyWebhooks::Wait => Some(false),
        UnreadyWebhooks::WorkloadsFirst => Some(true),
        UnreadyWebhooks::Warn | UnreadyWebhooks::Fail => None,
    };
    for wave in planned.work.chunk_by(|a, b| (a.late, a.wave) == (b.late, b.wave)) {
        if wait_for_backends.is_some_and(|late| wave.first().is_some_and(|work| work.late == late)) {
            gates::wait(outside, &planned.target, &planned.backends, BACKENDS, log).await;
            wait_for_backends = None;
        }
        let mut waiting = wave.iter();
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < limit {
                let Some(work) = waiting.next() else { break };
                in_flight.push(send(outside, job, planned, &ground, &struggle, *work));
            }
            let Some(sent) = in_flight.next().await else { break };
            acted.writes += sent.writes;
            limit = match sent.throttled {
                true => (limit / 2).max(LEAST),
                false => (limit + usize::from(done % 32 == 0)).min(MOST),
            };
            note(outside, planned, &mut acted, log, sent);
            done += 1;
            progress.advance(Stage::Apply, done);
        }
        drop(in_flight);
        if wave.first().is_some_and(|work| work.wave == Wave::Definitions) {
            established(outside, planned, wave, &mut acted, log).await;
        }
        ground.survey(planned, wave, &acted);
    }
    progress.end(Stage::Apply);
    acted
}

fn note(outside: &Outside, planned: &PlannedRestore, acted: &mut Acted, log: &RunLog, sent: Sent) {
    let now = outside.clock.now();
    let target = &planned.file.items[sent.planned as usize].target;
    match (sent.verdict, &sent.reason) {
        (ItemVerdict::Failed, Some(reason)) => log.error(now, Some(target), &reason.message),
        (ItemVerdict::Skipped, Some(reason)) => log.warn(now, Some(target), &reason.message),
        _ => {}
    }
    match sent.reason {
        Some(reason) => acted.outcomes.insert(sent.planned, sent.verdict, reason),
        None => acted.outcomes.insert_created(sent.planned),
    }
}
