//! The saved plan: what would be done to each item, why, and what the target looked like when that was decided.
//!
//! Holds decisions and digests, never a body and never a Secret's value. A newer major version is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::request::RestoreRequest;
use model::{Change, Decision, Finding, ItemId, Manifest, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::ExecAfter;
use super::order::Wave;

pub const PLAN_VERSION: &str = "1.0";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanFile {
    pub version: String,
    pub request: RestoreRequest,
    /// The spec of the Restore, which goes into the record; the request is what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Value>,
    /// SHA-256 of the archive.
    pub backup_digest: String,
    pub location: String,
    pub target: TargetSeen,
    /// Settings that shaped the plan beyond the request: conversion decisions, infrastructure pairs.
    pub settings: BTreeMap<String, String>,
    pub items: Vec<PlannedItem>,
    /// Decisions about items that are not in `items`.
    pub skipped: Vec<Decision>,
    pub findings: Vec<Finding>,
}

/// What a plan depends on in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSeen {
    pub server: String,
    pub version: String,
    /// SHA-256 over what is served.
    pub catalog_digest: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedItem {
    /// As the backup names it.
    #[serde(with = "shared")]
    pub item: Arc<ItemId>,
    /// As the target will; nearly always the same one.
    #[serde(with = "shared")]
    pub target: Arc<ItemId>,
    pub api_version: String,
    pub wave: Wave,
    pub verdict: Verdict,
    /// SHA-256 of the prepared body; absent when nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// SHA-256 of what exists in the target, as far as it matters; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Commands to run in the pod once it is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<ExecAfter>,
}

/// How many items get which verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub create: usize,
    pub update: usize,
    pub skip: usize,
    pub blocked: usize,
    /// Of those created or updated: how many were converted, how many rewritten.
    pub converted: usize,
    pub rewritten: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    #[error("not a plan")]
    Json(#[source] serde_json::Error),
    #[error("the plan has version {0}, which this program is too old for")]
    Newer(String),
}

impl PlanFile {
    pub fn read(bytes: &[u8]) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Head {
            version: String,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(PlanFileError::Json)?;
        if head.version.split('.').next() != Some("1") {
            return Err(PlanFileError::Newer(head.version));
        }
        serde_json::from_slice(bytes).map_err(PlanFileError::Json)
    }

    pub fn counts(&self) -> Counts {
        let mut counts = Counts { skip: self.skipped.len(), ..Counts::default() };
        for item in &self.items {
            let sent = matches!(item.verdict, Verdict::Create | Verdict::Update);
            match item.verdict {
                Verdict::Create => counts.create += 1,
                Verdict::Update => counts.update += 1,
                Verdict::Blocked => counts.blocked += 1,
                Verdict::Keep | Verdict::Skip | Verdict::Warn | Verdict::Convert | Verdict::Rewrite => counts.skip += 1,
            }
            let did = |verdict| sent && item.decisions.iter().any(|d| d.verdict == verdict);
            counts.converted += usize::from(did(Verdict::Convert));
            counts.rewritten += usize::from(did(Verdict::Rewrite));
        }
        counts
    }
}

/// The change as it may be shown: a Secret's values, and what quotes them, are left out.
pub fn redacted(manifest: &Manifest, mut change: Change) -> Change {
    let secret_part = ["/data", "/stringData", "/metadata/annotations/kubectl.kubernetes.io~1last-applied"];
    if manifest.kind() == "Secret" && secret_part.iter().any(|part| change.pointer.starts_with(part)) {
        let hide = |value: Option<Value>| value.map(|_| Value::String("(redacted)".to_owned()));
        change.before = hide(change.before);
        change.after = hide(change.after);
    }
    change
}

/// An identity that several share, written as if it were one's own.
mod shared {
    use super::{Arc, Deserialize, ItemId, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(id: &Arc<ItemId>, serializer: S) -> Result<S::Ok, S::Error> {
        ItemId::serialize(id, serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<ItemId>, D::Error> {
        ItemId::deserialize(deserializer).map(Arc::new)
    }
}

impl PlannedItem {
    pub fn is_sent(&self) -> bool {
        matches!(self.verdict, Verdict::Create | Verdict::Update)
    }
}
