//! Puts a finished backup into the bucket: side files and archive first, the object that makes it visible last.
//!
//! A crash at any moment leaves either nothing that counts as a backup, or a whole one.

use std::collections::BTreeMap;

use ::ports::{Body, ObjectKey, PortError};
use api::velero::backup_object;
use api::velero::object::{Identity, time};
use archive::ArchiveError;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use model::{Finding, chain};
use plan::backup::BackupPlan;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::act::Stored;
use super::observe::Observation;
use super::{BackupJob, BackupOutcome};
use crate::bucket::BackupKeys;
use crate::log::{Results, RunLog};
use crate::ports::{Outside, Patience, retrying};
use crate::progress::{Progress, Stage};

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("failed to write {key}")]
    Put {
        key: ObjectKey,
        #[source]
        source: PortError,
    },
    #[error("failed to encode {key}")]
    Encode {
        key: ObjectKey,
        #[source]
        source: ArchiveError,
    },
}

const MESSAGES_SHOWN: usize = 20;

#[expect(clippy::too_many_arguments, reason = "the parts of one run, each used once")]
pub(crate) async fn record(
    outside: &Outside,
    job: &BackupJob<'_>,
    keys: &BackupKeys,
    observation: &Observation,
    plan: &BackupPlan,
    stored: Stored,
    log: &RunLog,
    started: Timestamp,
    progress: &dyn Progress,
) -> Result<BackupOutcome, RecordError> {
    let mut upload = Upload { outside, digests: BTreeMap::new() };
    progress.begin(Stage::Upload, Some(stored.stats.compressed));
    let completed = outside.clock.now();
    let items = plan.item_count();
    log.info(completed, &format!("{items} objects stored, {} bytes", stored.stats.compressed));
    let results = log.results();
    let (warnings, errors) = log.counts();
    let phase = if errors > 0 { "PartiallyFailed" } else { "Completed" };

    upload.digests.insert(keys.archive().file_name().to_owned(), hex::encode(stored.stats.sha256));
    upload.put(&keys.archive(), Body::File(stored.path.clone())).await?;
    upload.json(&keys.resource_list(), &stored.resources).await?;
    upload.json(&keys.results(), &results).await?;
    upload.json(&keys.item_operations(), &json!([])).await?;
    upload.json(&keys.pod_volume_backups(), &Value::Null).await?;
    upload.json(&keys.volume_snapshots(), &Value::Null).await?;
    upload.json(&keys.volume_info(), &volume_info(plan)).await?;
    if let Some(contract) = job.contract {
        upload.json(&keys.contract(), contract).await?;
    }
    let decisions = json!({"version": "1.0", "kinds": skipped_kinds(observation), "items": plan.decisions});
    upload.json(&keys.decisions(), &decisions).await?;
    upload.gzip(&keys.log(), log.text().as_bytes()).await?;

    let expiration = completed
        .checked_add(SignedDuration::try_from(job.request.ttl).unwrap_or(SignedDuration::MAX))
        .unwrap_or(Timestamp::MAX);
    let status = json!({
        "version": 1,
        "formatVersion": archive::FORMAT_VERSION,
        "phase": phase,
        "startTimestamp": time(started),
        "completionTimestamp": time(completed),
        "expiration": time(expiration),
        "progress": {"totalItems": items, "itemsBackedUp": items},
        "warnings": warnings,
        "errors": errors,
        "hookStatus": {"hooksAttempted": stored.hooks.attempted, "hooksFailed": stored.hooks.failed},
    });
    let object = backup_object(&identity(job, observation, started), job.spec, status).to_vec();
    let object = pretty(&object);
    upload.digests.insert(keys.metadata().file_name().to_owned(), hex::encode(Sha256::digest(&object)));
    let digests = json!({"version": "1.0", "items": stored.stats.items, "entries": stored.stats.entries,
        "sha256": upload.digests});
    upload.json(&keys.digests(), &digests).await?;
    upload.put(&keys.metadata(), Body::Bytes(Bytes::from(object))).await?;
    progress.end(Stage::Upload);

    Ok(BackupOutcome {
        name: job.request.name.clone(),
        phase: phase.to_owned(),
        location: outside.store.describe(),
        items,
        items_by_kind: stored.resources.iter().map(|(kind, names)| (kind.clone(), names.len())).collect(),
        warnings,
        errors,
        compressed_bytes: stored.stats.compressed,
        uncompressed_bytes: stored.stats.uncompressed,
        started,
        completed,
        expiration,
        messages: messages(observation, plan, &results),
        not_covered: plan.uncovered.iter().map(|u| u.finding().reason.message).collect(),
    })
}

