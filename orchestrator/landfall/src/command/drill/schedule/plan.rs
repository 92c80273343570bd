//! What a schedule remembers between two starts of its process, and when it runs next.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use ports::Clock as _;
use scenario::schedule::starts_at;
use serde::{Deserialize, Serialize};

use super::Active;
use crate::clock::SystemClock;
use crate::command::Context;
use crate::failure::{Exit, Outcome};
use crate::printer::table;
use crate::runs::{durable, read_capped};

/// `schedules/NAME.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    format: u32,
    /// The last tick that was handled, or when the schedule was first seen.
    pub(super) since: Timestamp,
    /// Whether it was told already that the last pass is too old.
    #[serde(default)]
    pub(super) stale: bool,
    #[serde(skip)]
    path: PathBuf,
    /// Held as long as this process looks after the schedule.
    #[serde(skip)]
    lock: Option<File>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Next {
    schedule: String,
    scenario: String,
    cron: String,
    zone: String,
    next: Vec<Timestamp>,
    suspended: bool,
}

const FORMAT: u32 = 1;
const SHOWN: usize = 3;

impl Kept {
    pub(super) fn open(state: &Path, schedule: &str, now: Timestamp) -> Result<Self> {
        if schedule.is_empty() || !schedule.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            bail!("{schedule:?} cannot be a schedule's name; use letters, digits and dashes");
        }
        let path = state.join("schedules").join(format!("{schedule}.json"));
        if path.is_file() {
            let bytes = read_capped(&path, 1 << 16)?;
            let mut kept: Self =
                serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be read", path.display()))?;
            if kept.format > FORMAT {
                bail!("{} was written by a newer version", path.display());
            }
            kept.path = path;
            return Ok(kept);
        }
        Ok(Self { format: FORMAT, since: now, stale: false, path, lock: None })
    }

    /// From now on the schedule counts, and no other process starts its drills.
    pub(super) fn take(&mut self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
        let path = self.path.with_extension("lock");
        let failed = || format!("failed to lock {}", path.display());
        let file = File::create(&path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                bail!("another process looks after the schedule {name}");
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
        }
        self.lock = Some(file);
        self.save()
    }

    pub(super) fn save(&self) -> Result<()> {
        durable(&self.path, &serde_json::to_vec(self).context("failed to encode the schedule's memory")?)
    }
}

pub(super) fn show(active: &[Active], context: &Context) -> Outcome {
    let now = SystemClock.now();
    let rows: Vec<Next> = active
        .iter()
        .map(|active| {
            let mut next = Vec::new();
            let mut after = now;
            while next.len() < SHOWN
                && let Some(tick) = active.schedule.cron.next(after, &active.zone)
            {
                next.push(starts_at(&active.schedule, tick));
                after = tick;
            }
            Next {
                schedule: active.schedule.name.clone(),
                scenario: active.scenario.name.clone(),
                cron: active.schedule.cron.as_str().to_owned(),
                zone: active.schedule.zone_name.clone(),
                next,
                suspended: active.schedule.suspend,
            }
        })
        .collect();
    context.printer.value(&rows, |rows| {
        let rows = rows.iter().map(|row| {
            let next: Vec<String> = row.next.iter().map(|at| format!("{at:.0}")).collect();
            let next = if row.suspended { "suspended".to_owned() } else { next.join(", ") };
            vec![row.schedule.clone(), row.scenario.clone(), row.cron.clone(), row.zone.clone(), next]
        });
        table(&["schedule", "scenario", "cron", "zone", "next starts"], rows)
    })?;
    Ok(Exit::Good)
}
