//! Velero's resource modifiers: rules that the user brings, applied to bodies on their way into the target.
//!
//! The YAML is Velero's (internal/resourcemodifiers), and is checked strictly before anything runs. Conditions are
//! judged on the object as it was before any rule; a rule that cannot be applied is a finding, and the object is
//! restored without it.

mod strategic;

use model::{Change, Glob, LabelSelector, Manifest};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct ModifierRule {
    kind: Glob,
    namespaces: Vec<Glob>,
    name: Option<Regex>,
    labels: LabelSelector,
    matches: Vec<(String, Value)>,
    patch: Patch,
}

#[derive(Debug, Clone)]
enum Patch {
    Json(Vec<Operation>),
    Merge(Vec<Value>),
    Strategic(Vec<Value>),
}

#[derive(Debug, Clone)]
struct Operation {
    patch: json_patch::PatchOperation,
}

#[derive(Debug, thiserror::Error)]
pub enum ModifierError {
    #[error("the resource modifiers are not readable")]
    Yaml(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the resource modifiers have version {0:?}; only v1 is known")]
    Version(String),
    #[error("resource modifier rule {rule}: {why}")]
    Rule { rule: usize, why: String },
}

/// What the rules did to one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Modified {
    pub changes: Vec<Change>,
    /// Rules that matched and could not be applied, in words.
    pub failures: Vec<String>,
}

/// Reads the rules; a mistake names its rule, counted from 1.
pub fn parse(text: &str) -> Result<Vec<ModifierRule>, ModifierError> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| ModifierError::Yaml(error.into()))?;
    if file.version != "v1" {
        return Err(ModifierError::Version(file.version));
    }
    let rules = file.resource_modifier_rules.into_iter().enumerate();
    rules.map(|(at, rule)| rule.compile().map_err(|why| ModifierError::Rule { rule: at + 1, why })).collect()
}

