//! The report for CI systems: every step and every objective a test case, and the verdict as one of its own.
//!
//! A verification that was not made is an error, not a skip: CI systems show skips as green.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::ReportError;
use crate::view::{DrillReport, StepStatus, StepView};
use crate::words;

pub fn junit(report: &DrillReport) -> Result<String, ReportError> {
    let mut suite = TestSuite::new(report.scenario.as_str());
    suite.set_time(length(report.seconds()));
    suite.add_property(("drill", report.drill.as_str()));
    suite.add_property(("kind", report.kind.to_string().as_str()));
    suite.add_property(("verdict", report.verdict.word.as_str()));
    suite.add_property(("scenarioDigest", report.scenario_digest.as_str()));
    suite.add_property(("started", report.started.to_string().as_str()));

    let status = match report.passed() {
        true => TestCaseStatus::success(),
        false => non_success(NonSuccessKind::Failure, &report.verdict.headline, &report.verdict.reasons.join("\n")),
    };
    suite.add_test_case(case("verdict", "verdict", status, report.seconds()));
    for step in &report.steps {
        suite.add_test_case(case(
            &step.id,
            &step.uses,
            step_status(step, report.passed()),
            step.seconds.unwrap_or(0.0),
        ));
    }
    for objective in &report.objectives {
        let measured = objective.measured_seconds.map_or("not measured".to_owned(), words::length);
        let status = match (objective.met, objective.limit_seconds) {
            (Some(true), _) => TestCaseStatus::success(),
            (Some(false), limit) => {
                let message = format!("{measured}, where {} are allowed", limit.map_or(String::new(), words::length));
                non_success(NonSuccessKind::Failure, &message, &objective.counted)
            }
            (None, _) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(format!("{measured}; no limit is set"));
                status
            }
        };
        suite.add_test_case(case(&objective.name, "objective", status, objective.measured_seconds.unwrap_or(0.0)));
    }
    let mut file = Report::new("landfall");
    file.add_test_suite(suite);
    Ok(file.to_string()?)
}

fn step_status(step: &StepView, passed: bool) -> TestCaseStatus {
    let body = [step.message.as_str(), step.hint.as_str()].join("\n");
    match step.status {
        StepStatus::Succeeded => TestCaseStatus::success(),
        StepStatus::Failed => non_success(NonSuccessKind::Failure, &step.message, body.trim()),
        StepStatus::Skipped if passed || !step.verifies || step.message.starts_with("only when") => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(step.message.as_str());
            status
        }
        StepStatus::Skipped | StepStatus::SkippedByPerson | StepStatus::Unfinished | StepStatus::NotReached => {
            let message = if step.message.is_empty() { step.status.word() } else { step.message.as_str() };
            match step.verifies || step.status != StepStatus::NotReached {
                true => non_success(NonSuccessKind::Error, &format!("not checked: {message}"), body.trim()),
                false => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(message);
                    status
                }
            }
        }
    }
}

fn non_success(kind: NonSuccessKind, message: &str, body: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(body);
    status
}

fn case(name: &str, class: &str, status: TestCaseStatus, seconds: f64) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case.set_time(length(seconds));
    case
}

fn length(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
