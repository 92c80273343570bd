//! Objects in, a gzipped tar out, in Velero's layout.
//!
//! Holds a few blocks and sixteen bytes an object, never a body. Which objects, in which order and after which
//! actions, was decided before.

use std::io::Write;

use jiff::Timestamp;
use model::ItemId;

use crate::FORMAT_VERSION;
use crate::error::{ArchiveError, Refusal};
use crate::gzip::{DEFAULT_LEVEL, ParallelGzip};
use crate::header;
use crate::path::{encode_plain_into, encode_version_into, version_file};
use crate::reader::Seen;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveOptions {
    /// 0 stores, 9 is smallest.
    pub level: u32,
    /// Threads that compress, beside the one that appends; up to 1 means that the appending one compresses.
    pub threads: usize,
    /// The modification time of every entry.
    pub modified: Timestamp,
}

impl ArchiveOptions {
    pub fn new(modified: Timestamp) -> Self {
        Self { level: DEFAULT_LEVEL, threads: 1, modified }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveStats {
    /// Objects appended, each version of one counting for itself.
    pub items: u64,
    /// Entries of the tar, `metadata/version` included.
    pub entries: u64,
    pub uncompressed: u64,
    pub compressed: u64,
    /// SHA-256 of the compressed bytes, which are the bytes that `W` received.
    pub sha256: [u8; 32],
}

/// Writes one archive.
///
/// # Guarantees
/// - What is dropped without `finish` has no end marker, and every reader of ours calls it truncated.
/// - Same appends, same options but for `threads`: same bytes.
pub struct ArchiveWriter<W: Write> {
    gzip: ParallelGzip<W>,
    modified: u64,
    items: u64,
    entries: u64,
    seen: Seen,
    /// Reused for headers, so that an append allocates nothing.
    scratch: Vec<u8>,
    path: String,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins the archive with its `metadata/version`.
    pub fn new(out: W, options: &ArchiveOptions) -> Result<Self, ArchiveError> {
        let mut writer = Self {
            gzip: ParallelGzip::new(out, options.level, options.threads),
            modified: u64::try_from(options.modified.as_second()).unwrap_or(0),
            items: 0,
            entries: 0,
            seen: Seen::default(),
            scratch: Vec::with_capacity(2048),
            path: String::with_capacity(256),
        };
        writer.path.push_str(version_file());
        writer.write_entry(format!("{FORMAT_VERSION}\n").as_bytes())?;
        Ok(writer)
    }

    /// Appends one object: twice when `version` is the preferred one of its group, once otherwise.
    ///
    /// `body` is the object's compact JSON and is written as it is. An object that is there already is refused,
    /// because the archive that holds it twice would be refused when read.
    pub fn append(&mut self, item: &ItemId, version: &str, preferred: bool, body: &[u8]) -> Result<(), ArchiveError> {
        self.path.clear();
        encode_version_into(item, version, preferred, &mut self.path)?;
        let versioned = self.path.clone();
        if !self.seen.insert(&versioned) {
            return Err(ArchiveError::refused(versioned, Refusal::Duplicate));
        }
        // Plain first: the copy that follows then lies within the compressor's window and costs next to nothing.
        if preferred {
            self.path.clear();
            encode_plain_into(item, &mut self.path)?;
            if !self.seen.insert(&self.path) {
                return Err(ArchiveError::refused(self.path.clone(), Refusal::Duplicate));
            }
            self.write_entry(body)?;
        }
        self.path = versioned;
        self.write_entry(body)?;
        self.items += 1;
        Ok(())
    }

    /// Ends the archive; only now is it whole.
    pub fn finish(mut self) -> Result<(W, ArchiveStats), ArchiveError> {
        self.gzip.write_all(&[0; 2 * header::BLOCK]).map_err(ArchiveError::Write)?;
        let (out, gzip) = self.gzip.finish().map_err(ArchiveError::Write)?;
        let stats = ArchiveStats {
            items: self.items,
            entries: self.entries,
            uncompressed: gzip.uncompressed,
            compressed: gzip.compressed,
            sha256: gzip.sha256,
        };
        Ok((out, stats))
    }

    fn write_entry(&mut self, body: &[u8]) -> Result<(), ArchiveError> {
        self.scratch.clear();
        header::encode(&self.path, body.len() as u64, self.modified, &mut self.scratch);
        self.gzip.write_all(&self.scratch).map_err(ArchiveError::Write)?;
        self.gzip.write_all(body).map_err(ArchiveError::Write)?;
        let padding = header::padding(body.len() as u64);
        self.gzip.write_all(&[0; header::BLOCK][..padding]).map_err(ArchiveError::Write)?;
        self.entries += 1;
        Ok(())
    }
}
