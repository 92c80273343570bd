//! The port's methods: each takes its turn, and strings together what the neighbours do.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use ports::infrastructure::{
    Infrastructure, RecoveryApproval, RunToken, StackCancel, StackDiagnosis, StackDrift, StackEvent, StackOutcome,
    StackOutput, StackPhase, StackPlan, StackProgress, StackRequest,
};
use ports::{ErrorKind, PortError};
use serde_json::Value;

use super::attempts::remove;
use super::{CONTRACT, IMPORTS, IMPORTS_HEAD, TerraformInfrastructure, changes, digest};
use crate::drift::drift;
use crate::gate::{Decision, decide};
use crate::import::blocks;
use crate::run::format::Operation;
use crate::run::{Interrupt, interrupt, write_private};
use crate::stack::PlanKind;

#[async_trait]
impl Infrastructure for TerraformInfrastructure {
    async fn plan(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackPlan, PortError> {
        let attempts = self.attempts(token);
        let _turn = attempts.take_turn().await?;
        progress.report(StackEvent::Phase { phase: StackPhase::Prepare });
        self.outlast(&attempts).await?;
        let attempt = attempts.next(Operation::Plan, false)?;
        let stack = self.prepare(request, &attempt.folder).await?;
        self.forget_plans(&attempts)?;
        progress.report(StackEvent::Phase { phase: StackPhase::Plan });
        let (plan, ended) = self.save_plan(&stack, request, &attempt, PlanKind::Change, progress).await?;
        write_private(&attempt.asked(), digest(request, PlanKind::Change).as_bytes()).await?;
        let refusals = match decide(&plan, &self.policy(request)) {
            Decision::Refused(refusals) => refusals,
            Decision::Nothing | Decision::Apply => Vec::new(),
        };
        let warnings = ended.record.diagnostics.iter().filter(|diagnostic| !diagnostic.is_error());
        Ok(StackPlan {
            changes: changes(&plan),
            total: plan.units().values().sum(),
            refusals,
            applyable: plan.applyable,
            warnings: warnings.map(|warning| plan.secrets.scrub(&warning.line())).collect(),
        })
    }

    async fn apply(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        Ok(self.apply_or_destroy(request, token, Operation::Apply, progress).await?)
    }

    async fn destroy(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        Ok(self.apply_or_destroy(request, token, Operation::Destroy, progress).await?)
    }

    async fn attach(&self, token: &RunToken, progress: &dyn StackProgress) -> Result<Option<StackOutcome>, PortError> {
        let attempts = self.attempts(token);
        if !attempts.exist() {
            return Ok(None);
        }
        let _turn = attempts.take_turn().await?;
        let Some(last) = attempts.writes()?.pop() else { return Ok(None) };
        match last.outcome().await? {
            Some(told) => Ok(Some(told)),
            None => Ok(Some(self.follow(&last, None, &attempts, progress).await?)),
        }
    }

    async fn cancel(&self, token: &RunToken, how: StackCancel) -> Result<(), PortError> {
        let attempts = self.attempts(token);
        if !attempts.exist() {
            return Err(PortError::not_found(format!("there is no run under {token}")));
        }
        attempts.cancel().await?;
        let force = match how {
            StackCancel::AfterCurrent => return Ok(()),
            StackCancel::Interrupt => false,
            StackCancel::Force => true,
        };
        let all = attempts.all()?;
        let Some(last) = all.last() else { return Ok(()) };
        match interrupt(&last.folder, force)? {
            Interrupt::Sent | Interrupt::AlreadySent => Ok(()),
            Interrupt::NotRunning => Err(PortError::new(
                ErrorKind::NotFound,
                format!("nothing runs under {token} any more; it will start nothing else"),
            )),
        }
    }

    async fn outputs(&self, request: &StackRequest) -> Result<BTreeMap<String, StackOutput>, PortError> {
        let stack = self.stack(request).await?;
        stack.check_workspace().await?;
        Ok(stack.outputs().await?.0)
    }

    async fn contract(&self, request: &StackRequest) -> Result<Option<Value>, PortError> {
        let stack = self.stack(request).await?;
        stack.check_workspace().await?;
        let (mut outputs, _) = stack.outputs().await?;
        match outputs.remove(CONTRACT) {
            Some(output) if output.sensitive => {
                Err(PortError::invalid(format!("output {CONTRACT} is marked sensitive; a contract holds no secrets")))
            }
            Some(output) if output.value.is_null() => Ok(None),
            Some(output) => Ok(Some(output.value)),
            None => Ok(None),
        }
    }

    async fn drift(
        &self,
        request: &StackRequest,
        token: &RunToken,
        progress: &dyn StackProgress,
    ) -> Result<Vec<StackDrift>, PortError> {
        let attempts = self.attempts(token);
        let _turn = attempts.take_turn().await?;
        progress.report(StackEvent::Phase { phase: StackPhase::Prepare });
        self.outlast(&attempts).await?;
        let attempt = attempts.next(Operation::RefreshOnly, false)?;
        let stack = self.prepare(request, &attempt.folder).await?;
        progress.report(StackEvent::Phase { phase: StackPhase::Drift });
        let (refreshed, _) = self.save_plan(&stack, request, &attempt, PlanKind::RefreshOnly, progress).await?;
        remove(&attempt.plan())?;
        let attempt = attempts.next(Operation::RefreshOnly, false)?;
        let (planned, _) = self.save_plan(&stack, request, &attempt, PlanKind::Change, progress).await?;
        remove(&attempt.plan())?;
        Ok(drift(&refreshed, Some(&planned)))
    }

    async fn diagnose(&self, request: &StackRequest, token: &RunToken) -> Result<StackDiagnosis, PortError> {
        let attempts = self.attempts(token);
        Ok(self.diagnosis(request, &attempts).await?.1.diagnosis)
    }

    async fn recover(
        &self,
        request: &StackRequest,
        token: &RunToken,
        approval: &RecoveryApproval,
    ) -> Result<StackDiagnosis, PortError> {
        let attempts = self.attempts(token);
        let _turn = attempts.take_turn().await?;
        let (stack, found) = self.diagnosis(request, &attempts).await?;
        if found.diagnosis.running {
            return Ok(found.diagnosis);
        }
        attempts.check(&approval.checked).await?;
        for step in found.diagnosis.steps.iter().filter(|step| step.code == "unlock") {
            if approval.unlock.as_deref() == Some(step.subject.as_str()) {
                stack.force_unlock(&step.subject).await?;
            }
        }
        for step in found.diagnosis.steps.iter().filter(|step| step.code == "push-state" && step.safe) {
            let path = Path::new(&step.subject);
            stack.state_push(path).await?;
            remove(path)?;
        }
        // What was pushed may hold what seemed lost: look again before importing it.
        let (stack, found) = self.diagnosis(request, &attempts).await?;
        for step in found.diagnosis.steps.iter().filter(|step| step.code == "untaint") {
            if approval.untaint.contains(&step.subject) {
                stack.untaint(&step.subject).await?;
            }
        }
        if approval.import && !found.diagnosis.imports.is_empty() {
            let text = format!("{IMPORTS_HEAD}{}", blocks(&found.lost));
            write_private(&stack.directory().join(IMPORTS), text.as_bytes()).await?;
        }
        Ok(self.diagnosis(request, &attempts).await?.1.diagnosis)
    }
}
