//! Writes down what a restore did: its files in the bucket, and the outcome for the caller.
//!
//! A location that cannot be written does not undo a restore: the record is then in the outcome alone, and that is
//! said.

use std::collections::BTreeMap;

use ::ports::{Body, ObjectKey, PortError};
use api::velero::object::{Identity, time};
use api::velero::restore_object;
use archive::format::DecisionsFile;
use archive::side::{ResourceList, RestoredAs};
use bytes::Bytes;
use jiff::Timestamp;
use model::{Decision, Verdict, chain};
use serde_json::{Value, json};

use super::act::Acted;
use super::hooks::HookCount;
use super::prepared::PlannedRestore;
use super::{ItemOutcome, ItemVerdict, OpenedBackup, RestoreJob, RestoreOutcome};
use crate::bucket::RestoreKeys;
use crate::log::RunLog;
use crate::ports::Outside;

const EXCEPTIONS: usize = 1000;

#[expect(clippy::too_many_arguments, reason = "everything that happened, once")]
pub(super) async fn record(
    outside: &Outside,
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    planned: &PlannedRestore,
    acted: Acted,
    hooks: HookCount,
    log: &RunLog,
    started: Timestamp,
) -> RestoreOutcome {
    let mut tally = Tally::default();
    for (at, item) in planned.file.items.iter().enumerate() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let (verdict, reason) = match acted.outcomes.verdict(at) {
            Some(verdict) => (verdict, acted.outcomes.reason(at)),
            None => (unsent(item.verdict), item.decisions.last().map(|d| &d.reason)),
        };
        let kind = opened.kinds.get(&item.item.resource).map(String::as_str).unwrap_or("Namespace");
        tally.add(item, verdict, kind);
        let expected = matches!(verdict, ItemVerdict::Created | ItemVerdict::Updated | ItemVerdict::Unchanged)
            && reason.is_none_or(|r| r.code != "status-not-restored");
        if expected {
            continue;
        }
        let (code, message) = reason.map(|r| (r.code.clone(), r.message.clone())).unwrap_or_default();
        if acted.outcomes.verdict(at).is_none() {
            match verdict {
                ItemVerdict::Blocked => log.error(started, Some(&item.target), &message),
                ItemVerdict::Skipped => log.warn(started, Some(&item.target), &message),
                ItemVerdict::Created | ItemVerdict::Updated | ItemVerdict::Unchanged | ItemVerdict::Failed => {}
            }
        }
        if tally.exceptions.len() < EXCEPTIONS {
            tally.exceptions.push(ItemOutcome { item: item.target.to_string(), verdict, code, message });
        }
    }
    let skipped = planned.file.skipped.len();
    *tally.counts.entry(ItemVerdict::Skipped).or_default() += skipped;
    let completed = outside.clock.now();
    let (warnings, errors) = log.counts();
    let phase = if errors > 0 { "PartiallyFailed" } else { "Completed" };
    log.info(completed, &format!("restore {} ends: {phase}", job.request.name));
    let mut outcome = RestoreOutcome {
        name: job.request.name.clone(),
        backup: job.request.backup.clone(),
        phase: phase.to_owned(),
        counts: tally.counts,
        by_kind: tally.by_kind,
        warnings,
        errors,
        exceptions: tally.exceptions,
        started,
        completed,
        writes: acted.writes,
        hooks_attempted: hooks.attempted,
        hooks_failed: hooks.failed,
        recorded: None,
    };
    match upload(outside, job, opened, planned, log, &tally.list, &outcome).await {
        Ok(directory) => outcome.recorded = Some(format!("{}/{directory}", outside.store.describe())),
        Err(error) => {
            let message = format!("the restore's record could not be written: {}", chain(&error));
            log.warn(completed, None, &message);
            outcome.warnings += 1;
            let item = "record".to_owned();
            let (verdict, code) = (ItemVerdict::Skipped, "record-not-written".to_owned());
            outcome.exceptions.push(ItemOutcome { item, verdict, code, message });
        }
    }
    outcome
}

#[derive(Default)]
struct Tally {
    counts: BTreeMap<ItemVerdict, usize>,
    by_kind: BTreeMap<String, BTreeMap<ItemVerdict, usize>>,
    exceptions: Vec<ItemOutcome>,
    list: ResourceList,
}

