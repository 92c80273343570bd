//! Each step by itself: its keys, its kind, its name. References are looked at when all steps are known.

use std::collections::BTreeMap;

use schemars::schema_for;
use serde_json::{Value, json};

use super::super::shape::{self, Schema};
use super::super::{GroupFile, StepFile};
use super::Loader;
use crate::problem::{Place, Problem};
use crate::steps::Uses;
use crate::template::{INPUTS, RUN};
use crate::yaml::{Node, NodeValue};

/// A step before its references are known to be good.
pub(super) struct Raw {
    pub(super) file: StepFile,
    pub(super) node: Node,
    pub(super) uses: Uses,
    pub(super) group: Option<String>,
    pub(super) group_when: Option<(Place, String)>,
    pub(super) group_needs: Vec<(Place, String)>,
}

impl Loader<'_> {
    /// One element of `steps`: a step, or a group of them.
    pub(super) fn element(
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

    pub(super) fn inputs(&mut self, spec: &Node) {
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
}

/// The step as JSON, an empty `with:` read as none.
fn with_map(node: &Node) -> Value {
    let mut value = node.to_json();
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

fn is_id(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
