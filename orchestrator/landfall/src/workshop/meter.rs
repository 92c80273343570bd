//! Where the time of a run goes: stretches of time by what was going on, and how much of the whole each explains.
//!
//! Stretches overlap; every moment counts once, for the most specific thing that was going on. What nothing explains
//! is landfall's own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use ports::Clock;

/// In the order in which a moment is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A resource that Terraform makes or takes away; in a sandbox, a control plane that starts or stops.
    Resource,
    Terraform,
    Call,
    Program,
    Wait,
}

const ALL: [(What, &str); 5] = [
    (What::Resource, "control planes and other resources coming and going"),
    (What::Terraform, "terraform itself"),
    (What::Call, "API calls in flight"),
    (What::Program, "programs of the scenario's"),
    (What::Wait, "waiting for readiness"),
];
const OWN: &str = "landfall's own";
/// From the last record of a process to the next process; what that one would still have measured is part of it.
const INTERRUPTED: &str = "interrupted: nobody drove the run";

pub(crate) struct Meter {
    began: Instant,
    stretches: Mutex<Vec<(What, Duration, Duration)>>,
}

/// One stretch, from its making to its dropping.
pub(crate) struct Span {
    meter: Arc<Meter>,
    what: What,
    from: Instant,
}

impl Meter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), stretches: Mutex::default() })
    }

    pub(crate) fn span(self: &Arc<Self>, what: What) -> Span {
        Span { meter: Arc::clone(self), what, from: Instant::now() }
    }

    /// Something that took so long and ended just now.
    pub(crate) fn ended(&self, what: What, took: Duration) {
        let to = self.began.elapsed();
        self.add(what, to.saturating_sub(took), to);
    }

    fn add(&self, what: What, from: Duration, to: Duration) {
        self.stretches.lock().unwrap_or_else(PoisonError::into_inner).push((what, from, to));
    }

    /// Seconds by what was going on, since the meter was made; the last line is what nothing explains.
    pub(crate) fn breakdown(&self) -> Vec<(String, f64)> {
        let stretches = self.stretches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        shares(&stretches, self.began.elapsed())
    }
}

/// Adds what earlier processes measured, and names the time in which no process ran.
pub(crate) fn together(earlier: &[(String, f64)], now: Vec<(String, f64)>, whole: f64) -> Vec<(String, f64)> {
    let mut sum = now;
    for (name, seconds) in earlier.iter().filter(|(name, _)| name != INTERRUPTED) {
        match sum.iter_mut().find(|(known, _)| known == name) {
            Some((_, total)) => *total += seconds,
            None => sum.push((name.clone(), *seconds)),
        }
    }
    let explained: f64 = sum.iter().map(|(_, seconds)| seconds).sum();
    if !earlier.is_empty() && whole - explained > 0.1 {
        sum.push((INTERRUPTED.to_owned(), whole - explained));
    }
    sum
}

fn shares(stretches: &[(What, Duration, Duration)], whole: Duration) -> Vec<(String, f64)> {
    // Each kind's stretches, with everything that earlier kinds have claimed, joined: the growth is the kind's share.
    let mut claimed: Vec<(Duration, Duration)> = Vec::new();
    let mut before = Duration::ZERO;
    let mut lines = Vec::new();
    for (what, name) in ALL {
        let own = stretches.iter().filter(|stretch| stretch.0 == what).map(|stretch| (stretch.1, stretch.2.min(whole)));
        claimed.extend(own);
        claimed = joined(claimed);
        let total: Duration = claimed.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        let share = total.saturating_sub(before);
        before = total;
        if !share.is_zero() {
            lines.push((name.to_owned(), share.as_secs_f64()));
        }
    }
    lines.push((OWN.to_owned(), whole.saturating_sub(before).as_secs_f64()));
    lines
}

fn joined(mut stretches: Vec<(Duration, Duration)>) -> Vec<(Duration, Duration)> {
    stretches.sort_unstable();
    let mut joined: Vec<(Duration, Duration)> = Vec::new();
    for (from, to) in stretches {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

impl Drop for Span {
    fn drop(&mut self) {
        let from = self.from.duration_since(self.meter.began);
        self.meter.add(self.what, from, self.meter.began.elapsed());
    }
}

/// A clock whose waits are metered, when they come to their end: a driver that waits for something to happen besides
/// gives up its wait.
pub(crate) struct MeteredClock<C> {
    pub(crate) inner: C,
    pub(crate) meter: Arc<Meter>,
}

#[async_trait]
impl<C: Clock> Clock for MeteredClock<C> {
    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    async fn sleep(&self, duration: Duration) {
        let from = Instant::now();
        self.inner.sleep(duration).await;
        self.meter.ended(What::Wait, from.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(from: u64, to: u64) -> (Duration, Duration) {
        (Duration::from_secs(from), Duration::from_secs(to))
    }

    #[test]
    fn every_moment_counts_once() {
        let stretch = |what, from, to| {
            let (from, to) = seconds(from, to);
            (what, from, to)
        };
        let stretches = [
            stretch(What::Terraform, 0, 10),
            stretch(What::Resource, 2, 8),
            stretch(What::Call, 9, 12),
            stretch(What::Call, 9, 11),
            stretch(What::Wait, 5, 15),
        ];
        let lines = shares(&stretches, Duration::from_secs(20));
        let numbers: Vec<f64> = lines.iter().map(|(_, seconds)| *seconds).collect();
        assert_eq!(numbers, [6.0, 4.0, 2.0, 3.0, 5.0]);
        assert_eq!(numbers.iter().sum::<f64>(), 20.0);
    }

    #[test]
    fn two_processes_add_up_and_the_time_between_is_named() {
        let line = |name: &str, seconds| (name.to_owned(), seconds);
        let sum = together(&[line(OWN, 2.0), line(INTERRUPTED, 9.0)], vec![line(OWN, 1.0)], 10.0);
        assert_eq!(sum, [line(OWN, 3.0), line(INTERRUPTED, 7.0)]);
    }
}
