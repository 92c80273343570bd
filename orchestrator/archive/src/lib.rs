//! The backup archive and the files beside it, as Velero writes and reads them.
//!
//! Synchronous over `io::Read` and `io::Write`; opens no file, reads no clock, knows no bucket.
//!
//! Read in this order:
//! - [`path`]: where an object lies in the archive.
//! - [`writer`]: objects in, a gzipped tar out, compressed on several threads.
//! - [`reader`]: a hostile archive in, checked entries out.
//! - [`spool`]: an archive unpacked into one file and an index, so that bodies are read one at a time.
//! - [`side`]: the files beside the archive: volumes, operations, results, resource list.
//! - [`format`](mod@format): the files that are ours alone: contract, digests, decisions.
//! - [`gzip`], [`header`]: the two encodings below.
//! - [`caps`]: every limit on what is read, in one place.

pub mod caps;
pub mod error;
pub mod facts;
pub mod format;
pub mod gzip;
pub mod header;
pub mod path;
pub mod reader;
pub mod side;
pub mod spool;
pub mod writer;

pub use caps::Caps;
pub use error::{ArchiveError, Refusal};
pub use path::{EntryPath, ItemPath, StoredVersion};
pub use reader::{ArchiveReader, Entry, ReadSummary};
pub use spool::{BodySpan, Spool, SpoolReader, StoredBody, StoredItem, Trouble};
pub use writer::{ArchiveOptions, ArchiveStats, ArchiveWriter};

/// `status.formatVersion` of a backup, and the content of the archive's `metadata/version`.
pub const FORMAT_VERSION: &str = "1.1.0";
