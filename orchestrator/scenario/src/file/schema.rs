//! The JSON Schema of scenario files, for editors and for the documentation.
//!
//! Made from the same types that check the file. A parameter that is not a string may be a reference too.

use schemars::schema_for;
use serde_json::{Map, Value, json};

use super::{GroupFile, ScenarioFile, StepFile};
use crate::steps::Uses;

/// Parameters that are filled in when a step leaves them out.
pub(crate) fn is_filled_in(uses: Uses, name: &str) -> bool {
    match uses {
        Uses::BackupRun | Uses::BackupPick => name == "cluster",
        Uses::VerifyObjects => ["cluster", "backup", "location"].contains(&name),
        _ => ["cluster", "location"].contains(&name),
    }
}

/// JSON Schema (2020-12) of a scenario file, each step kind with its own parameters.
pub fn schema() -> Value {
    let mut root = schema_for!(ScenarioFile).to_value();
    let step = schema_for!(StepFile).to_value();
    let group = schema_for!(GroupFile).to_value();
    let mut definitions = take_definitions(&mut root);
    for mut part in [step.clone(), group] {
        definitions.extend(take_definitions(&mut part));
    }
    definitions.remove("StepOrGroup");
    let mut kinds = Vec::new();
    for uses in Uses::ALL {
        let mut parameters = uses.parameters();
        let own = take_definitions(&mut parameters);
        let prefix = uses.name().replace('.', "-");
        let rename = |name: &str| format!("{prefix}-{name}");
        for (name, mut definition) in own {
            rename_references(&mut definition, &rename);
            allow_references(&mut definition);
            definitions.insert(rename(&name), definition);
        }
        rename_references(&mut parameters, &rename);
        drop_filled_in(&mut parameters, *uses);
        allow_references(&mut parameters);
        let mut one = step.clone();
        take_definitions(&mut one);
        let optional = parameters.get("required").and_then(Value::as_array).is_none_or(Vec::is_empty);
        let description = parameters.get("description").cloned().unwrap_or_default();
        if let Some(map) = one.as_object_mut() {
            map.remove("$schema");
            map.insert("title".into(), json!(uses.name()));
            map.insert("description".into(), description);
            if !optional {
                map.insert("required".into(), json!(["id", "uses", "with"]));
            }
        }
        if let Some(properties) = one.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("uses".into(), json!({ "const": uses.name() }));
            properties.insert("with".into(), json!({ "$ref": format!("#/$defs/{prefix}") }));
        }
        clean(&mut parameters);
        definitions.insert(prefix.clone(), parameters);
        definitions.insert(format!("step-{prefix}"), one);
        kinds.push(json!({ "$ref": format!("#/$defs/step-{prefix}") }));
    }
    definitions.insert("StepFile".into(), json!({ "oneOf": kinds }));
    definitions.insert(
        "StepOrGroup".into(),
        json!({
            "if": { "required": ["group"] },
            "then": { "$ref": "#/$defs/GroupFile" },
            "else": { "$ref": "#/$defs/StepFile" },
        }),
    );
    if let Some(definition) = schema_for!(GroupFile).to_value().as_object().cloned() {
        let mut definition = Value::Object(definition);
        take_definitions(&mut definition);
        clean(&mut definition);
        definitions.insert("GroupFile".into(), definition);
    }
    if let Some(map) = root.as_object_mut() {
        map.insert("$id".into(), json!("https://landfall.dev/schemas/scenario-v1alpha1.json"));
        map.insert("title".into(), json!("Scenario"));
        map.insert("$defs".into(), Value::Object(definitions));
    }
    root
}

fn take_definitions(schema: &mut Value) -> Map<String, Value> {
    match schema.as_object_mut().and_then(|map| map.remove("$defs")) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn clean(schema: &mut Value) {
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
    }
}

fn drop_filled_in(parameters: &mut Value, uses: Uses) {
    let Some(map) = parameters.as_object_mut() else { return };
    if let Some(required) = map.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !is_filled_in(uses, name)));
        if required.is_empty() {
            map.remove("required");
        }
    }
}

fn rename_references(value: &mut Value, rename: &dyn Fn(&str) -> String) {
    match value {
        Value::Object(map) => {
            for (key, part) in map.iter_mut() {
                match part {
                    Value::String(text) if key == "$ref" => {
                        if let Some(name) = text.strip_prefix("#/$defs/") {
                            *text = format!("#/$defs/{}", rename(name));
                        }
                    }
                    other => rename_references(other, rename),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|part| rename_references(part, rename)),
        _ => {}
    }
}

/// Every property that could not hold `"${step.output}"` may hold it nevertheless.
fn allow_references(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            allow_references(property);
            let plain = property.get("type").is_some_and(|kind| kind == "string")
                && property.get("enum").is_none()
                && property.get("format").is_none();
            if plain || property.is_boolean() {
                continue;
            }
            let description = property.as_object_mut().and_then(|map| map.remove("description"));
            let default = property.as_object_mut().and_then(|map| map.remove("default"));
            let mut either = json!({ "anyOf": [property.take(), { "type": "string", "pattern": "^\\$\\{.+\\}$" }] });
            if let (Some(map), Some(description)) = (either.as_object_mut(), description) {
                map.insert("description".into(), description);
            }
            if let (Some(map), Some(default)) = (either.as_object_mut(), default) {
                map.insert("default".into(), default);
            }
            *property = either;
        }
    }
}

#[cfg(test)]
mod tests;
