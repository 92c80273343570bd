//! A journal in a file: locked while it is open, durable line by line.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use ports::{ErrorKind, Journal, PortError};

/// The one writer of a run's journal.
#[derive(Debug, Clone)]
pub(crate) struct FileJournal {
    path: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// How long the file is as far as every line in it is whole.
    good: u64,
}

/// Somebody who only looks whether the journal is locked holds it for a moment.
const ATTEMPTS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(50);

impl FileJournal {
    /// Takes the lock, and cuts a torn last line away; with `cut_damage` also everything from the first line that is
    /// damaged, after a copy of all of it was kept.
    pub(crate) async fn open(path: &Path, cut_damage: bool) -> Result<Self> {
        let failed = || format!("failed to open {}", path.display());
        let mut file = OpenOptions::new().read(true).write(true).open(path).with_context(failed)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => tokio::time::sleep(BETWEEN).await,
                Err(TryLockError::WouldBlock) => bail!("another process drives this run"),
                Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
            }
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(failed)?;
        let unusable = || format!("{} cannot be used", path.display());
        let (journal, damage) = scenario::format::read_to_damage(&bytes).with_context(unusable)?;
        match damage {
            Some(_) if cut_damage => {
                // Before anything is cut: what is damaged may still tell a person something.
                super::durable(&path.with_extension("damaged"), &bytes)?;
            }
            Some(damage) => return Err(damage).with_context(unusable),
            None => {}
        }
        if journal.read_only {
            bail!("the journal was written by a newer version, which has to go on with it");
        }
        if journal.good_bytes < bytes.len() as u64 {
            file.set_len(journal.good_bytes).and_then(|()| file.sync_all()).with_context(failed)?;
        }
        let inner = Inner { file, good: journal.good_bytes };
        Ok(Self { path: path.to_owned(), inner: Arc::new(Mutex::new(inner)) })
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, line: &str) -> Result<(), PortError> {
        let mut bytes = line.trim_end_matches('\n').as_bytes().to_vec();
        bytes.push(b'\n');
        self.blocking("append to", move |inner| inner.append(&bytes)).await
    }

    async fn read(&self) -> Result<Vec<u8>, PortError> {
        self.blocking("read", |inner| {
            let mut bytes = Vec::new();
            inner.file.seek(SeekFrom::Start(0))?;
            inner.file.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }
}

impl FileJournal {
    async fn blocking<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Inner) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let inner = Arc::clone(&self.inner);
        let done =
            tokio::task::spawn_blocking(move || work(&mut inner.lock().unwrap_or_else(PoisonError::into_inner))).await;
        let failed = || format!("failed to {what} {}", self.path.display());
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(PortError::new(ErrorKind::Unavailable, failed()).with_source(error)),
            Err(error) => Err(PortError::new(ErrorKind::Unavailable, failed()).with_source(error)),
        }
    }
}

impl Inner {
    /// A line that could not be written whole is taken back: on a full disk half a line must not stay.
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.good))?;
        if let Err(error) = self.file.write_all(bytes).and_then(|()| self.file.sync_data()) {
            let _ = self.file.set_len(self.good);
            return Err(error);
        }
        self.good += bytes.len() as u64;
        Ok(())
    }
}
