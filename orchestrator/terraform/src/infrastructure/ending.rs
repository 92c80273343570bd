//! Follows a run to its end, and says what came of it and what to do next.

use ports::infrastructure::{NextStep, StackEnding, StackEvent, StackOutcome, StackPhase, StackProgress, StackRequest};

use super::attempts::{Attempt, Attempts, remove};
use super::listener::Listener;
use super::survey::Depth;
use super::{IMPORTS, TerraformInfrastructure, given_secrets, is_ours, look_again, scrubbed};
use crate::aftermath;
use crate::error::TerraformError;
use crate::recovery::recover;
use crate::redact::Secrets;
use crate::run::Run;
use crate::run::format::{Operation, RunFile};
use crate::stack::Stack;

impl TerraformInfrastructure {
    /// Follows a run that another call started; one that is over is only read.
    pub(super) async fn follow(
        &self,
        attempt: &Attempt,
        request: Option<&StackRequest>,
        attempts: &Attempts,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, TerraformError> {
        let mut run = Run::attach(&attempt.folder).await?;
        let mut secrets = request.map(given_secrets).unwrap_or_default();
        // The plan that is being applied knows what must not be shown.
        if let Some(plan) = attempts.all()?.iter().rev().map(Attempt::plan).find(|plan| plan.is_file())
            && let Ok(stack) = self.stack_of(run.file()).await
            && let Ok(plan) = stack.show_plan(&plan).await
        {
            secrets.merge(plan.secrets);
        }
        self.to_the_end(attempt, &mut run, request, attempts, secrets, progress).await
    }

    pub(super) async fn to_the_end(
        &self,
        attempt: &Attempt,
        run: &mut Run,
        request: Option<&StackRequest>,
        attempts: &Attempts,
        secrets: Secrets,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, TerraformError> {
        let file = run.file().clone();
        let phase = if file.operation == Operation::Destroy { StackPhase::Destroy } else { StackPhase::Apply };
        progress.report(StackEvent::Phase { phase });
        let mut listener = Listener::new(progress, phase, secrets.clone());
        let ended = run.wait(&self.settings.weights, &mut |news| listener.hear(news)).await?;
        self.forget_plans(attempts)?;
        let mut outcome = aftermath::outcome(&file, &ended, &secrets);
        if outcome.ending == StackEnding::Done {
            outcome.message = String::new();
            let imports = file.directory.join(IMPORTS);
            if is_ours(&imports) {
                remove(&imports)?;
            }
            attempt.remember(&outcome).await?;
            return Ok(outcome);
        }
        let untouched = ended.record.done() + ended.record.failed() + ended.record.running.len() as u64 == 0;
        let stack = self.stack_of(&file).await;
        if let (Ok(stack), true, StackEnding::Failed) = (&stack, untouched, outcome.ending) {
            // It never began: a lock, a stale plan, a folder that is not initialised.
            let error = stack.failure(file.operation.name(), &ended.record.diagnostics);
            if !matches!(error, TerraformError::Failed { .. }) {
                let error = scrubbed(error, &secrets);
                outcome.message = error.to_string();
                attempt.remember(&outcome).await?;
                return Err(error);
            }
        }
        outcome.next = match &stack {
            Ok(stack) => self.next_steps(stack, request, attempts, &file).await,
            Err(error) => vec![look_again(&file, &model::chain(error))],
        };
        let not_started = aftermath::not_started(&file, &ended);
        outcome.message = aftermath::message(&outcome.message, &outcome, not_started, &outcome.next);
        attempt.remember(&outcome).await?;
        Ok(outcome)
    }

    /// What to do after a bad end; when even that cannot be found out, how to ask again.
    pub(super) async fn next_steps(
        &self,
        stack: &Stack,
        request: Option<&StackRequest>,
        attempts: &Attempts,
        file: &RunFile,
    ) -> Vec<NextStep> {
        let fallback = StackRequest { directory: file.directory.clone(), ..Default::default() };
        let depth = if request.is_some() { Depth::Lock } else { Depth::State };
        let survey = self.survey(stack, request.unwrap_or(&fallback), attempts, depth).await;
        match survey {
            Ok(survey) => recover(stack, &survey).diagnosis.steps,
            Err(error) => vec![look_again(file, &model::chain(&error))],
        }
    }
}
