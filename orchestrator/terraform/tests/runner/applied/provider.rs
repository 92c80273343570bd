//! Looks for the AWS provider: in mirrors on this machine, or where the tool's own settings say.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use terraform::{Environment, Settings};
use testkit::skip::{Why, skip, variable};

use super::workspace::{cache, command, name, said};

/// Where `init` finds the provider.
#[derive(Debug, Clone)]
pub(super) enum Provider {
    /// In a folder of unpacked or packed providers.
    Mirror(PathBuf),
    /// Wherever the tool looks by itself.
    AsConfigured,
}

const REQUIRED: &str = r#"
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}
"#;

/// The provider, after it was installed once; a skipped test when there is none.
pub(super) fn provider(tool: &Path) -> Option<Provider> {
    static FOUND: OnceLock<Result<Provider, String>> = OnceLock::new();
    match FOUND.get_or_init(|| look(tool)) {
        Ok(provider) => Some(provider.clone()),
        Err(why) => {
            let reason = format!("the AWS provider is in no mirror and no registry: {why}");
            skip(&name(), Why::NotInRegistry, &reason);
            None
        }
    }
}

impl Provider {
    /// Arguments of an `init` by hand.
    pub(super) fn init_args(&self) -> Vec<String> {
        match self {
            Self::Mirror(folder) => vec![format!("-plugin-dir={}", folder.display())],
            Self::AsConfigured => Vec::new(),
        }
    }

    pub(super) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        // Each start of the provider reads schemas of all of AWS: a quarter of its time is the garbage collector's.
        let mut all = vec![("GOGC", "400".into())];
        // Downloaded once, and not once for each folder.
        if let Self::AsConfigured = self {
            let folder = variable("TF_PLUGIN_CACHE_DIR").map_or_else(|| cache().join("testbed/plugins"), PathBuf::from);
            std::fs::create_dir_all(&folder).unwrap();
            all.push(("TF_PLUGIN_CACHE_DIR", folder));
            all.push(("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1".into()));
        }
        all
    }

    pub(super) fn settings(&self, runs: &Path, environment: Environment) -> Settings {
        let environment = self.variables().into_iter().fold(environment, |all, (key, value)| all.with(key, value));
        let mut settings = Settings::new(runs, environment);
        if let Self::Mirror(folder) = self {
            settings.plugin_dir = Some(folder.clone());
        }
        settings
    }
}

fn look(tool: &Path) -> Result<Provider, String> {
    let mut candidates = Vec::new();
    // Settings that somebody wrote for this win.
    if variable("TF_CLI_CONFIG_FILE").is_some() {
        candidates.push(Provider::AsConfigured);
    }
    let home = PathBuf::from(variable("HOME").unwrap_or_default());
    let data = variable("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
    let folders = ["/opt/tf-plugins".into(), home.join(".terraform.d/plugins"), data.join("terraform/plugins")];
    let has_it = |folder: &PathBuf| folder.join("registry.terraform.io/hashicorp/aws").is_dir();
    candidates.extend(folders.into_iter().filter(has_it).map(Provider::Mirror));
    if variable("TF_CLI_CONFIG_FILE").is_none() {
        candidates.push(Provider::AsConfigured);
    }
    let mut why = String::new();
    for candidate in candidates {
        match install(tool, &candidate) {
            Ok(()) => return Ok(candidate),
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn install(tool: &Path, provider: &Provider) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.tf"), REQUIRED).unwrap();
    let output = command(tool, folder.path())
        .args(["init", "-input=false", "-no-color"])
        .args(provider.init_args())
        .envs(provider.variables())
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(said(&output).split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()),
    }
}