impl Tally {
    fn add(&mut self, item: &plan::restore::PlannedItem, verdict: ItemVerdict, kind: &str) {
        *self.counts.entry(verdict).or_default() += 1;
        let by_kind = self.by_kind.entry(item.target.resource.to_string()).or_default();
        *by_kind.entry(verdict).or_default() += 1;
        let restored = match verdict {
            ItemVerdict::Created => RestoredAs::Created,
            ItemVerdict::Updated => RestoredAs::Updated,
            ItemVerdict::Failed | ItemVerdict::Blocked => RestoredAs::Failed,
            ItemVerdict::Unchanged | ItemVerdict::Skipped => RestoredAs::Skipped,
        };
        let api_version = if item.api_version.is_empty() { "v1" } else { &item.api_version };
        self.list.add_restored(api_version, kind, item.target.namespace.as_deref(), &item.target.name, restored);
    }
}

/// What became of an item that was not sent.
fn unsent(verdict: Verdict) -> ItemVerdict {
    match verdict {
        Verdict::Blocked => ItemVerdict::Blocked,
        Verdict::Keep => ItemVerdict::Unchanged,
        Verdict::Skip | Verdict::Warn => ItemVerdict::Skipped,
        Verdict::Create | Verdict::Update | Verdict::Convert | Verdict::Rewrite => ItemVerdict::Failed,
    }
}

async fn upload(
    outside: &Outside,
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    planned: &PlannedRestore,
    log: &RunLog,
    list: &ResourceList,
    outcome: &RestoreOutcome,
) -> Result<String, PortError> {
    let keys = RestoreKeys::new(&job.request.name)
        .map_err(|error| PortError::invalid("the restore's name cannot be a key").with_source(error))?;
    let encoded = |error| PortError::invalid("the record cannot be encoded").with_source(error);
    let json = |value: &Value| archive::side::write(value).map_err(encoded);
    let decisions: Vec<Decision> =
        planned.file.items.iter().flat_map(|i| i.decisions.clone()).chain(planned.file.skipped.clone()).collect();
    let decisions = archive::format::write(&DecisionsFile::new(&decisions)).map_err(encoded)?;
    let object = restore_object(&identity(job, outcome), job.spec, status(outcome));
    let record = json!({"version": "1.0", "restore": object, "outcome": outcome, "target": planned.file.target,
        "backupDigest": opened.digest});
    put(outside, &keys.log(), archive::gzip::compress(log.text().as_bytes())).await?;
    put(outside, &keys.results(), archive::side::write(&log.results()).map_err(encoded)?).await?;
    put(outside, &keys.resource_list(), archive::side::write(list).map_err(encoded)?).await?;
    put(outside, &keys.item_operations(), json(&json!([]))?).await?;
    put(outside, &keys.volume_info(), json(&json!([]))?).await?;
    put(outside, &keys.decisions(), decisions).await?;
    put(outside, &keys.record(), json(&record)?).await?;
    Ok(keys.directory())
}

async fn put(outside: &Outside, key: &ObjectKey, bytes: Vec<u8>) -> Result<(), PortError> {
    outside.store.put(key, Body::Bytes(Bytes::from(bytes))).await
}

fn identity(job: &RestoreJob<'_>, outcome: &RestoreOutcome) -> Identity {
    Identity {
        name: outcome.name.clone(),
        namespace: "velero".to_owned(),
        uid: job.uid.to_owned(),
        created: outcome.started,
        labels: serde_json::Map::new(),
        annotations: serde_json::Map::new(),
    }
}

fn status(outcome: &RestoreOutcome) -> Value {
    let count = |verdict| outcome.counts.get(&verdict).copied().unwrap_or(0);
    let restored = count(ItemVerdict::Created) + count(ItemVerdict::Updated) + count(ItemVerdict::Unchanged);
    let total: usize = outcome.counts.values().sum();
    let mut status = json!({
        "phase": outcome.phase,
        "startTimestamp": time(outcome.started),
        "completionTimestamp": time(outcome.completed),
        "progress": {"totalItems": total, "itemsRestored": restored},
        "warnings": outcome.warnings,
        "errors": outcome.errors,
    });
    if outcome.hooks_attempted > 0 {
        status["hookStatus"] = json!({"hooksAttempted": outcome.hooks_attempted, "hooksFailed": outcome.hooks_failed});
    }
    status
}
