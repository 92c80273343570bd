//! A folder with Terraform files, and the commands that are run in it.
//!
//! Every method is one command. What takes long or changes the world comes as the arguments for a
//! [`crate::run::Run`]; the rest is run here and read. Deciding what to do in which order is not done here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ports::infrastructure::{StackOutput, StackRefusal};
use serde::Deserialize;
use serde_json::Value;

use crate::command::{Captured, LARGE, SMALL, capture, shell};
use crate::diagnostic::{Class, Diagnostic, classify, from_text};
use crate::environment::Environment;
use crate::error::TerraformError;
use crate::plan::{Plan, check_format};
use crate::redact::{Secrets, redact};
use crate::state::State;
use crate::tool::{Flavour, Tool};

/// A folder, the tool for it and the environment to run it in.
#[derive(Debug, Clone)]
pub struct Stack {
    tool: Tool,
    directory: PathBuf,
    environment: Environment,
    workspace: Option<String>,
    data_dir: Option<PathBuf>,
    lock_timeout: Duration,
}

/// How to initialise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InitOptions {
    /// Settings of the backend, in a file that holds a JSON object.
    pub backend_file: Option<PathBuf>,
    /// Takes the backend's settings as they are now, and leaves what the folder knew before behind.
    pub reconfigure: bool,
    /// Where the providers are; nothing is downloaded then.
    pub plugin_dir: Option<PathBuf>,
    /// Refuses to change the lock file: nothing is upgraded behind anybody's back.
    pub readonly_lock_file: bool,
}

/// What kind of plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanKind {
    Change,
    Destroy,
    RefreshOnly,
    /// Takes the lock and reads the state, but does not look at the world.
    Probe,
}

pub(crate) const ERRORED: &str = "errored.tfstate";

impl Stack {
    /// The folder must be there and hold `.tf` or `.tofu` files.
    pub fn open(tool: Tool, directory: &Path, environment: Environment) -> Result<Self, TerraformError> {
        let missing = || TerraformError::NoStack { directory: directory.to_owned() };
        let directory = std::fs::canonicalize(directory).map_err(|_| missing())?;
        let is_source =
            |name: &str| [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|ending| name.ends_with(ending));
        let mut files = std::fs::read_dir(&directory).map_err(|_| missing())?.filter_map(Result::ok);
        match files.any(|file| file.file_name().to_str().is_some_and(is_source)) {
            true => {
                Ok(Self { tool, directory, environment, workspace: None, data_dir: None, lock_timeout: Duration::ZERO })
            }
            false => Err(missing()),
        }
    }

    /// Works in a named workspace; see [`Stack::check_workspace`].
    pub fn in_workspace(mut self, workspace: Option<String>) -> Self {
        self.workspace = workspace;
        self
    }

    /// Keeps what the tool knows about the folder (backend, modules, providers) somewhere else than in `.terraform`.
    pub fn with_data_dir(mut self, data_dir: Option<PathBuf>) -> Self {
        self.data_dir = data_dir;
        self
    }

    /// How long to wait for the state's lock.
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// The environment of a command, workspace and data folder included.
    pub fn environment(&self) -> Environment {
        let environment = self.base_environment();
        match &self.workspace {
            Some(workspace) => environment.with("TF_WORKSPACE", workspace),
            None => environment,
        }
    }

    /// Where the tool leaves a state that it could not save.
    pub fn errored_state(&self) -> PathBuf {
        self.directory.join(ERRORED)
    }

