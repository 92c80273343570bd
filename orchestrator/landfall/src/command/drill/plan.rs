//! `landfall drill plan`: the graph of a scenario, made readable. Reads the file, touches nothing else.

use std::collections::BTreeMap;

use clap::Args;
use scenario::file::Done;
use scenario::{RunKind, Scenario, Step, Uses};
use serde::Serialize;
use serde_json::Value;

use super::load::ScenarioArgs;
use crate::command::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::printer::table;

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// As a recovery: what was built is kept, the cutover steps run.
    #[arg(long)]
    recovery: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DrillPlan {
    scenario: String,
    description: String,
    kind: RunKind,
    digest: String,
    project: String,
    objectives: BTreeMap<String, String>,
    guards: BTreeMap<String, String>,
    inputs: Vec<PlannedInput>,
    /// Steps of one level may run at the same time; each needs only steps of levels before it.
    levels: Vec<Vec<PlannedStep>>,
    on_done: Done,
    permissions: Vec<Permission>,
    not_covered: Vec<String>,
    /// What is wrong already, and would make the run fail.
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedInput {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    description: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlannedStep {
    id: String,
    title: String,
    uses: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    needs: Vec<String>,
    timeout: String,
    verifies: bool,
    /// What is left behind until it is undone.
    leaves: bool,
    /// Absent when the step runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    only_when: Option<String>,
    /// The parameters as they stand in the file.
    with: Value,
}

#[derive(Debug, Serialize)]
struct Permission {
    needed: String,
    steps: Vec<String>,
}

pub(crate) fn run(args: &PlanArgs, context: &Context) -> Outcome {
    let scenario = args.scenario.load()?;
    let kind = if args.recovery { RunKind::Recovery } else { RunKind::Drill };
    let plan = plan(&args.scenario, &scenario, kind)?;
    context.printer.value(&plan, shown)?;
    Ok(if plan.problems.is_empty() { Exit::Good } else { Exit::NotGood })
}

fn plan(args: &ScenarioArgs, scenario: &Scenario, kind: RunKind) -> Result<DrillPlan, Failure> {
    let project = args.project(scenario)?;
    let mut problems = Vec::new();
    let values = match args.inputs(scenario) {
        Ok(values) => values,
        Err(failure) => {
            problems.push(model::chain(failure.error.as_ref()));
            Default::default()
        }
    };
    for path in super::load::relative_paths(scenario) {
        if !project.join(&path).exists() {
            problems.push(format!("{path} is not in {}", project.display()));
        }
    }
    let inputs = scenario.inputs.iter().map(|(name, input)| PlannedInput {
        name: name.clone(),
        value: values.get(name).or(input.default.as_ref()).cloned(),
        description: input.description.clone(),
    });
    Ok(DrillPlan {
        scenario: scenario.name.clone(),
        description: scenario.description.trim().to_owned(),
        kind,
        digest: scenario.digest.clone(),
        project: project.display().to_string(),
        objectives: objectives(scenario),
        guards: guards(scenario),
        inputs: inputs.collect(),
        levels: levels(scenario, kind),
        on_done: scenario.on_done(kind),
        permissions: permissions(scenario, kind),
        not_covered: not_covered(scenario, kind),
        problems,
    })
}

fn objectives(scenario: &Scenario) -> BTreeMap<String, String> {
    let objectives = &scenario.objectives;
    let periods = [("rto", objectives.rto), ("rpo", objectives.rpo), ("warm", objectives.warm)];
    let mut map: BTreeMap<String, String> =
        periods.into_iter().filter_map(|(name, period)| Some((name.to_owned(), period?.to_string()))).collect();
    let from = objectives.from.as_ref().map_or("the start of the run".to_owned(), |step| format!("the end of {step}"));
    map.insert("countedFrom".to_owned(), from);
    map
}

fn guards(scenario: &Scenario) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    if let Some(budget) = scenario.budget {
        map.insert("budget".to_owned(), budget.to_string());
    }
    if let Some(ttl) = scenario.ttl {
        map.insert("ttl".to_owned(), ttl.to_string());
    }
    if !scenario.stop_on.is_empty() {
        let conditions: Vec<&str> = scenario.stop_on.iter().map(|condition| condition.text.as_str()).collect();
        map.insert("stopOn".to_owned(), conditions.join("; "));
    }
    map
}

/// Each step one level below the deepest that it needs.
fn levels(scenario: &Scenario, kind: RunKind) -> Vec<Vec<PlannedStep>> {
    let mut depth: BTreeMap<&str, usize> = BTreeMap::new();
    let mut levels: Vec<Vec<PlannedStep>> = Vec::new();
    for step in &scenario.steps {
        let below =
            step.needs.keys().filter_map(|need| depth.get(need.as_str())).max().map_or(0, |deepest| deepest + 1);
        depth.insert(&step.id, below);
        if levels.len() <= below {
            levels.resize_with(below + 1, Vec::new);
        }
        levels[below].push(planned(scenario, step, kind));
    }
    levels
}

fn planned(scenario: &Scenario, step: &Step, kind: RunKind) -> PlannedStep {
    let only_when = if step.is_for(kind) {
        let conditions: Vec<String> = step
            .when
            .iter()
            .filter_map(|when| match when {
                scenario::when::When::Expression(expression) => Some(expression.text.clone()),
                scenario::when::When::Always | scenario::when::When::Only(_) => None,
            })
            .collect();
        (!conditions.is_empty()).then(|| conditions.join(" and "))
    } else {
        let other = match kind {
            RunKind::Drill => RunKind::Recovery,
            RunKind::Recovery => RunKind::Drill,
        };
        Some(format!("{other}; left out here"))
    };
    PlannedStep {
        id: step.id.clone(),
        title: step.title.clone(),
        uses: step.uses.name().to_owned(),
        group: step.group.clone(),
        needs: step.direct_needs(scenario).into_iter().map(str::to_owned).collect(),
        timeout: step.timeout.to_string(),
        verifies: step.traits.verifies,
        leaves: step.traits.leaves,
        only_when,
        with: step.with.clone(),
    }
}

/// What a step of a kind is allowed to do, or fails.
fn needed(uses: Uses) -> &'static [&'static str] {
    match uses {
        Uses::TerraformPlan => {
            &["terraform or tofu on the PATH", "cloud: read what the stack describes, read its state"]
        }
        Uses::TerraformApply | Uses::TerraformDestroy => &[
            "terraform or tofu on the PATH",
            "cloud: create, change and delete what the stack describes, write and lock its state",
        ],
        Uses::ClusterConnect => &["cloud: describe the cluster and mint its token (EKS only)"],
        Uses::ClusterWait => &["cluster: read nodes and what the conditions name"],
        Uses::ClusterApply => &["cluster: get, create and patch what the manifests hold, delete it again"],
        Uses::ClusterDrain => &["cluster: list and delete Services, Ingresses and claims in every namespace"],
        Uses::BackupRun => &["cluster: list everything that is backed up", "location: read, write and delete"],
        Uses::BackupPick => &["location: read"],
        Uses::RestorePlan => &["location: read", "cluster: read everything"],
        Uses::RestoreRun => {
            &["location: read and write", "cluster: read, create and patch everything that is restored"]
        }
        Uses::VerifyReady => &["cluster: read workloads, claims and Services"],
        Uses::VerifyObjects | Uses::VerifyQuery => &["cluster: read what is checked"],
        Uses::VerifyHttp | Uses::VerifyTcp => &["network or cluster: reach the Service (port-forward where needed)"],
        Uses::VerifyExec => &["cluster: create pods/exec"],
        Uses::VerifyReferences => &["cluster: list everything, Secrets included"],
        Uses::VerifyCanary => &["cluster: get, create and delete one Secret"],
        Uses::Command => &["this machine: run the program that the step names"],
        Uses::Approve | Uses::Pause => &[],
    }
}

