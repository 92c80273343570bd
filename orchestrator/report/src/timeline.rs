//! The timeline: when each step ran, as one bar chart per step that share one scale.
//!
//! Only geometry; the page draws it. Bars say in words what they show as well.

use crate::view::{DrillReport, SpanKind, StepStatus};
use crate::words;

/// The width of every chart in its own units.
pub const WIDTH: f64 = 1000.0;
/// Short steps are still to be seen.
const LEAST: f64 = 4.0;

#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    pub rows: Vec<Row>,
    pub ticks: Vec<Tick>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    pub group: String,
    pub uses: String,
    pub status: &'static str,
    /// The status as a class name of the page.
    pub class: &'static str,
    pub mark: &'static str,
    /// How long it took, in words.
    pub length: String,
    pub bars: Vec<Bar>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub x: String,
    pub width: String,
    pub class: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// From the left, in percent.
    pub at: String,
    pub text: String,
}

pub fn timeline(report: &DrillReport) -> Timeline {
    let whole = report.seconds().max(1.0);
    let place = |seconds: f64| (seconds / whole * WIDTH).clamp(0.0, WIDTH);
    let rows = report
        .steps
        .iter()
        .map(|step| Row {
            name: step.name().to_owned(),
            group: step.group.clone().unwrap_or_default(),
            uses: step.uses.clone(),
            status: step.status.word(),
            class: class(step.status),
            mark: mark(step.status),
            length: step.seconds.map(words::length).unwrap_or_default(),
            bars: step
                .spans
                .iter()
                .map(|span| {
                    let from = place(span.from.duration_since(report.started).as_secs_f64());
                    let to = place(span.to.duration_since(report.started).as_secs_f64());
                    let width = (to - from).max(LEAST);
                    let class = match (span.what, span.good) {
                        (SpanKind::Run, true) => "run",
                        (SpanKind::Ask, _) => "ask",
                        (SpanKind::Undo, true) => "undo",
                        (SpanKind::Run | SpanKind::Undo, false) => "bad",
                    };
                    Bar { x: number(from.min(WIDTH - width)), width: number(width), class }
                })
                .collect(),
        })
        .collect();
    Timeline { rows, ticks: ticks(whole) }
}

pub fn class(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Succeeded => "good",
        StepStatus::Failed => "bad",
        StepStatus::SkippedByPerson | StepStatus::Unfinished => "warn",
        StepStatus::Skipped | StepStatus::NotReached => "quiet",
    }
}

pub fn mark(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Succeeded => "✓",
        StepStatus::Failed => "✗",
        StepStatus::SkippedByPerson => "!",
        StepStatus::Unfinished => "…",
        StepStatus::Skipped | StepStatus::NotReached => "–",
    }
}

/// Round moments, four or five of them.
fn ticks(whole: f64) -> Vec<Tick> {
    const ROUND: [f64; 22] = [
        0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0,
        21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
    ];
    let step = ROUND.into_iter().find(|step| whole / step <= 5.0).unwrap_or(whole / 4.0);
    let count = (whole / step).floor() as u32;
    (0..=count)
        .map(|index| f64::from(index) * step)
        // A label at the very end would stand over the edge.
        .filter(|seconds| *seconds <= whole * 0.93)
        .map(|seconds| Tick {
            at: number(seconds / whole * 100.0),
            text: if seconds == 0.0 { "0".to_owned() } else { words::length(seconds) },
        })
        .collect()
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
