//! The folders of runs on this machine: journal, the run's own copy of the scenario, mailbox, reports.
//!
//! Keeps files; what their content means is the saga's business. A journal is durable line by line, and locked while
//! somebody drives its run.

mod journal;
mod mailbox;

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use scenario::{Event, Header, Journal, Record, Saga, Scenario};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use journal::FileJournal;
pub(crate) use mailbox::Mailbox;

/// All runs of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    folder: PathBuf,
}

/// One run's folder.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

/// What a run must know besides its journal; `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// `1`; a greater one is refused.
    pub(crate) format: u32,
    /// The folder that stacks and manifests are relative to.
    pub(crate) project: PathBuf,
    /// The scenario's file as it was named; the run uses its own copy.
    pub(crate) scenario_file: PathBuf,
    /// Signs the evidence when the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sign_key: Option<PathBuf>,
    /// The schedule and its tick, when a schedule started the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<Tick>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) schedule: String,
    pub(crate) tick: Timestamp,
}

/// A run as its files tell it.
pub(crate) struct Recorded {
    pub(crate) about: About,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) journal: Journal,
    pub(crate) saga: Saga,
}

/// What can be seen of a run whose journal is damaged.
pub(crate) struct Glimpse {
    pub(crate) scenario: String,
    pub(crate) has_ended: bool,
}

const FORMAT: u32 = 1;
const ABOUT_CAP: u64 = 1 << 20;
const SCENARIO_CAP: u64 = 4 << 20;
/// A journal beyond this is damaged, not long.
pub(crate) const JOURNAL_CAP: u64 = 1 << 30;
/// Ids become names of sandboxes together with a word of the scenario.
const MAX_ID: usize = 33;

impl Runs {
    pub(crate) fn of(state: &Path) -> Self {
        Self { folder: state.join("drills") }
    }

    /// Every run, the oldest first. Folders in which no run ever began are not listed.
    pub(crate) fn list(&self) -> Result<Vec<RunFolder>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", self.folder.display())),
        };
        let mut runs: Vec<RunFolder> = entries
            .flatten()
            .filter_map(|entry| {
                let id = entry.file_name().into_string().ok().filter(|id| is_id(id))?;
                let run = RunFolder { path: entry.path(), id };
                run.journal_path().is_file().then_some(run)
            })
            .collect();
        runs.sort_by_cached_key(|run| (run.opened().unwrap_or(Timestamp::MIN), run.id.clone()));
        Ok(runs)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Option<RunFolder>> {
        if !is_id(id) {
            return Ok(None);
        }
        let run = RunFolder { id: id.to_owned(), path: self.folder.join(id) };
        Ok(run.journal_path().is_file().then_some(run))
    }

    /// Held while it is decided whether a new run may begin, so that two cannot begin at once.
    pub(crate) fn door(&self) -> Result<File> {
        create_private(&self.folder)?;
        let path = self.folder.join(".door");
        let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
        file.lock().with_context(|| format!("failed to lock {}", path.display()))?;
        Ok(file)
    }

    /// Makes the folder of a new run; the journal with its header is written last, because it makes the run exist.
    pub(crate) fn create(
        &self,
        scenario: &Scenario,
        about: &About,
        opened: Timestamp,
        header: impl FnOnce(&RunFolder) -> Header,
    ) -> Result<RunFolder> {
        create_private(&self.folder)?;
        let run = self.fresh(&scenario.name, opened)?;
        durable(&run.path.join("scenario.yaml"), scenario.text.as_bytes())?;
        run.write_json("run.json", about)?;
        create_private(&run.mailbox().folder)?;
        let line = header(&run).to_line().context("failed to encode the journal's header")?;
        durable(&run.journal_path(), line.as_bytes())?;
        sync_folder(&self.folder)?;
        Ok(run)
    }

    /// Removes folders of runs that never began: a crash between making the folder and writing the journal.
    pub(crate) fn remove_stillborn(&self) -> Result<()> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        // Nobody is making a folder while the door is held.
        let door = self.door()?;
        self.remove_stillborn_behind(&door)
    }

    /// As above, for whoever holds the door.
    pub(crate) fn remove_stillborn_behind(&self, _door: &File) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let Ok(id) = entry.file_name().into_string() else { continue };
            if is_id(&id) && entry.path().is_dir() && !entry.path().join("journal.jsonl").exists() {
                RunFolder { path: entry.path(), id }.remove()?;
            }
        }
        Ok(())
    }

    fn fresh(&self, scenario: &str, opened: Timestamp) -> Result<RunFolder> {
        let stem = id_of(scenario, opened);
        for number in 1..10 {
            let id = if number == 1 { stem.clone() } else { format!("{stem}-{number}") };
            let path = self.folder.join(&id);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder { id, path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| format!("failed to create {}", path.display())),
            }
        }
        bail!("there are many runs called {stem} already")
    }
}

