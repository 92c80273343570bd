//! The checked scenario: every reference exists, every step knows what it needs, nothing goes in circles.
//!
//! Made by [`crate::load`] only. Running it is the saga's business.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::file::{AfterFailure, Done, Input, Objectives, OnDone, OnFailure, Overlap, Retries};
use crate::format::{Outputs, RunKind};
use crate::period::Period;
use crate::problem::Place;
use crate::steps::{StepKind, Touches, Traits, Uses};
use crate::template::{self, INPUTS, RUN, Reference};
use crate::when::{Expression, When};

#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub description: String,
    pub labels: BTreeMap<String, String>,
    pub objectives: Objectives,
    pub controls: Vec<String>,
    pub inputs: BTreeMap<String, Input>,
    pub budget: Option<Period>,
    pub ttl: Option<Period>,
    pub stop_on: Vec<Expression>,
    /// In an order in which each step comes after what it needs; otherwise as in the file.
    pub steps: Vec<Step>,
    pub on_done: OnDone,
    pub on_failure: OnFailure,
    pub not_covered: Vec<String>,
    pub freshness: Option<Period>,
    pub overlap: Overlap,
    /// The file as it was read: a run keeps it.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal.
    pub digest: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub id: String,
    pub title: String,
    pub group: Option<String>,
    pub uses: Uses,
    /// The parameters with their references still in them.
    pub with: Value,
    /// All of them must hold.
    pub when: Vec<When>,
    /// Every step that must have ended well, or been skipped, before this one starts.
    pub needs: BTreeMap<String, Need>,
    pub timeout: Period,
    pub retries: Retries,
    pub traits: Traits,
    pub place: Place,
}

/// Why a step needs another one; the strongest reason wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Both touch the same cluster or stack, and the file has them in this order.
    Order,
    /// `needs` says so.
    Said,
    /// It uses the other's outputs.
    Output,
}

impl Scenario {
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    pub fn on_done(&self, kind: RunKind) -> Done {
        match kind {
            RunKind::Drill => self.on_done.drill,
            RunKind::Recovery => self.on_done.recovery,
        }
    }

    pub fn on_failure(&self, kind: RunKind) -> AfterFailure {
        match kind {
            RunKind::Drill => self.on_failure.drill,
            RunKind::Recovery => self.on_failure.recovery,
        }
    }

    /// The inputs of a run: what was given, and defaults for the rest. Every problem is named.
    pub fn inputs(&self, given: &Outputs) -> Result<Outputs, Vec<String>> {
        let mut problems = Vec::new();
        let known: Vec<&str> = self.inputs.keys().map(String::as_str).collect();
        for name in given.keys().filter(|name| !self.inputs.contains_key(*name)) {
            let near = crate::problem::nearest(name, &known).map(|word| format!("; did you mean \"{word}\"?"));
            problems.push(format!("unknown input \"{name}\"{}", near.unwrap_or_default()));
        }
        let mut inputs = Outputs::new();
        for (name, input) in &self.inputs {
            let Some(value) = given.get(name).or(input.default.as_ref()) else {
                problems.push(format!("input \"{name}\" has no default and was not given"));
                continue;
            };
            if !input.one_of.is_empty() && !input.one_of.contains(value) {
                let allowed: Vec<String> = input.one_of.iter().map(ToString::to_string).collect();
                problems.push(format!("input \"{name}\" is {value}; allowed are {}", allowed.join(", ")));
            }
            if let Some(default) = &input.default
                && std::mem::discriminant(default) != std::mem::discriminant(value)
            {
                problems.push(format!("input \"{name}\" is {value}, of another type than its default {default}"));
            }
            inputs.insert(name.clone(), value.clone());
        }
        if problems.is_empty() { Ok(inputs) } else { Err(problems) }
    }

    /// Ids of the steps that need this one, directly or through others.
    pub fn dependents(&self, id: &str) -> BTreeSet<&str> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        for step in &self.steps {
            if step.needs.keys().any(|need| need == id || found.contains(need.as_str())) {
                found.insert(&step.id);
            }
        }
        found
    }

    /// Ids of the steps that this one needs, directly or through others.
    pub fn ancestors(&self, id: &str) -> BTreeSet<&str> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&Step> = self.step(id).into_iter().collect();
        while let Some(step) = open.pop() {
            for need in step.needs.keys().filter_map(|need| self.step(need)) {
                if found.insert(&need.id) {
                    open.push(need);
                }
            }
        }
        found
    }
}

impl Step {
    /// What the step needs directly, leaving out what follows from the rest; for drawing.
    pub fn direct_needs<'a>(&'a self, scenario: &'a Scenario) -> Vec<&'a str> {
        let through: BTreeSet<&str> = self.needs.keys().flat_map(|need| scenario.ancestors(need)).collect();
        self.needs.keys().map(String::as_str).filter(|need| !through.contains(need)).collect()
    }

    /// Whether the step runs in a run of this kind at all, as far as that can be known beforehand.
    pub fn is_for(&self, kind: RunKind) -> bool {
        self.when.iter().all(|when| match when {
            When::Only(only) => *only == kind,
            When::Always | When::Expression(_) => true,
        })
    }

    /// The steps whose outputs the parameters use.
    pub fn output_roots(&self) -> BTreeSet<&str> {
        self.needs.iter().filter(|(_, need)| **need == Need::Output).map(|(id, _)| id.as_str()).collect()
    }

    /// The parameters with every reference replaced.
    pub fn resolve(&self, lookup: &dyn Fn(&Reference) -> Result<Value, String>) -> Result<StepKind, String> {
        let value = template::resolve(&self.with, lookup)?;
        let kind = self.uses.read(value).map_err(|error| format!("invalid parameters: {error}"))?;
        match kind.check().first() {
            Some(problem) => Err(problem.clone()),
            None => Ok(kind),
        }
    }

    pub fn is_barrier(&self) -> bool {
        self.traits.touches == Touches::Everything
    }
}

/// Values that a reference can name during a run.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub inputs: &'a Outputs,
    /// `id`, `folder`, `kind`, `landfall`, `scenario`, `startedAt`.
    pub run: &'a Outputs,
    pub outputs: &'a dyn Fn(&str) -> Option<Outputs>,
}

impl Scope<'_> {
    pub fn lookup(&self, reference: &Reference) -> Result<Value, String> {
        let missing = || format!("{reference} has no value");
        let values = match reference.root.as_str() {
            INPUTS => self.inputs.clone(),
            RUN => self.run.clone(),
            step => (self.outputs)(step).ok_or_else(missing)?,
        };
        let root = Value::Object(values.into_iter().collect());
        reference.walk(&root).cloned().ok_or_else(missing)
    }
}
