//! The page of the step kinds: what each does, takes and gives, from the types that check the file.

use std::fmt::Write as _;

use scenario::Uses;
use serde_json::{Map, Value};

pub(crate) fn page() -> String {
    let mut out = String::from(
        "# Steps of a scenario\n\n\
         What `uses` may name. `with` takes the parameters; a later step refers to an output as `${id.output}`.\n\
         `cluster` and `location` are filled in when only one step before gives them.\n\
         This page is generated from the types that check the file; the schema beside it is for editors.\n",
    );
    for uses in Uses::ALL {
        step(*uses, &mut out);
    }
    out
}

fn step(uses: Uses, out: &mut String) {
    let (parameters, outputs, traits) = (uses.parameters(), uses.outputs(), uses.traits());
    let _ = write!(out, "\n## `{}`\n", uses.name());
    if let Some(about) = text(&parameters, "description") {
        let _ = write!(out, "\n{about}\n");
    }
    let mut facts = vec![format!("one attempt may take {}", traits.timeout)];
    if traits.verifies {
        facts.push("is part of the proof".to_owned());
    }
    if traits.leaves {
        facts.push("is undone at the end of a drill".to_owned());
    }
    if uses.asks() {
        facts.push("is answered by people".to_owned());
    }
    let _ = write!(out, "\nUnless the step says otherwise: {}.\n", facts.join("; "));
    table("Parameter", &parameters, true, out);
    table("Output", &outputs, false, out);
}

fn table(title: &str, schema: &Value, takes: bool, out: &mut String) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|map| !map.is_empty()) else {
        return;
    };
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|required| required.as_str() == Some(name)))
    };
    let (needed, line) = if takes { (" Required |", "---|") } else { ("", "") };
    let _ = write!(out, "\n| {title} | Type |{needed} Meaning |\n|---|---|{line}---|\n");
    for (name, property) in properties {
        let column = match (takes, required(name)) {
            (false, _) => String::new(),
            (true, true) => " yes |".to_owned(),
            (true, false) => match property.get("default").filter(|value| !value.is_null()) {
                Some(value) => format!(" no, `{value}` |"),
                None => " no |".to_owned(),
            },
        };
        let about = text(property, "description").or_else(|| text(resolve(schema, property), "description"));
        let _ = writeln!(out, "| `{name}` | {} |{column} {} |", kind(schema, property), cell(about.unwrap_or("")));
    }
}

/// A type in few words; the schema has all of it.
fn kind(root: &Value, schema: &Value) -> String {
    let resolved = resolve(root, schema);
    if let Some(values) = resolved.get("enum").and_then(Value::as_array) {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(value) = resolved.get("const") {
        return format!("`{value}`");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = resolved.get(key).and_then(Value::as_array) {
            let mut names: Vec<String> =
                choices.iter().map(|choice| kind(root, choice)).filter(|name| name != "null").collect();
            names.dedup();
            return names.join(" or ");
        }
    }
    let names: Vec<&str> = match resolved.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => return "any".to_owned(),
    };
    names.into_iter().map(|name| of_type(root, resolved, name)).collect::<Vec<_>>().join(" or ")
}

fn of_type(root: &Value, schema: &Value, name: &str) -> String {
    match name {
        "array" => {
            schema.get("items").map_or_else(|| "list".to_owned(), |items| format!("list of {}", kind(root, items)))
        }
        "object" if schema.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty) => {
            match schema.get("additionalProperties") {
                Some(values @ Value::Object(_)) => format!("map to {}", kind(root, values)),
                _ => "map".to_owned(),
            }
        }
        "object" => {
            let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            format!("object: {}", fields.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
        other => other.to_owned(),
    }
}

fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
        .unwrap_or(schema)
}

fn text<'s>(schema: &'s Value, key: &str) -> Option<&'s str> {
    schema.get(key).and_then(Value::as_str)
}

/// A line break or a bar would end a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
