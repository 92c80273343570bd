//! `<backup>-landfall-contract.json.gz`: what the environment of a backup offered.
//!
//! Carried as it is; `infra` says what it means and which of its versions are understood.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FormatVersion, OwnFile};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContractFile {
    pub version: FormatVersion,
    pub contract: Value,
}

impl ContractFile {
    pub fn new(contract: Value) -> Self {
        Self { version: Self::VERSION, contract }
    }
}

impl OwnFile for ContractFile {
    const VERSION: FormatVersion = FormatVersion::new(1, 0);

    fn version(&self) -> FormatVersion {
        self.version
    }
}
