//! `terraform.destroy`: destroys a stack. What was destroyed stays so.

use scenario::Failure;
use scenario::steps::terraform_destroy::{Outputs, Params};

use super::stack::{Act, Stack, token_of};
use crate::drill::step::StepContext;

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let token = token_of(context, &params.applied);
    let stack = Stack::of(context, params.applied.clone(), &params.allow, &token)?;
    let outcome = stack.act(Act::Destroy).await?;
    Ok(Outputs { destroyed: outcome.deleted.len() as u64 })
}
