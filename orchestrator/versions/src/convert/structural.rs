//! Structural schemas: what `apiextensions.k8s.io/v1` wants of a CustomResourceDefinition's schema.
//!
//! `repair` writes what the structure implies and drops what a junctor merely repeats; it never changes what a
//! schema accepts. `check` names the first rule that is still broken.

use serde_json::{Map, Value};

type Schema = Map<String, Value>;

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const JUNCTORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Not allowed inside junctors, because they are no validation of a value.
const NOT_IN_JUNCTORS: [&str; 6] = ["type", "default", "title", "description", "nullable", "additionalProperties"];
/// Not allowed anywhere.
const FORBIDDEN: [&str; 11] = [
    "$ref",
    "$schema",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
];
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// Deeper schemas are refused; no person wrote them.
const MAX_DEPTH: usize = 100;

/// Writes what the schema implies. `preserves` marks the root as keeping unknown fields.
pub(crate) fn repair(schema: &mut Value, preserves: bool) {
    let Value::Object(root) = schema else { return };
    if is_no_type(root) {
        root.insert("type".into(), "object".into());
    }
    if preserves {
        root.insert(PRESERVE.into(), true.into());
    }
    repair_node(root, 0);
}

/// The first rule that the schema breaks, with the place.
pub(crate) fn check(schema: &Value) -> Option<String> {
    let Value::Object(root) = schema else { return Some("it is no object".into()) };
    if root.get("type").and_then(Value::as_str) != Some("object") {
        return Some("the type at the root is not object".into());
    }
    if root.contains_key("additionalProperties") {
        return Some("there are additionalProperties at the root".into());
    }
    check_metadata(root).or_else(|| check_node(root, "", 0))
}

fn is_no_type(schema: &Schema) -> bool {
    schema.get("type").and_then(Value::as_str).unwrap_or_default().is_empty()
}

fn is_true(schema: &Schema, key: &str) -> bool {
    schema.get(key).and_then(Value::as_bool) == Some(true)
}

/// `anyOf` of an integer and a string, in either order.
fn says_int_or_string(any_of: Option<&Value>) -> bool {
    let Some([first, second]) = any_of.and_then(Value::as_array).map(Vec::as_slice) else { return false };
    let only_type = |value: &Value| {
        let schema = value.as_object().filter(|schema| schema.len() == 1)?;
        schema.get("type")?.as_str().map(str::to_owned)
    };
    matches!(
        (only_type(first).as_deref(), only_type(second).as_deref()),
        (Some("integer"), Some("string")) | (Some("string"), Some("integer"))
    )
}

fn repair_node(schema: &mut Schema, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if is_no_type(schema) && !is_true(schema, INT_OR_STRING) {
        if says_int_or_string(schema.get("anyOf")) {
            schema.remove("type");
            schema.insert(INT_OR_STRING.into(), true.into());
        } else if schema.contains_key("properties") || schema.get("additionalProperties").is_some_and(Value::is_object)
        {
            schema.insert("type".into(), "object".into());
        } else if schema.contains_key("items") {
            schema.insert("type".into(), "array".into());
        }
    }
    drop_repeated(schema);
    for_each_child(schema, |_, child| {
        if let Value::Object(child) = child {
            repair_node(child, depth + 1);
        }
    });
}

fn for_each_child(schema: &mut Schema, mut edit: impl FnMut(&str, &mut Value)) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, child) in properties {
            edit(name, child);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(key) {
            edit(key, child);
        }
    }
}

/// Drops from each junctor what the schema around it says in the same words.
fn drop_repeated(schema: &mut Schema) {
    let exempt = is_true(schema, INT_OR_STRING) && says_int_or_string(schema.get("anyOf"));
    for junctor in JUNCTORS {
        if exempt && junctor == "anyOf" {
            continue;
        }
        let Some(Value::Array(mut branches)) = schema.remove(junctor) else { continue };
        for branch in &mut branches {
            if let Value::Object(branch) = branch {
                drop_repeated_in(branch, schema, 0);
            }
        }
        schema.insert(junctor.into(), branches.into());
    }
    if let Some(Value::Object(mut branch)) = schema.remove("not") {
        drop_repeated_in(&mut branch, schema, 0);
        schema.insert("not".into(), branch.into());
    }
}

