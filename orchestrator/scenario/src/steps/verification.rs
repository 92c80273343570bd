//! What every verification gives: how much was checked, and what was wrong.

use model::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lists in outputs are cut to this length: the journal holds the gist, the run's folder the whole.
pub const MAX_FINDINGS: usize = 200;

/// The outputs of the `verify` steps. A failed check carries the same in its failure's details.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// How many things were looked at. A verification that looked at nothing proves nothing.
    pub checked: u64,
    /// How many of them were wrong.
    pub failed: u64,
    /// One sentence on what was verified.
    pub summary: String,
    /// What was seen, at most 200 of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub findings: Vec<Finding>,
}

impl Verification {
    pub fn passed(checked: u64, summary: impl Into<String>) -> Self {
        Self { checked, failed: 0, summary: summary.into(), findings: Vec::new() }
    }
}
