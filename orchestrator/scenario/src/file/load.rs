//! Text → checked [`Scenario`]. Collects every problem with its place; a problem in one step hides no other step's.
//!
//! Reads no other file: whether a folder or a cluster exists is found out when the scenario is planned.

mod check;
mod fill;
mod known;
mod raw;

use std::collections::{BTreeMap, BTreeSet};

use schemars::schema_for;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::shape::{self, Schema};
use super::{ScenarioFile, order};
use crate::dag::Scenario;
use crate::problem::{Place, Problem, Problems};
use crate::yaml::{self, Node};

const MAX_STEPS: usize = 500;
/// What `${run.…}` offers.
pub const RUN_VALUES: [&str; 6] = ["id", "folder", "kind", "landfall", "scenario", "startedAt"];

pub fn load(text: &str) -> Result<Scenario, Problems> {
    let root = yaml::parse(text)?;
    let mut problems = Vec::new();
    let scenario = Loader { problems: &mut problems }.scenario(&root, text);
    match (Problems::of(problems), scenario) {
        (None, Some(scenario)) => Ok(scenario),
        (Some(problems), _) => Err(problems),
        (None, None) => Err(Problems::one(Problem::new(root.place, "this is not a scenario"))),
    }
}

struct Loader<'a> {
    problems: &'a mut Vec<Problem>,
}

impl Loader<'_> {
    fn scenario(&mut self, root: &Node, text: &str) -> Option<Scenario> {
        let schema = without_steps(schema_for!(ScenarioFile).to_value());
        if let Some(api) = root.get("apiVersion").and_then(Node::text)
            && api != super::API_VERSION
        {
            let place = root.get("apiVersion").map(|node| node.place).unwrap_or_default();
            let problem = Problem::new(place, format!("this version reads {}, not {api}", super::API_VERSION));
            self.problems.push(problem);
            return None;
        }
        shape::check(root, Schema::new(&schema), None, self.problems);
        let file = self.problems.is_empty().then(|| serde_json::from_value::<ScenarioFile>(without(root, "steps")));
        let spec = root.get("spec")?;
        let elements = spec.get("steps").map(Node::elements).unwrap_or_default();
        if let (true, Some(steps)) = (elements.is_empty(), spec.get("steps")) {
            self.problem(steps.place, "a scenario needs at least one step");
        }
        if elements.len() > MAX_STEPS {
            self.problem(spec.place, format!("{} steps are more than the {MAX_STEPS} allowed", elements.len()));
            return None;
        }
        let mut raw = Vec::new();
        let mut names: BTreeMap<String, Place> = BTreeMap::new();
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for element in elements {
            self.element(element, &mut raw, &mut names, &mut groups);
        }
        if raw.len() > MAX_STEPS {
            self.problem(spec.place, format!("{} steps are more than the {MAX_STEPS} allowed", raw.len()));
            return None;
        }
        self.inputs(spec);
        if let Some(name) = root.get("metadata").and_then(|metadata| metadata.get("name"))
            && let Some(text) = name.text()
            && !is_name(text)
        {
            self.problem(
                name.place,
                format!("\"{text}\" is not a name: lower-case letters, digits and dashes, at most 63"),
            );
        }
        let steps = self.steps(&mut raw, &names, &groups, spec);
        let known: Vec<&str> = names.keys().filter(|name| !groups.contains_key(*name)).map(String::as_str).collect();
        for key in ["from", "warmStep"] {
            if let Some(node) = spec.get("objectives").and_then(|objectives| objectives.get(key))
                && let Some(id) = node.text()
                && !known.contains(&id)
            {
                let problem = Problem::new(node.place, format!("there is no step \"{id}\"")).suggest(id, known.clone());
                self.problems.push(problem);
            }
        }
        if let Some(warm) = spec.get("objectives").and_then(|objectives| objectives.entry("warm"))
            && spec.get("objectives").is_some_and(|objectives| objectives.get("warmStep").is_none())
        {
            self.problem(
                warm.key_place,
                "\"warm\" needs \"warmStep\": the step whose end means that the data are warm",
            );
        }
        let stop_on = self.stop_conditions(spec, &raw, &names);
        if let Some(guards) = spec.get("guards") {
            for key in ["budget", "ttl"] {
                if let Some(node) = guards.get(key)
                    && node
                        .text()
                        .is_some_and(|text| crate::period::Period::parse(text).is_ok_and(|period| period.0.is_zero()))
                {
                    self.problem(node.place, format!("a {key} of nothing leaves no time at all"));
                }
            }
        }
        if !self.problems.is_empty() {
            return None;
        }
        let file = match file? {
            Ok(file) => file,
            Err(error) => {
                self.problem(root.place, format!("this is not a scenario: {error}"));
                return None;
            }
        };
        let parallel: BTreeSet<String> =
            raw.iter().filter(|raw| raw.file.parallel).map(|raw| raw.file.id.clone()).collect();
        let mut steps = match order::sort(steps) {
            Ok(steps) => steps,
            Err(circles) => {
                self.problems.extend(circles);
                return None;
            }
        };
        order::add_order(&mut steps, &parallel);
        self.reachable(&steps);
        if !steps.iter().any(|step| step.traits.verifies) {
            let problem = Problem::new(
                spec.get("steps").map(|node| node.place).unwrap_or_default(),
                "the scenario verifies nothing",
            )
            .hint("add a verify step; without one, no run can ever be a pass");
            self.problems.push(problem);
        }
        Some(Scenario {
            name: file.metadata.name,
            description: file.spec.description,
            labels: file.metadata.labels,
            objectives: file.spec.objectives,
            controls: file.spec.controls,
            inputs: file.spec.inputs,
            budget: file.spec.guards.budget,
            ttl: file.spec.guards.ttl,
            stop_on,
            steps,
            on_done: file.spec.on_done,
            on_failure: file.spec.on_failure,
            not_covered: file.spec.not_covered,
            freshness: file.spec.freshness,
            overlap: file.spec.overlap,
            text: text.to_owned(),
            digest: hex::encode(Sha256::digest(text.as_bytes())),
        })
    }

    fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::new(place, message));
    }
}

/// The document with its steps left out: they are read one by one.
fn without(root: &Node, key: &str) -> Value {
    let mut value = root.to_json();
    if let Some(steps) = value.pointer_mut(&format!("/spec/{key}")) {
        *steps = json!([]);
    }
    value
}

fn without_steps(mut schema: Value) -> Value {
    if let Some(steps) = schema.pointer_mut("/$defs/Spec/properties/steps") {
        *steps = json!({ "type": "array" });
    }
    schema
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63 && text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || c == '-')
}

#[cfg(test)]
mod tests;
