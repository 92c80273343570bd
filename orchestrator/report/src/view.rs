//! The view model: everything a report says, in the order in which it says it. Also the JSON form, versioned.
//!
//! Nothing in it is secret: it is made from named fields only, never from a step's raw output.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Decision, Finding};
use scenario::RunKind;
use serde::{Deserialize, Serialize};

/// A newer major version is refused when a report is read.
pub const MAJOR: u32 = 1;
pub const MINOR: u32 = 0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillReport {
    /// `1.0`.
    pub report: String,
    pub drill: String,
    pub scenario: String,
    #[serde(default)]
    pub description: String,
    pub kind: RunKind,
    /// SHA-256 of the scenario's text.
    pub scenario_digest: String,
    pub verdict: VerdictView,
    pub started: Timestamp,
    /// The last thing that the journal knows of.
    pub ended: Timestamp,
    #[serde(default)]
    pub controls: Vec<String>,
    #[serde(default)]
    pub objectives: Vec<ObjectiveView>,
    #[serde(default)]
    pub measures: Vec<MeasureView>,
    /// Where the time went, in seconds, as the engine measured it.
    #[serde(default)]
    pub breakdown: Vec<MeasureView>,
    pub steps: Vec<StepView>,
    #[serde(default)]
    pub backups: Vec<BackupView>,
    #[serde(default)]
    pub objects: Vec<ObjectsView>,
    #[serde(default)]
    pub conversions: Vec<ConversionView>,
    #[serde(default)]
    pub rewrites: Vec<RewriteView>,
    /// What still points at the source.
    #[serde(default)]
    pub leaks: Vec<Finding>,
    /// What other verifications found.
    #[serde(default)]
    pub findings: Vec<FindingView>,
    #[serde(default)]
    pub decisions: Vec<Decision>,
    /// How many decisions there were, when the list was cut.
    #[serde(default)]
    pub decisions_total: u64,
    #[serde(default)]
    pub approvals: Vec<ApprovalView>,
    /// What people did besides answering: retried, skipped, cancelled.
    #[serde(default)]
    pub interventions: Vec<InterventionView>,
    pub not_covered: Vec<String>,
    /// What was looked at to be sure that nothing is left.
    #[serde(default)]
    pub nothing_left: Vec<String>,
    /// What is still there on purpose.
    #[serde(default)]
    pub kept: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<ComparisonView>,
    /// Versions and places: what the run was made with and against.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictView {
    /// `Passed`, `Failed`, `Stuck`, `Cancelled`, or `Unfinished`.
    pub word: String,
    /// One sentence for somebody who reads nothing else.
    pub headline: String,
    #[serde(default)]
    pub reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
    /// What could not be removed.
    #[serde(default)]
    pub left: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectiveView {
    /// `Recovery time (RTO)`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_seconds: Option<f64>,
    /// Absent when there is no limit. An objective that could not be measured is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
    pub counted: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasureView {
    pub name: String,
    pub seconds: f64,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    Succeeded,
    Failed,
    Skipped,
    /// A person went on without it.
    SkippedByPerson,
    /// In flight, waiting, or unknown.
    Unfinished,
    NotReached,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    pub id: String,
    #[serde(default)]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub uses: String,
    pub verifies: bool,
    pub status: StepStatus,
    /// One sentence: what was verified, why it failed, why it was skipped.
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub hint: String,
    /// How many things a verification looked at, and how many of them were wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<u64>,
    /// From the first start to the end of the step's own work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    pub spans: Vec<SpanView>,
}

/// A stretch of time in which a step did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpanView {
    pub what: SpanKind,
    pub attempt: u32,
    pub from: Timestamp,
    pub to: Timestamp,
    pub good: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpanKind {
    Run,
    Ask,
    Undo,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupView {
    pub step: String,
    pub name: String,
    pub location: String,
    pub items: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectsView {
    pub step: String,
    pub kind: String,
    pub expected: u64,
    pub created: u64,
    pub updated: u64,
    pub skipped: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversionView {
    pub kind: String,
    pub from: String,
    pub to: String,
    pub items: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewriteView {
    pub transform: String,
    pub items: u64,
    pub fields: u64,
    #[serde(default)]
    pub example: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    pub step: String,
    pub finding: Finding,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView {
    pub step: String,
    pub asked: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// `approved`, `rejected`, `unanswered`.
    pub answer: String,
    #[serde(default)]
    pub by: String,
    #[serde(default)]
    pub comment: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InterventionView {
    pub at: Timestamp,
    pub what: String,
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonView {
    /// The last run of the scenario that passed.
    pub drill: String,
    pub ended: Timestamp,
    pub rows: Vec<ChangeView>,
    /// Steps that took at least twice as long.
    pub slower: Vec<ChangeView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeView {
    pub name: String,
    pub before_seconds: f64,
    pub now_seconds: f64,
}

impl StepStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::SkippedByPerson => "skipped by a person",
            Self::Unfinished => "unfinished",
            Self::NotReached => "not reached",
        }
    }
}

impl StepView {
    /// The title, or the id when there is none.
    pub fn name(&self) -> &str {
        if self.title.is_empty() { &self.id } else { &self.title }
    }
}

impl DrillReport {
    pub fn version() -> String {
        format!("{MAJOR}.{MINOR}")
    }

    pub fn passed(&self) -> bool {
        self.verdict.word == "Passed"
    }

    pub fn seconds(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64().max(0.0)
    }
}
