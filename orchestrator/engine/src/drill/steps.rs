//! The step kinds, one file each: `run` does the step, `undo` takes back what it left.
//!
//! Parameters, outputs and the fake world's behaviour are in files of the same name in `scenario`. Both halves may be
//! done twice with one token, and undoing tolerates that the step never happened, or only half.

use scenario::format::Outputs;
use scenario::steps::to_outputs;
use scenario::{Failure, FailureKind, StepKind};

use super::step::{StepContext, StepFailed};

mod command;

/// Whether the kind ends by itself, gently, when it is interrupted; the others are simply dropped.
pub(super) fn ends_itself(params: &StepKind) -> bool {
    matches!(
        params,
        StepKind::TerraformPlan(_) | StepKind::TerraformApply(_) | StepKind::TerraformDestroy(_)
    )
}

pub(super) async fn run(context: &StepContext, params: &StepKind) -> Result<Outputs, Failure> {
    match params {
        StepKind::Command(params) => to_outputs(&command::run(context, params).await?),
        _ => Err(Failure::new(FailureKind::NotChecked, "not available yet")),
    }
}

pub(super) async fn undo(context: &StepContext, params: &StepKind, outputs: Option<&Outputs>) -> Result<(), StepFailed> {
    let _ = outputs;
    match params {
        StepKind::Command(params) => command::undo(context, params).await,
        _ => Ok(()),
    }
}
