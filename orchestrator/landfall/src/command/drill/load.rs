//! From a scenario's path to a checked scenario, its inputs, and the project it lies in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use scenario::{Outputs, Scenario};
use serde_json::Value;

use crate::failure::{Exit, Failure};

/// A scenario and what is given to it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario's file.
    pub(crate) scenario: PathBuf,
    /// A value for one of its inputs; may be repeated.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// A YAML or JSON file with values for inputs; --input wins over it.
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs_from: Option<PathBuf>,
    /// The folder that stacks and manifests are relative to; by default the nearest folder above the scenario that
    /// has them all.
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
}

pub(crate) fn scenario(path: &Path) -> Result<Arc<Scenario>, Failure> {
    let text = crate::command::read_input(path)?;
    match scenario::load(&text) {
        Ok(scenario) => Ok(Arc::new(scenario)),
        Err(problems) => {
            let lines: Vec<String> =
                problems.list().iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            Err(Failure::usage(lines.join("\n")).exit(Exit::Usage))
        }
    }
}

impl ScenarioArgs {
    pub(crate) fn load(&self) -> Result<Arc<Scenario>, Failure> {
        scenario(&self.scenario)
    }

    /// The run's inputs, defaults filled in.
    pub(crate) fn inputs(&self, scenario: &Scenario) -> Result<Outputs, Failure> {
        let given = self.given(scenario)?;
        scenario.inputs(&given).map_err(|problems| {
            Failure::usage(problems.join("; "))
                .hint("give values with --input NAME=VALUE; `landfall drill plan` lists them")
        })
    }

    fn given(&self, scenario: &Scenario) -> Result<Outputs, Failure> {
        let mut given = Outputs::new();
        if let Some(path) = &self.inputs_from {
            let text = crate::command::read_input(path)?;
            given = serde_saphyr::from_str(&text)
                .with_context(|| format!("{} is not a map of inputs", path.display()))
                .map_err(|error| Failure::from(error).exit(Exit::Usage))?;
        }
        for input in &self.inputs {
            let Some((name, text)) = input.split_once('=') else {
                return Err(Failure::usage(format!("--input {input:?} is not NAME=VALUE")));
            };
            let default = scenario.inputs.get(name).and_then(|input| input.default.as_ref());
            given.insert(name.to_owned(), typed(text, default));
        }
        Ok(given)
    }

    /// The folder that relative paths of the scenario start from.
    pub(crate) fn project(&self, scenario: &Scenario) -> Result<PathBuf, Failure> {
        if let Some(project) = &self.project {
            if !project.is_dir() {
                return Err(Failure::usage(format!("the project {} is no folder", project.display())));
            }
            let absolute = std::path::absolute(project);
            return Ok(absolute.with_context(|| format!("failed to make {} absolute", project.display()))?);
        }
        project_of(&self.scenario, scenario)
    }
}

/// The nearest folder above the scenario's file that has everything that the scenario names by a path, or the current
/// one.
pub(crate) fn project_of(file: &Path, scenario: &Scenario) -> Result<PathBuf, Failure> {
    let here = std::path::absolute(".").context("failed to find the current folder")?;
    if file.as_os_str() == "-" {
        return Ok(here);
    }
    let file = std::path::absolute(file).with_context(|| format!("failed to make {} absolute", file.display()))?;
    let wanted = relative_paths(scenario);
    let found = file.ancestors().skip(1).find(|folder| wanted.iter().all(|path| folder.join(path).exists()));
    Ok(match found {
        Some(folder) if !wanted.is_empty() => folder.to_owned(),
        _ => here,
    })
}

/// A value typed on a command line has no type of its own: the default's holds.
fn typed(text: &str, default: Option<&Value>) -> Value {
    match default {
        Some(Value::String(_)) => Value::String(text.to_owned()),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// What the steps name by a path inside the project, as far as it holds no reference.
pub(crate) fn relative_paths(scenario: &Scenario) -> Vec<String> {
    let mut paths = Vec::new();
    for step in &scenario.steps {
        for key in ["stack", "manifests"] {
            if let Some(Value::String(path)) = step.with.get(key)
                && !path.contains("${")
                && !Path::new(path).is_absolute()
            {
                paths.push(path.clone());
            }
        }
    }
    paths.sort();
    paths.dedup();
    paths
}
