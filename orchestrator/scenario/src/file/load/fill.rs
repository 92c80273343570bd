//! What a step may leave out because the scenario says it elsewhere: its cluster, its backup, the backup's place.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::schema::is_filled_in;
use super::super::shape::Schema;
use super::Loader;
use super::raw::Raw;
use crate::problem::Problem;
use crate::steps::Uses;
use crate::yaml::{Entry, Node, NodeValue};

impl Loader<'_> {
    /// Adds what a step may leave out because the scenario says it elsewhere.
    pub(super) fn fill_in(&mut self, raw: &mut [Raw]) {
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
}

pub(super) fn required(schema: &Value, name: &str) -> bool {
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