fn permissions(scenario: &Scenario, kind: RunKind) -> Vec<Permission> {
    let mut by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for step in scenario.steps.iter().filter(|step| step.is_for(kind)) {
        for needed in needed(step.uses) {
            by.entry(needed).or_default().push(step.id.clone());
        }
    }
    by.into_iter().map(|(needed, steps)| Permission { needed: needed.to_owned(), steps }).collect()
}

fn not_covered(scenario: &Scenario, kind: RunKind) -> Vec<String> {
    let mut lines = scenario.not_covered.clone();
    for step in scenario.steps.iter().filter(|step| !step.is_for(kind)) {
        lines.push(format!("{}: left out of a {kind}", step.id));
    }
    if !scenario.steps.iter().any(|step| step.traits.verifies && step.is_for(kind)) {
        lines.push("anything at all: no step verifies something, so the run cannot pass".to_owned());
    }
    let asks = |uses: &[Uses]| scenario.steps.iter().any(|step| uses.contains(&step.uses) && step.is_for(kind));
    if !asks(&[Uses::VerifyHttp, Uses::VerifyTcp, Uses::VerifyExec]) {
        lines.push("no step asks an application for an answer".to_owned());
    }
    if !asks(&[Uses::VerifyCanary]) {
        lines.push("no canary shows that values come back byte for byte".to_owned());
    }
    for (name, limit) in [("RTO", scenario.objectives.rto), ("RPO", scenario.objectives.rpo)] {
        if limit.is_none() {
            lines.push(format!("no objective for {name} is set"));
        }
    }
    lines
}

fn shown(plan: &DrillPlan) -> String {
    let mut text = format!("{} of {}\n", plan.kind, plan.scenario);
    if !plan.description.is_empty() {
        text.push_str(&format!("{}\n", plan.description));
    }
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    };
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    section("objectives", pairs(&plan.objectives));
    section("guards", pairs(&plan.guards));
    let inputs = plan.inputs.iter().map(|input| {
        let value = input.value.as_ref().map_or("(must be given)".to_owned(), Value::to_string);
        format!("{} = {value}  {}", input.name, input.description).trim_end().to_owned()
    });
    section("inputs", inputs.collect());
    let rows = plan.levels.iter().enumerate().flat_map(|(number, level)| {
        level.iter().map(move |step| {
            let mut notes = Vec::new();
            if step.verifies {
                notes.push("verifies".to_owned());
            }
            if step.leaves {
                notes.push("undone at the end".to_owned());
            }
            notes.extend(step.only_when.iter().map(|when| format!("when {when}")));
            let needs = step.needs.join(", ");
            vec![
                (number + 1).to_string(),
                step.id.clone(),
                step.uses.clone(),
                needs,
                step.timeout.clone(),
                notes.join("; "),
            ]
        })
    });
    let steps = table(&["level", "step", "uses", "needs", "timeout", "notes"], rows);
    section("steps (those of one level may run at once)", steps.lines().map(str::to_owned).collect());
    let after = match plan.on_done {
        Done::Destroy => "everything that was built is destroyed, in reverse order",
        Done::Keep => "what was built is kept",
    };
    section("afterwards", vec![after.to_owned()]);
    let permissions =
        plan.permissions.iter().map(|permission| format!("{} ({})", permission.needed, permission.steps.join(", ")));
    section("permissions needed", permissions.collect());
    section("not covered", plan.not_covered.iter().map(|line| format!("- {line}")).collect());
    section("problems", plan.problems.iter().map(|line| format!("- {line}")).collect());
    text
}
