//! The schedule file: `landfall.dev/v1alpha1`, kind `DrillSchedule`, checked like a scenario, with places.

use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::{Cron, Schedule};
use crate::file::shape::{self, Schema};
use crate::file::{ApiVersion, Metadata};
use crate::format::Outputs;
use crate::period::Period;
use crate::problem::{Place, Problem, Problems};
use crate::yaml::{self, Node};

/// Runs a scenario as a drill, again and again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleFile {
    pub api_version: ApiVersion,
    pub kind: ScheduleKind,
    pub metadata: Metadata,
    pub spec: ScheduleSpec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScheduleKind {
    DrillSchedule,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The scenario's file, relative to this one.
    pub scenario: String,
    #[serde(default)]
    pub inputs: Outputs,
    /// Five fields: minute, hour, day of month, month, day of week; or `@daily` and its like.
    pub cron: String,
    /// An IANA time zone such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    #[serde(default)]
    pub concurrency: Concurrency,
    /// Starts are spread over this length, always the same for the same tick.
    pub jitter: Option<Period>,
    #[serde(default)]
    pub missed: Missed,
    /// How late a missed run may still be started.
    #[serde(default = "a_day")]
    pub missed_within: Period,
    #[serde(default)]
    pub history: History,
    #[serde(default)]
    pub suspend: bool,
    #[serde(default)]
    pub notify: Vec<Notify>,
}

/// What happens when a run is due while another one is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Concurrency {
    /// The new one is skipped.
    #[default]
    Forbid,
    /// Both run.
    Allow,
    /// The old one is cancelled and undone, then the new one starts.
    Replace,
}

/// What happens with runs for which nobody was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    Skip,
    /// The latest of them is made up for.
    #[default]
    RunOnce,
    RunAll,
}

/// How many finished drills are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct History {
    #[serde(default = "ten")]
    pub passed: u32,
    #[serde(default = "ten")]
    pub failed: u32,
}

/// Who is told how a drill ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Notify {
    /// Gets the report's summary as JSON, by POST.
    pub webhook: String,
    /// When; empty means always.
    #[serde(default)]
    pub on: Vec<On>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum On {
    Passed,
    Failed,
    Stuck,
    Cancelled,
    /// The last pass has become too old.
    Stale,
    /// A run was skipped.
    Skipped,
}

impl Default for History {
    fn default() -> Self {
        Self { passed: ten(), failed: ten() }
    }
}

/// Reads a schedule. Whether its scenario exists and its time zone is known is for the caller to see.
pub fn load(text: &str) -> Result<Schedule, Problems> {
    let root = yaml::parse(text)?;
    let schema = schema_for!(ScheduleFile).to_value();
    let mut problems = Vec::new();
    shape::check(&root, Schema::new(&schema), None, &mut problems);
    let spec = root.get("spec");
    let place = |key: &str| spec.and_then(|spec| spec.get(key)).map_or(root.place, |node: &Node| node.place);
    let mut cron = None;
    if let Some(text) = spec.and_then(|spec| spec.get("cron")).and_then(Node::text) {
        match Cron::parse(text) {
            Ok(parsed) => cron = Some(parsed),
            Err(error) => problems.push(Problem::new(place("cron"), model::chain(&error))),
        }
    }
    for notify in spec.and_then(|spec| spec.get("notify")).map(Node::elements).unwrap_or_default() {
        if let Some(webhook) = notify.get("webhook")
            && webhook.text().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            problems.push(Problem::new(webhook.place, "a webhook starts with http:// or https://"));
        }
    }
    if let Some(problems) = Problems::of(problems) {
        return Err(problems);
    }
    let invalid = |message: String| Problems::one(Problem::new(Place { line: 1, column: 1 }, message));
    let file: ScheduleFile =
        serde_json::from_value(root.to_json()).map_err(|error| invalid(format!("this is not a schedule: {error}")))?;
    let Some(cron) = cron else { return Err(invalid("\"cron\" is missing".to_owned())) };
    Ok(Schedule {
        name: file.metadata.name,
        scenario: file.spec.scenario,
        inputs: file.spec.inputs,
        cron,
        zone_name: file.spec.time_zone,
        concurrency: file.spec.concurrency,
        jitter: file.spec.jitter,
        missed: file.spec.missed,
        missed_within: file.spec.missed_within,
        history: file.spec.history,
        suspend: file.spec.suspend,
        notify: file.spec.notify,
    })
}

fn utc() -> String {
    "UTC".to_owned()
}

fn a_day() -> Period {
    Period::hours(24)
}

fn ten() -> u32 {
    10
}
