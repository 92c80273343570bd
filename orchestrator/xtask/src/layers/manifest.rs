//! The members' manifests: lints and dependencies come from the workspace, and nothing else does.

use std::fs;
use std::path::Path;

use anyhow::Context;
use toml::{Table, Value};

const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// One line for each broken rule.
pub(super) fn check(name: &str, manifest: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(manifest).with_context(|| format!("failed to read {}", manifest.display()))?;
    let table: Table = text.parse().with_context(|| format!("{} is not TOML", manifest.display()))?;
    Ok(broken(name, &table))
}

pub(super) fn broken(name: &str, manifest: &Table) -> Vec<String> {
    let mut broken = Vec::new();
    if !manifest.get("lints").is_some_and(from_workspace) {
        broken.push(format!("{name}: [lints] is not `workspace = true`"));
    }
    dependencies(name, manifest, &mut broken);
    for target in manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values) {
        if let Some(target) = target.as_table() {
            dependencies(name, target, &mut broken);
        }
    }
    broken
}

fn dependencies(name: &str, table: &Table, broken: &mut Vec<String>) {
    for section in DEPENDENCIES {
        for (dependency, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            if !from_workspace(value) {
                broken.push(format!(
                    "{name}: {section} writes more of {dependency} than `workspace = true`; versions and features \
                     stand in the root manifest only"
                ));
            }
        }
    }
}

fn from_workspace(value: &Value) -> bool {
    value.as_table().is_some_and(|table| {
        table.len() == 1 && table.get("workspace").and_then(Value::as_bool).is_some_and(|workspace| workspace)
    })
}
