//! Differences between world and state that mean something.
//!
//! Providers read back `{}` where nothing was set, lists in parents of what was split into resources of its own, and
//! times that never stand still; right after a first apply most of a state "drifts" that way. Here null and empty are
//! the same, and a list of attributes that move by themselves is left out.

use std::collections::BTreeMap;

use ports::infrastructure::{StackAction, StackDrift};
use serde_json::Value;

use crate::plan::{Plan, ResourceChange};

/// What drifted, out of a refresh-only plan; and what the description wants changed, out of a normal one.
pub fn drift(refreshed: &Plan, planned: Option<&Plan>) -> Vec<StackDrift> {
    let mut found: BTreeMap<String, StackDrift> = BTreeMap::new();
    for change in refreshed.drift.iter().filter(|change| change.managed) {
        let deleted = change.actions.contains("delete");
        let attributes = if deleted { Vec::new() } else { differences(change) };
        if deleted || !attributes.is_empty() {
            let drift = entry(&mut found, change);
            drift.deleted |= deleted;
            drift.attributes = attributes;
        }
    }
    for change in planned.iter().flat_map(|plan| &plan.changes).filter(|change| change.managed) {
        let action = change.action();
        if !matches!(action, StackAction::Nothing | StackAction::Read) {
            entry(&mut found, change).planned = Some(action);
        }
    }
    found.into_values().collect()
}

fn entry<'a>(found: &'a mut BTreeMap<String, StackDrift>, change: &ResourceChange) -> &'a mut StackDrift {
    found.entry(change.address.clone()).or_insert_with(|| StackDrift {
        address: change.address.clone(),
        kind: change.kind.clone(),
        deleted: false,
        planned: None,
        attributes: Vec::new(),
    })
}

/// Dotted paths of what differs between before and after.
fn differences(change: &ResourceChange) -> Vec<String> {
    let mut paths = Vec::new();
    compare(&change.before, &change.after, &mut Vec::new(), &mut |path| {
        if !is_volatile(&change.kind, path) {
            paths.push(path.join("."));
        }
    });
    paths
}

fn compare(before: &Value, after: &Value, path: &mut Vec<String>, found: &mut impl FnMut(&[String])) {
    if is_nothing(before) && is_nothing(after) {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                path.push(key.clone());
                compare(before.get(key).unwrap_or(&Value::Null), after.get(key).unwrap_or(&Value::Null), path, found);
                path.pop();
            }
        }
        // Nothing on one side is the same as an object of nothings on the other.
        (Value::Object(map), other) | (other, Value::Object(map)) if is_nothing(other) => {
            for (key, value) in map {
                path.push(key.clone());
                compare(value, &Value::Null, path, found);
                path.pop();
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                path.push(at.to_string());
                compare(before, after, path, found);
                path.pop();
            }
        }
        (before, after) if same_number(before, after) => {}
        (before, after) if before != after => found(path),
        _ => {}
    }
}

/// null, "", [], {} and anything made of them.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn same_number(before: &Value, after: &Value) -> bool {
    matches!((before.as_f64(), after.as_f64()), (Some(a), Some(b)) if a == b)
}

fn is_volatile(kind: &str, path: &[String]) -> bool {
    let Some(first) = path.first() else { return false };
    let anywhere =
        ["latest_restorable_time", "size_in_bytes", "number_of_mount_targets", "attachment_count", "last_modified"];
    if anywhere.contains(&first.as_str()) || first.ends_with("_at") || (first == "status" && kind != "terraform_data") {
        return true;
    }
    let read_back: &[&str] = match kind {
        "aws_s3_bucket" => &[
            "policy",
            "lifecycle_rule",
            "logging",
            "versioning",
            "server_side_encryption_configuration",
            "object_lock_configuration",
            "replication_configuration",
            "grant",
            "cors_rule",
        ],
        "aws_security_group" | "aws_default_security_group" => &["ingress", "egress"],
        "aws_iam_role" => &["managed_policy_arns", "inline_policy"],
        "aws_route_table" => &["route"],
        "aws_ssm_parameter" => &["version"],
        _ => &[],
    };
    read_back.contains(&first.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(kind: &str, before: Value, after: Value) -> Vec<String> {
        let change = ResourceChange { kind: kind.into(), before, after, ..Default::default() };
        differences(&change)
    }

    #[test]
    fn null_and_empty_are_the_same() {
        let none: [String; 0] = [];
        assert_eq!(
            paths("a", json!({"t": null, "l": [], "s": "", "n": 1}), json!({"t": {}, "l": null, "n": 1.0})),
            none
        );
        assert_eq!(paths("a", json!({"b": {"c": null}}), json!({"b": null})), none);
        assert_eq!(paths("a", json!({"b": [{"c": ""}]}), json!({"b": [{}]})), none);
        assert_eq!(paths("a", json!({"f": false}), json!({"f": null})), ["f"], "false is said, null is not");
    }

    #[test]
    fn real_differences_have_paths() {
        assert_eq!(
            paths(
                "a",
                json!({"t": {"x": "1", "y": "2"}, "l": [1, 2]}),
                json!({"t": {"x": "1", "z": "3"}, "l": [1, 3]})
            ),
            ["l.1", "t.y", "t.z"]
        );
        assert_eq!(paths("a", json!({"l": [1]}), json!({"l": [1, 2]})), ["l"]);
        assert_eq!(paths("a", json!({"t": null}), json!({"t": {"a": "", "b": 1}})), ["t.b"]);
    }

    #[test]
    fn what_moves_by_itself_is_left_out() {
        let before = json!({"ingress": [], "created_at": "1", "status": "a", "name": "n"});
        let after = json!({"ingress": [1], "created_at": "2", "status": "b", "name": "m"});
        assert_eq!(paths("aws_security_group", before.clone(), after.clone()), ["name"]);
        assert_eq!(paths("other", before, after), ["ingress", "name"]);
    }

    #[test]
    fn what_is_gone_is_always_drift() {
        let change = |address: &str, actions: &[&str], after: Value| {
            json!({"address": address, "mode": "managed", "type": "a",
                "change": {"actions": actions, "before": {"tags": null}, "after": after}})
        };
        let refreshed = json!({"format_version": "1.2", "resource_drift": [
            change("a.gone", &["delete"], Value::Null), change("a.same", &["update"], json!({"tags": {}}))]});
        let planned = json!({"format_version": "1.2", "resource_changes": [change("a.new", &["create"], json!({}))]});
        let plan = |value: Value| Plan::from_json(value.to_string().as_bytes()).unwrap();
        let found = drift(&plan(refreshed), Some(&plan(planned)));
        let summary: Vec<_> = found.iter().map(|d| (d.address.as_str(), d.deleted, d.planned)).collect();
        assert_eq!(summary, [("a.gone", true, None), ("a.new", false, Some(StackAction::Create))]);
    }
}
