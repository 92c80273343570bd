//! Merging of JSON values.

use serde_json::{Map, Value};

/// RFC 7386: null removes, objects merge, everything else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    let map = object_in(target);
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Like `merge`, but lists of things with a `name` merge by it, and finalizers are a set.
pub(super) fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    let map = object_in(target);
    for (key, change) in changes {
        match (map.get_mut(key), change) {
            (_, Value::Null) => {
                map.remove(key);
            }
            (Some(Value::Array(old)), Value::Array(new)) if key == "finalizers" => {
                let added: Vec<Value> = new.iter().filter(|entry| !old.contains(entry)).cloned().collect();
                old.extend(added);
            }
            (Some(Value::Array(old)), Value::Array(new)) if !new.is_empty() && new.iter().all(named) => {
                merge_named(old, new);
            }
            (Some(old), change) => strategic(old, change),
            (None, change) => strategic(map.entry(key.clone()).or_insert(Value::Null), change),
        }
    }
}

fn merge_named(old: &mut Vec<Value>, new: &[Value]) {
    for entry in new {
        let same = old.iter().position(|o| o.get("name") == entry.get("name"));
        match (same, entry.get("$patch").and_then(Value::as_str)) {
            (Some(at), Some("delete")) => {
                old.remove(at);
            }
            (None, Some("delete")) => {}
            (Some(at), _) => strategic(&mut old[at], entry),
            (None, _) => old.push(entry.clone()),
        }
    }
}

fn named(entry: &Value) -> bool {
    entry.get("name").is_some_and(Value::is_string)
}

fn object_in(slot: &mut Value) -> &mut Map<String, Value> {
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("made an object just above")
}
