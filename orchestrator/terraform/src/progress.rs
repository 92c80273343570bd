//! How far a run is: counted exactly, and weighted for a bar.
//!
//! The count is units done of units planned and ends at `done = total`. The fraction weighs each unit by how long its
//! kind usually takes, and lets running ones grow. Elapsed times are reckoned from the stream's own time stamps,
//! because not every version of the tool repeats its progress events.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use ports::infrastructure::{StackAction, StackUnit};
use serde::{Deserialize, Serialize};

use crate::plan::Units;
use crate::record::Record;

/// Seconds that a unit of each kind usually takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    default: f64,
    kinds: BTreeMap<String, f64>,
}

/// What there is to do, as the plan says it; written into the run's folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub total: u64,
    pub units: Units,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub done: u64,
    pub failed: u64,
    pub total: u64,
    pub fraction: f64,
    pub running: Vec<StackUnit>,
}

/// A running unit never counts as more than this.
const ALMOST: f64 = 0.95;

impl Weights {
    /// The same weights with measured ones for some kinds; what is not a positive number is ignored.
    pub fn with(mut self, measured: impl IntoIterator<Item = (String, f64)>) -> Self {
        self.kinds.extend(measured.into_iter().filter(|(_, seconds)| seconds.is_finite() && *seconds > 0.0));
        self
    }

    pub fn of(&self, kind: &str) -> f64 {
        self.kinds.get(kind).copied().unwrap_or(self.default)
    }
}

impl Default for Weights {
    fn default() -> Self {
        const KINDS: [(&str, f64); 11] = [
            ("aws_eks_cluster", 600.0),
            ("aws_eks_node_group", 180.0),
            ("aws_db_instance", 600.0),
            ("aws_rds_cluster", 300.0),
            ("aws_rds_cluster_instance", 600.0),
            ("aws_nat_gateway", 120.0),
            ("aws_efs_file_system", 30.0),
            ("aws_efs_mount_target", 90.0),
            ("aws_acm_certificate_validation", 120.0),
            ("aws_kms_key", 20.0),
            ("aws_kms_replica_key", 20.0),
        ];
        Self { default: 5.0, kinds: KINDS.map(|(kind, seconds)| (kind.to_owned(), seconds)).into() }
    }
}

impl Workload {
    pub fn new(units: Units) -> Self {
        Self { total: units.values().sum(), units }
    }

    /// Where a run stands. `now` is the stream's time: that of its last event plus what passed since.
    pub fn snapshot(&self, record: &Record, weights: &Weights, now: Option<Timestamp>) -> Snapshot {
        let all: f64 = self.units.iter().map(|(kind, count)| weights.of(kind) * *count as f64).sum();
        let done: f64 = record.made.iter().map(|made| weights.of(&made.kind)).sum();
        let mut in_flight = 0.0;
        let mut running = Vec::new();
        for ((address, action), unit) in &record.running {
            let elapsed = match (unit.since, now) {
                (Some(since), Some(now)) => now.duration_since(since).try_into().unwrap_or_default(),
                _ => Duration::ZERO,
            };
            let weight = weights.of(&unit.kind);
            in_flight += (elapsed.as_secs_f64() / weight).min(ALMOST) * weight;
            running.push(StackUnit { address: address.clone(), action: action_of(action), elapsed });
        }
        let finished = record.done() == self.total && record.running.is_empty();
        let fraction = match all {
            _ if finished => 1.0,
            all if all > 0.0 => ((done + in_flight) / all).clamp(0.0, 0.999),
            _ => 0.0,
        };
        Snapshot { done: record.done(), failed: record.failed(), total: self.total, fraction, running }
    }
}

pub(crate) fn action_of(word: &str) -> StackAction {
    match word {
        "create" => StackAction::Create,
        "update" => StackAction::Update,
        "delete" => StackAction::Delete,
        "read" => StackAction::Read,
        _ => StackAction::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{hook, record};

    fn work() -> Workload {
        Workload::new(Units::from([("aws_vpc".into(), 2)]))
    }

    #[test]
    fn running_work_grows_but_never_finishes_by_itself() {
        let record = record(&[hook("apply_start", "a.x", "create", "")]);
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let early = work().snapshot(&record, &Weights::default(), at("2026-01-01T00:00:01Z"));
        assert_eq!((early.done, early.total, early.running[0].elapsed), (0, 2, Duration::from_secs(1)));
        assert!((early.fraction - 0.1).abs() < 1e-9, "one of five seconds of one of two: {}", early.fraction);
        let late = work().snapshot(&record, &Weights::default(), at("2026-01-01T01:00:00Z"));
        assert!((late.fraction - 0.475).abs() < 1e-9, "{}", late.fraction);
        let before = work().snapshot(&record, &Weights::default(), at("2025-01-01T00:00:00Z"));
        assert_eq!(before.fraction, 0.0, "a clock that jumped back");
    }

    #[test]
    fn done_is_total_at_the_end_and_only_then() {
        let half = record(&[hook("apply_complete", "a.x", "create", "1")]);
        assert!(work().snapshot(&half, &Weights::default(), None).fraction < 1.0);
        let all = record(&[hook("apply_complete", "a.x", "create", "1"), hook("apply_complete", "a.y", "create", "2")]);
        let snapshot = work().snapshot(&all, &Weights::default(), None);
        assert_eq!((snapshot.done, snapshot.total, snapshot.fraction), (2, 2, 1.0));
        assert_eq!(Workload::default().snapshot(&Record::default(), &Weights::default(), None).fraction, 1.0);
    }

    #[test]
    fn a_measured_weight_must_be_a_time() {
        let weights = Weights::default().with([("a".into(), 7.0), ("b".into(), 0.0), ("c".into(), f64::NAN)]);
        assert_eq!((weights.of("a"), weights.of("b"), weights.of("c")), (7.0, 5.0, 5.0));
    }
}
