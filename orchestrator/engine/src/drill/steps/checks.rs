//! Collects what a verification looked at, and says whether that is a proof.
//!
//! Nothing looked at proves nothing: it is "not checked", never a pass.

use model::{Finding, ItemId, Reason, Severity};
use scenario::steps::verification::MAX_FINDINGS;
use scenario::steps::{Verification, to_outputs};
use scenario::{Failure, FailureKind};

#[derive(Debug, Default)]
pub(super) struct Checks {
    checked: u64,
    failed: u64,
    /// What could not be looked at.
    unseen: u64,
    findings: Vec<Finding>,
}

impl Checks {
    pub(super) fn good(&mut self) {
        self.checked += 1;
    }

    pub(super) fn bad(&mut self, item: Option<&ItemId>, code: &str, message: impl Into<String>) {
        self.checked += 1;
        self.failed += 1;
        self.note(Severity::Error, item, code, message);
    }

    /// Could not be looked at: neither good nor bad, and the whole is no proof any more.
    pub(super) fn unseen(&mut self, code: &str, message: impl Into<String>) {
        self.unseen += 1;
        self.note(Severity::Error, None, code, message);
    }

    /// Worth knowing, and neither good nor bad.
    pub(super) fn note(&mut self, severity: Severity, item: Option<&ItemId>, code: &str, message: impl Into<String>) {
        let reason = Reason::new(code, message);
        self.findings.push(Finding { severity, item: item.cloned(), pointer: None, reason });
    }

    /// Findings about one object, of which the worst counts.
    pub(super) fn found(&mut self, findings: Vec<Finding>, is_bad: impl Fn(&Finding) -> bool) {
        self.checked += 1;
        self.failed += u64::from(findings.iter().any(is_bad));
        self.findings.extend(findings);
    }

    /// The outcome; `what` says what was to hold, as in "3 of 12 objects are not ready".
    pub(super) fn end(mut self, passed: &str, failed: &str) -> Result<Verification, Failure> {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let more = self.findings.len().saturating_sub(MAX_FINDINGS);
        let first: Vec<String> = self
            .findings
            .iter()
            .filter(|finding| finding.severity >= Severity::Warning)
            .take(3)
            .map(|finding| match &finding.item {
                Some(item) => format!("{item}: {}", finding.reason.message),
                None => finding.reason.message.clone(),
            })
            .collect();
        self.findings.truncate(MAX_FINDINGS);
        let Self { checked, failed: wrong, unseen, findings } = self;
        if unseen > 0 && wrong == 0 {
            let summary = format!("{unseen} lists could not be looked at, so it is not known whether {passed}");
            let message = format!("{summary}: {}", first.join("; "));
            let verification = Verification { checked, failed: wrong, summary, findings };
            return Err(failure(FailureKind::NotChecked, message, verification));
        }
        if checked == 0 {
            let message = format!("nothing was found to check, so it is not known whether {passed}");
            let summary = message.clone();
            return Err(failure(
                FailureKind::NotChecked,
                message,
                Verification { checked, failed: wrong, summary, findings },
            ));
        }
        if wrong > 0 {
            let mut summary = format!("{wrong} of {checked} {failed}");
            if unseen > 0 {
                summary.push_str(&format!(", and {unseen} lists could not be looked at"));
            }
            let message = format!("{summary}: {}", first.join("; "));
            let verification = Verification { checked, failed: wrong, summary, findings };
            return Err(failure(FailureKind::NotVerified, message, verification));
        }
        let mut summary = format!("{checked} checked: {passed}");
        if more > 0 {
            summary.push_str(&format!(" ({more} remarks left out)"));
        }
        Ok(Verification { checked, failed: 0, summary, findings })
    }
}

fn failure(kind: FailureKind, message: String, verification: Verification) -> Failure {
    let details = to_outputs(&verification).unwrap_or_default();
    Failure::new(kind, message).details(details)
}

/// One thing was asked, and the answer was no.
pub(super) fn no(message: impl Into<String>) -> Failure {
    let message = message.into();
    let verification = Verification { checked: 1, failed: 1, summary: message.clone(), findings: Vec::new() };
    failure(FailureKind::NotVerified, message, verification)
}

/// A check that could not be made.
pub(super) fn unknown(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::NotChecked, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_looked_at_is_no_pass() {
        assert_eq!(Checks::default().end("all is well", "things are bad").unwrap_err().kind, FailureKind::NotChecked);
        let mut checks = Checks::default();
        checks.good();
        assert_eq!(checks.end("all is well", "things are bad").unwrap().checked, 1);
        let mut checks = Checks::default();
        checks.good();
        checks.bad(None, "broken", "it is broken");
        let failure = checks.end("all is well", "things are bad").unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotVerified);
        assert_eq!(failure.message, "1 of 2 things are bad: it is broken");
        assert_eq!(failure.details["failed"], 1);
        let mut checks = Checks::default();
        checks.good();
        checks.unseen("not-searched", "secrets could not be listed");
        let failure = checks.end("all is well", "things are bad").unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotChecked);
        assert!(failure.message.ends_with("not known whether all is well: secrets could not be listed"), "{failure}");
    }
}
