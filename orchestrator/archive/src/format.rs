//! The files that are ours alone, beside Velero's under the same prefix: contract, digests, decisions.
//!
//! Velero ignores them. Each says its version; a later major version is refused, a later minor one is read. The types
//! here are what lies in the bucket, not what the program works with.

pub mod contract;
pub mod decisions;
pub mod digests;

use std::io::Read;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::caps::SIDE_FILE_BYTES;
use crate::error::ArchiveError;
use crate::gzip;

pub use contract::ContractFile;
pub use decisions::DecisionsFile;
pub use digests::{DigestsFile, FileDigest};

/// `major.minor` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FormatVersion {
    pub major: u32,
    pub minor: u32,
}

/// A file of ours, with the version in which this program writes it.
pub trait OwnFile: Serialize + DeserializeOwned {
    const VERSION: FormatVersion;
    fn version(&self) -> FormatVersion;
}

pub fn write<T: OwnFile>(file: &T) -> Result<Vec<u8>, ArchiveError> {
    gzip::json(file)
}

/// Reads a file of ours; looks at the version before anything else, so that a later file is refused for what it is.
pub fn read<T: OwnFile>(file: impl Read) -> Result<T, ArchiveError> {
    let bytes = gzip::decompress(file, SIDE_FILE_BYTES)?;
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(ArchiveError::Json)?;
    if version.major != T::VERSION.major {
        return Err(ArchiveError::FormatVersion(format!("{}.{}", version.major, version.minor)));
    }
    serde_json::from_slice(&bytes).map_err(ArchiveError::Json)
}

#[derive(Deserialize)]
struct Versioned {
    version: FormatVersion,
}

impl FormatVersion {
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }
}

impl Serialize for FormatVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.major, self.minor))
    }
}

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        match parsed {
            Some((major, minor)) => Ok(Self { major, minor }),
            None => Err(serde::de::Error::custom(format_args!("{text:?} is not a version"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::compress;
    use serde_json::json;

    #[test]
    fn a_later_minor_version_is_read_and_a_later_major_one_refused() {
        let digests = |version: &str| {
            let file = json!({"version": version, "files": {}, "items": 3, "news": true});
            read::<DigestsFile>(compress(file.to_string().as_bytes()).as_slice())
        };
        assert_eq!(digests("1.0").unwrap().items, 3);
        assert_eq!(digests("1.9").unwrap().version, FormatVersion::new(1, 9));
        assert!(matches!(digests("2.0"), Err(ArchiveError::FormatVersion(text)) if text == "2.0"));
        assert!(matches!(digests("one"), Err(ArchiveError::Json(_))));
    }
}
