//! A hostile archive in, checked entries out, one at a time.
//!
//! Extracts nothing and follows nothing. What is refused is refused with the entry's name; a stream that ends before
//! its end marker is truncated, whatever was read until then.

use std::collections::BTreeSet;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::caps::Caps;
use crate::error::{ArchiveError, Refusal};
use crate::gzip::CappedGunzip;
use crate::header::{self, BLOCK, Header, Kind};
use crate::path::{EntryPath, ItemPath, normalise};

/// How many paths of unknown files are kept; the rest is counted.
const UNKNOWN_KEPT: usize = 1000;
/// The most that a PAX or long-name header may hold beyond a path.
const EXTENSION_SLACK: u64 = 64 * 1024;

/// One object of an archive, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: ItemPath,
    pub size: u64,
}

/// What was read, once all of it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadSummary {
    /// The content of `metadata/version`; very old archives have none.
    pub format_version: Option<String>,
    /// Files, directories not counted.
    pub files: u64,
    /// Copies of objects, so most objects count twice.
    pub copies: u64,
    /// Files that are no object, the first thousand of them.
    pub unknown: Vec<String>,
    pub unknown_count: u64,
    pub uncompressed: u64,
    pub compressed: u64,
    /// SHA-256 of the compressed bytes.
    pub sha256: [u8; 32],
}

pub struct ArchiveReader<R: Read> {
    gunzip: CappedGunzip<Hashing<R>>,
    caps: Caps,
}

impl<R: Read> ArchiveReader<R> {
    pub fn new(reader: R, caps: Caps) -> Self {
        let hashing = Hashing { inner: reader, digest: Sha256::new(), count: 0 };
        Self { gunzip: CappedGunzip::new(hashing, caps.decompressed_bytes), caps }
    }

    /// Visits every object in the archive's order, then reads to the very end.
    ///
    /// What the visitor leaves unread of a body is passed over. An error of the stream wins over the visitor's own,
    /// because it is its cause.
    pub fn for_each<E, F>(mut self, mut visit: F) -> Result<ReadSummary, E>
    where
        E: From<ArchiveError>,
        F: FnMut(&Entry, &mut dyn Read) -> Result<(), E>,
    {
        let mut summary = ReadSummary::default();
        let mut seen = Seen::default();
        while let Some((path, size)) = self.next_file(&mut summary, &mut seen)? {
            let mut body = Body { gunzip: &mut self.gunzip, left: size, failed: None };
            let outcome = match EntryPath::decode(&path) {
                EntryPath::FormatVersion => {
                    summary.format_version = Some(read_version(&mut body)?);
                    Ok(())
                }
                EntryPath::Item(path) => {
                    summary.copies += 1;
                    visit(&Entry { path, size }, &mut body)
                }
                EntryPath::Unknown => {
                    summary.unknown_count += 1;
                    if summary.unknown.len() < UNKNOWN_KEPT {
                        summary.unknown.push(path);
                    }
                    Ok(())
                }
            };
            if let Some(failed) = body.failed.take() {
                return Err(failed.into());
            }
            outcome?;
            let left = body.left;
            self.skip(left + header::padding(size) as u64)?;
        }
        self.expect_zeros()?;
        summary.uncompressed = self.gunzip.count();
        let hashing = self.gunzip.inner_mut();
        summary.compressed = hashing.count;
        summary.sha256 = std::mem::take(&mut hashing.digest).finalize().into();
        Ok(summary)
    }

    /// Moves to the next regular file and checks it; `None` after the end marker.
    fn next_file(&mut self, summary: &mut ReadSummary, seen: &mut Seen) -> Result<Option<(String, u64)>, ArchiveError> {
        let mut long_path: Option<Vec<u8>> = None;
        let mut entries = 0u64;
        loop {
            let block = self.block()?;
            let Some(header) = header::decode(&block).map_err(corrupt)? else {
                if long_path.is_some() {
                    return Err(ArchiveError::corrupt("a tar ends in the middle of an entry's headers"));
                }
                if self.block()? != [0; BLOCK] {
                    return Err(ArchiveError::corrupt("a tar goes on after half of its end marker"));
                }
                return Ok(None);
            };
            entries += 1;
            if summary.files + entries > self.caps.entries {
                return Err(ArchiveError::OverCap { what: "entries", limit: self.caps.entries });
            }
            let lossy = || String::from_utf8_lossy(long_path.as_deref().unwrap_or(&header.path)).into_owned();
            match header.kind {
                Kind::Pax | Kind::PaxGlobal => {
                    let is_global = header.kind == Kind::PaxGlobal;
                    let records = header::decode_pax(&self.extension(&header)?).map_err(corrupt)?;
                    let is_contradiction = records.suspicious
                        || records.size.is_some()
                        || (records.path.is_some() && (is_global || long_path.is_some()));
                    if is_contradiction {
                        let name = records.path.as_deref().unwrap_or(&header.path);
                        let name = String::from_utf8_lossy(name).into_owned();
                        return Err(ArchiveError::refused(name, Refusal::Contradiction));
                    }
                    long_path = records.path.or(long_path);
                }
                Kind::GnuLongName => {
                    if long_path.is_some() {
                        return Err(ArchiveError::refused(lossy(), Refusal::Contradiction));
                    }
                    let mut path = self.extension(&header)?;
                    if path.last() == Some(&0) {
                        path.pop();
                    }
                    long_path = Some(path);
                }
                Kind::Directory if header.size != 0 => {
                    return Err(ArchiveError::refused(lossy(), Refusal::DirectoryWithBody));
                }
                Kind::Directory => {
                    let raw = long_path.take().unwrap_or(header.path);
                    self.check_path(&raw, true)?;
                }
                Kind::File => {
                    let raw = long_path.take().unwrap_or(header.path);
                    let path = self.check_path(&raw, false)?;
                    if header.size > self.caps.entry_bytes {
                        return Err(ArchiveError::refused(path, Refusal::TooLarge(self.caps.entry_bytes)));
                    }
                    if !seen.insert(&path) {
                        return Err(ArchiveError::refused(path, Refusal::Duplicate));
                    }
                    summary.files += 1;
                    return Ok(Some((path, header.size)));
                }
                Kind::HardLink => return Err(ArchiveError::refused(lossy(), Refusal::HardLink)),
                Kind::SymbolicLink | Kind::GnuLongLink => {
                    return Err(ArchiveError::refused(lossy(), Refusal::SymbolicLink));
                }
                Kind::Device => return Err(ArchiveError::refused(lossy(), Refusal::Device)),
                Kind::Unknown(kind) => return Err(ArchiveError::refused(lossy(), Refusal::UnknownType(kind))),
            }
        }
    }

