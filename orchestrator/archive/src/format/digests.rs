//! `<backup>-landfall-digests.json.gz`: what every other file of a backup must be.
//!
//! Says what was uploaded, so that a file that was lost, cut or exchanged is noticed. It is no signature: who may
//! write the bucket may write this file too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FormatVersion, OwnFile};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DigestsFile {
    pub version: FormatVersion,
    /// By file name, without the directory. Neither this file nor `velero-backup.json`, which is rewritten, is among
    /// them.
    pub files: BTreeMap<String, FileDigest>,
    /// Objects in the archive, each version counting for itself, not the copies.
    pub items: u64,
    /// SHA-256 of bodies, by their path in the archive; absent when it was not asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bodies: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Lowercase hexadecimal.
    pub sha256: String,
    pub size: u64,
}

impl DigestsFile {
    pub fn new(items: u64) -> Self {
        Self { version: Self::VERSION, files: BTreeMap::new(), items, bodies: BTreeMap::new() }
    }

    pub fn add(&mut self, file_name: impl Into<String>, digest: FileDigest) {
        self.files.insert(file_name.into(), digest);
    }
}

impl FileDigest {
    pub fn of(bytes: &[u8]) -> Self {
        Self::new(Sha256::digest(bytes).into(), bytes.len() as u64)
    }

    pub fn new(sha256: [u8; 32], size: u64) -> Self {
        Self { sha256: hex::encode(sha256), size }
    }
}

impl OwnFile for DigestsFile {
    const VERSION: FormatVersion = FormatVersion::new(1, 0);

    fn version(&self) -> FormatVersion {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{read, write};

    #[test]
    fn digests_read_back() {
        let mut file = DigestsFile::new(7);
        file.add("b.tar.gz", FileDigest::of(b""));
        assert_eq!(read::<DigestsFile>(write(&file).unwrap().as_slice()).unwrap(), file);
        assert_eq!(
            serde_json::to_string(&file).unwrap(),
            concat!(
                r#"{"version":"1.0","files":{"b.tar.gz":{"sha256":"#,
                r#""e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}},"items":7}"#
            )
        );
    }
}
