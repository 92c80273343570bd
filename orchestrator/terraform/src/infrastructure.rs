//! The port, on top of the rest: what is run in which order, and what a repeated call finds.
//!
//! Everything that a later process needs is in the token's folder before it is needed. A call looks there first:
//! a run that goes on is followed, one that is done is told again, one that ended badly is settled before the next.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use ports::Clock;
use ports::infrastructure::{
    NextStep, RunToken, StackChange, StackEnding, StackEvent, StackOutcome, StackPhase, StackProgress, StackRequest,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::environment::Environment;
use crate::error::TerraformError;
use crate::gate::{Decision, Policy, decide};
use crate::plan::Plan;
use crate::progress::{Weights, Workload};
use crate::recovery::{Recovery, recover, standing};
use crate::redact::Secrets;
use crate::run::format::{Operation, RunFile};
use crate::run::{Run, RunSpec, create_private, write_private};
use crate::stack::{InitOptions, PlanKind, Stack};
use crate::tool::Tool;
use attempts::{Attempt, Attempts, remove};
use survey::Depth;

mod attempts;
mod ending;
mod listener;
mod planning;
mod port;
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
    /// When a plan that was made by an earlier call is too old to be applied; `None` is never.
    pub expiry: Option<Expiry>,
}

/// How old a plan may become, and the clock that says how old it is.
#[derive(Clone)]
pub struct Expiry {
    pub clock: Arc<dyn Clock>,
    pub limit: SignedDuration,
}

/// [`ports::Infrastructure`] by terraform or tofu.
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
            expiry: None,
        }
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiry").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl TerraformInfrastructure {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn attempts(&self, token: &RunToken) -> Attempts {
        Attempts::of(self.settings.runs.join(token.as_str()))
    }

    fn policy(&self, request: &StackRequest) -> Policy {
        Policy {
            allow: request.allow.clone(),
            stateful: self.settings.stateful.clone(),
            age: self.settings.expiry.as_ref().map(|expiry| (expiry.clock.now(), expiry.limit)),
        }
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
        self.outlast(&attempts).await?;
        let attempt = attempts.next(Operation::Plan, false)?;
        let stack = self.prepare(request, &attempt.folder).await?;
        let earlier = self.settle(&stack, request, &attempts, operation).await?;
        let kind = if operation == Operation::Destroy { PlanKind::Destroy } else { PlanKind::Change };
        let (attempt, plan) = self.saved_plan(&stack, request, &attempts, kind, progress).await?;
        let mut policy = self.policy(request);
        if operation == Operation::Destroy {
            policy.allow.extend(earlier.created);
        }
        let file = attempt.plan();
        match decide(&plan, &policy) {
            Decision::Refused(refusals) => {
                remove(&file)?;
                return Err(stack.refused(refusals));
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
