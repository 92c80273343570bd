//! How a run's description lies in its folder: everything that another process needs to follow it. No secrets.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RunSpec, write_private};
use crate::error::TerraformError;
use crate::progress::Workload;
use crate::tool::Flavour;

pub const VERSION: &str = "1.0";
pub(crate) const FILE: &str = "run.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Plan,
    RefreshOnly,
    Apply,
    Destroy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    pub version: String,
    pub operation: Operation,
    pub tool: PathBuf,
    pub flavour: Flavour,
    pub tool_version: String,
    pub directory: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    #[serde(default)]
    pub workload: Workload,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::RefreshOnly => "drift check",
            Self::Apply => "apply",
            Self::Destroy => "destroy",
        }
    }

    /// Whether it may change the world.
    pub fn writes(self) -> bool {
        matches!(self, Self::Apply | Self::Destroy)
    }
}

impl RunFile {
    pub(super) fn new(spec: &RunSpec<'_>) -> Self {
        Self {
            version: VERSION.into(),
            operation: spec.operation,
            tool: spec.tool.path.clone(),
            flavour: spec.tool.flavour,
            tool_version: spec.tool.version.to_string(),
            directory: spec.directory.to_owned(),
            workspace: spec.workspace.map(str::to_owned),
            workload: spec.workload.clone(),
        }
    }

    pub(super) async fn write(&self, folder: &Path) -> Result<(), TerraformError> {
        let json = |source| TerraformError::Json { what: "the description of a run", source };
        write_private(&folder.join(FILE), &serde_json::to_vec_pretty(self).map_err(json)?).await
    }

    /// Reads the description in a run's folder.
    pub async fn read(folder: &Path) -> Result<Self, TerraformError> {
        let path = folder.join(FILE);
        let bytes = match tokio::fs::read(&path).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(TerraformError::NoRun { folder: folder.to_owned() });
            }
            Err(source) => return Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
        };
        let json = |source| TerraformError::Json { what: "the description of a run", source };
        let probe: serde_json::Value = serde_json::from_slice(&bytes).map_err(json)?;
        let version = probe.get("version").and_then(|v| v.as_str()).unwrap_or_default();
        if version.split('.').next() != Some("1") {
            let found = version.chars().take(20).collect();
            return Err(TerraformError::Format { what: "the description of a run", found, supported: "1.x" });
        }
        serde_json::from_value(probe).map_err(json)
    }
}
