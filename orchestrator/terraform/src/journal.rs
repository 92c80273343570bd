//! The durable record of what a run did: one line for each start, end and failure of a piece of work.
//!
//! The event stream is the tool's file and nobody syncs it; this one is ours and is on disk before anything is
//! reported. It is what is left to recover from when the machine goes down. Lines carry the place in the stream that
//! they came from, so reading a stream again adds nothing twice.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::error::TerraformError;
use crate::event::{ApplyEvent, ApplyPhase, Event, Resource, Stamped};
use crate::record::is_work;

/// How the journal lies on disk.
pub mod format {
    use serde::{Deserialize, Serialize};

    /// Refused when the major version is another.
    pub const VERSION: &str = "1.0";

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Line {
        pub version: String,
        /// Byte in the event stream after the line that told this.
        pub offset: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<String>,
        /// `started`, `completed` or `errored`.
        pub event: String,
        pub action: String,
        pub address: String,
        pub kind: String,
        pub provider: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub id_key: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub id_value: String,
        #[serde(default)]
        pub elapsed_seconds: u64,
    }
}

/// A journal that is open for writing.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Everything before this byte of the stream is in the journal.
    upto: u64,
    pending: Vec<u8>,
}

pub(crate) const FILE: &str = "journal.ndjson";

impl Journal {
    /// Opens or creates the journal of a run's folder, and returns what is in it.
    pub async fn open(folder: &Path) -> Result<(Self, Vec<(u64, Stamped)>), TerraformError> {
        let path = folder.join(FILE);
        let (entries, whole) = read(&path).await?;
        let io = |what: &str| TerraformError::io(format!("{what} {}", path.display()));
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let file = options.open(&path).await.map_err(io("open"))?;
        // A line that a crash cut short is no line; what follows must not be glued to it.
        file.set_len(whole).await.map_err(io("repair"))?;
        sync_folder(folder).await?;
        let upto = entries.last().map(|(offset, _)| *offset).unwrap_or_default();
        Ok((Self { path, file, upto, pending: Vec::new() }, entries))
    }

    /// Notes an event, if it is one that matters; `offset` is where its line ends in the stream.
    pub fn note(&mut self, offset: u64, stamped: &Stamped) {
        if offset <= self.upto {
            return;
        }
        if let Event::Apply(apply) = &stamped.event
            && let Some(line) = line(offset, stamped.at, apply)
            && let Ok(text) = serde_json::to_string(&line)
        {
            self.pending.extend_from_slice(text.as_bytes());
            self.pending.push(b'\n');
            self.upto = offset;
        }
    }

    /// Puts what was noted on disk.
    pub async fn sync(&mut self) -> Result<(), TerraformError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let io = |what: &str| TerraformError::io(format!("{what} {}", self.path.display()));
        self.file.write_all(&pending).await.map_err(io("write"))?;
        self.file.flush().await.map_err(io("write"))?;
        self.file.sync_data().await.map_err(io("sync"))
    }
}

/// Reads a journal without opening it for writing; one that is not there is empty.
pub async fn read(path: &Path) -> Result<(Vec<(u64, Stamped)>, u64), TerraformError> {
    let bytes = match tokio::fs::read(path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(source) => return Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1).unwrap_or_default();
    let mut entries = Vec::new();
    for text in bytes[..whole].split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
        let json = |source| TerraformError::Json { what: "a line of the run's journal", source };
        let line: format::Line = serde_json::from_slice(text).map_err(json)?;
        if line.version.split('.').next() != Some("1") {
            return Err(TerraformError::Format { what: "the run's journal", found: line.version, supported: "1.x" });
        }
        entries.extend(event(line));
    }
    Ok((entries, whole as u64))
}

/// Makes names in a folder durable.
pub(crate) async fn sync_folder(folder: &Path) -> Result<(), TerraformError> {
    let io = || TerraformError::io(format!("sync {}", folder.display()));
    File::open(folder).await.map_err(io())?.sync_all().await.map_err(io())
}

fn line(offset: u64, at: Option<Timestamp>, apply: &ApplyEvent) -> Option<format::Line> {
    let event = match apply.phase {
        ApplyPhase::Start => "started",
        ApplyPhase::Complete => "completed",
        ApplyPhase::Errored => "errored",
        ApplyPhase::Progress => return None,
    };
    is_work(&apply.action).then(|| format::Line {
        version: format::VERSION.into(),
        offset,
        at: at.map(|at| at.to_string()),
        event: event.into(),
        action: apply.action.clone(),
        address: apply.resource.address.clone(),
        kind: apply.resource.kind.clone(),
        provider: apply.resource.provider.clone(),
        id_key: apply.id_key.clone(),
        id_value: apply.id_value.clone(),
        elapsed_seconds: apply.elapsed_seconds,
    })
}

/// The event that a line was made from; `None` for one of a newer minor version.
fn event(line: format::Line) -> Option<(u64, Stamped)> {
    let phase = match line.event.as_str() {
        "started" => ApplyPhase::Start,
        "completed" => ApplyPhase::Complete,
        "errored" => ApplyPhase::Errored,
        _ => return None,
    };
    let apply = ApplyEvent {
        resource: Resource { address: line.address, kind: line.kind, provider: line.provider },
        action: line.action,
        phase,
        id_key: line.id_key,
        id_value: line.id_value,
        elapsed_seconds: line.elapsed_seconds,
    };
    Some((line.offset, Stamped { at: line.at.and_then(|at| at.parse().ok()), event: Event::Apply(apply) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::parse;
    use crate::record::tests::hook;

    #[tokio::test]
    async fn a_journal_survives_a_cut_and_takes_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let events: Vec<_> = [
            hook("apply_start", "a.x", "create", ""),
            hook("apply_progress", "a.x", "create", ""),
            hook("apply_complete", "a.x", "create", "id-1"),
        ]
        .iter()
        .map(|line| parse(line.as_bytes()))
        .collect();
        let (mut journal, entries) = Journal::open(folder.path()).await.unwrap();
        assert!(entries.is_empty());
        for (at, event) in events.iter().enumerate() {
            journal.note(at as u64 + 1, event);
        }
        journal.sync().await.unwrap();
        drop(journal);

        let path = folder.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = bytes.len();
        bytes.extend_from_slice(b"{\"version\":\"1.0\",\"off");
        std::fs::write(&path, &bytes).unwrap();

        let (mut journal, entries) = Journal::open(folder.path()).await.unwrap();
        assert_eq!(entries, [(1, events[0].clone()), (3, events[2].clone())]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), whole as u64);
        for (at, event) in events.iter().enumerate() {
            journal.note(at as u64 + 1, event);
        }
        journal.note(9, &events[2]);
        journal.sync().await.unwrap();
        let (entries, _) = read(&path).await.unwrap();
        assert_eq!(entries.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 3, 9]);
    }

    #[tokio::test]
    async fn another_major_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let line = r#"{"version":"2.0","offset":1,"event":"started","action":"create","address":"a","kind":"k","provider":"p"}"#;
        std::fs::write(&path, format!("{line}\n")).unwrap();
        assert!(matches!(read(&path).await, Err(TerraformError::Format { .. })));
        std::fs::write(&path, "nonsense\n").unwrap();
        assert!(matches!(read(&path).await, Err(TerraformError::Json { .. })));
    }
}
