//! What people tell a run, from any process: one file a letter, written whole, taken out by whoever drives the run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use jiff::Timestamp;
use scenario::Event;
use serde::{Deserialize, Serialize};

use super::{create_private, durable, read_capped};

#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letter {
    /// `1`.
    pub(crate) format: u32,
    pub(crate) at: Timestamp,
    /// What is said, as the journal will have it.
    pub(crate) event: Event,
}

const FORMAT: u32 = 1;
const LETTER_CAP: u64 = 64 << 10;
const MAX_LETTERS: usize = 1000;

impl Mailbox {
    pub(crate) fn post(&self, at: Timestamp, event: Event) -> Result<()> {
        create_private(&self.folder)?;
        let letter = Letter { format: FORMAT, at, event };
        let bytes = serde_json::to_vec(&letter).context("failed to encode the letter")?;
        let name = format!("{:020}-{}.json", at.as_microsecond().max(0), uuid::Uuid::new_v4().simple());
        durable(&self.folder.join(name), &bytes)
    }

    /// Letters in the order of their time, each with its file, which the reader removes once it is journaled. What is
    /// no letter is put aside under another name.
    pub(crate) fn read(&self) -> Vec<(PathBuf, Letter)> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .take(MAX_LETTERS)
            .collect();
        files.sort();
        let mut letters = Vec::new();
        for path in files {
            let letter = read_capped(&path, LETTER_CAP)
                .and_then(|bytes| Ok(serde_json::from_slice::<Letter>(&bytes)?))
                .ok()
                .filter(|letter| letter.format <= FORMAT);
            match letter {
                Some(letter) => letters.push((path, letter)),
                None => {
                    let _ = std::fs::rename(&path, path.with_extension("unreadable"));
                }
            }
        }
        letters
    }
}