impl RunFolder {
    pub(crate) fn journal_path(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    pub(crate) fn mailbox(&self) -> Mailbox {
        Mailbox { folder: self.path.join("mailbox") }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn about(&self) -> Result<About> {
        let about: About = self.read_json("run.json", ABOUT_CAP)?;
        if about.format > FORMAT {
            bail!("run {} was written by a newer version (format {})", self.id, about.format);
        }
        Ok(about)
    }

    pub(crate) fn journal(&self) -> Result<Journal> {
        let bytes = read_capped(&self.journal_path(), JOURNAL_CAP)?;
        scenario::format::read(&bytes).with_context(|| format!("the journal of {} cannot be read", self.id))
    }

    /// What a journal that cannot be replayed still tells: whose run it is, and whether its last line ended it.
    pub(crate) fn glimpse(&self) -> Option<Glimpse> {
        let bytes = read_capped(&self.journal_path(), JOURNAL_CAP).ok()?;
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header: serde_json::Value = serde_json::from_slice(lines.next()?).ok()?;
        let last = lines.next_back().and_then(|line| serde_json::from_slice::<Record>(line).ok());
        let has_ended = last.is_some_and(|record| matches!(record.event, Event::Finished { .. }));
        Some(Glimpse { scenario: header.get("scenario")?.as_str()?.to_owned(), has_ended })
    }

    /// The run's own copy of its scenario.
    pub(crate) fn scenario(&self) -> Result<Arc<Scenario>> {
        let path = self.path.join("scenario.yaml");
        let text = String::from_utf8(read_capped(&path, SCENARIO_CAP)?)
            .with_context(|| format!("{} is not text", path.display()))?;
        Ok(Arc::new(scenario::load(&text).with_context(|| format!("{} is not valid", path.display()))?))
    }

    pub(crate) fn recorded(&self) -> Result<Recorded> {
        let scenario = self.scenario()?;
        let journal = self.journal()?;
        let saga = Saga::replay(Arc::clone(&scenario), &journal)
            .with_context(|| format!("the journal of {} cannot be replayed", self.id))?;
        Ok(Recorded { about: self.about()?, scenario, journal, saga })
    }

    /// Whether a process drives the run now.
    pub(crate) fn is_driven(&self) -> bool {
        let Ok(file) = File::open(self.journal_path()) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Removes the run's folder with everything in it.
    pub(crate) fn remove(&self) -> Result<()> {
        std::fs::remove_dir_all(&self.path).with_context(|| format!("failed to remove {}", self.path.display()))
    }

    fn opened(&self) -> Option<Timestamp> {
        let mut line = Vec::new();
        File::open(self.journal_path()).ok()?.take(1 << 20).read_to_end(&mut line).ok()?;
        let first = line.split(|byte| *byte == b'\n').next()?;
        serde_json::from_slice::<Header>(first).ok().map(|header| header.opened)
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str, cap: u64) -> Result<T> {
        let path = self.path.join(name);
        let bytes = read_capped(&path, cap)?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be read", path.display()))
    }

    pub(crate) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(value).with_context(|| format!("failed to encode {name}"))?;
        durable(&self.path.join(name), &bytes)
    }
}

impl About {
    pub(crate) fn new(project: PathBuf, scenario_file: PathBuf) -> Self {
        Self { format: FORMAT, project, scenario_file, sign_key: None, schedule: None }
    }
}

/// The scenario's name, shortened, and the time: readable, sortable, fit for names of other things.
fn id_of(scenario: &str, opened: Timestamp) -> String {
    let time = opened.strftime("%y%m%d-%H%M%S").to_string();
    let room = MAX_ID - time.len() - "--9".len();
    let name: String = scenario
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(room)
        .collect();
    format!("{}-{time}", name.trim_matches('-')).trim_start_matches('-').to_owned()
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !id.starts_with('-')
}

/// Writes a file whole or not at all, and durably.
pub(crate) fn durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = || format!("failed to write {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("failed to make {} durable", folder.display()))
}

/// A folder that only its owner looks into: journals hold what steps gave.
fn create_private(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("failed to create {}", folder.display()))
}

pub(crate) fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>> {
    let failed = || format!("failed to read {}", path.display());
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(cap + 1).read_to_end(&mut bytes)).with_context(failed)?;
    if bytes.len() as u64 > cap {
        bail!("{} is larger than {cap} bytes", path.display());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