struct Upload<'a> {
    outside: &'a Outside,
    /// SHA-256 of every file, by file name.
    digests: BTreeMap<String, String>,
}

impl Upload<'_> {
    async fn json<T: Serialize>(&mut self, key: &ObjectKey, value: &T) -> Result<(), RecordError> {
        let bytes = archive::gzip::json(value).map_err(|source| RecordError::Encode { key: key.clone(), source })?;
        self.digested(key, bytes).await
    }

    async fn gzip(&mut self, key: &ObjectKey, text: &[u8]) -> Result<(), RecordError> {
        self.digested(key, archive::gzip::compress(text)).await
    }

    async fn digested(&mut self, key: &ObjectKey, bytes: Vec<u8>) -> Result<(), RecordError> {
        self.digests.insert(key.file_name().to_owned(), hex::encode(Sha256::digest(&bytes)));
        self.put(key, Body::Bytes(Bytes::from(bytes))).await
    }

    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), RecordError> {
        let put = || self.outside.store.put(key, body.clone());
        retrying(self.outside.clock.as_ref(), Patience::default(), put)
            .await
            .map_err(|source| RecordError::Put { key: key.clone(), source })
    }
}

fn identity(job: &BackupJob<'_>, observation: &Observation, created: Timestamp) -> Identity {
    let (major, minor) = observation.major_minor();
    let mut labels = job.labels.clone();
    let location = model::go_duration::valid_label_value(&job.spec.storage_location);
    labels.insert("velero.io/storage-location".into(), location.into());
    let mut annotations = job.annotations.clone();
    annotations.insert("velero.io/source-cluster-k8s-gitversion".into(), observation.version.clone().into());
    annotations.insert("velero.io/source-cluster-k8s-major-version".into(), major.into());
    annotations.insert("velero.io/source-cluster-k8s-minor-version".into(), minor.into());
    annotations.insert("velero.io/resource-timeout".into(), "10m0s".into());
    Identity {
        name: job.request.name.clone(),
        namespace: job.namespace.to_owned(),
        uid: job.uid.to_owned(),
        created,
        labels,
        annotations,
    }
}

/// Volumes that were left out, as Velero's restore reads them.
fn volume_info(plan: &BackupPlan) -> Vec<Value> {
    let bound = plan.uncovered.iter().filter(|u| u.volume.is_some() && !u.reclaim_policy.is_empty());
    bound
        .map(|uncovered| {
            let mut entry = json!({
                "pvName": uncovered.volume,
                "snapshotDataMoved": false,
                "preserveLocalSnapshot": false,
                "skipped": true,
                "skippedReason": format!("volumeSnapshot: {};", uncovered.why),
                "pvInfo": {"reclaimPolicy": uncovered.reclaim_policy, "labels": null},
            });
            if let Some(claim) = &uncovered.claim {
                entry["pvcName"] = claim.name.clone().into();
                entry["pvcNamespace"] = claim.namespace.clone().into();
            }
            entry
        })
        .collect()
}

fn skipped_kinds(observation: &Observation) -> BTreeMap<String, String> {
    observation.kinds.skipped.iter().map(|(kind, reason)| (kind.to_string(), reason.message.clone())).collect()
}

fn messages(observation: &Observation, plan: &BackupPlan, results: &Results) -> Vec<String> {
    let found: Vec<&Finding> = observation.findings.iter().chain(&plan.findings).collect();
    let mut out: Vec<String> = found.iter().map(|f| f.reason.message.clone()).collect();
    let errors = &results.errors;
    let lists = errors.velero.iter().chain(&errors.cluster).chain(errors.namespaces.values().flatten());
    let logged = lists.map(|text| text.rsplit("message: /").next().unwrap_or(text).to_owned());
    let known = out.clone();
    out.extend(logged.filter(|text| !known.contains(text)));
    out.truncate(MESSAGES_SHOWN);
    out
}

/// Two spaces of indent, as Velero writes this one file.
fn pretty(object: &[u8]) -> Vec<u8> {
    let value: Result<Value, _> = serde_json::from_slice(object);
    value.and_then(|value| serde_json::to_vec_pretty(&value)).unwrap_or_else(|error| {
        debug_assert!(false, "{}", chain(&error));
        object.to_vec()
    })
}
