//! Text → checked [`Scenario`]. Collects every problem with its place; a problem in one step hides no other step's.
//!
//! Reads no other file: whether a folder or a cluster exists is found out when the scenario is planned.

use std::collections::{BTreeMap, BTreeSet};

use schemars::schema_for;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::shape::{self, OwnedSchema, Schema};
use super::{GroupFile, ScenarioFile, StepFile, order, schema::is_filled_in};
use crate::dag::{Need, Scenario, Step};
use crate::format::RunKind;
use crate::problem::{Place, Problem, Problems};
use crate::steps::Uses;
use crate::template::{INPUTS, RUN, Reference};
use crate::when::{Expression, When};
use crate::yaml::{self, Entry, Node, NodeValue};

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

/// A step before its references are known to be good.
struct Raw {
    file: StepFile,
    node: Node,
    uses: Uses,
    group: Option<String>,
    group_when: Option<(Place, String)>,
    group_needs: Vec<(Place, String)>,
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

    /// One element of `steps`: a step, or a group of them.
    fn element(
        &mut self,
        element: &Node,
        raw: &mut Vec<Raw>,
        names: &mut BTreeMap<String, Place>,
        groups: &mut BTreeMap<String, Vec<String>>,
    ) {
        let is_group =
            element.get("group").is_some() || (element.get("steps").is_some() && element.get("uses").is_none());
        if !is_group {
            self.step(element, None, raw, names);
            return;
        }
        let mut schema = schema_for!(GroupFile).to_value();
        if let Some(steps) = schema.pointer_mut("/properties/steps") {
            *steps = json!({ "type": "array" });
        }
        shape::check(element, Schema::new(&schema), None, self.problems);
        let name = element.get("group").and_then(|node| node.text().map(|text| (node.place, text.to_owned())));
        if let Some((place, name)) = &name {
            self.name(name, *place, names);
            groups.entry(name.clone()).or_default();
        }
        let first = raw.len();
        for step in element.get("steps").map(Node::elements).unwrap_or_default() {
            self.step(step, Some(element), raw, names);
        }
        if let Some((_, name)) = name {
            groups.entry(name).or_default().extend(raw[first..].iter().map(|raw| raw.file.id.clone()));
        }
    }

    fn step(&mut self, node: &Node, group: Option<&Node>, raw: &mut Vec<Raw>, names: &mut BTreeMap<String, Place>) {
        let mut schema = schema_for!(StepFile).to_value();
        for (key, open) in [
            ("/properties/with", json!({ "type": ["object", "null"] })),
            ("/properties/uses", json!({ "type": "string" })),
        ] {
            if let Some(part) = schema.pointer_mut(key) {
                *part = open;
            }
        }
        let before = self.problems.len();
        shape::check(node, Schema::new(&schema), None, self.problems);
        if let Some(id) = node.get("id")
            && let Some(text) = id.text()
        {
            self.name(text, id.place, names);
        }
        let uses = node.get("uses").and_then(|uses| uses.text().map(|text| (uses.place, text)));
        let Some((place, text)) = uses else { return };
        let Some(uses) = Uses::parse(text) else {
            let known = Uses::ALL.iter().map(|uses| uses.name());
            self.problems.push(Problem::new(place, format!("unknown kind of step \"{text}\"")).suggest(text, known));
            return;
        };
        // A step that is wrong in one key is still checked in the others.
        let text_of = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default().to_owned();
        let value = match self.problems.len() > before {
            true => json!({ "id": text_of("id"), "uses": text_of("uses") }),
            false => with_map(node),
        };
        match serde_json::from_value::<StepFile>(value) {
            Ok(file) => {
                let needs = group.and_then(|group| group.get("needs")).map(Node::elements).unwrap_or_default();
                raw.push(Raw {
                    file,
                    node: node.clone(),
                    uses,
                    group: group.and_then(|group| group.get("group")).and_then(Node::text).map(str::to_owned),
                    group_when: group
                        .and_then(|group| group.get("when"))
                        .and_then(|when| when.text().map(|text| (when.place, text.to_owned()))),
                    group_needs: needs
                        .iter()
                        .filter_map(|need| need.text().map(|text| (need.place, text.to_owned())))
                        .collect(),
                });
            }
            Err(error) => self.problem(node.place, format!("this is not a step: {error}")),
        }
    }

