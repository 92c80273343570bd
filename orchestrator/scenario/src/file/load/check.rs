//! Steps against each other: what they refer to, what they wait for, in which kind of run they are there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::shape::{self, Schema};
use super::Loader;
use super::fill::required;
use super::known::known;
use super::raw::Raw;
use crate::dag::{Need, Step};
use crate::format::RunKind;
use crate::problem::{Place, Problem};
use crate::steps::Uses;
use crate::template::Reference;
use crate::when::{Expression, When};
use crate::yaml::{Node, NodeValue};

impl Loader<'_> {
    pub(super) fn steps(
        &mut self,
        raw: &mut [Raw],
        names: &BTreeMap<String, Place>,
        groups: &BTreeMap<String, Vec<String>>,
        spec: &Node,
    ) -> Vec<Step> {
        self.fill_in(raw);
        let outputs: BTreeMap<Uses, Value> = raw
            .iter()
            .map(|raw| raw.uses)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|uses| (uses, uses.outputs()))
            .collect();
        let kinds: BTreeMap<String, Uses> = raw.iter().map(|raw| (raw.file.id.clone(), raw.uses)).collect();
        let lookup =
            |reference: &Reference, place: Place| known(reference, place, &kinds, &outputs, names, groups, spec);
        let mut steps = Vec::new();
        for raw in raw.iter() {
            if let Some(step) = self.checked(raw, &lookup, &kinds, names, groups) {
                steps.push(step);
            }
        }
        steps
    }

    fn checked(
        &mut self,
        raw: &Raw,
        lookup: &shape::Known<'_>,
        kinds: &BTreeMap<String, Uses>,
        names: &BTreeMap<String, Place>,
        groups: &BTreeMap<String, Vec<String>>,
    ) -> Option<Step> {
        let before = self.problems.len();
        let parameters = raw.uses.parameters();
        let empty = Node { place: raw.node.place, value: NodeValue::Map(Vec::new()) };
        let with = raw.node.get("with").filter(|node| node.value != NodeValue::Null).unwrap_or(&empty);
        let place = if with.place.line > 0 { with.place } else { raw.node.place };
        let cluster_reported =
            required(&parameters, "cluster") && !with.entries().iter().any(|entry| entry.key == "cluster");
        let sample = shape::check(with, Schema::new(&parameters), Some(lookup), self.problems);
        if cluster_reported {
            // `fill_in` has said so already, and better.
            let silent = Problem::new(with.place, "\"cluster\" is missing");
            self.problems.retain(|problem| *problem != silent);
        }
        let mut needs: BTreeMap<String, Need> = BTreeMap::new();
        for reference in crate::template::references(&with.to_json()) {
            if kinds.contains_key(&reference.root) {
                needs.insert(reference.root, Need::Output);
            }
        }
        let mut when = Vec::new();
        let own = raw.node.get("when").and_then(|node| node.text().map(|text| (node.place, text.to_owned())));
        for (place, text) in raw.group_when.iter().cloned().chain(own) {
            match When::parse(&text) {
                Ok(parsed) => {
                    for reference in parsed.references() {
                        match lookup(&reference, place) {
                            Err(problem) => self.problems.push(problem),
                            Ok(_) if kinds.contains_key(&reference.root) => {
                                needs.entry(reference.root).or_insert(Need::Output);
                            }
                            Ok(_) => {}
                        }
                    }
                    when.push(parsed);
                }
                Err(message) => self.problem(place, message),
            }
        }
        let own_needs = raw.node.get("needs").map(Node::elements).unwrap_or_default();
        let said = own_needs.iter().filter_map(|need| need.text().map(|text| (need.place, text.to_owned())));
        for (place, name) in said.chain(raw.group_needs.iter().cloned()) {
            match groups.get(&name) {
                Some(_) if raw.group.as_ref() == Some(&name) => {
                    self.problem(place, format!("the step is part of \"{name}\" and cannot wait for it"));
                }
                Some(members) => {
                    for member in members {
                        needs.entry(member.clone()).or_insert(Need::Said);
                    }
                }
                None if kinds.contains_key(&name) => {
                    needs.entry(name).or_insert(Need::Said);
                }
                None if names.contains_key(&name) => {}
                None => {
                    let known = names.keys().map(String::as_str);
                    self.problems
                        .push(Problem::new(place, format!("there is no step \"{name}\"")).suggest(&name, known));
                }
            }
        }
        if raw.file.timeout.is_some_and(|timeout| timeout.0.is_zero()) {
            self.problem(raw.node.place, "a timeout of nothing leaves no time at all");
        }
        if raw.file.retries.times > 100 {
            self.problem(raw.node.place, format!("{} retries are more than the 100 allowed", raw.file.retries.times));
        }
        if cluster_reported || self.problems.len() > before {
            return None;
        }
        let kind = match raw.uses.read(sample) {
            Ok(kind) => kind,
            Err(error) => {
                self.problem(place, format!("invalid parameters of {}: {error}", raw.uses.name()));
                return None;
            }
        };
        for message in kind.check() {
            self.problem(place, message);
        }
        let traits = kind.traits();
        Some(Step {
            id: raw.file.id.clone(),
            title: raw.file.title.clone(),
            group: raw.group.clone(),
            uses: raw.uses,
            with: with.to_json(),
            when,
            needs,
            timeout: raw.file.timeout.unwrap_or(traits.timeout),
            retries: raw.file.retries,
            traits,
            place: raw.node.place,
        })
    }

    pub(super) fn stop_conditions(
        &mut self,
        spec: &Node,
        raw: &[Raw],
        names: &BTreeMap<String, Place>,
    ) -> Vec<Expression> {
        let kinds: BTreeMap<String, Uses> = raw.iter().map(|raw| (raw.file.id.clone(), raw.uses)).collect();
        let outputs: BTreeMap<Uses, Value> = kinds.values().map(|uses| (*uses, uses.outputs())).collect();
        let mut found = Vec::new();
        let conditions =
            spec.get("guards").and_then(|guards| guards.get("stopOn")).map(Node::elements).unwrap_or_default();
        for node in conditions {
            let Some(text) = node.text() else { continue };
            match Expression::parse(text) {
                Ok(expression) => {
                    if expression.references().is_empty() {
                        self.problem(node.place, "a stop condition that looks at no step's output never changes");
                    }
                    for reference in expression.references() {
                        if let Err(problem) =
                            known(&reference, node.place, &kinds, &outputs, names, &BTreeMap::new(), spec)
                        {
                            self.problems.push(problem);
                        }
                    }
                    found.push(expression);
                }
                Err(message) => self.problem(node.place, message),
            }
        }
        found
    }

    /// A step must not use what only exists in the other kind of run.
    pub(super) fn reachable(&mut self, steps: &[Step]) {
        let by_id: BTreeMap<&str, &Step> = steps.iter().map(|step| (step.id.as_str(), step)).collect();
        for step in steps {
            for root in step.output_roots() {
                let Some(giver) = by_id.get(root) else { continue };
                for kind in [RunKind::Drill, RunKind::Recovery] {
                    if step.is_for(kind) && !giver.is_for(kind) {
                        let message = format!("\"{}\" uses \"{root}\", which does not run in a {kind}", step.id);
                        let other = if kind == RunKind::Drill { RunKind::Recovery } else { RunKind::Drill };
                        self.problems
                            .push(Problem::new(step.place, message).hint(format!("give it \"when: {other}\" too")));
                    }
                }
            }
        }
    }
}