fn drop_repeated_in(branch: &mut Schema, outer: &Schema, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    let keys: Vec<String> = branch.keys().filter(|key| is_forbidden_in_junctor(key)).cloned().collect();
    for key in keys {
        // Inside an int-or-string the pattern of types is allowed, and a type elsewhere is a constraint of its own
        // unless the outer schema has the same one.
        if branch.get(&key) == outer.get(&key) {
            branch.remove(&key);
        }
    }
    if let (Some(Value::Object(inner)), Some(Value::Object(properties))) =
        (branch.get_mut("properties"), outer.get("properties"))
    {
        for (name, property) in inner {
            if let (Value::Object(property), Some(Value::Object(outer))) = (property, properties.get(name)) {
                drop_repeated_in(property, outer, depth + 1);
            }
        }
    }
    if let (Some(Value::Object(inner)), Some(Value::Object(items))) = (branch.get_mut("items"), outer.get("items")) {
        drop_repeated_in(inner, items, depth + 1);
    }
    for junctor in JUNCTORS {
        if let Some(Value::Array(branches)) = branch.get_mut(junctor) {
            for inner in branches {
                if let Value::Object(inner) = inner {
                    drop_repeated_in(inner, outer, depth + 1);
                }
            }
        }
    }
}

fn is_forbidden_in_junctor(key: &str) -> bool {
    // Rules in CEL are the one extension that is a validation.
    NOT_IN_JUNCTORS.contains(&key) || (key.starts_with("x-kubernetes-") && key != "x-kubernetes-validations")
}

fn check_metadata(root: &Schema) -> Option<String> {
    let metadata = root.get("properties")?.get("metadata")?.as_object()?;
    if metadata.keys().any(|key| !matches!(key.as_str(), "type" | "description" | "properties" | "title")) {
        return Some("metadata is restricted by more than name and generateName".into());
    }
    let properties = metadata.get("properties")?.as_object()?;
    let other = properties.keys().find(|name| !matches!(name.as_str(), "name" | "generateName"))?;
    Some(format!("metadata restricts {other}, and only name and generateName may be"))
}

fn check_node(schema: &Schema, place: &str, depth: usize) -> Option<String> {
    let here = if place.is_empty() { "the root" } else { place };
    if depth > MAX_DEPTH {
        return Some(format!("{here} is nested too deeply"));
    }
    if let Some(key) = FORBIDDEN.iter().find(|key| schema.contains_key(**key)) {
        return Some(format!("{here} has {key}"));
    }
    if is_true(schema, "uniqueItems") {
        return Some(format!("{here} has uniqueItems"));
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        if !is_true(schema, INT_OR_STRING) && !is_true(schema, PRESERVE) {
            return Some(format!("{here} has no type"));
        }
    } else if is_true(schema, INT_OR_STRING) {
        return Some(format!("{here} has a type beside {INT_OR_STRING}"));
    } else if !TYPES.contains(&kind) {
        return Some(format!("{here} has the type {kind:?}"));
    }
    if is_true(schema, EMBEDDED) && kind != "object" {
        return Some(format!("{here} is an embedded resource and no object"));
    }
    match schema.get("items") {
        None if kind == "array" => return Some(format!("{here} is an array without items")),
        Some(Value::Array(_)) => return Some(format!("{here} has several schemas for its items")),
        _ => {}
    }
    if schema.get("properties").is_some_and(|p| p.as_object().is_some_and(|p| !p.is_empty()))
        && schema.get("additionalProperties").is_some_and(|value| value != &Value::Bool(true))
    {
        return Some(format!("{here} has both properties and additionalProperties"));
    }
    check_junctors(schema, schema, here, depth).or_else(|| check_children(schema, place, depth))
}

