//! What an environment offers, keyed by logical names: reading, checking and comparing contracts.
//!
//! Reads values that others fetched; it opens no file and runs no Terraform. Pairing is `pair`'s job.

pub mod compare;
pub mod format;
mod read;
pub mod values;

use std::collections::BTreeMap;

use model::{Finding, Reason, Severity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use compare::{KeyComparison, compare_keys};
pub use format::DrContract;
use read::{check_version, kind_of, prune, typed};
pub use values::ContractValue;

/// The name of the Terraform output that holds a contract.
pub const OUTPUT_NAME: &str = "dr_contract";

/// A larger document is not a contract.
const MAX_BYTES: usize = 8 * 1024 * 1024;
const MAX_VALUES: usize = 100_000;

/// A contract that was read, with where each value came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    body: DrContract,
    /// Keyed like `values`; a key that is absent came from the contract output itself.
    provenance: BTreeMap<String, Provenance>,
    /// What reading noticed and carried on from.
    notes: Vec<Finding>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Provenance {
    /// The environment's own `dr_contract` output.
    Output,
    /// An attribute of a resource in a state, such as `module.eks.aws_eks_cluster.this` and `endpoint`.
    State { address: String, attribute: String },
}

#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
    #[error("{what} is {size} bytes long; more than {MAX_BYTES} is not read")]
    TooLarge { what: &'static str, size: usize },
    #[error("the contract holds more than {MAX_VALUES} values")]
    TooMany,
    #[error("the contract is {found}, not an object")]
    NotAnObject { found: &'static str },
    #[error("the outputs hold no {OUTPUT_NAME}; they hold {}", list(.found))]
    NoOutput { found: Vec<String> },
    #[error("the output {OUTPUT_NAME} is marked sensitive; a contract holds references to secrets, never secrets")]
    Sensitive,
    #[error("schema_version is missing; write \"{}.{}\"", format::MAJOR, format::MINOR)]
    NoVersion,
    #[error("schema_version {found} is not a version; write \"{}.{}\"", format::MAJOR, format::MINOR)]
    BadVersion { found: String },
    #[error("the contract has version {found}, this build reads {}.x; use a newer landfall", format::MAJOR)]
    NewerMajor { found: String },
    #[error("{at} does not have the expected shape")]
    Shape { at: String, source: serde_json::Error },
    #[error(transparent)]
    State(#[from] crate::state::StateError),
}

impl Contract {
    /// Reads a contract's own JSON: the value of the `dr_contract` output, or a file that was kept in a backup.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ContractError> {
        check_size("the contract", bytes)?;
        Self::from_value(&serde_json::from_slice(bytes).map_err(ContractError::Json)?)
    }

    /// Reads a contract's own JSON.
    pub fn from_value(value: &Value) -> Result<Self, ContractError> {
        let Value::Object(map) = value else { return Err(ContractError::NotAnObject { found: kind_of(value) }) };
        let (version, newer) = check_version(map.get("schema_version"))?;
        let mut notes = Vec::new();
        let mut map = map.clone();
        prune(&mut map, &mut Vec::new(), &mut notes);
        map.insert("schema_version".into(), version.clone().into());
        let body = typed(map, newer, &mut notes)?;
        let contract = Self { body, provenance: BTreeMap::new(), notes };
        if contract.values().len() > MAX_VALUES {
            return Err(ContractError::TooMany);
        }
        Ok(contract)
    }

    /// Reads what `terraform output -json` prints.
    pub fn from_outputs(bytes: &[u8]) -> Result<Self, ContractError> {
        check_size("the outputs", bytes)?;
        let outputs: Value = serde_json::from_slice(bytes).map_err(ContractError::Json)?;
        let Value::Object(outputs) = &outputs else {
            return Err(ContractError::NotAnObject { found: kind_of(&outputs) });
        };
        Self::from_output_map(outputs)
    }

    /// Reads a state: its `dr_contract` output, or else what its resources' attributes say.
    pub fn from_state(bytes: &[u8]) -> Result<Self, ContractError> {
        let state = crate::state::State::from_slice(bytes)?;
        if state.outputs.contains_key(OUTPUT_NAME) {
            return Self::from_output_map(&state.outputs);
        }
        Ok(crate::state::derive::contract(&state))
    }

    fn from_output_map(outputs: &Map<String, Value>) -> Result<Self, ContractError> {
        let Some(output) = outputs.get(OUTPUT_NAME) else {
            return Err(ContractError::NoOutput { found: outputs.keys().cloned().collect() });
        };
        if output.get("sensitive").and_then(Value::as_bool) == Some(true) {
            return Err(ContractError::Sensitive);
        }
        Self::from_value(output.get("value").unwrap_or(output))
    }

    /// A contract made from its parts, such as one derived from a state.
    pub fn from_parts(body: DrContract, provenance: BTreeMap<String, Provenance>, notes: Vec<Finding>) -> Self {
        Self { body, provenance, notes }
    }

    pub fn body(&self) -> &DrContract {
        &self.body
    }

    /// The contract as JSON, without absent values.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(&self.body).unwrap_or_default()
    }

    /// Every value under its key, in key order.
    pub fn values(&self) -> Vec<ContractValue> {
        values::flatten(&self.to_value())
    }

    /// The value at a key, such as `cluster.name`.
    pub fn get(&self, key: &str) -> Option<String> {
        self.values().into_iter().find(|value| value.key == key).map(|value| value.value)
    }

    /// Where the value at a key came from.
    pub fn provenance(&self, key: &str) -> Provenance {
        self.provenance.get(key).cloned().unwrap_or(Provenance::Output)
    }

    /// What is odd about the contract; an error here means that a restore cannot rely on it.
    pub fn validate(&self) -> Vec<Finding> {
        let mut findings = self.notes.clone();
        compare::check_values(self, &mut findings);
        findings
    }
}

/// The contract's JSON Schema, for `docs/reference`.
pub fn schema() -> Value {
    let mut schema = serde_json::to_value(schemars::schema_for!(DrContract)).unwrap_or_default();
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".into(), "The infrastructure contract (the output dr_contract)".into());
        map.insert("required".into(), serde_json::json!(["schema_version"]));
    }
    schema
}

pub(crate) fn note(severity: Severity, code: &str, pointer: Option<&str>, message: impl Into<String>) -> Finding {
    Finding { severity, item: None, pointer: pointer.map(str::to_owned), reason: Reason::new(code, message) }
}

fn check_size(what: &'static str, bytes: &[u8]) -> Result<(), ContractError> {
    if bytes.len() > MAX_BYTES {
        return Err(ContractError::TooLarge { what, size: bytes.len() });
    }
    Ok(())
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;
