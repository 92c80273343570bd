//! What the terraform steps share: the request, its tokens, its ending, its progress.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::ports::infrastructure::{
    RecoveryApproval, RunToken, StackCancel, StackEnding, StackEvent, StackOutcome, StackPhase, StackProgress,
    StackRequest,
};
use ::ports::{Infrastructure, PortError};
use scenario::steps::StackHandle;
use scenario::{Failure, FailureKind, Uses};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::drill::driver::interrupted;
use crate::drill::observer::StepProgress;
use crate::drill::step::{StepContext, disk, failed};

/// How long the tool may take to end by itself before it is asked a second time.
const PATIENCE: Duration = Duration::from_secs(180);
const VARIABLES: u64 = 4 << 20;

/// One stack with one state, as a step works with it.
pub(super) struct Stack<'a> {
    context: &'a StepContext,
    pub(super) infrastructure: Arc<dyn Infrastructure>,
    pub(super) handle: StackHandle,
    pub(super) request: StackRequest,
    pub(super) token: RunToken,
}

/// The parameters that say which stack is meant.
pub(super) struct Named<'a> {
    pub(super) stack: &'a str,
    pub(super) vars: &'a BTreeMap<String, Value>,
    pub(super) var_files: &'a [String],
    pub(super) state: Option<&'a str>,
    pub(super) backend: &'a BTreeMap<String, Value>,
    pub(super) workspace: Option<&'a str>,
    pub(super) allow: &'a BTreeSet<String>,
}

impl<'a> Stack<'a> {
    /// The stack that a step names, with a handle that finds it again from anywhere.
    pub(super) fn named(context: &'a StepContext, named: &Named<'_>) -> Result<Self, Failure> {
        let directory = context.path(named.stack);
        let kind = backend(&directory)?;
        if let (Some(kind @ ("local" | "cloud")), false) = (kind.as_deref(), named.backend.is_empty()) {
            let message = format!("{} keeps its state in {kind}, so \"backend\" has no meaning", named.stack);
            return Err(Failure::new(FailureKind::Invalid, message));
        }
        let state = match (named.state, kind.as_deref()) {
            (Some(state), Some("local")) => Some(context.path(state)),
            (None, Some("local")) => Some(state_file(context, &directory, named.workspace)),
            (None, Some(_)) => None,
            (Some(_), Some(kind)) => {
                let message = format!("{} keeps its state in {kind}, so \"state\" has no meaning", named.stack);
                return Err(Failure::new(FailureKind::Invalid, message));
            }
            (_, None) => {
                let message = format!("{} does not say where its state is kept", named.stack);
                return Err(Failure::new(FailureKind::Invalid, message).hint(
                    "write `backend \"local\" {}` into its terraform block, so that each run has its own state",
                ));
            }
        };
        let handle = StackHandle {
            stack: directory.to_string_lossy().into_owned(),
            state: state.map(|state| state.to_string_lossy().into_owned()),
            backend: named.backend.clone(),
            workspace: named.workspace.map(str::to_owned),
            vars: named.vars.clone(),
            var_files: named.var_files.iter().map(|file| context.path(file).to_string_lossy().into_owned()).collect(),
        };
        let token = context.token.clone();
        Self::of(context, handle, named.allow, &token)
    }

