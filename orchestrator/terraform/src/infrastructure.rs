//! The port, on top of the rest: what is run in which order, and what a repeated call finds.
//!
//! Everything that a later process needs is in the token's folder before it is needed. A call looks there first:
//! a run that goes on is followed, one that is done is told again, one that ended badly is settled before the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use ports::infrastructure::{
    Infrastructure, NextStep, RecoveryApproval, RunToken, StackCancel, StackChange, StackDiagnosis, StackDrift,
    StackEnding, StackEvent, StackOutcome, StackOutput, StackPhase, StackPlan, StackProgress, StackRequest,
};
use ports::{ErrorKind, PortError};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::aftermath;
use crate::drift::drift;
use crate::environment::Environment;
use crate::error::TerraformError;
use crate::gate::{Decision, Policy, decide};
use crate::import::blocks;
use crate::plan::Plan;
use crate::progress::{Weights, Workload};
use crate::recovery::{Recovery, recover, standing};
use crate::redact::Secrets;
use crate::run::format::{Operation, RunFile};
use crate::run::{Ended, Exit, Interrupt, Run, RunSpec, create_private, interrupt, write_private};
use crate::stack::{InitOptions, PlanKind, Stack};
use crate::tool::Tool;
use attempts::{Attempt, Attempts, remove};
use listener::Listener;
use survey::Depth;

mod attempts;
mod listener;
mod survey;

/// Settings of the adapter, resolved by the caller.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The binary; `None` looks for one in `PATH`.
    pub tool: Option<PathBuf>,
    /// Where the tokens' folders are. They hold plans, which are secrets, while they are needed.
    pub runs: PathBuf,
    /// What the tool may inherit.
    pub environment: Environment,
    /// Where the tool keeps what it knows about a folder; `None` is `.terraform` in the folder itself.
    pub data_dir: Option<PathBuf>,
    /// Where providers are, when they must not be downloaded.
    pub plugin_dir: Option<PathBuf>,
    /// How long to wait for a state's lock.
    pub lock_timeout: Duration,
    pub parallelism: Option<u16>,
    /// Kinds of resources that hold data, beside the known ones.
    pub stateful: BTreeSet<String>,
    pub weights: Weights,
    /// Lets this tool take over a state that the other one wrote.
    pub allow_tool_switch: bool,
}

/// [`Infrastructure`] by terraform or tofu.
#[derive(Debug, Clone)]
pub struct TerraformInfrastructure {
    settings: Settings,
}

/// Import blocks that a recovery put beside the stack's own files.
pub(crate) const IMPORTS: &str = "landfall-recovered-imports.tf";
const IMPORTS_HEAD: &str = "# Written by landfall: brings back into the state what a broken run created.\n\
                            # It is removed after the next apply that goes well.\n\n";
const CONTRACT: &str = "dr_contract";

impl Settings {
    /// Settings with nothing special.
    pub fn new(runs: impl Into<PathBuf>, environment: Environment) -> Self {
        Self {
            tool: None,
            runs: runs.into(),
            environment,
            data_dir: None,
            plugin_dir: None,
            lock_timeout: Duration::from_secs(10),
            parallelism: None,
            stateful: BTreeSet::new(),
            weights: Weights::default(),
            allow_tool_switch: false,
        }
    }
}

impl TerraformInfrastructure {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn attempts(&self, token: &RunToken) -> Attempts {
        Attempts::of(self.settings.runs.join(token.as_str()))
    }

    /// The stack of a request, with its tool; nothing is run in it yet.
    pub async fn stack(&self, request: &StackRequest) -> Result<Stack, TerraformError> {
        let environment = self.settings.environment.clone();
        let directory =
            std::path::absolute(&request.directory).map_err(TerraformError::io("make the stack's folder absolute"))?;
        let tool = Tool::find(self.settings.tool.as_deref(), &directory, &environment).await?;
        Ok(Stack::open(tool, &directory, environment)?
            .in_workspace(request.workspace.clone())
            .with_data_dir(self.settings.data_dir.clone())
            .with_lock_timeout(self.settings.lock_timeout))
    }

    /// The stack, initialised, in a workspace that exists.
    async fn prepare(&self, request: &StackRequest, scratch: &Path) -> Result<Stack, TerraformError> {
        let stack = self.stack(request).await?;
        let mut options = InitOptions {
            plugin_dir: self.settings.plugin_dir.clone(),
            readonly_lock_file: true,
            ..Default::default()
        };
        if !request.state_location.is_empty() {
            create_private(scratch).await?;
            let path = scratch.join("backend.json");
            let json = |source| TerraformError::Json { what: "the state's location", source };
            write_private(&path, &serde_json::to_vec(&request.state_location).map_err(json)?).await?;
            options.backend_file = Some(path);
        }
        // The workspace is looked at before it is used: init alone would take one that is not there.
        let initialised = stack.clone().in_workspace(None).init(&options).await;
        options.backend_file.iter().try_for_each(|file| remove(file))?;
        initialised?;
        stack.check_workspace().await?;
        Ok(stack)
    }

