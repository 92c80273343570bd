//! An archive unpacked into one file and an index, so that bodies are read one at a time.
//!
//! An item costs a few hundred bytes of memory whatever its body weighs. The two copies of an object in its preferred
//! version are kept as one. Trouble with one item is data here; only a broken or hostile archive is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use model::ItemId;
use sha2::{Digest, Sha256};

use crate::caps::Caps;
use crate::error::ArchiveError;
use crate::facts::BodyFacts;
use crate::path::StoredVersion;
use crate::reader::{ArchiveReader, Entry, ReadSummary};

/// Where a body lies in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BodySpan {
    pub offset: u64,
    pub length: u32,
}

/// One body of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBody {
    /// The API version in which the object was listed, without the group.
    pub version: String,
    /// Whether that was the preferred version of its group when the backup was made.
    pub preferred: bool,
    pub span: BodySpan,
    pub sha256: [u8; 32],
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredItem {
    /// The preferred version first, the others in the order of their names.
    pub bodies: Vec<StoredBody>,
    /// While the archive is unpacked: the plain copy, until its twin comes.
    plain: Option<Box<Plain>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Plain {
    span: BodySpan,
    sha256: [u8; 32],
    /// The version that the body names.
    says: String,
}

/// What is odd about one item or file, while the archive as a whole is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// A file that is no object.
    UnknownFile { path: String },
    /// A body does not read as an object and is not kept; the item is in the index if another body of it is good.
    BadBody { item: ItemId, why: String },
    /// The body names another object than its path does.
    OtherIdentity { item: ItemId, says: String },
    /// The plain copy and the preferred one differ; the plain one counts, as it does for Velero.
    CopiesDiffer { item: ItemId },
}

/// The index of a spool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spool {
    pub items: BTreeMap<ItemId, StoredItem>,
    pub troubles: Vec<Trouble>,
    pub summary: ReadSummary,
}

impl Spool {
    /// Unpacks an archive into `out`, which begins at offset 0.
    ///
    /// `observe` sees every body that is kept, with what it says of itself, once; it is how a caller learns facts
    /// without reading the spool a second time.
    pub fn unpack(
        archive: impl Read,
        out: impl Write,
        caps: Caps,
        mut observe: impl FnMut(&Entry, &BodyFacts, &[u8]),
    ) -> Result<Self, ArchiveError> {
        let mut unpacking =
            Unpacking { out, offset: 0, items: BTreeMap::new(), bad: BTreeSet::new(), troubles: Vec::new() };
        let mut body = Vec::new();
        let mut last = Vec::new();
        let mut sha256 = [0; 32];
        let mut is_first = true;
        let summary = ArchiveReader::new(archive, caps).for_each(|entry, reader| {
            body.clear();
            reader.read_to_end(&mut body).map_err(ArchiveError::Read)?;
            // The two copies of an object lie side by side, and comparing is far cheaper than digesting.
            if is_first || body != last {
                sha256 = Sha256::digest(&body).into();
            }
            is_first = false;
            unpacking.take(entry, &body, sha256, &mut observe)?;
            std::mem::swap(&mut body, &mut last);
            Ok::<_, ArchiveError>(())
        })?;
        unpacking.finish(summary)
    }
}

/// Reads bodies of a spool's file; any number of threads may share one.
#[derive(Debug)]
pub struct SpoolReader {
    file: File,
}

impl SpoolReader {
    /// `file` is what the spool was unpacked into, opened for reading.
    pub fn new(file: File) -> Self {
        Self { file }
    }

    pub fn read(&self, span: BodySpan) -> io::Result<Vec<u8>> {
        let mut body = vec![0; span.length as usize];
        self.file.read_exact_at(&mut body, span.offset)?;
        Ok(body)
    }
}

impl StoredItem {
    /// The preferred body, or the first of the others.
    pub fn best(&self) -> Option<&StoredBody> {
        self.bodies.first()
    }

    pub fn in_version(&self, version: &str) -> Option<&StoredBody> {
        self.bodies.iter().find(|body| body.version == version)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFile { path } => write!(f, "{path:?} is not an object"),
            Self::BadBody { item, why } => write!(f, "the body of {item} does not read as an object: {why}"),
            Self::OtherIdentity { item, says } => write!(f, "the body of {item} says that it is {says:?}"),
            Self::CopiesDiffer { item } => write!(f, "the two copies of {item} differ; the plain one counts"),
        }
    }
}

struct Unpacking<W> {
    out: W,
    offset: u64,
    items: BTreeMap<ItemId, StoredItem>,
    bad: BTreeSet<ItemId>,
    troubles: Vec<Trouble>,
}