    fn name(&mut self, name: &str, place: Place, names: &mut BTreeMap<String, Place>) {
        if !is_id(name) {
            self.problem(
                place,
                format!("\"{name}\" is not an id: letters, digits, dashes and underscores, at most 63, a letter first"),
            );
        }
        if [INPUTS, RUN].contains(&name) {
            self.problem(place, format!("\"{name}\" is reserved"));
        }
        match names.get(name) {
            Some(first) => {
                let message = format!("the id \"{name}\" is taken by line {}", first.line);
                self.problem(place, message);
            }
            None => {
                names.insert(name.to_owned(), place);
            }
        }
    }

    fn inputs(&mut self, spec: &Node) {
        for entry in spec.get("inputs").map(Node::entries).unwrap_or_default() {
            if !is_id(&entry.key) {
                self.problem(entry.key_place, format!("\"{}\" is not a name for an input", entry.key));
            }
            let default = entry.node.get("default").filter(|node| node.value != NodeValue::Null);
            let allowed = entry.node.get("oneOf").map(Node::elements).unwrap_or_default();
            if let Some(default) = default
                && !allowed.is_empty()
                && !allowed.iter().any(|one| one.to_json() == default.to_json())
            {
                self.problem(default.place, format!("the default of \"{}\" is not one of its values", entry.key));
            }
        }
    }