    /// Runs a plan of some kind to its end, with the request's variables.
    async fn run_plan(
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
        let variables = folder.join("variables.tfvars.json");
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
    async fn save_plan(
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

    fn plan_failure(&self, stack: &Stack, kind: PlanKind, ended: &Ended, request: &StackRequest) -> TerraformError {
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

    async fn apply_or_destroy(
        &self,
        request: &StackRequest,
        token: &RunToken,
        operation: Operation,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, TerraformError> {
        let attempts = self.attempts(token);
        let _turn = attempts.take_turn().await?;
        attempts.forget_cancel()?;
        if let Some(last) = attempts.writes()?.last() {
            let same = last.name == operation.name();
            match last.outcome().await? {
                Some(told) if same && told.ending == StackEnding::Done && !request.again => return Ok(told),
                Some(_) => {}
                // Nobody has heard how it ended: that is news, also to somebody who would have it done again.
                None => {
                    let outcome = self.follow(last, Some(request), &attempts, progress).await?;
                    if same {
                        return Ok(outcome);
                    }
                }
            }
        }
        progress.report(StackEvent::Phase { phase: StackPhase::Prepare });
        let attempt = attempts.next(Operation::Plan, false)?;
        let stack = self.prepare(request, &attempt.folder).await?;
        let earlier = self.settle(&stack, request, &attempts, operation).await?;
        let kind = if operation == Operation::Destroy { PlanKind::Destroy } else { PlanKind::Change };
        let (attempt, plan) = self.saved_plan(&stack, request, &attempts, kind, progress).await?;
        let mut policy = Policy { allow: request.allow.clone(), stateful: self.settings.stateful.clone(), age: None };
        if operation == Operation::Destroy {
            policy.allow.extend(earlier.created);
        }
        let file = attempt.plan();
        match decide(&plan, &policy) {
            Decision::Refused(refusals) => {
                remove(&file)?;
                return Err(TerraformError::Refused { refusals: refusals.into_iter().map(|r| r.message).collect() });
            }
            Decision::Nothing => {
                remove(&file)?;
                return Ok(StackOutcome {
                    ending: StackEnding::Done,
                    created: Vec::new(),
                    updated: Vec::new(),
                    deleted: Vec::new(),
                    failed: Vec::new(),
                    unknown: earlier.unknown,
                    message: String::new(),
                    next: earlier.steps,
                });
            }
            Decision::Apply => {}
        }
        if attempts.is_cancelled() {
            remove(&file)?;
            return Err(TerraformError::Cancelled);
        }
        let write = attempts.next(operation, false)?;
        let outcome = self.run_saved(&stack, request, &attempts, &write, operation, &file, plan, progress).await?;
        Ok(StackOutcome {
            unknown: outcome.unknown.into_iter().chain(earlier.unknown).collect(),
            next: match outcome.next.is_empty() {
                true => earlier.steps,
                false => outcome.next,
            },
            ..outcome
        })
    }

    /// A plan that was made under the token for the same request and not used yet, or a new one.
    async fn saved_plan(
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
            && let Ok(plan) = stack.show_plan(&last.plan()).await
        {
            return Ok((last, plan));
        }
        progress.report(StackEvent::Phase { phase: StackPhase::Plan });
        self.forget_plans(attempts)?;
        let attempt = attempts.next(Operation::Plan, false)?;
        let (plan, _) = self.save_plan(stack, request, &attempt, kind, progress).await?;
        Ok((attempt, plan))
    }

    /// A plan file is a secret and is of no use once another one is made.
    fn forget_plans(&self, attempts: &Attempts) -> Result<(), TerraformError> {
        attempts.all()?.iter().try_for_each(|attempt| remove(&attempt.plan()))
    }

    #[expect(clippy::too_many_arguments, reason = "one call, and each is another thing")]
    async fn run_saved(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempts: &Attempts,
        write: &Attempt,
        operation: Operation,
        file: &Path,
        plan: Plan,
        progress: &dyn StackProgress,
    ) -> Result<StackOutcome, TerraformError> {
        let environment = stack.environment();
        let file = std::fs::canonicalize(file).map_err(TerraformError::io("find the saved plan"))?;
        let spec = RunSpec {
            tool: stack.tool(),
            directory: stack.directory(),
            environment: &environment,
            operation,
            workspace: stack.workspace(),
            args: stack.apply_args(&file, self.settings.parallelism),
            workload: Workload::new(plan.units()),
        };
        let mut secrets = plan.secrets;
        secrets.merge(given_secrets(request));
        let mut run = Run::start(&write.folder, spec).await?;
        self.to_the_end(write, &mut run, Some(request), attempts, secrets, progress).await
    }

    /// Follows a run that another call started; one that is over is only read.
    async fn follow(
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

    async fn to_the_end(
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
    async fn next_steps(
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

    /// Refuses to go on while something is unsettled, and tells what earlier runs created and left open.
    async fn settle(
        &self,
        stack: &Stack,
        request: &StackRequest,
        attempts: &Attempts,
        operation: Operation,
    ) -> Result<Earlier, TerraformError> {
        if stack.errored_state().exists() {
            let path = stack.errored_state();
            let command = stack.type_this(["state", "push", crate::stack::ERRORED]);
            return Err(TerraformError::ErroredState { path, command });
        }
        let survey = self.survey(stack, request, attempts, Depth::State).await?;
        if let (Some(Ok(Some(state))), false) = (&survey.state, self.settings.allow_tool_switch) {
            stack.check_owner(state)?;
        }
        let recovery = recover(stack, &survey);
        let blocked = if operation == Operation::Destroy { recovery.blocks_destroy } else { recovery.blocks_apply };
        if blocked {
            return Err(TerraformError::RecoveryNeeded { next: told(&recovery) });
        }
        let created = standing(survey.runs.iter().map(|run| &run.record)).into_iter().map(|made| made.address);
        let open = recovery.diagnosis.steps.into_iter().filter(|step| step.code == "check").collect::<Vec<_>>();
        Ok(Earlier {
            created: created.collect(),
            unknown: open.iter().map(|step| step.subject.clone()).collect(),
            steps: open,
        })
    }

    /// The stack of a run, as its folder describes it.
    async fn stack_of(&self, file: &RunFile) -> Result<Stack, TerraformError> {
        let tool = Tool::ask(&file.tool, &self.settings.environment).await?;
        Ok(Stack::open(tool, &file.directory, self.settings.environment.clone())?
            .in_workspace(file.workspace.clone())
            .with_data_dir(self.settings.data_dir.clone())
            .with_lock_timeout(Duration::ZERO))
    }

    async fn diagnosis(
        &self,
        request: &StackRequest,
        attempts: &Attempts,
    ) -> Result<(Stack, Recovery), TerraformError> {
        let stack = self.stack(request).await?.with_lock_timeout(Duration::ZERO);
        let survey = self.survey(&stack, request, attempts, Depth::Lock).await?;
        let recovery = recover(&stack, &survey);
        Ok((stack, recovery))
    }
}

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
        let attempt = attempts.next(Operation::Plan, false)?;
        let stack = self.prepare(request, &attempt.folder).await?;
        self.forget_plans(&attempts)?;
        progress.report(StackEvent::Phase { phase: StackPhase::Plan });
        let (plan, ended) = self.save_plan(&stack, request, &attempt, PlanKind::Change, progress).await?;
        write_private(&attempt.asked(), digest(request, PlanKind::Change).as_bytes()).await?;
        let policy = Policy { allow: request.allow.clone(), stateful: self.settings.stateful.clone(), age: None };
        let refusals = match decide(&plan, &policy) {
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
        Ok(self.stack(request).await?.outputs().await?.0)
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

/// What earlier runs under a token leave to the next one.
struct Earlier {
    created: BTreeSet<String>,
    unknown: Vec<String>,
    steps: Vec<NextStep>,
}

fn changes(plan: &Plan) -> Vec<StackChange> {
    use ports::infrastructure::StackAction::{Nothing, Read};
    let real = plan.changes.iter().filter(|change| !matches!(change.action(), Nothing | Read));
    real.map(|change| StackChange {
        address: change.address.clone(),
        kind: change.kind.clone(),
        action: change.action(),
        reason: change.reason.clone(),
    })
    .collect()
}

/// Names a request without holding its values.
fn digest(request: &StackRequest, kind: PlanKind) -> String {
    let parts = serde_json::json!([
        request.directory,
        request.workspace,
        request.variables,
        request.state_location,
        kind == PlanKind::Destroy
    ]);
    hex::encode(Sha256::digest(parts.to_string().as_bytes()))
}

/// Values of the request that are secret by their names; marks come with the plan.
fn given_secrets(request: &StackRequest) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.collect(&Value::Object(request.variables.clone().into_iter().collect()), &Value::Null);
    for (key, value) in &request.state_location {
        secrets.collect(&serde_json::json!({ key: value }), &Value::Null);
    }
    secrets
}

fn scrubbed(error: TerraformError, secrets: &Secrets) -> TerraformError {
    match error {
        TerraformError::Failed { what, detail } => TerraformError::Failed { what, detail: secrets.scrub(&detail) },
        TerraformError::ProviderCrash { what, detail } => {
            TerraformError::ProviderCrash { what, detail: secrets.scrub(&detail) }
        }
        TerraformError::MissingVariable { detail } => {
            TerraformError::MissingVariable { detail: secrets.scrub(&detail) }
        }
        other => other,
    }
}

fn look_again(file: &RunFile, why: &str) -> NextStep {
    NextStep {
        code: "diagnose".into(),
        subject: String::new(),
        message: format!("what is left could not be found out ({why}); ask again"),
        command: format!("landfall infra doctor {}", crate::command::shell([file.directory.as_os_str()])),
        safe: true,
    }
}

fn told(recovery: &Recovery) -> String {
    let steps = recovery.diagnosis.steps.iter().filter(|step| step.code != "retry");
    let lines: Vec<String> = steps
        .map(|step| match step.command.is_empty() {
            true => step.message.clone(),
            false => format!("{} [{}]", step.message, step.command),
        })
        .collect();
    lines.join("; then ")
}

/// Whether a file of import blocks is one that we wrote.
pub(crate) fn is_ours(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(IMPORTS_HEAD))
}
