//! Which drills are due: a function of the schedule, what has run, and the time.
//!
//! Pure: whoever wakes up asks, and acts. A drill's start is the tick of its schedule plus a jitter that is always the
//! same for that tick, so that asking twice, or after a crash, gives the same answer.

mod cron;
mod file;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

pub use cron::{Cron, CronError};
pub use file::{Concurrency, History, Missed, Notify, On, ScheduleFile, load};

use crate::format::{Outputs, Verdict};
use crate::period::Period;

/// A checked schedule. Its time zone is resolved by the caller, who may read the zone database.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub name: String,
    /// The scenario's file.
    pub scenario: String,
    pub inputs: Outputs,
    pub cron: Cron,
    /// As written; `UTC` when nothing is.
    pub zone_name: String,
    pub concurrency: Concurrency,
    /// Starts are spread over this length.
    pub jitter: Option<Period>,
    pub missed: Missed,
    /// A tick older than this is never made up for.
    pub missed_within: Period,
    pub history: History,
    pub suspend: bool,
    pub notify: Vec<Notify>,
}

/// A drill that the schedule has started.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub drill: String,
    /// The tick that it was started for.
    pub tick: Timestamp,
    pub ended: Option<Timestamp>,
    pub verdict: Option<Verdict>,
    /// Something that it built is still there.
    pub kept: bool,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// Start one drill for each of these ticks.
    pub start: Vec<Timestamp>,
    /// Cancel these unfinished drills: they are replaced.
    pub cancel: Vec<String>,
    /// Ticks that are started as soon as what they replace has ended.
    pub held: Vec<Timestamp>,
    /// Ticks for which nothing is started, with the reason.
    pub skipped: Vec<(Timestamp, String)>,
    /// Records of finished drills beyond the history limits, oldest first.
    pub forget: Vec<String>,
    /// When to ask again.
    pub wake_at: Option<Timestamp>,
}

/// How fresh the proof is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    pub last_pass: Option<Timestamp>,
    /// The last pass is older than the limit, or there is none.
    pub stale: bool,
}

/// More ticks than this are never looked at one by one: a schedule that slept for a year is not made up for.
const MAX_TICKS: usize = 1000;

/// What is due. `since` is the last tick that was handled, or when the schedule was created.
pub fn due(schedule: &Schedule, zone: &TimeZone, past: &[Past], since: Timestamp, now: Timestamp) -> Decision {
    let mut decision = Decision { forget: forget(&schedule.history, past), ..Decision::default() };
    if schedule.suspend {
        return decision;
    }
    let mut ticks = Vec::new();
    let oldest = now.checked_sub(schedule.missed_within.0).unwrap_or(Timestamp::MIN);
    // Ticks that nobody will make up for need not be counted one by one.
    let mut after = since.max(oldest.checked_sub(jitter_limit(schedule).0).unwrap_or(Timestamp::MIN));
    while let Some(tick) = schedule.cron.next(after, zone) {
        let start = starts_at(schedule, tick);
        if start > now || ticks.len() >= MAX_TICKS {
            decision.wake_at = Some(start.max(now));
            break;
        }
        if !past.iter().any(|drill| drill.tick == tick) {
            ticks.push((tick, start));
        }
        after = tick;
    }
    let Some((latest, earlier)) = ticks.split_last() else { return decision };
    for (tick, start) in earlier {
        match schedule.missed {
            Missed::Skip | Missed::RunOnce => {
                decision.skipped.push((*tick, "missed: a later one is due as well".to_owned()));
            }
            Missed::RunAll if *start >= oldest => decision.start.push(*tick),
            Missed::RunAll => decision.skipped.push((*tick, too_late(schedule))),
        }
    }
    let (tick, start) = *latest;
    let on_time = free_since(schedule, past, start).checked_add(ON_TIME.0).map_or(true, |limit| now <= limit);
    match schedule.missed {
        _ if on_time => decision.start.push(tick),
        Missed::Skip => decision.skipped.push((tick, "missed: nobody was there to start it".to_owned())),
        Missed::RunOnce | Missed::RunAll if start >= oldest => decision.start.push(tick),
        Missed::RunOnce | Missed::RunAll => decision.skipped.push((tick, too_late(schedule))),
    }
    let unfinished: Vec<&Past> = past.iter().filter(|drill| drill.ended.is_none()).collect();
    match (schedule.concurrency, unfinished.first()) {
        (Concurrency::Allow, _) | (_, None) => {
            // One at a time even when several are made up for.
            if schedule.concurrency != Concurrency::Allow {
                for tick in decision.start.split_off(1.min(decision.start.len())) {
                    decision.skipped.push((tick, "another drill of this schedule is due as well".to_owned()));
                }
            }
        }
        (Concurrency::Forbid, Some(running)) => {
            for tick in decision.start.drain(..) {
                decision.skipped.push((tick, format!("drill {} is not finished", running.drill)));
            }
        }
        (Concurrency::Replace, Some(_)) => {
            let last = decision.start.pop();
            if last.is_some() {
                decision.cancel = unfinished.iter().map(|drill| drill.drill.clone()).collect();
            }
            for tick in decision.start.drain(..) {
                decision.skipped.push((tick, "replaced by a later one".to_owned()));
            }
            // The old one's undoing and the new one's building must not meet.
            if let Some(tick) = last {
                decision.held.push(tick);
                let again = now.checked_add(LOOK_AGAIN.0).unwrap_or(now);
                decision.wake_at = Some(decision.wake_at.map_or(again, |at| at.min(again)));
            }
        }
    }
    decision
}

