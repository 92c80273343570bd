//! From JSON to the typed contract: version, absent values, shape, and remarks on what was not read.
//!
//! Says where an error is; whether values make sense is `compare`'s question.

use model::{Finding, Severity};
use serde_json::{Map, Value};

use super::format::{self, DrContract};
use super::{ContractError, note, values};

/// Reads `"1.0"`, `"1"` or `1`; says whether the minor version is newer than this build's.
pub(super) fn check_version(value: Option<&Value>) -> Result<(String, bool), ContractError> {
    let text = match value {
        None | Some(Value::Null) => return Err(ContractError::NoVersion),
        Some(Value::String(text)) if text.is_empty() => return Err(ContractError::NoVersion),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => return Err(ContractError::BadVersion { found: kind_of(other).to_owned() }),
    };
    let bad = || ContractError::BadVersion { found: format!("{:?}", text.chars().take(40).collect::<String>()) };
    let mut parts = text.strip_prefix('v').unwrap_or(&text).split('.');
    let major: u32 = parts.next().and_then(|part| part.parse().ok()).ok_or_else(bad)?;
    let minor: u32 = parts.next().map_or(Ok(0), str::parse).map_err(|_| bad())?;
    if major > format::MAJOR {
        return Err(ContractError::NewerMajor { found: text });
    }
    if major < format::MAJOR || parts.any(|part| part.parse::<u32>().is_err()) {
        return Err(bad());
    }
    Ok((text, minor > format::MINOR))
}

/// Drops nulls and empty strings, and collections that become empty by that.
pub(super) fn prune(map: &mut Map<String, Value>, path: &mut Vec<String>, notes: &mut Vec<Finding>) {
    map.retain(|name, value| {
        path.push(name.clone());
        let keep = match value {
            Value::Null => false,
            Value::String(text) if text.is_empty() => {
                let key = values::key(&path.iter().map(String::as_str).collect::<Vec<_>>());
                let message = format!("{key} is the empty string; leave it out or set it to null");
                notes.push(note(
                    Severity::Warning,
                    "empty-value",
                    Some(&model::pointer::join(path.iter().map(String::as_str))),
                    message,
                ));
                false
            }
            Value::Object(inner) => {
                let was_empty = inner.is_empty();
                prune(inner, path, notes);
                was_empty || !inner.is_empty()
            }
            Value::Array(list) => {
                list.retain(|element| !matches!(element, Value::Null) && element.as_str() != Some(""));
                true
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        };
        path.pop();
        keep
    });
}

/// Deserialises section by section and entry by entry, so that an error names the place.
pub(super) fn typed(
    map: Map<String, Value>,
    newer: bool,
    notes: &mut Vec<Finding>,
) -> Result<DrContract, ContractError> {
    let shape = serde_json::from_value::<DrContract>(Value::Object(map.clone()));
    if let Ok(body) = &shape
        && !newer
    {
        let read = serde_json::to_value(body).unwrap_or_default();
        unread(&Value::Object(map.clone()), &read, &mut Vec::new(), notes);
    }
    shape.map_err(|source| {
        for (section, value) in &map {
            if let Err(source) = alone(section, value.clone()) {
                if let Value::Object(entries) = value {
                    for (entry, value) in entries {
                        let one = Map::from_iter([(entry.clone(), value.clone())]);
                        if let Err(source) = alone(section, Value::Object(one)) {
                            return ContractError::Shape { at: values::key(&[section, entry]), source };
                        }
                    }
                }
                return ContractError::Shape { at: section.clone(), source };
            }
        }
        ContractError::Shape { at: "the contract".to_owned(), source }
    })
}

/// Warns of fields that reading dropped, which is how a misspelt one shows.
fn unread(written: &Value, read: &Value, path: &mut Vec<String>, notes: &mut Vec<Finding>) {
    let (Value::Object(written), Value::Object(read)) = (written, read) else { return };
    // An alias is read under its own name.
    let is_alias = |name: &str| matches!(name, "provider" | "instance_id");
    for (name, value) in written {
        path.push(name.clone());
        match read.get(name) {
            Some(read) => unread(value, read, path, notes),
            None if is_alias(name)
                || value.as_object().is_some_and(Map::is_empty)
                || value.as_array().is_some_and(Vec::is_empty) => {}
            None => {
                let key = values::key(&path.iter().map(String::as_str).collect::<Vec<_>>());
                let message =
                    format!("{key} is not part of the contract and is ignored; put strings of your own under extra");
                let pointer = model::pointer::join(path.iter().map(String::as_str));
                notes.push(note(Severity::Warning, "unknown-field", Some(&pointer), message));
            }
        }
        path.pop();
    }
}

fn alone(section: &str, value: Value) -> Result<DrContract, serde_json::Error> {
    serde_json::from_value(Value::Object(Map::from_iter([(section.to_owned(), value)])))
}

pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
