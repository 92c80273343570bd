//! `terraform.plan`: what an apply of a stack would do; changes nothing.

use ::ports::infrastructure::StackAction;
use scenario::steps::terraform_plan::{Outputs, Params};
use scenario::{Failure, FailureKind};

use super::stack::{Named, Shown, Stack};
use crate::drill::step::{StepContext, disk, failed};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let named = Named {
        stack: &params.stack,
        vars: &params.vars,
        var_files: &params.var_files,
        state: params.state.as_deref(),
        backend: &params.backend,
        workspace: params.workspace.as_deref(),
        allow: &params.allow,
    };
    let stack = Stack::named(context, &named)?;
    let planned = stack.infrastructure.plan(&stack.request, &stack.token, &Shown(context)).await;
    let plan = planned.map_err(|error| failed(format!("failed to plan {}", params.stack), &error))?;
    let path = context.folder()?.join("plan.json");
    let text = serde_json::to_vec_pretty(&plan).map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
    std::fs::write(&path, text).map_err(|error| disk("write", &path, &error))?;
    if let Some(refusal) = plan.refusals.first() {
        let message = format!("an apply would be refused: {} {}", refusal.address, refusal.message);
        return Err(
            Failure::new(FailureKind::Denied, message).hint("name the addresses under \"allow\" if they may go")
        );
    }
    let count =
        |actions: &[StackAction]| plan.changes.iter().filter(|change| actions.contains(&change.action)).count() as u64;
    Ok(Outputs {
        create: count(&[StackAction::Create, StackAction::Replace, StackAction::Import]),
        update: count(&[StackAction::Update]),
        delete: count(&[StackAction::Delete, StackAction::Replace, StackAction::Forget]),
        changes: plan.applyable,
        handle: stack.handle.clone(),
    })
}