    fn check_path(&self, raw: &[u8], is_directory: bool) -> Result<String, ArchiveError> {
        normalise(raw, is_directory, self.caps.path_bytes, self.caps.path_depth).map_err(|why| {
            let shown = &raw[..raw.len().min(256)];
            ArchiveError::refused(String::from_utf8_lossy(shown), why)
        })
    }

    /// The body of a header that describes another entry.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveError> {
        let limit = self.caps.path_bytes as u64 + EXTENSION_SLACK;
        if header.size > limit {
            let name = String::from_utf8_lossy(&header.path).into_owned();
            return Err(ArchiveError::refused(name, Refusal::TooLarge(limit)));
        }
        let mut body = vec![0; header.size as usize];
        read_exact(&mut self.gunzip, &mut body)?;
        self.skip(header::padding(header.size) as u64)?;
        Ok(body)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        read_exact(&mut self.gunzip, &mut block)?;
        Ok(block)
    }

    fn skip(&mut self, mut length: u64) -> Result<(), ArchiveError> {
        let mut buffer = [0; 8192];
        while length > 0 {
            let step = length.min(buffer.len() as u64) as usize;
            read_exact(&mut self.gunzip, &mut buffer[..step])?;
            length -= step as u64;
        }
        Ok(())
    }

    /// Reads to the end of the gzip stream, so that its checksums are checked and nothing hides behind the marker.
    fn expect_zeros(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 8192];
        loop {
            match self.gunzip.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) if buffer[..length].iter().all(|byte| *byte == 0) => {}
                Ok(_) => return Err(ArchiveError::corrupt("data follows the tar's end marker")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.gunzip.explain(error)),
            }
        }
    }
}

/// Which paths were there, at sixteen bytes each.
#[derive(Default)]
pub(crate) struct Seen(BTreeSet<[u8; 16]>);

impl Seen {
    /// Notes a path; `false` when it was there.
    pub(crate) fn insert(&mut self, path: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(path.as_bytes()).into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        self.0.insert(half)
    }
}

/// The body of one entry; keeps the stream's error, since an `io::Error` cannot carry all of it.
struct Body<'a, R: Read> {
    gunzip: &'a mut CappedGunzip<Hashing<R>>,
    left: u64,
    failed: Option<ArchiveError>,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        match self.gunzip.read(&mut buffer[..length]) {
            Ok(0) => {
                self.failed = Some(ArchiveError::Truncated { after: self.gunzip.count() });
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(self.gunzip.explain(error));
                Err(kind.into())
            }
        }
    }
}

/// Digests what is read.
struct Hashing<R> {
    inner: R,
    digest: Sha256,
    count: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}

/// A version of the same major number is read; a later major one may mean anything.
fn read_version<R: Read>(body: &mut Body<'_, R>) -> Result<String, ArchiveError> {
    let mut bytes = Vec::new();
    if let Err(error) = body.by_ref().take(64).read_to_end(&mut bytes) {
        return Err(body.failed.take().unwrap_or(ArchiveError::Read(error)));
    }
    let version = String::from_utf8_lossy(&bytes).trim().to_owned();
    if version.split('.').next() == Some("1") { Ok(version) } else { Err(ArchiveError::FormatVersion(version)) }
}

fn read_exact<R: Read>(gunzip: &mut CappedGunzip<R>, buffer: &mut [u8]) -> Result<(), ArchiveError> {
    let mut done = 0;
    while done < buffer.len() {
        match gunzip.read(&mut buffer[done..]) {
            Ok(0) => return Err(ArchiveError::Truncated { after: gunzip.count() }),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(gunzip.explain(error)),
        }
    }
    Ok(())
}

fn corrupt(error: header::HeaderError) -> ArchiveError {
    let what = match error {
        header::HeaderError::Checksum => "a tar header has a wrong checksum",
        header::HeaderError::Number => "a tar header holds a malformed number",
        header::HeaderError::Pax => "a PAX header is malformed",
    };
    ArchiveError::corrupt(what)
}

#[cfg(test)]
mod tests;
