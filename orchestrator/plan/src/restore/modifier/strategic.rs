//! Strategic merge: lists of named things are merged by their key, other lists are replaced.
//!
//! Knows the merge keys of the built-in types by the list's name; `$patch: delete` and `$patch: replace` work, the
//! other directives do not.

use serde_json::Value;

/// List field → the key that identifies an element. Kubernetes: `patchMergeKey` in the types' Go tags.
const MERGE_KEYS: [(&str, &str); 14] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("secrets", "name"),
    ("conditions", "type"),
    ("ownerReferences", "uid"),
    ("webhooks", "name"),
    ("topologySpreadConstraints", "topologyKey"),
];

pub(super) fn merge(target: &mut Value, patch: &Value) {
    merge_field(target, patch, "");
}

fn merge_field(target: &mut Value, patch: &Value, field: &str) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
                *target =
                    patch.iter().filter(|(key, _)| *key != "$patch").map(|(k, v)| (k.clone(), v.clone())).collect();
                return;
            }
            for (key, value) in patch {
                match (value, target.get_mut(key)) {
                    (Value::Null, _) => {
                        target.remove(key);
                    }
                    (_, Some(existing)) => merge_field(existing, value, key),
                    (_, None) => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(patch)) => match key_of(field, target, patch) {
            Some(key) => merge_list(target, patch, key),
            None => *target = patch.clone(),
        },
        (target, patch) => *target = patch.clone(),
    }
}

/// The merge key, when every element has it. Ports merge by `containerPort` or `port`, whichever they have.
fn key_of(field: &str, target: &[Value], patch: &[Value]) -> Option<&'static str> {
    let candidates: Vec<&'static str> = match field {
        "ports" => vec!["containerPort", "port"],
        _ => MERGE_KEYS.iter().filter(|(name, _)| *name == field).map(|(_, key)| *key).collect(),
    };
    let all_have = |key: &&str| target.iter().chain(patch).all(|element| element.get(*key).is_some());
    candidates.into_iter().find(all_have)
}

fn merge_list(target: &mut Vec<Value>, patch: &[Value], key: &str) {
    for element in patch {
        let same = |other: &Value| other.get(key) == element.get(key);
        if element.get("$patch").and_then(Value::as_str) == Some("delete") {
            target.retain(|other| !same(other));
            continue;
        }
        match target.iter_mut().find(|other| same(other)) {
            Some(existing) => merge_field(existing, element, ""),
            None => target.push(element.clone()),
        }
    }
}
