//! Reads what is known of one environment: contract JSON, outputs, a state, a stack's folder, or a backup's contract.
//!
//! Which of them a document is, is seen by its shape. States may hold secrets: they are used for pairing and kept
//! nowhere.

use std::path::Path;

use anyhow::Context as _;
use archive::format::ContractFile;
use engine::bucket::BackupKeys;
use infra::{Contract, Side, State};
use ports::Infrastructure;
use ports::infrastructure::StackRequest;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::command::Context;
use crate::failure::{Exit, Failure};
use crate::locations;

const SIDE_CAP: u64 = 64 << 20;
const BACKUP: &str = "backup:";
const FILE_CAP: u64 = 256 << 20;

/// What is known of one environment.
pub(crate) struct Environment {
    pub(crate) contract: Contract,
    pub(crate) state: Option<State>,
}

impl Environment {
    pub(crate) fn side(&self) -> Side<'_> {
        Side { contract: Some(&self.contract), state: self.state.as_ref() }
    }
}

/// Reads what a word names.
pub(crate) async fn read(word: &str, location: Option<&str>, context: &Context) -> Result<Environment, Failure> {
    if let Some(name) = word.strip_prefix(BACKUP) {
        return of_backup(name, location, context).await;
    }
    let path = Path::new(word);
    if word != "-" && path.is_dir() {
        let request = StackRequest { directory: path.to_owned(), ..StackRequest::default() };
        let driver = super::stack::driver(&context.settings, None)?;
        return of_stack(&driver, &request).await;
    }
    let bytes = read_bytes(path)?;
    Ok(of_bytes(&bytes).with_context(|| format!("failed to read {word}"))?)
}

/// Of a stack: its output, and its state for pairing by address.
pub(crate) async fn of_stack(
    driver: &terraform::TerraformInfrastructure,
    request: &StackRequest,
) -> Result<Environment, Failure> {
    let offered = driver.contract(request).await?;
    let stack = driver.stack(request).await.context("failed to open the stack")?;
    let state = match stack.show_state().await {
        Ok(value) => serde_json::to_vec(&value).ok().map(|bytes| State::from_slice(&bytes)),
        // Its outputs can be read without the providers that its state needs.
        Err(_) if offered.is_some() => None,
        Err(error) => return Err(anyhow::Error::from(error).context("failed to read the stack's state").into()),
    };
    let state = match (state, &offered) {
        (Some(Ok(state)), _) => Some(state),
        (Some(Err(_)) | None, Some(_)) => None,
        (Some(Err(error)), None) => return Err(anyhow::Error::from(error).into()),
        (None, None) => None,
    };
    let contract = match (offered, &state) {
        (Some(value), _) => Contract::from_value(&value).context("the stack's contract")?,
        (None, Some(state)) if !state.resources.is_empty() => infra::state::derive::contract(state),
        (None, _) => {
            let error = anyhow::anyhow!("{} has neither a contract nor resources", request.directory.display());
            return Err(Failure::from(error).hint("nothing stands there yet; `landfall infra apply` builds it"));
        }
    };
    Ok(Environment { contract, state })
}

/// What a backup captured of the environment that it was made in.
pub(crate) async fn of_backup(name: &str, location: Option<&str>, context: &Context) -> Result<Environment, Failure> {
    let keys = BackupKeys::new(name).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
    let location = locations::open(&context.settings, location).await?;
    let reader = match location.store.get(&keys.contract()).await {
        Ok(reader) => reader,
        Err(error) if error.is_not_found() => {
            let error = anyhow::anyhow!("backup {name:?} in {} holds no contract", location.store.describe());
            return Err(Failure::from(error).hint("give a file with the contract that was in force then"));
        }
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    reader.take(SIDE_CAP).read_to_end(&mut bytes).await.context("failed to read the backup's contract")?;
    let file: ContractFile = archive::format::read(&bytes[..]).context("the backup's contract is not usable")?;
    let contract = Contract::from_value(&file.contract).context("the backup's contract is not usable")?;
    Ok(Environment { contract, state: None })
}

/// Reads a document by its shape.
pub(crate) fn of_bytes(bytes: &[u8]) -> anyhow::Result<Environment> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let file: ContractFile = archive::format::read(bytes).context("not a contract that a backup captured")?;
        return Ok(Environment { contract: Contract::from_value(&file.contract)?, state: None });
    }
    let value: Value = serde_json::from_slice(bytes).context("not JSON")?;
    let has = |key: &str| value.get(key).is_some();
    if has("schema_version") {
        return Ok(Environment { contract: Contract::from_value(&value)?, state: None });
    }
    if has("contract") && value.get("version").is_some_and(Value::is_string) {
        return Ok(Environment { contract: Contract::from_value(&value["contract"])?, state: None });
    }
    if has("terraform_version") || has("format_version") || has("encrypted_data") || has("resources") {
        let state = State::from_slice(bytes)?;
        return Ok(Environment { contract: Contract::from_state(bytes)?, state: Some(state) });
    }
    Ok(Environment { contract: Contract::from_outputs(bytes)?, state: None })
}

pub(crate) fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;

    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(FILE_CAP + 1).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
        file.take(FILE_CAP + 1).read_to_end(&mut bytes)
    };
    read.with_context(|| format!("failed to read {}", path.display()))?;
    anyhow::ensure!(bytes.len() as u64 <= FILE_CAP, "{} is larger than {} MiB", path.display(), FILE_CAP >> 20);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn region(value: &Value) -> anyhow::Result<String> {
        let environment = of_bytes(value.to_string().as_bytes())?;
        Ok(environment.contract.get("region").unwrap_or_default())
    }

    #[test]
    fn documents_are_told_apart_by_their_shape() {
        let contract = json!({"schema_version": "1.0", "region": "eu-west-1"});
        assert_eq!(region(&contract).unwrap(), "eu-west-1");
        let output = json!({"dr_contract": {"sensitive": false, "type": "dynamic", "value": contract}});
        assert_eq!(region(&output).unwrap(), "eu-west-1");
        let state = json!({"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "a",
            "outputs": output, "resources": []});
        assert_eq!(region(&state).unwrap(), "eu-west-1");
        let shown = json!({"format_version": "1.0", "values": {"outputs": output, "root_module": {}}});
        assert_eq!(region(&shown).unwrap(), "eu-west-1");
        assert_eq!(region(&json!({"version": "1.0", "contract": contract})).unwrap(), "eu-west-1");
    }

    #[test]
    fn what_is_none_of_them_says_what_is_missing() {
        let text = |value: Value| model::chain(of_bytes(value.to_string().as_bytes()).err().unwrap().as_ref());
        assert!(text(json!({"vpc_id": {"value": "vpc-1"}})).contains("dr_contract"));
        assert!(text(json!({"schema_version": "2.0"})).contains("2.0"));
        assert!(text(json!({"version": 3, "terraform_version": "0.11", "resources": []})).contains("3"));
        assert!(text(json!({"dr_contract": {"sensitive": true, "value": {}}})).contains("sensitive"));
        assert!(of_bytes(b"{").is_err());
    }
}
