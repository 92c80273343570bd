//! The words between a supervisor and its owner. Both are the same program, so there is no version.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::process::ProcessIdentity;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Order {
    /// Comes first, once.
    Begin(Begin),
    Start(ProcessSpec),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// How the supervisor starts itself again for `exec`.
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// When this file exists, the children outlive the owner.
    pub(crate) detach_marker: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) directory: Option<PathBuf>,
    /// Start from nothing instead of from the supervisor's environment.
    pub(crate) clear_environment: bool,
    pub(crate) environment: BTreeMap<String, String>,
    /// Where stdout and stderr go; without it, to the supervisor's stderr.
    pub(crate) log: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    Started { name: String, identity: ProcessIdentity },
    Ended { name: String, code: Option<i32>, signal: Option<i32> },
    Failed { name: String, message: String },
}