    /// A command for a person to type.
    pub fn type_this<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let mut words = Vec::new();
        words.extend(self.data_dir.iter().map(|folder| format!("TF_DATA_DIR={}", folder.display())));
        words.extend(self.workspace.iter().map(|workspace| format!("TF_WORKSPACE={workspace}")));
        words.push(self.tool.flavour.program().to_owned());
        words.push(format!("-chdir={}", self.directory.display()));
        words.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        shell(words)
    }

    pub async fn init(&self, options: &InitOptions) -> Result<(), TerraformError> {
        let mut args: Vec<OsString> = ["init", "-input=false", "-no-color"].map(OsString::from).into();
        args.extend(options.backend_file.iter().map(|file| flag("-backend-config=", file)));
        args.extend(options.plugin_dir.iter().map(|folder| flag("-plugin-dir=", folder)));
        args.extend(options.reconfigure.then(|| "-reconfigure".into()));
        let has_lock_file = self.directory.join(".terraform.lock.hcl").exists();
        args.extend((options.readonly_lock_file && has_lock_file).then(|| "-lockfile=readonly".into()));
        let _turn = self.turn_at_the_cache().await?;
        let captured = self.capture(&self.environment(), args, SMALL).await?;
        self.expect_success("init", &captured)
    }

    /// Warnings about a configuration that is valid.
    pub async fn validate(&self) -> Result<Vec<String>, TerraformError> {
        let captured = self.capture(&self.environment(), ["validate", "-json"], LARGE).await?;
        let json = |source| TerraformError::Json { what: "the result of validate", source };
        let found: WireValidation = match serde_json::from_slice(&captured.stdout) {
            Ok(found) => found,
            Err(_) if !captured.success() => return Err(self.failure("validate", &from_text(&captured.stderr))),
            Err(source) => return Err(json(source)),
        };
        check_format("the result of validate", &found.format_version)?;
        match found.valid {
            true => Ok(found.diagnostics.iter().map(Diagnostic::line).collect()),
            false => Err(self.failure("validate", &found.diagnostics)),
        }
    }

    /// The workspaces there are, and the one that is selected.
    pub async fn workspaces(&self) -> Result<(Vec<String>, Option<String>), TerraformError> {
        let captured = self.capture(&self.base_environment(), ["workspace", "list"], SMALL).await?;
        if !captured.success() {
            let diagnostics = from_text(&captured.stderr);
            if diagnostics.iter().any(|d| d.summary.contains("workspaces not supported")) {
                return Ok((vec!["default".into()], Some("default".into())));
            }
            return Err(self.failure("workspace list", &diagnostics));
        }
        let mut names = Vec::new();
        let mut selected = None;
        for line in String::from_utf8_lossy(&captured.stdout).lines() {
            let name = line.trim_start_matches(['*', ' ']).trim();
            if !name.is_empty() {
                names.push(name.to_owned());
                if line.starts_with('*') {
                    selected = Some(name.to_owned());
                }
            }
        }
        Ok((names, selected))
    }

    /// Makes sure that the workspace exists: the tool itself would plan everything anew in one that does not.
    pub async fn check_workspace(&self) -> Result<(), TerraformError> {
        let (existing, selected) = self.workspaces().await?;
        let wanted = self.workspace.clone().or(selected).unwrap_or_else(|| "default".into());
        match existing.contains(&wanted) {
            true => Ok(()),
            false => {
                let command = self.clone().in_workspace(None).type_this(["workspace", "new", &wanted]);
                Err(TerraformError::WorkspaceMissing { workspace: wanted, existing, command })
            }
        }
    }

    /// Arguments of a plan that is saved to `out`.
    pub fn plan_args(&self, kind: PlanKind, out: Option<&Path>, variables: Option<&Path>) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["plan", "-json", "-input=false"].map(OsString::from).into();
        args.push(self.lock_flag());
        args.extend(match kind {
            PlanKind::Change => None,
            PlanKind::Destroy => Some("-destroy".into()),
            PlanKind::RefreshOnly => Some("-refresh-only".into()),
            PlanKind::Probe => Some("-refresh=false".into()),
        });
        args.extend(variables.map(|file| flag("-var-file=", file)));
        args.extend(out.map(|file| flag("-out=", file)));
        args
    }

    /// Arguments of an apply of a saved plan. There is no apply without one.
    pub fn apply_args(&self, plan: &Path, parallelism: Option<u16>) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["apply", "-json", "-input=false"].map(OsString::from).into();
        args.push(self.lock_flag());
        args.extend(parallelism.map(|n| format!("-parallelism={n}").into()));
        args.push(plan.into());
        args
    }

    pub async fn show_plan(&self, plan: &Path) -> Result<Plan, TerraformError> {
        let args = [OsString::from("show"), "-json".into(), plan.into()];
        let captured = self.capture(&self.environment(), args, LARGE).await?;
        match captured.success() {
            true => Plan::from_json(&captured.stdout),
            false => Err(match self.failure("show", &from_text(&captured.stderr)) {
                // What is not a plan is tried as a state, and it is not one either.
                TerraformError::Failed { detail, .. } | TerraformError::StateFormat { detail } => {
                    TerraformError::BadPlan { detail, command: self.plan_again() }
                }
                other => other,
            }),
        }
    }

    /// The state with everything that is known about it and nothing that is secret. Needs the providers.
    pub async fn show_state(&self) -> Result<Value, TerraformError> {
        let captured = self.capture(&self.environment(), ["show", "-json"], LARGE).await?;
        self.expect_success("show", &captured)?;
        let json = |source| TerraformError::Json { what: "the state", source };
        let mut value: Value = serde_json::from_slice(&captured.stdout).map_err(json)?;
        check_format("the state", value.get("format_version").and_then(Value::as_str).unwrap_or_default())?;
        hide_state(&mut value);
        Ok(value)
    }

    /// The outputs in clear, and what of them must not be shown.
    pub async fn outputs(&self) -> Result<(BTreeMap<String, StackOutput>, Secrets), TerraformError> {
        let captured = self.capture(&self.environment(), ["output", "-json", "-no-color"], LARGE).await?;
        self.expect_success("output", &captured)?;
        let json = |source| TerraformError::Json { what: "the outputs", source };
        let wire: BTreeMap<String, crate::state::StateOutput> =
            serde_json::from_slice(&captured.stdout).map_err(json)?;
        let mut secrets = Secrets::default();
        wire.values().filter(|output| output.sensitive).for_each(|output| secrets.everything(&output.value));
        let output = |o: crate::state::StateOutput| StackOutput { value: o.value, sensitive: o.sensitive };
        Ok((wire.into_iter().map(|(name, o)| (name, output(o))).collect(), secrets))
    }

    /// The state as the backend has it; `None` when there is none. Needs no provider.
    pub async fn state_pull(&self) -> Result<Option<State>, TerraformError> {
        let captured = self.capture(&self.environment(), ["state", "pull"], LARGE).await?;
        self.expect_success("state pull", &captured)?;
        State::from_json(&captured.stdout)
    }

    /// Saves a state file to the backend, which refuses one that is older or of another lineage.
    pub async fn state_push(&self, file: &Path) -> Result<(), TerraformError> {
        let args = [OsString::from("state"), "push".into(), self.lock_flag(), file.into()];
        let captured = self.capture(&self.environment(), args, SMALL).await?;
        self.expect_success("state push", &captured)
    }

    /// Breaks a lock. Only for one whose holder is known to be dead.
    pub async fn force_unlock(&self, id: &str) -> Result<(), TerraformError> {
        // An id that looks like an option would be one.
        if id.is_empty() || id.starts_with('-') {
            let detail = format!("{id:?} is not the id of a lock");
            return Err(TerraformError::Failed { what: "force-unlock".into(), detail });
        }
        let captured = self.capture(&self.environment(), ["force-unlock", "-force", id], SMALL).await?;
        self.expect_success("force-unlock", &captured)
    }

    /// Declares a resource healthy, so that the next apply does not replace it.
    pub async fn untaint(&self, address: &str) -> Result<(), TerraformError> {
        if crate::address::pieces(address).is_none() || address.starts_with('-') {
            let detail = format!("{address:?} is not an address");
            return Err(TerraformError::Failed { what: "untaint".into(), detail });
        }
        let args = [OsString::from("untaint"), self.lock_flag(), address.into()];
        let captured = self.capture(&self.environment(), args, SMALL).await?;
        self.expect_success("untaint", &captured)
    }

    /// What errors of a command that changed nothing mean, with the next command to type.
    pub fn failure<'a>(
        &self,
        what: &str,
        diagnostics: impl IntoIterator<Item = &'a Diagnostic> + Clone,
    ) -> TerraformError {
        let class = classify(diagnostics.clone());
        let errors: Vec<String> =
            diagnostics.into_iter().filter(|d| d.is_error()).map(Diagnostic::line).take(5).collect();
        let detail = if errors.is_empty() { "it did not say why".to_owned() } else { errors.join("; ") };
        let directory = self.directory.clone();
        match class {
            Class::NotInitialised => {
                TerraformError::NotInitialised { directory, detail, command: self.type_this(["init"]) }
            }
            Class::BackendChanged => {
                let command = self.type_this(["init", "-reconfigure"]);
                TerraformError::BackendChanged { directory, detail, command }
            }
            Class::Locked(lock) => {
                let id = if lock.id.is_empty() { "LOCK_ID" } else { &lock.id };
                let command = self.type_this(["force-unlock", "-force", id]);
                TerraformError::Locked { lock: Box::new(lock), command }
            }
            Class::StalePlan => TerraformError::StalePlan { command: self.plan_again() },
            Class::BadPlan => TerraformError::BadPlan { detail, command: self.plan_again() },
            Class::StateFormat => TerraformError::StateFormat { detail },
            Class::ProviderCrash => TerraformError::ProviderCrash { what: what.to_owned(), detail },
            Class::MissingVariable => TerraformError::MissingVariable { detail },
            Class::WorkspaceMissing | Class::StateNotSaved | Class::Other => {
                TerraformError::Failed { what: what.to_owned(), detail }
            }
        }
    }

    /// Refuses a state that belongs to the other tool, which this one would silently take over.
    pub fn check_owner(&self, state: &State) -> Result<(), TerraformError> {
        let other = match self.tool.flavour {
            Flavour::Terraform => Flavour::OpenTofu,
            Flavour::OpenTofu => Flavour::Terraform,
        };
        let of = |flavour: Flavour| state.instances.iter().any(|i| i.provider.contains(flavour.registry()));
        match of(other) && !of(self.tool.flavour) {
            false => Ok(()),
            true => Err(TerraformError::ToolSwitch {
                directory: self.directory.clone(),
                state: other.program(),
                tool: self.tool.flavour.program(),
            }),
        }
    }

    /// What policy says about a plan. One that is only too old needs nobody's leave, just another one.
    pub(crate) fn refused(&self, refusals: Vec<StackRefusal>) -> TerraformError {
        let detail = refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; ");
        match refusals.iter().all(|refusal| crate::gate::AGE.contains(&refusal.code.as_str())) {
            true => TerraformError::ExpiredPlan { detail, command: self.plan_again() },
            false => TerraformError::Refused { refusals: refusals.into_iter().map(|r| r.message).collect() },
        }
    }

    fn plan_again(&self) -> String {
        format!("landfall infra plan {}", shell([self.directory.as_os_str()]))
    }

    fn lock_flag(&self) -> OsString {
        format!("-lock-timeout={}s", self.lock_timeout.as_secs()).into()
    }

    fn base_environment(&self) -> Environment {
        match &self.data_dir {
            Some(folder) => self.environment.clone().with("TF_DATA_DIR", folder),
            None => self.environment.clone(),
        }
    }

    async fn capture<S: Into<OsString>>(
        &self,
        environment: &Environment,
        args: impl IntoIterator<Item = S>,
        cap: u64,
    ) -> Result<Captured, TerraformError> {
        capture(&self.tool.path, &self.directory, environment, args, cap).await
    }

    fn expect_success(&self, what: &str, captured: &Captured) -> Result<(), TerraformError> {
        match captured.code {
            Some(0) => Ok(()),
            Some(_) => Err(self.failure(what, &from_text(&captured.stderr))),
            None => Err(TerraformError::Failed { what: what.into(), detail: "it was killed".into() }),
        }
    }

    /// terraform must not fill one plugin cache from two sides; tofu locks it itself.
    async fn turn_at_the_cache(&self) -> Result<Option<nix::fcntl::Flock<std::fs::File>>, TerraformError> {
        let cache = self.environment.get("TF_PLUGIN_CACHE_DIR").map(PathBuf::from);
        let Some(cache) = cache.filter(|_| self.tool.flavour == Flavour::Terraform) else { return Ok(None) };
        let path = cache.join(".landfall-init.lock");
        let io = TerraformError::io(format!("lock {}", path.display()));
        let locked = tokio::task::spawn_blocking(move || {
            let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive)
                .map_err(|(_, errno)| std::io::Error::from(errno))
        });
        match locked.await {
            Ok(lock) => lock.map(Some).map_err(io),
            Err(error) => Err(io(std::io::Error::other(error))),
        }
    }
}

