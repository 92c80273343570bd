//! A cluster into a bucket: observe, plan, act, record.
//!
//! Nothing in the bucket says that the backup exists until everything else is there. What goes wrong with one kind or
//! one object is recorded and the rest goes on; what makes the whole impossible ends the run with an error and leaves
//! nothing that looks complete.

mod act;
mod hooks;
pub(crate) mod list;
mod observe;
mod record;
pub(crate) mod spool;

use std::collections::BTreeMap;
use std::path::Path;

use api::velero::BackupSpec;
use jiff::Timestamp;
use model::request::BackupRequest;
use serde::Serialize;

use crate::bucket::BackupKeys;
use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::Progress;

pub use act::ActError;
pub use list::ListError;
pub use observe::ObserveError;
pub use record::RecordError;

/// A backup to make.
pub struct BackupJob<'a> {
    pub request: &'a BackupRequest,
    /// What is written beside the archive as the backup's spec.
    pub spec: &'a BackupSpec,
    pub namespace: &'a str,
    pub labels: serde_json::Map<String, serde_json::Value>,
    pub annotations: serde_json::Map<String, serde_json::Value>,
    pub uid: &'a str,
    /// The infrastructure contract, as it was given.
    pub contract: Option<&'a serde_json::Value>,
    /// A folder for the spool and the archive; the caller removes it.
    pub folder: &'a Path,
    pub threads: usize,
}

/// What became of it.
#[derive(Debug, Clone, Serialize)]
pub struct BackupOutcome {
    pub name: String,
    pub phase: String,
    pub location: String,
    pub items: usize,
    pub items_by_kind: BTreeMap<String, usize>,
    pub warnings: usize,
    pub errors: usize,
    pub hooks_attempted: usize,
    pub hooks_failed: usize,
    pub compressed_bytes: u64,
    pub uncompressed_bytes: u64,
    pub started: Timestamp,
    pub completed: Timestamp,
    pub expiration: Timestamp,
    /// The first of the errors and warnings; the whole is in the results file.
    pub messages: Vec<String>,
    pub not_covered: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("backup {0:?} is there already")]
    Exists(String),
    #[error("invalid backup name")]
    Name(#[source] ::ports::object_store::KeyError),
    #[error("failed to look for backup {name:?} in {location}")]
    Look {
        name: String,
        location: String,
        #[source]
        source: ::ports::PortError,
    },
    #[error("failed to look at the cluster")]
    Observe(#[from] ObserveError),
    #[error("failed to write the archive")]
    Act(#[from] ActError),
    #[error("failed to store the backup")]
    Record(#[from] RecordError),
}

/// Makes a backup.
pub async fn run(
    outside: &Outside,
    job: &BackupJob<'_>,
    progress: &dyn Progress,
) -> Result<BackupOutcome, BackupError> {
    let keys = BackupKeys::new(&job.request.name).map_err(BackupError::Name)?;
    let look =
        |source| BackupError::Look { name: job.request.name.clone(), location: outside.store.describe(), source };
    if outside.store.head(&keys.metadata()).await.map_err(look)?.is_some() {
        return Err(BackupError::Exists(job.request.name.clone()));
    }
    let started = outside.clock.now();
    let log = RunLog::default();
    log.info(started, &format!("backup {} of {} begins", job.request.name, outside.cluster.describe()));
    let (observation, plan) = observe::observe(outside, job.request, job.folder, progress).await?;
    let now = outside.clock.now();
    for finding in observation.findings.iter().chain(&plan.findings) {
        log.finding(now, finding);
    }
    for uncovered in &plan.uncovered {
        log.finding(now, &uncovered.finding());
    }
    log.info(now, &format!("{} objects seen, {} to store", observation.table.items.len(), plan.item_count()));
    let stored = act::store(outside, job, &observation, &plan, &log, progress).await?;
    let outcome = record::record(outside, job, &keys, &observation, &plan, stored, &log, started, progress).await?;
    Ok(outcome)
}
