//! The scenario file as people write it: `landfall.dev/v1alpha1`, kind `Scenario`.
//!
//! These types are the file's shape and its documentation; the checked scenario is [`crate::Scenario`].

pub mod load;
pub mod order;
pub mod schema;
pub mod shape;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::period::Period;

pub const API_VERSION: &str = "landfall.dev/v1alpha1";
pub const KIND: &str = "Scenario";

/// A recovery scenario: run as a drill it proves itself and destroys what it built, run as a recovery it keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScenarioFile {
    pub api_version: ApiVersion,
    pub kind: FileKind,
    pub metadata: Metadata,
    pub spec: Spec,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    #[serde(rename = "landfall.dev/v1alpha1")]
    V1Alpha1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FileKind {
    Scenario,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Lower-case letters, digits and dashes; part of the ids of its drills.
    pub name: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// What the scenario proves, in a sentence or two.
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub objectives: Objectives,
    /// Controls of an audit framework that a pass is evidence for: `SOC2-A1.3`.
    #[serde(default)]
    pub controls: Vec<String>,
    /// Values given when a run is started, as `${inputs.name}`.
    #[serde(default)]
    pub inputs: BTreeMap<String, Input>,
    #[serde(default)]
    pub guards: Guards,
    /// The steps; they run as soon as what they need is done, several at once.
    pub steps: Vec<StepOrGroup>,
    #[serde(default)]
    pub on_done: OnDone,
    #[serde(default)]
    pub on_failure: OnFailure,
    /// What the scenario knowingly does not prove; part of every report.
    #[serde(default)]
    pub not_covered: Vec<String>,
    /// A last pass older than this is itself a failure.
    pub freshness: Option<Period>,
    /// Whether several runs of this scenario may be under way at once.
    #[serde(default)]
    pub overlap: Overlap,
}

/// What the business asks for; measured in every run, and a miss is a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objectives {
    /// Recovery time: from the disaster to the last good verification.
    pub rto: Option<Period>,
    /// Recovery point: how old the restored data may be at the disaster.
    pub rpo: Option<Period>,
    /// From the disaster until the data are warm: the end of the step that `warmStep` names.
    pub warm: Option<Period>,
    /// The step whose end means that the data are warm.
    pub warm_step: Option<String>,
    /// The step that plays the disaster; without it, the disaster is the start of the run.
    pub from: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    #[serde(default)]
    pub description: String,
    /// Used when a run gives no value; an input without a default must be given.
    pub default: Option<Value>,
    /// The values that are allowed; empty means any of the default's type.
    #[serde(default)]
    pub one_of: Vec<Value>,
}

/// Limits of a drill. A recovery is never stopped by them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guards {
    /// How long the steps may take together, waiting for people included.
    pub budget: Option<Period>,
    /// How long anything built may live. When it is over, everything is undone, whatever the state.
    pub ttl: Option<Period>,
    /// Expressions over step outputs; when one becomes true, the drill stops: `${restore.failed} > 10`.
    #[serde(default)]
    pub stop_on: Vec<String>,
}

/// What happens to what was built, when the run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnDone {
    #[serde(default = "destroy")]
    pub drill: Done,
    #[serde(default = "keep")]
    pub recovery: Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// Every step is undone, in reverse order.
    Destroy,
    /// It stays; in a drill until its time to live is over.
    Keep,
}

/// What happens when a step has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnFailure {
    #[serde(default = "stop")]
    pub drill: AfterFailure,
    #[serde(default = "wait")]
    pub recovery: AfterFailure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// Nothing more is started, and the run ends. Failed verifications do not stop other verifications.
    Stop,
    /// The run waits for a person: retry the step, skip it, or cancel.
    Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overlap {
    /// A second run is refused while one is unfinished.
    #[default]
    Forbid,
    Allow,
}

/// One step, or steps under a common name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepOrGroup {
    Group(GroupFile),
    Step(StepFile),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupFile {
    /// The group's name; `needs: [name]` means all of its steps.
    pub group: String,
    #[serde(default)]
    pub title: String,
    /// Holds for every step of the group, besides the step's own.
    pub when: Option<String>,
    /// Steps or groups that must be done before any step of this one starts.
    #[serde(default)]
    pub needs: Vec<String>,
    pub steps: Vec<StepFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepFile {
    /// How other steps refer to it: letters, digits, dashes.
    pub id: String,
    /// The kind of step: `terraform.apply`.
    pub uses: String,
    /// What it does, for people.
    #[serde(default)]
    pub title: String,
    /// The kind's parameters; `${step.output}`, `${inputs.name}` and `${run.id}` are replaced.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    /// Steps or groups to wait for, besides those that the parameters refer to.
    #[serde(default)]
    pub needs: Vec<String>,
    /// `always`, `drill`, `recovery`, or an expression such as `${restore.blocked} == 0`.
    pub when: Option<String>,
    /// How long one attempt may take.
    pub timeout: Option<Period>,
    #[serde(default)]
    pub retries: Retries,
    /// Does not wait for earlier steps that touch the same cluster or stack.
    #[serde(default)]
    pub parallel: bool,
}

/// How often a failed attempt is made again, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retries {
    #[serde(default)]
    pub times: u32,
    /// The first wait; each next one is twice as long.
    #[serde(default = "backoff")]
    pub backoff: Period,
    /// The longest wait.
    #[serde(default = "longest")]
    pub longest: Period,
}

impl Default for OnDone {
    fn default() -> Self {
        Self { drill: Done::Destroy, recovery: Done::Keep }
    }
}

impl Default for OnFailure {
    fn default() -> Self {
        Self { drill: AfterFailure::Stop, recovery: AfterFailure::Wait }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self { times: 0, backoff: backoff(), longest: longest() }
    }
}

impl Retries {
    /// How long to wait before attempt `attempt + 1`, when `attempt` (counted from 1) has failed.
    pub fn wait_after(&self, attempt: u32) -> Period {
        let doubled = self.backoff.0.saturating_mul(1 << attempt.saturating_sub(1).min(20));
        Period(doubled.min(self.longest.0))
    }
}

fn destroy() -> Done {
    Done::Destroy
}

fn keep() -> Done {
    Done::Keep
}

fn stop() -> AfterFailure {
    AfterFailure::Stop
}

fn wait() -> AfterFailure {
    AfterFailure::Wait
}

fn backoff() -> Period {
    Period::seconds(10)
}

fn longest() -> Period {
    Period::minutes(5)
}
