//! A journal in memory that can be cut like a file on a machine that died.

use std::sync::Mutex;

use async_trait::async_trait;
use ports::{Journal, PortError};

use crate::clock::lock;

/// Lines in memory; survives the run under test, as a file would.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    lines: usize,
    dies: Option<Death>,
}

#[derive(Debug, Clone, Copy)]
struct Death {
    after: usize,
    torn: usize,
}

impl MemoryJournal {
    pub fn new() -> Self {
        Self::default()
    }

    /// A journal found on disk.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        Self { inner: Mutex::new(Inner { bytes: bytes.to_vec(), lines, dies: None }) }
    }

    /// After `lines` more lines every append fails; of the first that fails, `torn` bytes are written.
    pub fn die_after(&self, lines: usize, torn: usize) {
        let mut inner = lock(&self.inner);
        inner.dies = Some(Death { after: inner.lines + lines, torn });
    }

    /// The process is started again: appends work, what was written is there.
    pub fn revive(&self) {
        lock(&self.inner).dies = None;
    }

    pub fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&lock(&self.inner).bytes).lines().map(str::to_owned).collect()
    }

    /// The same journal cut after `lines` whole lines, as a crash would leave it.
    pub fn cut(&self, lines: usize) -> Self {
        let inner = lock(&self.inner);
        let kept: Vec<u8> = inner.bytes.split_inclusive(|byte| *byte == b'\n').take(lines).flatten().copied().collect();
        Self::from_bytes(&kept)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(&self, line: &str) -> Result<(), PortError> {
        if line.contains('\n') {
            return Err(PortError::invalid("a journal line holds a line break"));
        }
        let mut inner = lock(&self.inner);
        if let Some(death) = inner.dies
            && inner.lines >= death.after
        {
            let torn = &line.as_bytes()[..death.torn.min(line.len())];
            inner.bytes.extend_from_slice(torn);
            inner.dies = Some(Death { torn: 0, ..death });
            return Err(PortError::unavailable("the journal's machine died").with_reason("Killed"));
        }
        // What a crash cut short stays behind, on a line of its own.
        if inner.bytes.last().is_some_and(|byte| *byte != b'\n') {
            inner.bytes.push(b'\n');
        }
        inner.bytes.extend_from_slice(line.as_bytes());
        inner.bytes.push(b'\n');
        inner.lines += 1;
        Ok(())
    }

    async fn read(&self) -> Result<Vec<u8>, PortError> {
        Ok(lock(&self.inner).bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn death_tears_one_line_and_keeps_the_rest() {
        let journal = MemoryJournal::new();
        journal.append("one").await.unwrap();
        journal.die_after(1, 2);
        journal.append("two").await.unwrap();
        assert!(journal.append("three").await.is_err());
        assert!(journal.append("four").await.is_err());
        assert_eq!(journal.read().await.unwrap(), b"one\ntwo\nth");
        journal.revive();
        journal.append("five").await.unwrap();
        assert_eq!(journal.lines(), ["one", "two", "th", "five"]);
        assert_eq!(journal.cut(1).lines(), ["one"]);
    }
}