fn check_children(schema: &Schema, place: &str, depth: usize) -> Option<String> {
    let join = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, child) in properties {
        let place = join(name);
        let found = match child {
            Value::Object(child) => check_node(child, &place, depth + 1),
            _ => Some(format!("{place} is no schema")),
        };
        if found.is_some() {
            return found;
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(Value::Object(child)) = schema.get(key) {
            let found = check_node(child, &join(key), depth + 1);
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// Checks the junctors of `schema` against what `outer` declares.
fn check_junctors(schema: &Schema, outer: &Schema, here: &str, depth: usize) -> Option<String> {
    let int_or_string = is_true(outer, INT_OR_STRING);
    for junctor in JUNCTORS {
        for branch in schema.get(junctor).and_then(Value::as_array).into_iter().flatten() {
            let Value::Object(branch) = branch else { return Some(format!("{junctor} of {here} is no schema")) };
            if int_or_string && (is_pattern(schema, junctor) || says_int_or_string(branch.get("anyOf"))) {
                continue;
            }
            let found = check_branch(branch, outer, here, depth + 1);
            if found.is_some() {
                return found;
            }
        }
    }
    match schema.get("not") {
        Some(Value::Object(branch)) => check_branch(branch, outer, here, depth + 1),
        _ => None,
    }
}

fn is_pattern(schema: &Schema, junctor: &str) -> bool {
    junctor == "anyOf" && says_int_or_string(schema.get("anyOf"))
}

fn check_branch(branch: &Schema, outer: &Schema, here: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return Some(format!("{here} is nested too deeply"));
    }
    if let Some(key) = branch.keys().find(|key| is_forbidden_in_junctor(key)) {
        return Some(format!("a junctor of {here} has {key}"));
    }
    let declared = outer.get("properties").and_then(Value::as_object);
    for (name, property) in branch.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let Some(Value::Object(outer)) = declared.and_then(|declared| declared.get(name)) else {
            return Some(format!("a junctor of {here} names {name}, which is not declared outside"));
        };
        if let Value::Object(property) = property {
            let found = check_branch(property, outer, here, depth + 1);
            if found.is_some() {
                return found;
            }
        }
    }
    if let Some(Value::Object(items)) = branch.get("items") {
        let Some(Value::Object(outer)) = outer.get("items") else {
            return Some(format!("a junctor of {here} has items, which are not declared outside"));
        };
        let found = check_branch(items, outer, here, depth + 1);
        if found.is_some() {
            return found;
        }
    }
    check_junctors(branch, outer, here, depth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn repaired(mut schema: Value) -> (Value, Option<String>) {
        repair(&mut schema, false);
        let violation = check(&schema);
        (schema, violation)
    }

    #[test]
    fn types_that_the_structure_implies_are_written() {
        let (schema, violation) = repaired(json!({"properties": {
            "spec": {"properties": {"ports": {"items": {"type": "integer"}}}},
            "labels": {"additionalProperties": {"type": "string"}},
            "limit": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}}));
        assert_eq!(violation, None);
        assert_eq!(schema["properties"]["spec"]["properties"]["ports"]["type"], "array");
        assert_eq!(schema["properties"]["labels"]["type"], "object");
        assert_eq!(schema["properties"]["limit"][INT_OR_STRING], true);
    }

    #[test]
    fn junctors_lose_what_they_repeat_and_nothing_else() {
        let size = json!({"type": "integer", "description": "how big"});
        let (schema, violation) = repaired(json!({"type": "object", "properties": {"size": size},
            "anyOf": [{"properties": {"size": {"type": "integer", "minimum": 3}}}, {"required": ["size"]}]}));
        assert_eq!(violation, None);
        assert_eq!(schema["anyOf"][0]["properties"]["size"], json!({"minimum": 3}));
        let (_, violation) = repaired(json!({"type": "object", "properties": {"size": size},
            "oneOf": [{"properties": {"size": {"type": "string"}}}]}));
        assert!(violation.unwrap().contains("has type"));
    }

    #[test]
    fn what_no_rule_repairs_is_named() {
        for (schema, says) in [
            (json!({"type": "object", "properties": {"a": {}}}), "a has no type"),
            (json!({"type": "object", "properties": {"a": {"type": "array"}}}), "without items"),
            (json!({"type": "object", "additionalProperties": {"type": "string"}}), "at the root"),
            (json!({"type": "object", "properties": {"a": {"$ref": "x"}}}), "$ref"),
            (json!({"type": "object", "anyOf": [{"properties": {"b": {"minimum": 1}}}]}), "not declared outside"),
            (
                json!({"type": "object", "properties": {"metadata": {"type": "object",
                "properties": {"labels": {"type": "object"}}}}}),
                "metadata restricts labels",
            ),
            (json!({"type": "string"}), "at the root"),
        ] {
            assert!(repaired(schema.clone()).1.unwrap_or_default().contains(says), "{schema}");
        }
    }
}
