//! Writes the archive: segment by segment, hooks around them, bodies from the spool.
//!
//! The archive is a file in the run's folder until it is whole; only then is it uploaded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use archive::{ArchiveError, ArchiveOptions, ArchiveStats, ArchiveWriter};
use model::{ItemId, Manifest, chain};
use plan::backup::{BackupPlan, Role, body};

use super::BackupJob;
use super::hooks::{self, HookCount};
use super::observe::Observation;
use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

/// The archive as it lies in the run's folder.
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    pub(crate) stats: ArchiveStats,
    /// `apiVersion/Kind` → names, as the resource list shows them.
    pub(crate) resources: BTreeMap<String, Vec<String>>,
    pub(crate) hooks: HookCount,
}

#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error("failed to create the archive in the run's folder")]
    Create(#[source] std::io::Error),
    #[error("failed to read the spool")]
    Spool(#[source] std::io::Error),
    #[error("failed to write the archive; is the disk full?")]
    Archive(#[from] ArchiveError),
    #[error("the archive's writer stopped")]
    Writer(#[source] tokio::task::JoinError),
}

pub(crate) async fn store(
    outside: &Outside,
    job: &BackupJob<'_>,
    observation: &Observation,
    plan: &BackupPlan,
    log: &RunLog,
    progress: &dyn Progress,
) -> Result<Stored, ActError> {
    let total = plan.item_count() as u64;
    progress.begin(Stage::Store, Some(total));
    let path = job.folder.join("archive.tar.gz");
    let out = BufWriter::new(File::create(&path).map_err(ActError::Create)?);
    let mut options = ArchiveOptions::new(outside.clock.now());
    options.threads = job.threads;
    let mut writer = ArchiveWriter::new(out, &options)?;
    let mut resources: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut count = HookCount::default();
    let done = Arc::new(AtomicU64::new(0));
    for segment in &plan.segments {
        let stopped = hooks::before(outside, &segment.before, log, &mut count).await;
        let written = tokio::task::block_in_place(|| {
            let stopped = &stopped;
            let mut segment_writer = SegmentWriter { observation, job, log, outside, done: &done, progress, stopped };
            segment_writer.write(writer, &segment.items)
        });
        let has_hooks = !segment.before.is_empty() || !segment.after.is_empty();
        if written.is_ok() && has_hooks {
            let stored = segment.items.len().saturating_sub(stopped.len());
            log.info(outside.clock.now(), &format!("a block with hooks: {stored} of {} stored", segment.items.len()));
        }
        // Whatever became of the block: what was held still before it must not stay so.
        hooks::after(outside, &segment.after, &stopped, log, &mut count).await;
        let (next, listed) = written?;
        writer = next;
        for (kind, names) in listed {
            resources.entry(kind).or_default().extend(names);
        }
    }
    let stats = tokio::task::block_in_place(|| {
        let (mut out, stats) = writer.finish()?;
        std::io::Write::flush(&mut out).map_err(ArchiveError::Write)?;
        Ok::<_, ActError>(stats)
    })?;
    for names in resources.values_mut() {
        names.sort_unstable();
    }
    progress.end(Stage::Store);
    Ok(Stored { path, stats, resources, hooks: count })
}

struct SegmentWriter<'a> {
    observation: &'a Observation,
    job: &'a BackupJob<'a>,
    log: &'a RunLog,
    outside: &'a Outside,
    done: &'a AtomicU64,
    progress: &'a dyn Progress,
    stopped: &'a [ItemId],
}

type Names = BTreeMap<String, Vec<String>>;

impl SegmentWriter<'_> {
    fn write<W: std::io::Write>(
        &mut self,
        mut writer: ArchiveWriter<W>,
        items: &[u32],
    ) -> Result<(ArchiveWriter<W>, Names), ActError> {
        let Observation { table, spans, spool, .. } = self.observation;
        let mut body = Vec::new();
        let mut names = Names::new();
        for at in items {
            let item = &table.items[*at as usize];
            let (resource, preferred, role) = &table.kinds[item.kind as usize];
            let id = table.id_of(item);
            let kind = format!("{}/{}", resource.group_version(), resource.kind);
            let listed = match &id.namespace {
                Some(namespace) => format!("{namespace}/{}", id.name),
                None => id.name.clone(),
            };
            names.entry(kind).or_default().push(listed);
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(256) {
                self.progress.advance(Stage::Store, done);
            }
            if self.stopped.contains(&id) {
                continue;
            }
            spool.read(spans[*at as usize], &mut body).map_err(ActError::Spool)?;
            if body::may_change(*role) {
                self.change(*role, &id, &mut body);
            }
            match writer.append(&id, &resource.version, *preferred, &body) {
                Ok(()) => {}
                // A name that cannot be a path is this item's trouble alone.
                Err(error @ ArchiveError::Refused { .. }) => {
                    self.log.error(self.outside.clock.now(), Some(&id), &chain(&error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.progress.advance(Stage::Store, self.done.load(Ordering::Relaxed));
        Ok((writer, names))
    }

    fn change(&self, role: Role, id: &ItemId, body: &mut Vec<u8>) {
        match Manifest::from_slice(body) {
            Ok(mut manifest) => {
                body::change(role, &self.job.request.name, &mut manifest);
                *body = manifest.to_vec();
            }
            Err(error) => self.log.error(self.outside.clock.now(), Some(id), &chain(&error)),
        }
    }
}
