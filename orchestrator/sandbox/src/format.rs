//! What is written to the state directory: one record for each sandbox, `sandbox.json`.
//!
//! A newer format is refused: its writer may have started things that this version would not know how to end.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;
use crate::files;
use crate::process::ProcessIdentity;
use crate::release::Release;

pub const FORMAT: u32 = 1;
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub format: u32,
    pub name: String,
    pub kubernetes: Release,
    pub nodes: u32,
    pub controllers: bool,
    #[serde(default)]
    pub real_node: bool,
    /// True once everything that was asked for had answered.
    pub ready: bool,
    /// `https://ADDRESS:PORT` of the apiserver.
    pub server: String,
    pub owner: ProcessIdentity,
    pub supervisor: Option<ProcessIdentity>,
    /// Processes by name: `etcd`, `kube-apiserver`, …
    pub processes: BTreeMap<String, ProcessIdentity>,
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// The record in that folder, if there is one.
pub(crate) fn read(folder: &Path) -> Result<Option<Record>, SandboxError> {
    let path = folder.join("sandbox.json");
    let Some(content) = files::read_capped(&path, LARGEST)? else { return Ok(None) };
    let bad = |source| SandboxError::BadRecord { path: path.clone(), source };
    let header: Header = serde_json::from_slice(&content).map_err(bad)?;
    if header.format > FORMAT {
        return Err(SandboxError::NewerRecord { path, format: header.format });
    }
    serde_json::from_slice(&content).map(Some).map_err(bad)
}

pub(crate) fn write(folder: &Path, record: &Record) -> Result<(), SandboxError> {
    let path = folder.join("sandbox.json");
    let content =
        serde_json::to_vec_pretty(record).map_err(|source| SandboxError::BadRecord { path: path.clone(), source })?;
    files::write_private(&path, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_record_is_refused_even_if_it_reads_differently() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sandbox.json"), r#"{"format": 2, "name": {"new": true}}"#).unwrap();
        assert!(matches!(read(folder.path()), Err(SandboxError::NewerRecord { format: 2, .. })));
    }

    #[test]
    fn half_a_record_is_an_error_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        std::fs::write(folder.path().join("sandbox.json"), r#"{"format": 1, "na"#).unwrap();
        assert!(matches!(read(folder.path()), Err(SandboxError::BadRecord { .. })));
    }
}
