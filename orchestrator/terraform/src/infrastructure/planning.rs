//! Plans: made, saved, read, used once, and cleaned up after.

use std::path::Path;

use ports::infrastructure::{StackEvent, StackPhase, StackProgress, StackRequest};

use super::attempts::{Attempt, Attempts, remove};
use super::listener::Listener;
use super::{TerraformInfrastructure, digest, given_secrets, scrubbed};
use crate::aftermath;
use crate::error::TerraformError;
use crate::plan::Plan;
use crate::progress::Workload;
use crate::run::format::{Operation, RunFile};
use crate::run::{Ended, Exit, Run, RunSpec, create_private, write_private};
use crate::stack::{PlanKind, Stack};

impl TerraformInfrastructure {
    /// Runs a plan of some kind to its end, with the request's variables.
    pub(super) async fn run_plan(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempt: &Attempt,
        kind: PlanKind,
        out: Option<&Path>,
        progress: &dyn StackProgress,
    ) -> Result<Ended, TerraformError> {
        create_private(&attempt.folder).await?;
        let folder = std::fs::canonicalize(&attempt.folder).map_err(TerraformError::io("find the run's folder"))?;
        let variables = Attempt { folder: folder.clone(), ..attempt.clone() }.variables();
        let json = |source| TerraformError::Json { what: "the variables", source };
        let named = !request.variables.is_empty();
        if named {
            write_private(&variables, &serde_json::to_vec(&request.variables).map_err(json)?).await?;
        }
        let environment = stack.environment();
        let operation = if kind == PlanKind::RefreshOnly { Operation::RefreshOnly } else { Operation::Plan };
        let spec = RunSpec {
            tool: stack.tool(),
            directory: stack.directory(),
            environment: &environment,
            operation,
            workspace: stack.workspace(),
            args: stack.plan_args(kind, out, named.then_some(variables.as_path())),
            workload: Workload::default(),
        };
        let phase = if kind == PlanKind::RefreshOnly { StackPhase::Drift } else { StackPhase::Plan };
        let mut listener = Listener::new(progress, phase, given_secrets(request));
        let ended = async {
            let mut run = Run::start(&folder, spec).await?;
            run.wait(&self.settings.weights, &mut |news| listener.hear(news)).await
        };
        let ended = ended.await;
        remove(&variables)?;
        ended
    }

    /// Plans, saves the plan in the attempt's folder and reads it.
    pub(super) async fn save_plan(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempt: &Attempt,
        kind: PlanKind,
        progress: &dyn StackProgress,
    ) -> Result<(Plan, Ended), TerraformError> {
        create_private(&attempt.folder).await?;
        let file = std::fs::canonicalize(&attempt.folder)
            .map_err(TerraformError::io("find the run's folder"))?
            .join("plan.tfplan");
        // Made first, so that the tool writes into a file that only we can read.
        write_private(&file, b"").await?;
        let ended = self.run_plan(stack, request, attempt, kind, Some(&file), progress).await;
        let plan = match ended {
            Ok(ended) if ended.exit == Exit::Code(0) => match stack.show_plan(&file).await {
                Ok(plan) => return Ok((plan, ended)),
                Err(error) => Err(error),
            },
            Ok(ended) => Err(self.plan_failure(stack, kind, &ended, request)),
            Err(error) => Err(error),
        };
        remove(&file)?;
        plan
    }

    pub(super) fn plan_failure(
        &self,
        stack: &Stack,
        kind: PlanKind,
        ended: &Ended,
        request: &StackRequest,
    ) -> TerraformError {
        let what = if kind == PlanKind::RefreshOnly { "the drift check" } else { "the plan" };
        let diagnostics = &ended.record.diagnostics;
        if diagnostics.iter().any(|diagnostic| diagnostic.is_error()) && ended.record.interrupts == 0 {
            return scrubbed(stack.failure(what, diagnostics), &given_secrets(request));
        }
        let file = |operation| RunFile {
            version: String::new(),
            operation,
            tool: stack.tool().path.clone(),
            flavour: stack.tool().flavour,
            tool_version: String::new(),
            directory: stack.directory().to_owned(),
            workspace: None,
            workload: Workload::default(),
        };
        let outcome = aftermath::outcome(&file(Operation::Plan), ended, &given_secrets(request));
        TerraformError::Failed { what: what.into(), detail: outcome.message }
    }

    /// A plan that was made under the token for the same request and not used yet, or a new one.
    pub(super) async fn saved_plan(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempts: &Attempts,
        kind: PlanKind,
        progress: &dyn StackProgress,
    ) -> Result<(Attempt, Plan), TerraformError> {
        let asked = digest(request, kind);
        if let Some(last) = attempts.all()?.pop()
            && last.name == "plan"
            && std::fs::read_to_string(last.asked()).is_ok_and(|text| text == asked)
            && last.plan().is_file()
        {
            // Somebody has looked at that plan: another one may not take its place unseen.
            return match stack.show_plan(&last.plan()).await {
                Ok(plan) => Ok((last, plan)),
                Err(error) => {
                    remove(&last.plan())?;
                    Err(error)
                }
            };
        }
        progress.report(StackEvent::Phase { phase: StackPhase::Plan });
        self.forget_plans(attempts)?;
        let attempt = attempts.next(Operation::Plan, false)?;
        let (plan, _) = self.save_plan(stack, request, &attempt, kind, progress).await?;
        Ok((attempt, plan))
    }

    /// A plan file is a secret and is of no use once another one is made.
    pub(super) fn forget_plans(&self, attempts: &Attempts) -> Result<(), TerraformError> {
        attempts.all()?.iter().try_for_each(|attempt| remove(&attempt.plan()))
    }

    /// Lets a plan that lost its caller come to its end, because it holds the state's lock, and cleans up after it.
    pub(super) async fn outlast(&self, attempts: &Attempts) -> Result<(), TerraformError> {
        for attempt in attempts.all()?.iter().filter(|attempt| !attempt.writes()) {
            match Run::attach(&attempt.folder).await {
                Ok(mut run) => {
                    run.wait(&self.settings.weights, &mut |_| {}).await?;
                }
                // The caller went before there was a run.
                Err(TerraformError::NoRun { .. }) => {}
                Err(error) => return Err(error),
            }
            remove(&attempt.variables())?;
            if !attempt.asked().exists() {
                remove(&attempt.plan())?;
            }
        }
        Ok(())
    }
}