    /// The stack of a handle. Destroying under the token that built it may delete what holds data.
    pub(super) fn of(
        context: &'a StepContext,
        handle: StackHandle,
        allow: &BTreeSet<String>,
        token: &str,
    ) -> Result<Self, Failure> {
        let mut variables = BTreeMap::new();
        for file in &handle.var_files {
            variables.extend(variable_file(&context.path(file))?);
        }
        variables.extend(handle.vars.clone());
        let mut state_location = handle.backend.clone();
        if let Some(state) = &handle.state {
            let path = context.path(state);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| disk("make the state's folder", folder, &error))?;
            }
            state_location.insert("path".to_owned(), path.to_string_lossy().into());
        }
        let request = StackRequest {
            directory: context.path(&handle.stack),
            workspace: handle.workspace.clone(),
            variables,
            state_location,
            allow: allow.clone(),
            again: false,
        };
        let elsewhere = (!handle.backend.is_empty()).then(|| serde_json::json!(handle.backend).to_string());
        let place = handle.state.as_deref().or(elsewhere.as_deref());
        let data = own_folder(context, &request.directory, handle.workspace.as_deref(), place);
        let infrastructure = context.workshop.infrastructure(&data);
        let token = RunToken::new(token).map_err(|error| failed("the step has no usable token", &error))?;
        Ok(Self { context, infrastructure, handle, request, token })
    }

    /// Applies or destroys, to the end, however the step ends. What an earlier attempt left unsettled is settled
    /// first, as far as that is safe.
    pub(super) async fn act(&self, what: Act) -> Result<StackOutcome, Failure> {
        let outcome = match self.once(what).await {
            Err(error) if error.reason.as_deref() == Some("RecoveryNeeded") => {
                self.context.say("settling what an earlier attempt left behind");
                let nothing = RecoveryApproval::default();
                let recovered = self.infrastructure.recover(&self.request, &self.token, &nothing).await;
                recovered.map_err(|error| failed("failed to settle an earlier attempt", &error))?;
                self.once(what).await
            }
            outcome => outcome,
        };
        let outcome = outcome.map_err(|error| self.refused(what, &error))?;
        match outcome.ending {
            StackEnding::Done => Ok(outcome),
            _ => Err(self.failure(what, &outcome).await),
        }
    }

    async fn once(&self, what: Act) -> Result<StackOutcome, PortError> {
        let shown = Shown(self.context);
        match what {
            Act::Apply => self.to_the_end(self.infrastructure.apply(&self.request, &self.token, &shown)).await,
            Act::Destroy => self.to_the_end(self.infrastructure.destroy(&self.request, &self.token, &shown)).await,
        }
    }

    /// Waits for a run; an interruption asks the tool to stop, and waits on.
    async fn to_the_end<T>(&self, run: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
        let mut run = Box::pin(run);
        tokio::select! {
            biased;
            outcome = &mut run => return outcome,
            _ = self.context.interrupted() => {}
        }
        self.context.say("asked to stop; waiting for the tool to end");
        let _ = self.infrastructure.cancel(&self.token, StackCancel::Interrupt).await;
        tokio::select! {
            biased;
            outcome = &mut run => return outcome,
            () = self.context.clock.sleep(PATIENCE) => {}
        }
        let _ = self.infrastructure.cancel(&self.token, StackCancel::Force).await;
        run.await
    }

    async fn failure(&self, what: Act, outcome: &StackOutcome) -> Failure {
        let mut failure = match self.context.stop_reason() {
            Some(because) => interrupted(because),
            None => Failure::new(FailureKind::Other, String::new()),
        };
        let lead = if failure.message.is_empty() { String::new() } else { format!("{}; ", failure.message) };
        failure.message = format!("{lead}{} {}: {}", what.word(), self.handle.stack, outcome.message);
        if let Some(next) = outcome.next.first() {
            failure.hint = match next.command.is_empty() {
                true => next.message.clone(),
                false => format!("{}: {}", next.message, next.command),
            };
        }
        failure
    }

    fn refused(&self, what: Act, error: &PortError) -> Failure {
        if let Some(because) = self.context.stop_reason() {
            let mut failure = interrupted(because);
            failure.message = format!("{}: {}", failure.message, model::chain(error));
            return failure;
        }
        let failure = failed(format!("{} {}", what.word(), self.handle.stack), error);
        match error.reason.as_deref() {
            Some("PolicyRefused") => failure.hint("name the addresses under \"allow\" if they may go"),
            Some("RecoveryNeeded") => {
                failure.hint("what an earlier run created is not in the state; do what the message says, then retry")
            }
            _ => failure,
        }
    }

    /// What is left when destroying failed, in words.
    pub(super) fn left(&self) -> Vec<String> {
        let state = match (&self.handle.state, self.handle.backend.is_empty()) {
            (Some(state), _) => format!(", whose state is {state}"),
            (None, true) => String::new(),
            (None, false) => format!(", whose state is at {}", settings(&self.handle.backend)),
        };
        vec![format!("what terraform built from {}{state}", self.handle.stack)]
    }

    /// Whether anything was ever run under this token, or is in the local state.
    pub(super) async fn is_untouched(&self) -> Result<bool, Failure> {
        let attached = self.infrastructure.attach(&self.token, &Shown(self.context)).await;
        let attached = attached.map_err(|error| failed("failed to look for an earlier run", &error))?;
        let has_state = self.handle.state.as_ref().is_some_and(|state| self.context.path(state).exists());
        Ok(attached.is_none() && !has_state && self.handle.state.is_some())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Apply,
    Destroy,
}

impl Act {
    fn word(self) -> &'static str {
        match self {
            Self::Apply => "applying",
            Self::Destroy => "destroying",
        }
    }
}

/// The token of the step of this run that applied the stack; the step's own when there is none.
pub(super) fn token_of(context: &StepContext, handle: &StackHandle) -> String {
    let handle = serde_json::to_value(handle).ok();
    let applied = context
        .settled()
        .into_iter()
        .find(|(step, outputs)| step.uses == Uses::TerraformApply && outputs.get("handle") == handle.as_ref());
    applied.map_or_else(|| context.token.clone(), |(step, _)| context.token_of(&step.id))
}

