//! What a reference gives, as far as the text tells.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::shape::{OwnedSchema, Schema};
use super::RUN_VALUES;
use crate::problem::{Place, Problem};
use crate::steps::Uses;
use crate::template::{INPUTS, RUN, Reference};
use crate::yaml::{Node, NodeValue};

/// What a reference gives, or why it gives nothing.
pub(super) fn known(
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
