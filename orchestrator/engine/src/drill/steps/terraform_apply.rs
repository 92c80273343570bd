//! `terraform.apply`: builds a stack and reads its contract. Undo destroys what was built.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use scenario::steps::Contract;
use scenario::steps::terraform_apply::{Outputs, Params};
use scenario::{Failure, FailureKind, format};
use serde_json::Value;

use super::stack::{Act, Named, Stack};
use crate::drill::step::{StepContext, StepFailed, disk, failed};

const CONTRACT: &str = "dr_contract";
/// A state that is larger was not emptied.
const STATE_CAP: u64 = 64 << 20;

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let stack = stack(context, params)?;
    let outcome = stack.act(Act::Apply).await?;
    context.say("reading the outputs");
    let outputs = stack.infrastructure.outputs(&stack.request).await;
    let outputs = outputs.map_err(|error| failed("failed to read the stack's outputs", &error))?;
    let contract = stack.infrastructure.contract(&stack.request).await;
    let contract = contract.map_err(|error| failed("failed to read the stack's contract", &error))?;
    if let Some(contract) = &contract
        && let Err(error) = infra::Contract::from_value(contract)
    {
        let message = format!("the stack was built, but its {CONTRACT} cannot be used: {}", model::chain(&error));
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let outputs: BTreeMap<_, _> = outputs
        .into_iter()
        .filter(|(name, output)| !output.sensitive && name != CONTRACT)
        .map(|(name, output)| (name, output.value))
        .collect();
    Ok(Outputs {
        handle: stack.handle.clone(),
        contract: contract.map(Contract),
        outputs,
        created: outcome.created.len() as u64,
        updated: outcome.updated.len() as u64,
        deleted: outcome.deleted.len() as u64,
    })
}

/// Destroys what was built, and looks itself whether anything is left: in the state, as far as that is a file, and of
/// the environment that the contract described.
pub(super) async fn undo(
    context: &StepContext,
    params: &Params,
    outputs: Option<&format::Outputs>,
) -> Result<Vec<String>, StepFailed> {
    if params.keep {
        return Ok(Vec::new());
    }
    let stack = stack(context, params)?;
    let with_left = |failure| StepFailed { failure, left: stack.left() };
    let mut seen = Vec::new();
    if !stack.is_untouched().await.map_err(with_left)? {
        let outcome = stack.act(Act::Destroy).await.map_err(with_left)?;
        seen.push(match outcome.deleted.len() {
            0 => format!("{}: terraform finds nothing to destroy any more", params.stack),
            number => format!("{}: terraform destroyed {number} resources", params.stack),
        });
    }
    let left = |what: &str, left: Vec<String>| StepFailed {
        failure: Failure::new(FailureKind::NotVerified, format!("{what}: {}", left.join(", "))),
        left,
    };
    if let Some(state) = &stack.handle.state {
        match resources(&context.path(state)).map_err(with_left)? {
            Some(there) if !there.is_empty() => {
                return Err(left("the stack is destroyed, but its state still holds resources", there));
            }
            _ => seen.push(format!("{}: its state holds nothing", params.stack)),
        }
    }
    if let Some(contract) = outputs.and_then(|outputs| outputs.get("contract")).filter(|contract| !contract.is_null()) {
        let remains = context.workshop.remains(contract).await;
        let remains = remains.map_err(|error| with_left(failed("failed to look for what is left", &error)))?;
        if !remains.is_empty() {
            let mut failed = left("the stack is destroyed, but not everything of it is gone", remains);
            if let Some(sandbox) = sandbox_of(contract) {
                failed.failure.hint = format!("landfall sandbox down {sandbox} --purge");
            }
            return Err(failed);
        }
        if let Some(sandbox) = sandbox_of(contract) {
            seen.push(format!("sandbox {sandbox}: no process, no file"));
        }
    }
    Ok(seen)
}

fn sandbox_of(contract: &Value) -> Option<&str> {
    contract.pointer("/connection/sandbox").and_then(Value::as_str)
}

/// What a state that is a file still holds, by type and name; `None` when there is no file.
fn resources(state: &Path) -> Result<Option<Vec<String>>, Failure> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(state).and_then(|file| file.take(STATE_CAP).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk("read", state, &error)),
        Ok(_) => {}
    }
    let unreadable = |error| Failure::new(FailureKind::Invalid, format!("{} cannot be read: {error}", state.display()));
    let file: Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
    let resources = file.get("resources").and_then(Value::as_array);
    let managed = resources.into_iter().flatten().filter(|resource| resource["mode"] != "data");
    let word = |resource: &Value, field: &str| resource[field].as_str().unwrap_or_default().to_owned();
    Ok(Some(managed.map(|resource| format!("{}.{}", word(resource, "type"), word(resource, "name"))).collect()))
}

fn stack<'a>(context: &'a StepContext, params: &Params) -> Result<Stack<'a>, Failure> {
    let named = Named {
        stack: &params.stack,
        vars: &params.vars,
        var_files: &params.var_files,
        state: params.state.as_deref(),
        backend: &params.backend,
        workspace: params.workspace.as_deref(),
        allow: &params.allow,
    };
    Stack::named(context, &named)
}
