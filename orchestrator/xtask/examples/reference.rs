//! Prints the pages of `docs/reference` that the pure crates write of themselves, as one JSON object.
//!
//! `cargo xtask codegen` runs it. An example, so that it is built with the workspace and its features.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

#[path = "reference/steps.rs"]
mod steps;

use std::collections::BTreeMap;

use serde_json::Value;

fn main() -> Result<(), serde_json::Error> {
    let pages = BTreeMap::from([
        ("conversions.md", versions::reference()),
        ("transforms.md", plan::transform::reference()),
        ("contract.schema.json", pretty(&infra::contract::schema())?),
        ("scenario.schema.json", pretty(&scenario::schema())?),
        ("steps.md", steps::page()),
    ]);
    println!("{}", serde_json::to_string(&pages)?);
    Ok(())
}

fn pretty(schema: &Value) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}