/// Applies every matching rule, in order. The namespace is the original one.
pub fn apply(rules: &[ModifierRule], kind: &str, namespace: Option<&str>, manifest: &mut Manifest) -> Modified {
    let mut modified = Modified::default();
    let matching: Vec<(usize, &ModifierRule)> =
        rules.iter().enumerate().filter(|(_, rule)| rule.matches(kind, namespace, manifest)).collect();
    for (at, rule) in matching {
        let before = manifest.clone();
        match rule.patch.apply(manifest) {
            Ok(()) => differences(&before, manifest, at + 1, &mut modified.changes),
            Err(why) => {
                *manifest = before;
                modified.failures.push(format!("resource modifier rule {}: {why}", at + 1));
            }
        }
    }
    modified
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: String,
    resource_modifier_rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    conditions: Conditions,
    #[serde(default)]
    patches: Vec<JsonPatch>,
    #[serde(default)]
    merge_patches: Vec<PatchData>,
    #[serde(default)]
    strategic_patches: Vec<PatchData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Conditions {
    #[serde(default)]
    namespaces: Vec<String>,
    group_resource: String,
    #[serde(default)]
    resource_name_regex: String,
    #[serde(default)]
    label_selector: LabelSelector,
    #[serde(default)]
    matches: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    path: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPatch {
    operation: String,
    path: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchData {
    patch_data: String,
}

impl Rule {
    fn compile(self) -> Result<ModifierRule, String> {
        let sorts = [!self.patches.is_empty(), !self.merge_patches.is_empty(), !self.strategic_patches.is_empty()];
        if sorts.iter().filter(|some| **some).count() != 1 {
            return Err("it needs exactly one of patches, mergePatches and strategicPatches".to_owned());
        }
        let glob = |text: &str| Glob::parse(text).map_err(|error| error.to_string());
        if self.conditions.group_resource.is_empty() {
            return Err("groupResource is missing".to_owned());
        }
        let name = match self.conditions.resource_name_regex.as_str() {
            "" => None,
            text => Some(
                regex::RegexBuilder::new(text)
                    .size_limit(1 << 20)
                    .build()
                    .map_err(|error| format!("resourceNameRegex: {error}"))?,
            ),
        };
        let data = |patches: Vec<PatchData>| -> Result<Vec<Value>, String> {
            let read = |p: PatchData| serde_saphyr::from_str(&p.patch_data).map_err(|e| format!("patchData: {e}"));
            patches.into_iter().map(read).collect()
        };
        let patch = if sorts[0] {
            let operations = self.patches.into_iter().map(JsonPatch::compile).collect::<Result<_, _>>()?;
            Patch::Json(operations)
        } else if sorts[1] {
            Patch::Merge(data(self.merge_patches)?)
        } else {
            Patch::Strategic(data(self.strategic_patches)?)
        };
        Ok(ModifierRule {
            kind: glob(&self.conditions.group_resource)?,
            namespaces: self.conditions.namespaces.iter().map(|n| glob(n)).collect::<Result<_, _>>()?,
            name,
            labels: self.conditions.label_selector,
            matches: self.conditions.matches.into_iter().map(|m| (m.path, typed(&m.value))).collect(),
            patch,
        })
    }
}

impl JsonPatch {
    fn compile(self) -> Result<Operation, String> {
        let operation = match self.operation.as_str() {
            "add" | "replace" | "test" => {
                serde_json::json!({"op": self.operation, "path": self.path, "value": typed(&self.value)})
            }
            "remove" => serde_json::json!({"op": "remove", "path": self.path}),
            "move" | "copy" => serde_json::json!({"op": self.operation, "path": self.path, "from": self.from}),
            other => {
                return Err(format!("{other:?} is no operation; it is one of add, remove, replace, move, copy, test"));
            }
        };
        let patch = serde_json::from_value(operation).map_err(|error| format!("path {:?}: {error}", self.path))?;
        Ok(Operation { patch })
    }
}

impl ModifierRule {
    fn matches(&self, kind: &str, namespace: Option<&str>, manifest: &Manifest) -> bool {
        let in_namespace = self.namespaces.is_empty()
            || namespace.is_some_and(|name| self.namespaces.iter().any(|glob| glob.matches(name)));
        let labels = || manifest.labels().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        self.kind.matches(kind)
            && in_namespace
            && self.name.as_ref().is_none_or(|regex| regex.is_match(manifest.name()))
            && (self.labels.is_empty() || self.labels.matches(&labels()))
            && self.matches.iter().all(|(path, value)| manifest.get(path) == Some(value))
    }
}

impl Patch {
    fn apply(&self, manifest: &mut Manifest) -> Result<(), String> {
        let mut value = std::mem::replace(manifest, Manifest::from_map(serde_json::Map::new())).into_value();
        let outcome = match self {
            Self::Json(operations) => {
                let patch = json_patch::Patch(operations.iter().map(|o| o.patch.clone()).collect());
                match json_patch::patch(&mut value, &patch) {
                    Ok(()) => Ok(()),
                    // A test that fails means "not this one", and leaves the object as it was.
                    Err(error) if matches!(error.kind, json_patch::PatchErrorKind::TestFailed) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            }
            Self::Merge(patches) => {
                patches.iter().for_each(|patch| json_patch::merge(&mut value, patch));
                Ok(())
            }
            Self::Strategic(patches) => {
                patches.iter().for_each(|patch| strategic::merge(&mut value, patch));
                Ok(())
            }
        };
        outcome?;
        *manifest = Manifest::from_value(value).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Values are written as strings; what looks like JSON is inserted as JSON, as Velero does.
fn typed(text: &str) -> Value {
    let raw =
        matches!(text, "null" | "true" | "false") || text.starts_with(['{', '[', '"']) || text.parse::<f64>().is_ok();
    match serde_json::from_str(text) {
        Ok(value) if raw => value,
        _ => Value::String(text.to_owned()),
    }
}

fn differences(before: &Manifest, after: &Manifest, rule: usize, out: &mut Vec<Change>) {
    let because = format!("resource modifier rule {rule}");
    let (before, after) = (Value::Object(before.as_map().clone()), Value::Object(after.as_map().clone()));
    for operation in json_patch::diff(&before, &after).0 {
        let pointer = operation.path().to_string();
        let value = |root: &Value| root.pointer(&pointer).cloned();
        out.push(Change { before: value(&before), after: value(&after), pointer, because: because.clone() });
    }
}

#[cfg(test)]
mod tests;
