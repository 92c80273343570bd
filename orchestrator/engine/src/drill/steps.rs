//! The step kinds, one file each: `run` does the step, `undo` takes back what it left.
//!
//! Parameters, outputs and the fake world's behaviour are in files of the same name in `scenario`. Both halves may be
//! done twice with one token, and undoing tolerates that the step never happened, or only half.

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use scenario::format::Outputs;
use scenario::steps::to_outputs;
use scenario::{Failure, FailureKind, StepKind};
use serde::Serialize;

use super::step::{StepContext, StepFailed};

mod backup;
mod checks;
mod restoring;
mod service;
mod shown;
mod stack;

mod backup_pick;
mod backup_run;
mod cluster_apply;
mod cluster_connect;
mod cluster_drain;
mod cluster_wait;
mod command;
mod restore_plan;
mod restore_run;
mod terraform_apply;
mod terraform_destroy;
mod terraform_plan;
mod verify_canary;
mod verify_exec;
mod verify_http;
mod verify_objects;
mod verify_query;
mod verify_ready;
mod verify_references;
mod verify_tcp;

/// Whether the kind ends by itself, gently, when it is interrupted; the others are simply dropped.
pub(super) fn ends_itself(params: &StepKind) -> bool {
    matches!(params, StepKind::TerraformApply(_) | StepKind::TerraformDestroy(_))
}

pub(super) fn run<'a>(context: &'a StepContext, params: &'a StepKind) -> BoxFuture<'a, Result<Outputs, Failure>> {
    match params {
        StepKind::TerraformPlan(params) => told(terraform_plan::run(context, params)).boxed(),
        StepKind::TerraformApply(params) => told(terraform_apply::run(context, params)).boxed(),
        StepKind::TerraformDestroy(params) => told(terraform_destroy::run(context, params)).boxed(),
        StepKind::ClusterConnect(params) => told(cluster_connect::run(context, params)).boxed(),
        StepKind::ClusterWait(params) => told(cluster_wait::run(context, params)).boxed(),
        StepKind::ClusterApply(params) => told(cluster_apply::run(context, params)).boxed(),
        StepKind::ClusterDrain(params) => told(cluster_drain::run(context, params)).boxed(),
        StepKind::BackupRun(params) => told(backup_run::run(context, params)).boxed(),
        StepKind::BackupPick(params) => told(backup_pick::run(context, params)).boxed(),
        StepKind::RestorePlan(params) => told(restore_plan::run(context, params)).boxed(),
        StepKind::RestoreRun(params) => told(restore_run::run(context, params)).boxed(),
        StepKind::VerifyReady(params) => told(verify_ready::run(context, params)).boxed(),
        StepKind::VerifyObjects(params) => told(verify_objects::run(context, params)).boxed(),
        StepKind::VerifyHttp(params) => told(verify_http::run(context, params)).boxed(),
        StepKind::VerifyTcp(params) => told(verify_tcp::run(context, params)).boxed(),
        StepKind::VerifyExec(params) => told(verify_exec::run(context, params)).boxed(),
        StepKind::VerifyQuery(params) => told(verify_query::run(context, params)).boxed(),
        StepKind::VerifyReferences(params) => told(verify_references::run(context, params)).boxed(),
        StepKind::VerifyCanary(params) => told(verify_canary::run(context, params)).boxed(),
        StepKind::Command(params) => told(command::run(context, params)).boxed(),
        // The saga asks people itself; nobody should send such a step here.
        StepKind::Approve(_) | StepKind::Pause(_) => {
            let failure = Failure::new(FailureKind::Invalid, "only a person can answer this step");
            std::future::ready(Err(failure)).boxed()
        }
    }
}

async fn told<T: Serialize>(step: impl Future<Output = Result<T, Failure>>) -> Result<Outputs, Failure> {
    to_outputs(&step.await?)
}

/// Takes back what a step left, and says what it looked at to be sure that nothing is left. Exhaustive, so that a new
/// kind has to say what it leaves.
pub(super) fn undo<'a>(
    context: &'a StepContext,
    params: &'a StepKind,
    outputs: Option<&'a Outputs>,
) -> BoxFuture<'a, Result<Vec<String>, StepFailed>> {
    let quietly: BoxFuture<'a, Result<(), StepFailed>> = match params {
        StepKind::TerraformApply(params) => return terraform_apply::undo(context, params, outputs).boxed(),
        StepKind::ClusterApply(params) => cluster_apply::undo(context, params).boxed(),
        StepKind::ClusterDrain(params) => cluster_drain::undo(context, params).boxed(),
        StepKind::BackupRun(params) => backup_run::undo(context, params).boxed(),
        StepKind::RestoreRun(params) => restore_run::undo(context, params).boxed(),
        StepKind::VerifyCanary(params) => verify_canary::undo(context, params).boxed(),
        StepKind::Command(params) => command::undo(context, params).boxed(),
        StepKind::TerraformPlan(_)
        | StepKind::TerraformDestroy(_)
        | StepKind::ClusterConnect(_)
        | StepKind::ClusterWait(_)
        | StepKind::BackupPick(_)
        | StepKind::RestorePlan(_)
        | StepKind::VerifyReady(_)
        | StepKind::VerifyObjects(_)
        | StepKind::VerifyHttp(_)
        | StepKind::VerifyTcp(_)
        | StepKind::VerifyExec(_)
        | StepKind::VerifyQuery(_)
        | StepKind::VerifyReferences(_)
        | StepKind::Approve(_)
        | StepKind::Pause(_) => std::future::ready(Ok(())).boxed(),
    };
    quietly.map_ok(|()| Vec::new()).boxed()
}
