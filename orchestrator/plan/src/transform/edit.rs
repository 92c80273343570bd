//! Editing one body: every edit is recorded as a change.
//!
//! Shared by the transforms; knows no transform's reasons.

use infra::InfraPair;
use model::{Blocked, Change, Manifest, pointer};
use serde_json::Value;

/// A body being edited, with what was done so far.
pub(super) struct Edit<'a> {
    pub(super) manifest: &'a mut Manifest,
    pub(super) infra: &'a InfraPair,
    changes: Vec<Change>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(manifest: &'a mut Manifest, infra: &'a InfraPair) -> Self {
        Self { manifest, infra, changes: Vec::new() }
    }

    pub(super) fn done(self) -> Result<Vec<Change>, Blocked> {
        Ok(self.changes)
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.manifest.get_str(pointer)
    }

    /// Replaces what has a pair at and under a pointer.
    pub(super) fn rewrite(&mut self, pointer: &str) {
        let changes = self.infra.rewrite_under(self.manifest, pointer);
        self.changes.extend(changes);
    }

    pub(super) fn set(&mut self, pointer: &str, value: impl Into<Value>, because: &str) {
        let (before, value) = (self.manifest.get(pointer).cloned(), value.into());
        if before.as_ref() != Some(&value) && self.manifest.set(pointer, value.clone()) {
            self.changes.push(Change::set(pointer, before, value, because));
        }
    }

    /// Removes a value, and the map that it leaves empty in metadata.
    pub(super) fn remove(&mut self, pointer: &str, because: &str) {
        let Some(before) = self.manifest.remove(pointer) else { return };
        self.changes.push(Change::removed(pointer, before, because));
        for map in ["/metadata/annotations", "/metadata/labels"] {
            if pointer.starts_with(map)
                && self.manifest.get(map).and_then(Value::as_object).is_some_and(|m| m.is_empty())
            {
                self.manifest.remove(map);
            }
        }
    }

    /// Renames a key of a map.
    pub(super) fn rename(&mut self, parent: &str, old: &str, new: &str, because: &str) {
        let Some(map) = self.manifest.get_mut(parent).and_then(Value::as_object_mut) else { return };
        if map.contains_key(new) {
            return;
        }
        if let Some(value) = map.remove(old) {
            map.insert(new.to_owned(), value);
            self.changes.push(Change::set(pointer::push(parent, old), Some(old.into()), new.into(), because));
        }
    }

    /// Blocks when a value at or under a pointer still belongs to the source.
    pub(super) fn require(&self, pointer: &str, what: &str, hint: &str) -> Result<(), Blocked> {
        let Some(value) = self.manifest.get(pointer) else { return Ok(()) };
        match self.leftover(value) {
            None => Ok(()),
            Some(left) => Err(Blocked::new(
                "no-counterpart",
                format!("{what} {left} at {pointer} has no counterpart in the target"),
                hint,
            )),
        }
    }

    /// The first identifier of the source at or under a pointer.
    pub(super) fn leftover_at(&self, pointer: &str) -> Option<String> {
        self.leftover(self.manifest.get(pointer)?)
    }

    fn leftover(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => self.infra.leaks_in(text).into_iter().next(),
            Value::Array(list) => list.iter().find_map(|value| self.leftover(value)),
            Value::Object(map) => map.values().find_map(|value| self.leftover(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// Drops repeated members of a comma list, which folding zones makes.
    pub(super) fn dedup_commas(&mut self, pointer: &str, because: &str) {
        let Some(text) = self.text(pointer) else { return };
        let mut seen = std::collections::BTreeSet::new();
        let kept: Vec<&str> = text.split(',').filter(|member| seen.insert(member.trim())).collect();
        if kept.len() < text.split(',').count() {
            self.set(pointer, kept.join(","), because);
        }
    }

    /// Drops repeated members of a list.
    pub(super) fn dedup_list(&mut self, pointer: &str, because: &str) {
        let Some(list) = self.manifest.get(pointer).and_then(Value::as_array) else { return };
        let mut kept: Vec<Value> = Vec::with_capacity(list.len());
        for value in list {
            if !kept.contains(value) {
                kept.push(value.clone());
            }
        }
        if kept.len() < list.len() {
            self.set(pointer, kept, because);
        }
    }

    /// Pointers to the members of a list or map.
    pub(super) fn members(&self, pointer: &str) -> Vec<String> {
        match self.manifest.get(pointer) {
            Some(Value::Array(list)) => (0..list.len()).map(|index| format!("{pointer}/{index}")).collect(),
            Some(Value::Object(map)) => map.keys().map(|key| pointer::push(pointer, key)).collect(),
            _ => Vec::new(),
        }
    }

    /// Pointers to every container of a workload.
    pub(super) fn containers(&self) -> Vec<String> {
        let group = self.manifest.api_version().split_once('/').map_or("", |(group, _)| group);
        let Some(spec) = pod_spec(group, self.manifest.kind()) else { return Vec::new() };
        let lists = ["containers", "initContainers", "ephemeralContainers"];
        lists.iter().flat_map(|list| self.members(&format!("{spec}/{list}"))).collect()
    }
}

/// Where a kind keeps the specification of its pods.
pub(super) fn pod_spec(group: &str, kind: &str) -> Option<&'static str> {
    Some(match (group, kind) {
        ("", "Pod") => "/spec",
        ("", "PodTemplate") => "/template/spec",
        ("" | "apps", "ReplicationController" | "ReplicaSet" | "Deployment" | "StatefulSet" | "DaemonSet")
        | ("batch", "Job")
        | ("argoproj.io", "Rollout") => "/spec/template/spec",
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    })
}

/// A pointer to an annotation.
pub(super) fn annotation(key: &str) -> String {
    pointer::join(["metadata", "annotations", key])
}
