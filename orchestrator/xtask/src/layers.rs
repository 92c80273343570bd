//! Proves the layers: which crate may depend on which, and what must never be below a pure one.
//!
//! Works on what cargo says of the workspace and on the members' manifests; compiles nothing. Invariants 5 and later
//! are about code, and belong to tests and lints.

mod graph;
mod manifest;
mod rules;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};

use crate::environment::cargo;
pub(crate) use table::{Ring, ring_of};

/// Prints every broken rule.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let broken = check(root)?;
    for line in &broken {
        println!("{line}");
    }
    if broken.is_empty() {
        println!("layers: every rule of docs/architecture.md that cargo can prove holds");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// One line for each broken rule, sorted.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(cargo())
        .args(["metadata", "--format-version", "1"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed");
    let graph = graph::Graph::read(&output.stdout)?;
    let mut broken = rules::check(&graph);
    for member in graph.members() {
        broken.extend(manifest::check(&member.name, &member.manifest)?);
    }
    broken.sort();
    Ok(broken)
}
