//! The verdict: what the run proved. What could not be checked is never a pass.

use super::{Phase, Saga, StepOutcome};
use crate::format::{Skip, StopReason, Verdict};

impl Saga {
    /// The verdict as things stand; recorded once nothing is in flight any more.
    pub(super) fn judge(&self) -> Verdict {
        if let Some(stuck) = self.stuck() {
            return stuck;
        }
        let because = match &self.phase {
            Phase::Forward => &StopReason::Completed,
            Phase::Stopping { because, .. } | Phase::Undoing { because } | Phase::Finished { because, .. } => because,
        };
        if let StopReason::Cancelled { by } = because {
            return Verdict::Cancelled { by: by.clone() };
        }
        let mut reasons = Vec::new();
        match because {
            StopReason::Budget { limit } => reasons.push(format!("the time budget of {limit} is used up")),
            StopReason::TimeToLive { limit } => reasons.push(format!("the time to live of {limit} is over")),
            StopReason::StopCondition { condition } => reasons.push(format!("the stop condition {condition} holds")),
            StopReason::Completed | StopReason::StepFailed { .. } | StopReason::Cancelled { .. } => {}
        }
        reasons.extend(self.not_good());
        // What failed already says why nothing could be measured.
        let failed = !reasons.is_empty();
        let missed = self.measures().missed(&self.scenario.objectives);
        reasons.extend(missed.into_iter().filter(|reason| !failed || !reason.ends_with("could not be measured")));
        if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed { reasons } }
    }

    fn stuck(&self) -> Option<Verdict> {
        let stuck: Vec<_> = self.steps().filter(|(_, state)| self.is_stuck(state)).collect();
        let (step, state) = stuck.first()?;
        let failure = state.undo_failure.as_ref();
        let what_to_do = match failure {
            Some(failure) if !failure.hint.is_empty() => failure.hint.clone(),
            _ => format!(
                "remove by hand what step {} made, or mend the cause, then resume the run to undo again",
                step.id
            ),
        };
        let mut left = Vec::new();
        for (step, state) in &stuck {
            match state.left.as_slice() {
                [] => left.push(format!("what step {} made", step.id)),
                named => left.extend(named.iter().cloned()),
            }
        }
        let stuck_ids: Vec<&str> = stuck.iter().map(|(step, _)| step.id.as_str()).collect();
        for step in self.still_there() {
            if !stuck_ids.contains(&step.id.as_str()) {
                left.push(format!("what step {} made, kept because step {} needs it", step.id, stuck_ids[0]));
            }
        }
        Some(Verdict::Stuck { step: step.id.clone(), what_to_do, left })
    }

    /// Every step that failed, and every check that was not made.
    fn not_good(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let (mut verified, mut unverified) = (0, 0);
        for (step, state) in self.steps() {
            let id = &step.id;
            let failed = |message: &str| format!("step {id} failed: {message}");
            match (&state.outcome, step.traits.verifies) {
                (Some(StepOutcome::Succeeded), verifies) => verified += u32::from(verifies),
                (Some(StepOutcome::Failed(failure)), verifies) => {
                    unverified += u32::from(verifies);
                    reasons.push(failed(&failure.message));
                }
                // The author of the scenario said when it applies.
                (Some(StepOutcome::Skipped(Skip::When { .. })), _) => {}
                (Some(StepOutcome::Skipped(Skip::Missing { step })), true) => {
                    unverified += 1;
                    reasons.push(format!("{id} was not checked: step {step} was skipped"));
                }
                (Some(StepOutcome::Skipped(Skip::NeedsFailed { step })), true) => {
                    unverified += 1;
                    reasons.push(format!("{id} was not checked: step {step} failed"));
                }
                (Some(StepOutcome::Skipped(Skip::Stopped)) | None, true) => {
                    unverified += 1;
                    reasons.push(format!("{id} was not checked: the run was stopped before"));
                }
                (Some(StepOutcome::SkippedByPerson { by, .. }), true) => {
                    unverified += 1;
                    reasons.push(format!("{id} was not checked: skipped by {by}"));
                }
                (Some(StepOutcome::SkippedByPerson { .. } | StepOutcome::Skipped(_)) | None, false) => {}
            }
        }
        if verified == 0 && unverified == 0 {
            reasons.push("nothing was verified".to_owned());
        }
        // Failures first: what was not checked mostly follows from them.
        reasons.sort_by_key(|reason| !reason.starts_with("step "));
        reasons
    }
}