impl<W: Write> Unpacking<W> {
    fn take(
        &mut self,
        entry: &Entry,
        body: &[u8],
        sha256: [u8; 32],
        observe: &mut impl FnMut(&Entry, &BodyFacts, &[u8]),
    ) -> Result<(), ArchiveError> {
        let item = &entry.path.item;
        // The second copy of a body costs no second place.
        let twin = self.items.get(item).and_then(|stored| stored.twin(&entry.path.version, &sha256));
        let is_twin = twin.is_some();
        let (span, says_version) = match twin {
            Some(span) => (span, String::new()),
            None => {
                let facts = match BodyFacts::read(body) {
                    Ok(facts) => facts,
                    Err(error) => {
                        // Both copies are bad in the same way; once is enough.
                        if self.bad.insert(item.clone()) {
                            self.troubles.push(Trouble::BadBody { item: item.clone(), why: model::chain(&error) });
                        }
                        return Ok(());
                    }
                };
                if facts.name != item.name || facts.namespace != item.namespace {
                    let namespace = facts.namespace.as_ref().map(|text| format!("{text}/")).unwrap_or_default();
                    let says = format!("{namespace}{}", facts.name);
                    self.troubles.push(Trouble::OtherIdentity { item: item.clone(), says });
                }
                observe(entry, &facts, body);
                (self.store(body)?, facts.version())
            }
        };
        let stored = self.items.entry(item.clone()).or_default();
        match &entry.path.version {
            StoredVersion::Plain if is_twin => {}
            StoredVersion::Plain => stored.plain = Some(Box::new(Plain { span, sha256, says: says_version })),
            StoredVersion::Preferred(version) => {
                if is_twin {
                    stored.plain = None;
                }
                stored.push(StoredBody { version: version.clone(), preferred: true, span, sha256 });
            }
            StoredVersion::Other(version) => {
                stored.push(StoredBody { version: version.clone(), preferred: false, span, sha256 });
            }
        }
        Ok(())
    }

    fn store(&mut self, body: &[u8]) -> Result<BodySpan, ArchiveError> {
        let length = u32::try_from(body.len())
            .map_err(|_| ArchiveError::OverCap { what: "bytes in a body", limit: u64::from(u32::MAX) })?;
        self.out.write_all(body).map_err(ArchiveError::Write)?;
        let span = BodySpan { offset: self.offset, length };
        self.offset += u64::from(length);
        Ok(span)
    }

    fn finish(mut self, summary: ReadSummary) -> Result<Spool, ArchiveError> {
        self.out.flush().map_err(ArchiveError::Write)?;
        let Self { mut items, mut troubles, .. } = self;
        for (item, stored) in &mut items {
            stored.settle(item, &mut troubles);
        }
        troubles.extend(summary.unknown.iter().map(|path| Trouble::UnknownFile { path: path.clone() }));
        Ok(Spool { items, troubles, summary })
    }
}

/// Copies of an item as they come, in any order. There may be very many items, so each is kept small.
impl StoredItem {
    /// Most items have one body, and no room for more is taken.
    fn push(&mut self, body: StoredBody) {
        if self.bodies.is_empty() {
            self.bodies.reserve_exact(1);
        }
        self.bodies.push(body);
    }

    /// Where the copy lies that this one repeats: plain and preferred are each other's.
    fn twin(&self, version: &StoredVersion, sha256: &[u8; 32]) -> Option<BodySpan> {
        match version {
            StoredVersion::Plain => {
                let found = self.bodies.iter().find(|body| body.preferred && body.sha256 == *sha256)?;
                Some(found.span)
            }
            StoredVersion::Preferred(_) => {
                let plain = self.plain.as_deref()?;
                (plain.sha256 == *sha256).then_some(plain.span)
            }
            StoredVersion::Other(_) => None,
        }
    }

    /// All copies are there: the plain one finds its place, and the versions their order.
    fn settle(&mut self, item: &ItemId, troubles: &mut Vec<Trouble>) {
        if let Some(Plain { span, sha256, says }) = self.plain.take().map(|plain| *plain) {
            let mut preferred = self.bodies.iter_mut().filter(|body| body.preferred);
            match (preferred.next(), preferred.next()) {
                (Some(only), None) => {
                    if only.sha256 != sha256 {
                        troubles.push(Trouble::CopiesDiffer { item: item.clone() });
                        (only.span, only.sha256) = (span, sha256);
                    }
                }
                // Format version 1 has no version directories: the body itself says its version.
                _ => self.push(StoredBody { version: says, preferred: true, span, sha256 }),
            }
        }
        self.bodies.sort_by(|a, b| b.preferred.cmp(&a.preferred).then_with(|| a.version.cmp(&b.version)));
        self.bodies.dedup_by(|later, first| later.version == first.version);
        self.bodies.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests;