fn flag(name: &str, value: &Path) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(value);
    flag
}

/// Hides what `show -json` prints in clear.
fn hide_state(state: &mut Value) {
    let Some(values) = state.get_mut("values") else { return };
    for output in values.get_mut("outputs").and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
    {
        if output.get("sensitive") == Some(&Value::Bool(true)) {
            output["value"] = crate::redact::HIDDEN.into();
        }
    }
    let mut modules: Vec<&mut Value> = values.get_mut("root_module").into_iter().collect();
    while let Some(module) = modules.pop() {
        let Some(module) = module.as_object_mut() else { continue };
        for (key, list) in module.iter_mut() {
            let Some(list) = list.as_array_mut() else { continue };
            match key.as_str() {
                "resources" => list.iter_mut().for_each(hide_resource),
                "child_modules" => modules.extend(list.iter_mut()),
                _ => {}
            }
        }
    }
}

fn hide_resource(resource: &mut Value) {
    let marks = resource.get("sensitive_values").cloned().unwrap_or_default();
    if let Some(values) = resource.get_mut("values") {
        *values = redact(values, &marks);
    }
}

#[derive(Deserialize)]
struct WireValidation {
    #[serde(default)]
    format_version: String,
    #[serde(default)]
    valid: bool,
    #[serde(default)]
    diagnostics: Vec<Diagnostic>,
}