/// When the drill of a tick starts: the tick and a jitter made from the schedule's name and the tick alone.
pub fn starts_at(schedule: &Schedule, tick: Timestamp) -> Timestamp {
    let limit = jitter_limit(schedule).0.as_secs();
    if limit == 0 {
        return tick;
    }
    let digest = Sha256::digest(format!("{}@{}", schedule.name, tick.as_second()).as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    tick.checked_add(std::time::Duration::from_secs(number % limit)).unwrap_or(tick)
}

/// Whether the last pass is recent enough.
pub fn freshness(limit: Period, passes: impl IntoIterator<Item = Timestamp>, now: Timestamp) -> Freshness {
    let last_pass = passes.into_iter().max();
    let stale = last_pass.and_then(|pass| pass.checked_add(limit.0).ok()).is_none_or(|end| end < now);
    Freshness { last_pass, stale }
}

/// A start this late is still on time: whoever wakes the schedule does not do so to the second.
const ON_TIME: Period = Period::minutes(1);

/// How soon to look again whether what is replaced has ended.
const LOOK_AGAIN: Period = Period::seconds(5);

/// From when on a drill could start: one that replaces another had to wait for it to be undone.
fn free_since(schedule: &Schedule, past: &[Past], start: Timestamp) -> Timestamp {
    if schedule.concurrency != Concurrency::Replace {
        return start;
    }
    let unfinished = past.iter().filter(|drill| drill.ended.is_none()).map(|_| Timestamp::MAX);
    past.iter().filter_map(|drill| drill.ended).chain(unfinished).max().map_or(start, |free| free.max(start))
}

fn jitter_limit(schedule: &Schedule) -> Period {
    schedule.jitter.unwrap_or(Period::seconds(0))
}

fn too_late(schedule: &Schedule) -> String {
    format!("missed by more than {}", schedule.missed_within)
}

/// Finished drills beyond the limits. Never forgotten are one of which something is still there, because its record
/// is the way to destroy that, and the last pass, because the freshness of the proof is counted from it.
fn forget(history: &History, past: &[Past]) -> Vec<String> {
    let mut finished: Vec<(&Past, bool, Timestamp)> = past
        .iter()
        .filter_map(|drill| {
            let ended = drill.ended.filter(|_| !drill.kept)?;
            match drill.verdict.as_ref()? {
                Verdict::Passed => Some((drill, true, ended)),
                Verdict::Failed { .. } | Verdict::Cancelled { .. } => Some((drill, false, ended)),
                Verdict::Stuck { .. } => None,
            }
        })
        .collect();
    finished.sort_by_key(|(_, _, ended)| std::cmp::Reverse(*ended));
    let (mut passed, mut failed) = (0, 0);
    let mut forget = Vec::new();
    for (drill, pass, _) in finished {
        let (count, limit) = match pass {
            true => (&mut passed, history.passed.max(1)),
            false => (&mut failed, history.failed),
        };
        *count += 1;
        if *count > limit {
            forget.push(drill.drill.clone());
        }
    }
    forget.reverse();
    forget
}

#[cfg(test)]
mod tests;
