//! Puts a finished backup into the bucket: side files and archive first, the object that makes it visible last.
//!
//! A crash at any moment leaves either nothing that counts as a backup, or a whole one.

use ::ports::{Body, ObjectKey, PortError};
use api::velero::backup_object;
use api::velero::object::{Identity, time};
use archive::ArchiveError;
use archive::format::{ContractFile, DecisionsFile, DigestsFile, FileDigest};
use archive::side::volume_info::{BackupVolumeInfo, PvInfo};
use archive::side::{ResourceList, Results, write_metadata};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use model::Finding;
use plan::backup::BackupPlan;
use serde::Serialize;
use serde_json::{Value, json};

use super::act::Stored;
use super::observe::Observation;
use super::{BackupJob, BackupOutcome};
use crate::bucket::BackupKeys;
use crate::log::RunLog;
use crate::ports::Outside;
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
    let mut upload = Upload { outside, digests: DigestsFile::new(stored.stats.items) };
    progress.begin(Stage::Upload, Some(stored.stats.compressed));
    let completed = outside.clock.now();
    let items = plan.item_count();
    log.info(completed, &format!("{items} objects stored, {} bytes", stored.stats.compressed));
    let results = log.results();
    let (warnings, errors) = log.counts();
    let phase = if errors > 0 { "PartiallyFailed" } else { "Completed" };

    let digest = FileDigest::new(stored.stats.sha256, stored.stats.compressed);
    upload.digests.add(keys.archive().file_name(), digest);
    upload.put(&keys.archive(), Body::File(stored.path.clone())).await?;
    upload.json(&keys.resource_list(), &resource_list(&stored)).await?;
    upload.json(&keys.results(), &results).await?;
    upload.json(&keys.item_operations(), &json!([])).await?;
    upload.json(&keys.pod_volume_backups(), &Value::Null).await?;
    upload.json(&keys.volume_snapshots(), &Value::Null).await?;
    upload.json(&keys.volume_info(), &volume_info(plan)).await?;
    if let Some(contract) = job.contract {
        upload.json(&keys.contract(), &ContractFile::new(contract.clone())).await?;
    }
    upload.json(&keys.decisions(), &DecisionsFile::new(&plan.decisions)).await?;
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
    let object = backup_object(&identity(job, observation, started), job.spec, status);
    let encode = |source| RecordError::Encode { key: keys.metadata(), source };
    let object = write_metadata(&object).map_err(encode)?;
    let digests = std::mem::replace(&mut upload.digests, DigestsFile::new(0));
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
        hooks_attempted: stored.hooks.attempted,
        hooks_failed: stored.hooks.failed,
        compressed_bytes: stored.stats.compressed,
        uncompressed_bytes: stored.stats.uncompressed,
        started,
        completed,
        expiration,
        messages: messages(observation, plan, &results),
        not_covered: plan
            .uncovered
            .iter()
            .filter(|u| u.skipped_by.is_none())
            .map(|u| u.finding().reason.message)
            .collect(),
    })
}

struct Upload<'a> {
    outside: &'a Outside,
    digests: DigestsFile,
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
        self.digests.add(key.file_name(), FileDigest::of(&bytes));
        self.put(key, Body::Bytes(Bytes::from(bytes))).await
    }

    async fn put(&self, key: &ObjectKey, body: Body) -> Result<(), RecordError> {
        self.outside.store.put(key, body).await.map_err(|source| RecordError::Put { key: key.clone(), source })
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
fn volume_info(plan: &BackupPlan) -> Vec<BackupVolumeInfo> {
    let bound = plan.uncovered.iter().filter(|u| u.volume.is_some() && !u.reclaim_policy.is_empty());
    bound
        .map(|uncovered| BackupVolumeInfo {
            pv_name: uncovered.volume.clone().unwrap_or_default(),
            pvc_name: uncovered.claim.as_ref().map(|claim| claim.name.clone()).unwrap_or_default(),
            pvc_namespace: uncovered.claim.as_ref().and_then(|claim| claim.namespace.clone()).unwrap_or_default(),
            skipped: true,
            skipped_reason: match &uncovered.skipped_by {
                Some(rule) => format!("any: skipped due to resource policy {rule};"),
                None => format!("volumeSnapshot: {};", uncovered.why),
            },
            pv_info: Some(PvInfo { reclaim_policy: uncovered.reclaim_policy.clone(), ..PvInfo::default() }),
            ..BackupVolumeInfo::default()
        })
        .collect()
}

fn resource_list(stored: &Stored) -> ResourceList {
    let mut list = ResourceList::default();
    for (kind, names) in &stored.resources {
        let (api_version, kind) = kind.rsplit_once('/').unwrap_or(("", kind));
        for name in names {
            match name.split_once('/') {
                Some((namespace, name)) => list.add(api_version, kind, Some(namespace), name),
                None => list.add(api_version, kind, None, name),
            }
        }
    }
    list
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
