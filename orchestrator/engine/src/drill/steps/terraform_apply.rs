//! `terraform.apply`: builds a stack and reads its contract. Undo destroys what was built.

use std::collections::BTreeMap;

use scenario::steps::Contract;
use scenario::steps::terraform_apply::{Outputs, Params};
use scenario::{Failure, FailureKind};

use super::stack::{Act, Named, Stack};
use crate::drill::step::{StepContext, StepFailed, failed};

const CONTRACT: &str = "dr_contract";

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

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    if params.keep {
        return Ok(());
    }
    let stack = stack(context, params)?;
    let with_left = |failure| StepFailed { failure, left: stack.left() };
    if stack.is_untouched().await.map_err(with_left)? {
        return Ok(());
    }
    stack.act(Act::Destroy).await.map(|_| ()).map_err(with_left)
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
