//! The report as one page: no script, nothing loaded from anywhere, light and dark, printable.
//!
//! Everything in it goes through the template's escaping; there is no way in for raw markup.

use askama::Template;
use model::Severity;

use crate::ReportError;
use crate::timeline::{self, Timeline, timeline};
use crate::view::{DrillReport, StepStatus, StepView};
use crate::words;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a DrillReport,
    timeline: Timeline,
    verdict_class: &'static str,
    kind: &'static str,
    checks_good: usize,
    checks_all: usize,
}

pub fn html(report: &DrillReport) -> Result<String, ReportError> {
    let applies = |status: StepStatus| status != StepStatus::Skipped;
    let checks = report.steps.iter().filter(|step| step.verifies && applies(step.status));
    let page = Page {
        report,
        timeline: timeline(report),
        verdict_class: match report.verdict.word.as_str() {
            "Passed" => "good",
            "Failed" | "Stuck" => "bad",
            _ => "warn",
        },
        kind: match report.kind {
            scenario::RunKind::Drill => "Drill",
            scenario::RunKind::Recovery => "Recovery",
        },
        checks_good: checks.clone().filter(|step| step.status == StepStatus::Succeeded).count(),
        checks_all: checks.count(),
    };
    Ok(page.render()?)
}

impl Page<'_> {
    fn length(&self, seconds: &f64) -> String {
        words::length(*seconds)
    }

    fn whole(&self) -> String {
        words::length(self.report.seconds())
    }

    fn maybe_length(&self, seconds: &Option<f64>, otherwise: &str) -> String {
        seconds.map_or_else(|| otherwise.to_owned(), words::length)
    }

    fn moment(&self, at: &jiff::Timestamp) -> String {
        words::moment(*at)
    }

    fn class(&self, status: &StepStatus) -> &'static str {
        timeline::class(*status)
    }

    fn mark(&self, status: &StepStatus) -> &'static str {
        timeline::mark(*status)
    }

    fn severity(&self, severity: &Severity) -> &'static str {
        match severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }

    fn severity_class(&self, severity: &Severity) -> &'static str {
        match severity {
            Severity::Info => "quiet",
            Severity::Warning => "warn",
            Severity::Error => "bad",
        }
    }

    /// A name of serde's, such as `no-errors`, for the page.
    fn word<T: serde::Serialize>(&self, value: &T) -> String {
        match serde_json::to_value(value) {
            Ok(serde_json::Value::String(text)) => text,
            _ => String::new(),
        }
    }

    /// What the step said, or at least how much it looked at.
    fn happened(&self, step: &StepView) -> String {
        match step.checked {
            Some(checked) if step.message.is_empty() => format!("{checked} checked"),
            _ => step.message.clone(),
        }
    }

    /// Whether anything was found that points at the source, and not only places that could not be read.
    fn leaks(&self) -> bool {
        self.report.leaks.iter().any(|leak| leak.severity > Severity::Info)
    }

    fn factor(&self, change: &crate::view::ChangeView) -> String {
        match change.factor() {
            Some(factor) => format!("{factor:.1}×"),
            None => "–".to_owned(),
        }
    }

    fn objective_answer(&self, met: &Option<bool>) -> &'static str {
        match met {
            Some(true) => "✓ met",
            Some(false) => "✗ not met",
            None => "no limit set",
        }
    }

    fn objective_class(&self, met: &Option<bool>) -> &'static str {
        match met {
            Some(true) => "good",
            Some(false) => "bad",
            None => "quiet",
        }
    }
}