    fn steps(
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

    /// Adds what a step may leave out because the scenario says it elsewhere.
    fn fill_in(&mut self, raw: &mut [Raw]) {
        let connects: Vec<String> =
            raw.iter().filter(|raw| raw.uses == Uses::ClusterConnect).map(|raw| raw.file.id.clone()).collect();
        let mut restored: BTreeMap<&str, Node> = BTreeMap::new();
        let kinds: BTreeMap<String, Uses> = raw.iter().map(|raw| (raw.file.id.clone(), raw.uses)).collect();
        for raw in raw.iter_mut() {
            let parameters = raw.uses.parameters();
            let schema = Schema::new(&parameters);
            let place = raw.node.place;
            let Some(with) = with_entries(&mut raw.node) else { continue };
            for name in ["cluster", "backup", "location"] {
                if schema.part(name).is_none()
                    || !is_filled_in(raw.uses, name)
                    || with.iter().any(|entry| entry.key == name)
                {
                    continue;
                }
                let verifies = raw.uses.traits().verifies;
                let text = |text: String| Node { place, value: NodeValue::Text(text) };
                let value = match name {
                    "cluster" if verifies && restored.contains_key("cluster") => restored.get("cluster").cloned(),
                    "cluster" => match connects.as_slice() {
                        [only] => Some(text(format!("${{{only}.handle}}"))),
                        _ => None,
                    },
                    "location" => with
                        .iter()
                        .find(|entry| entry.key == "backup")
                        .and_then(|entry| entry.node.text())
                        .and_then(|text| text.strip_prefix("${")?.strip_suffix(".name}"))
                        .filter(|step| matches!(kinds.get(*step), Some(Uses::BackupRun | Uses::BackupPick)))
                        .map(|step| text(format!("${{{step}.location}}")))
                        .or_else(|| restored.get("location").filter(|_| verifies).cloned()),
                    _ => restored.get(name).cloned(),
                };
                if let Some(node) = value {
                    with.push(Entry { key: name.to_owned(), key_place: place, node: Node { place, ..node } });
                } else if name == "cluster" && required(&parameters, name) {
                    let mut problem = Problem::new(place, "\"cluster\" is missing");
                    problem = match connects.as_slice() {
                        [] => problem.hint("connect to one with a cluster.connect step"),
                        several => problem.hint(format!(
                            "which one? {}",
                            several.iter().map(|id| format!("${{{id}.handle}}")).collect::<Vec<_>>().join(" or ")
                        )),
                    };
                    self.problems.push(problem);
                }
            }
            if raw.uses == Uses::RestoreRun {
                for name in ["cluster", "backup", "location"] {
                    if let Some(entry) = with.iter().find(|entry| entry.key == name) {
                        restored.insert(name, entry.node.clone());
                    }
                }
            }
        }
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

    fn stop_conditions(&mut self, spec: &Node, raw: &[Raw], names: &BTreeMap<String, Place>) -> Vec<Expression> {
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
    fn reachable(&mut self, steps: &[Step]) {
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

/// What a reference gives, or why it gives nothing.
fn known(
    reference: &Reference,
    place: Place,
    kinds: &BTreeMap<String, Uses>,
    outputs: &BTreeMap<Uses, Value>,
    names: &BTreeMap<String, Place>,
    groups: &BTreeMap<String, Vec<String>>,
    spec: &Node,
) -> Result<Option<OwnedSchema>, Problem> {
    let problem = |message: String| Problem::new(place, message);
    let plain = |kind: &str| Ok(Some(OwnedSchema { root: json!({}), here: json!({ "type": kind }) }));
    let first = reference.path.first().map(String::as_str);
    match reference.root.as_str() {
        INPUTS => {
            let inputs = spec.get("inputs").map(Node::entries).unwrap_or_default();
            let known = inputs.iter().map(|entry| entry.key.as_str());
            let Some(name) = first else {
                return Err(problem(format!("{reference} names no input")).suggest("", known));
            };
            let Some(entry) = inputs.iter().find(|entry| entry.key == name) else {
                return Err(problem(format!("there is no input \"{name}\"")).suggest(name, known));
            };
            match entry.node.get("default").map(|node| &node.value) {
                Some(NodeValue::Text(_)) => plain("string"),
                Some(NodeValue::Bool(_)) => plain("boolean"),
                Some(NodeValue::Number(number)) => plain(if number.is_f64() { "number" } else { "integer" }),
                _ => Ok(None),
            }
        }
        RUN => match (first, reference.path.len()) {
            (Some(name), 1) if RUN_VALUES.contains(&name) => plain("string"),
            (Some(name), _) => Err(problem(format!("there is no {reference}")).suggest(name, RUN_VALUES)),
            (None, _) => Err(problem("${run} names no value".to_owned()).suggest("", RUN_VALUES)),
        },
        root => {
            let Some(uses) = kinds.get(root) else {
                if names.contains_key(root) && !groups.contains_key(root) {
                    return Ok(None);
                }
                let known = names.keys().filter(|name| !groups.contains_key(*name)).map(String::as_str);
                let known = known.chain([INPUTS, RUN]);
                return Err(problem(format!("there is no step \"{root}\"")).suggest(root, known));
            };
            let Some(schema) = outputs.get(uses) else { return Ok(None) };
            let mut here = Schema::new(schema);
            if reference.path.is_empty() {
                return Err(problem(format!("{reference} names no output")).suggest("", here.part_names()));
            }
            for part in &reference.path {
                here = match here.part(part) {
                    Some(next) => next,
                    None => {
                        return Err(
                            problem(format!("{} gives no \"{part}\"", uses.name())).suggest(part, here.part_names())
                        );
                    }
                };
            }
            Ok(Some(OwnedSchema { root: schema.clone(), here: here.here.clone() }))
        }
    }
}

fn required(schema: &Value, name: &str) -> bool {
    schema.get("required").and_then(Value::as_array).is_some_and(|list| list.iter().any(|one| one == name))
}

/// The entries of a step's `with`, made when it has none.
fn with_entries(node: &mut Node) -> Option<&mut Vec<Entry>> {
    let place = node.place;
    if !matches!(node.value, NodeValue::Map(_)) {
        node.value = NodeValue::Map(Vec::new());
    }
    let NodeValue::Map(entries) = &mut node.value else { return None };
    let index = match entries.iter().position(|entry| entry.key == "with") {
        Some(index) => index,
        None => {
            let empty = Node { place, value: NodeValue::Map(Vec::new()) };
            entries.push(Entry { key: "with".to_owned(), key_place: place, node: empty });
            entries.len() - 1
        }
    };
    let with = &mut entries[index].node;
    if !matches!(with.value, NodeValue::Map(_)) {
        with.value = NodeValue::Map(Vec::new());
    }
    match &mut with.value {
        NodeValue::Map(entries) => Some(entries),
        _ => None,
    }
}

/// The step as JSON, an empty `with:` read as none.
fn with_map(node: &Node) -> Value {
    let mut value = node.to_json();
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
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

fn is_id(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63 && text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || c == '-')
}

#[cfg(test)]
mod tests;
