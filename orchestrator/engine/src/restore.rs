//! A backup into a cluster: open, observe, plan and prepare, act, record.
//!
//! A plan is made in full before anything is written; carrying it out makes no choice that the plan could have made.
//! Running the same restore again finds what is done, and does the rest.

mod act;
mod available;
mod gates;
mod hooks;
mod identity;
mod observe;
mod open;
mod prepared;
mod readback;
mod record;

use std::collections::BTreeMap;
use std::path::Path;

use api::velero::RestoreSpec;
use jiff::Timestamp;
use model::request::RestoreRequest;
use plan::restore::PlanFile;
use plan::restore::modifier::ModifierRule;
use plan::restore::prepare::Rewrite;
use plan::restore::webhooks::UnreadyWebhooks;
use serde::Serialize;

use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::Progress;

pub use observe::ObserveError;
pub use open::{OpenError, OpenedBackup, open};
pub use prepared::{PlanError, PlannedRestore};

/// What shapes a restore beside its request.
pub struct RestoreJob<'a> {
    pub request: &'a RestoreRequest,
    pub spec: &'a RestoreSpec,
    pub conversions: &'a versions::Options,
    pub modifiers: &'a [ModifierRule],
    pub rewrite: Option<&'a dyn Rewrite>,
    /// Shown in the plan: what else was decided for this restore.
    pub settings: BTreeMap<String, String>,
    pub uid: &'a str,
    /// A folder for spools; the caller removes it.
    pub folder: &'a Path,
    /// How long to wait until what was restored is available; `None` does not wait.
    pub wait_available: Option<std::time::Duration>,
    /// What to do about webhooks of the target whose backend is not up.
    pub webhooks: UnreadyWebhooks,
    /// Compute digests of prepared bodies: needed for a plan that is saved.
    pub digests: bool,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemVerdict {
    Created,
    Updated,
    /// It was there and equal.
    Unchanged,
    /// Left out on purpose, or it exists and differs.
    Skipped,
    /// A person has to decide.
    Blocked,
    Failed,
}

#[derive(Debug, Clone, Serialize)]
pub struct ItemOutcome {
    pub item: String,
    pub verdict: ItemVerdict,
    pub code: String,
    pub message: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct RestoreOutcome {
    pub name: String,
    pub backup: String,
    pub phase: String,
    pub counts: BTreeMap<ItemVerdict, usize>,
    pub by_kind: BTreeMap<String, BTreeMap<ItemVerdict, usize>>,
    pub warnings: usize,
    pub errors: usize,
    /// Items that did not end as created, updated or unchanged; the first thousand.
    pub exceptions: Vec<ItemOutcome>,
    pub started: Timestamp,
    pub completed: Timestamp,
    pub writes: u64,
    pub hooks_attempted: usize,
    pub hooks_failed: usize,
    /// Where the record of the restore is; `None` when the location cannot be written.
    pub recorded: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("failed to open the backup")]
    Open(#[from] OpenError),
    #[error("failed to plan the restore")]
    Plan(#[from] PlanError),
    #[error("the plan no longer holds: {0}")]
    Stale(String),
}

/// Plans and writes nothing.
pub async fn plan(
    outside: &Outside,
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    progress: &dyn Progress,
) -> Result<PlannedRestore, RestoreError> {
    Ok(prepared::plan(outside, job, opened, progress).await?)
}

/// Carries out a plan that was just made.
pub async fn act(
    outside: &Outside,
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    planned: PlannedRestore,
    progress: &dyn Progress,
) -> RestoreOutcome {
    let started = outside.clock.now();
    let log = RunLog::default();
    log.info(started, &format!("restore {} of backup {} begins", job.request.name, opened.name));
    for finding in &planned.file.findings {
        log.finding(started, finding);
    }
    let mut acted = act::act(outside, job, &planned, &log, progress).await;
    readback::read_back(outside, &planned, &mut acted, &log, progress).await;
    let hooks = hooks::run_hooks(outside, &planned, &acted, &log, progress).await;
    if let Some(limit) = job.wait_available {
        available::wait_available(outside, &planned, &mut acted, limit, &log, progress).await;
    }
    record::record(outside, job, opened, &planned, acted, hooks, &log, started).await
}

/// Whether a plan made now is the plan that was saved; the first differences in words when it is not.
pub fn same_plan(saved: &PlanFile, now: &PlanFile) -> Result<(), RestoreError> {
    if saved.backup_digest != now.backup_digest {
        return Err(RestoreError::Stale("the backup's archive is another one".to_owned()));
    }
    let key = |plan: &PlanFile| -> BTreeMap<String, (String, Option<String>, Option<String>)> {
        let entry = |i: &plan::restore::PlannedItem| {
            (i.target.to_string(), (format!("{:?}", i.verdict), i.digest.clone(), i.existing.clone()))
        };
        plan.items.iter().map(entry).collect()
    };
    let (saved, now) = (key(saved), key(now));
    let mut differences = Vec::new();
    for (item, was) in &saved {
        match now.get(item) {
            None => differences.push(format!("{item} is no longer part of it")),
            Some(is) if is.0 != was.0 => differences.push(format!("{item} was to be {}, now {}", was.0, is.0)),
            Some(is) if is.2 != was.2 => differences.push(format!("{item} changed in the target")),
            Some(is) if is.1 != was.1 => differences.push(format!("{item} would be sent with another body")),
            Some(_) => {}
        }
    }
    differences.extend(now.keys().filter(|i| !saved.contains_key(*i)).map(|i| format!("{i} was not part of it")));
    match differences.len() {
        0 => Ok(()),
        n => Err(RestoreError::Stale(format!("{} ({n} differences)", differences[..n.min(3)].join("; ")))),
    }
}
