//! Which stack is meant, with which variables, and what may be lost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ports::infrastructure::{RunToken, StackRequest};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct StackFlags {
    /// The folder that describes the stack.
    directory: PathBuf,
    /// A workspace of the stack; it must exist.
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// A variable of the stack; what reads as JSON is JSON, anything else is text.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// A file with variables, as JSON or YAML.
    #[arg(long = "var-file", value_name = "FILE")]
    variable_files: Vec<PathBuf>,
    /// Where the state is kept, when the stack leaves that open: a setting of its backend. A value in braces is JSON.
    #[arg(long = "state", value_name = "NAME=VALUE")]
    state: Vec<String>,
    /// terraform or tofu; found by the stack's lock file and PATH by default.
    #[arg(long, value_name = "PATH", env = "LANDFALL_TERRAFORM")]
    tool: Option<PathBuf>,
    /// Where providers are, when they must not be downloaded.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    plugin_dir: Option<PathBuf>,
    /// Seconds to wait for the lock of the state.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, hide_short_help = true)]
    lock_timeout: u64,
    /// Let terraform take over a state that tofu wrote, or the other way round.
    #[arg(long, hide_short_help = true)]
    allow_tool_switch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AllowFlags {
    /// An address that may be deleted or replaced although it holds data; a module's address covers what is in it.
    #[arg(long, value_name = "ADDRESS")]
    allow_destroy: Vec<String>,
}

impl StackFlags {
    pub(super) fn request(&self, allow: Option<&AllowFlags>) -> Result<StackRequest, Failure> {
        let mut variables = BTreeMap::new();
        for path in &self.variable_files {
            let text = crate::command::read_input(path)?;
            let read: BTreeMap<String, Value> = serde_saphyr::from_str(&text).map_err(|error| {
                Failure::usage(format!("{} is not an object of variables: {error}", path.display()))
            })?;
            variables.extend(read);
        }
        for given in &self.variables {
            let (name, value) = split("--var", given)?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            variables.insert(name.to_owned(), value);
        }
        let state = self.state.iter().map(|given| split("--state", given));
        let state = state.map(|given| given.map(|(name, value)| (name.to_owned(), setting(value))));
        Ok(StackRequest {
            directory: self.directory.clone(),
            workspace: self.workspace.clone(),
            variables,
            state_location: state.collect::<Result<_, _>>()?,
            allow: allow.map(|allow| allow.allow_destroy.iter().cloned().collect()).unwrap_or_default(),
            again: true,
        })
    }

    pub(super) fn settings(&self, settings: &mut terraform::Settings) {
        settings.tool.clone_from(&self.tool);
        settings.plugin_dir.clone_from(&self.plugin_dir);
        settings.lock_timeout = Duration::from_secs(self.lock_timeout);
        settings.allow_tool_switch = self.allow_tool_switch;
    }
}

/// One token for one stack, so that each command finds what another one left behind.
pub(super) fn token(request: &StackRequest) -> Result<RunToken, Failure> {
    let directory = std::fs::canonicalize(&request.directory).unwrap_or_else(|_| request.directory.clone());
    let named = format!("{}\0{}", directory.display(), request.workspace.as_deref().unwrap_or_default());
    let digest: String = Sha256::digest(named.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or("stack");
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    Ok(RunToken::new(format!("stack-{name}-{digest}"))?)
}

/// A backend's settings are text, but for the few that are maps.
fn setting(value: &str) -> Value {
    let map = value.trim_start().starts_with('{').then(|| serde_json::from_str(value).ok()).flatten();
    map.unwrap_or_else(|| Value::from(value))
}

fn split<'a>(flag: &str, given: &'a str) -> Result<(&'a str, &'a str), Failure> {
    match given.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        _ => Err(Failure::usage(format!("{flag} {given:?} is not NAME=VALUE"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        stack: StackFlags,
    }

    fn request(words: &[&str]) -> Result<StackRequest, Failure> {
        Typed::parse_from(["x"].iter().chain(words)).stack.request(None)
    }

    #[test]
    fn variables_are_json_where_they_read_as_it() {
        let request =
            request(&["a", "--var", "n=3", "--var", "zones=[\"a\"]", "--var", "text=a=b", "--var", "e="]).unwrap();
        let variables = json!({"n": 3, "zones": ["a"], "text": "a=b", "e": ""});
        assert_eq!(serde_json::to_value(request.variables).unwrap(), variables);
        assert!(super::split("--var", "x").is_err());
        let words = ["a", "--state", "bucket=states", "--state", "key={x", "--state", "endpoints={\"s3\":\"u\"}"];
        let state = json!({"bucket": "states", "key": "{x", "endpoints": {"s3": "u"}});
        assert_eq!(serde_json::to_value(super::tests::request(&words).unwrap().state_location).unwrap(), state);
    }

    #[test]
    fn each_stack_and_workspace_has_its_own_token() {
        let of = |directory: &str, workspace: Option<&str>| {
            let request = StackRequest {
                directory: directory.into(),
                workspace: workspace.map(str::to_owned),
                ..StackRequest::default()
            };
            token(&request).unwrap()
        };
        assert_eq!(of("/nowhere/a stack", None), of("/nowhere/a stack", None));
        assert_ne!(of("/nowhere/a", None), of("/elsewhere/a", None));
        assert_ne!(of("/nowhere/a", None), of("/nowhere/a", Some("b")));
    }
}