/// Shows what the tool does.
pub(super) struct Shown<'a>(pub(super) &'a StepContext);

impl StackProgress for Shown<'_> {
    fn report(&self, event: StackEvent) {
        match event {
            StackEvent::Phase { phase } => self.0.say(word(phase)),
            StackEvent::Progress { phase, done, total, running, .. } => {
                let text = match running.first() {
                    Some(unit) => format!("{}: {}", word(phase), unit.address),
                    None => word(phase).to_owned(),
                };
                self.0.show(StepProgress { text, done, total: Some(total) });
            }
            StackEvent::Finished { .. } | StackEvent::Message { .. } => {}
        }
    }
}

/// `bucket=states key=recovery.tfstate`.
fn settings(backend: &BTreeMap<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    backend.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
}

fn word(phase: StackPhase) -> &'static str {
    match phase {
        StackPhase::Prepare => "preparing",
        StackPhase::Plan => "planning",
        StackPhase::Apply => "applying",
        StackPhase::Destroy => "destroying",
        StackPhase::Drift => "comparing",
    }
}

fn state_file(context: &StepContext, directory: &Path, workspace: Option<&str>) -> PathBuf {
    // One state for a step, so that one stack can be built several times in a run.
    own_folder(context, directory, workspace, Some(&context.step)).join("terraform.tfstate")
}

fn own_folder(context: &StepContext, directory: &Path, workspace: Option<&str>, more: Option<&str>) -> PathBuf {
    let text = format!("{}\0{}\0{}", directory.display(), workspace.unwrap_or_default(), more.unwrap_or_default());
    let hash = hex::encode(Sha256::digest(text.as_bytes()));
    context.run_folder().join("terraform").join(&hash[..16])
}

/// The kind of backend that a stack's files declare.
fn backend(directory: &Path) -> Result<Option<String>, Failure> {
    let entries = std::fs::read_dir(directory).map_err(|error| disk("read the stack", directory, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| disk("read the stack", directory, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".tf") && !name.ends_with(".tofu") && !name.ends_with(".tf.json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(|error| disk("read", &path, &error))?;
        if let Some(kind) = declared_backend(&text, name.ends_with(".json")) {
            return Ok(Some(kind));
        }
    }
    Ok(None)
}

fn declared_backend(text: &str, json: bool) -> Option<String> {
    if json {
        let value: Value = serde_json::from_str(text).ok()?;
        let blocks = match value.get("terraform")? {
            Value::Array(list) => list.clone(),
            other => vec![other.clone()],
        };
        return blocks.iter().find_map(|block| block.get("backend")?.as_object()?.keys().next().cloned());
    }
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("cloud").map(str::trim_start)
            && rest.starts_with('{')
        {
            return Some("cloud".to_owned());
        }
        // `terraform { backend "local" {} }` may stand on one line too.
        let Some((before, rest)) = line.split_once("backend") else { continue };
        let starts = before.trim_end().is_empty() || before.trim_end().ends_with('{');
        let mut parts = rest.trim_start().splitn(3, '"');
        if let (true, Some(""), Some(kind), Some(after)) = (starts, parts.next(), parts.next(), parts.next())
            && after.trim_start().starts_with('{')
        {
            return Some(kind.to_owned());
        }
    }
    None
}

fn variable_file(path: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let size = std::fs::metadata(path).map_err(|error| disk("read", path, &error))?.len();
    let invalid = |why: String| Failure::new(FailureKind::Invalid, format!("{} {why}", path.display()));
    if size > VARIABLES {
        return Err(invalid("is too large for variables".to_owned()));
    }
    if path.extension().is_none_or(|extension| extension != "json") {
        return Err(invalid("is not JSON".to_owned()).hint("write the variables as JSON: NAME.tfvars.json"));
    }
    let text = std::fs::read(path).map_err(|error| disk("read", path, &error))?;
    serde_json::from_slice(&text).map_err(|error| invalid(format!("cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::declared_backend;

    #[test]
    fn backends_are_found_as_people_write_them() {
        let found = |text: &str| declared_backend(text, false);
        assert_eq!(found("terraform {\n  backend \"s3\" {}\n}").as_deref(), Some("s3"));
        assert_eq!(found("terraform { backend \"local\" {} }").as_deref(), Some("local"));
        assert_eq!(found("terraform {\n  cloud {\n  }\n}").as_deref(), Some("cloud"));
        assert_eq!(found("# a backend \"s3\" {} would be better\n"), None);
        assert_eq!(found("variable \"backend\" {}"), None);
        let json = r#"{"terraform": [{"backend": {"gcs": {}}}]}"#;
        assert_eq!(declared_backend(json, true).as_deref(), Some("gcs"));
    }
}
