//! What the environment says, read once: folders, assets, kubeconfig, configuration file.
//!
//! Precedence is flag, environment, file, default; flags are clap's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Resolved once, at the start of a command.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) home: PathBuf,
    pub(crate) cache: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) config_file: PathBuf,
    /// `LANDFALL_ASSETS`, `KUBEBUILDER_ASSETS`.
    pub(crate) assets: Vec<PathBuf>,
    pub(crate) path: Vec<PathBuf>,
    /// `KUBECONFIG`, else `~/.kube/config`.
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) config: ConfigFile,
    /// Who types, for the record.
    pub(crate) user: String,
}

/// `$XDG_CONFIG_HOME/landfall/config.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigFile {
    #[serde(default)]
    pub(crate) locations: BTreeMap<String, NamedLocation>,
    /// The location that is meant when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default_location: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedLocation {
    pub(crate) url: String,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub(crate) fn from_environment() -> Result<Self> {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = var("HOME").unwrap_or_else(|| PathBuf::from("/"));
        // XDG says that a relative path there is to be ignored.
        let xdg = |name: &str, default: &str| {
            var(name).filter(|path| path.is_absolute()).unwrap_or_else(|| home.join(default)).join("landfall")
        };
        let config_file =
            var("LANDFALL_CONFIG").unwrap_or_else(|| xdg("XDG_CONFIG_HOME", ".config").join("config.yaml"));
        let lists = |name: &str| -> Vec<PathBuf> {
            var(name).map(|value| std::env::split_paths(&value).collect()).unwrap_or_default()
        };
        let kubeconfig = lists("KUBECONFIG").into_iter().next().or_else(|| {
            let default = home.join(".kube/config");
            default.is_file().then_some(default)
        });
        Ok(Self {
            cache: xdg("XDG_CACHE_HOME", ".cache"),
            state: xdg("XDG_STATE_HOME", ".local/state"),
            assets: ["LANDFALL_ASSETS", "KUBEBUILDER_ASSETS"].into_iter().flat_map(lists).collect(),
            path: lists("PATH"),
            kubeconfig,
            config: read_config(&config_file)?,
            home,
            config_file,
            user: ["USER", "LOGNAME"]
                .into_iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_else(|| "somebody".to_owned()),
        })
    }

    /// Everything below one folder.
    #[cfg(test)]
    pub(crate) fn for_tests(folder: &Path) -> Self {
        Self {
            home: folder.to_owned(),
            cache: folder.join("cache"),
            state: folder.join("state"),
            config_file: folder.join("config.yaml"),
            assets: Vec::new(),
            path: ["/usr/bin", "/bin"].map(PathBuf::from).to_vec(),
            kubeconfig: None,
            config: ConfigFile::default(),
            user: "tester".to_owned(),
        }
    }

    /// What Terraform may inherit: credentials and proxies are in it, so it is never kept.
    pub(crate) fn inherited() -> terraform::Environment {
        terraform::Environment::inherit(std::env::vars_os())
    }

    pub(crate) fn sandbox(&self) -> Result<sandbox::Settings> {
        let program = std::env::current_exe().context("failed to find the landfall program itself")?;
        let arguments = vec!["sandbox".to_owned(), "supervise".to_owned()];
        let supervisor = sandbox::Supervisor { program, arguments };
        let mut settings = sandbox::Settings::new(self.cache.clone(), self.state.clone(), supervisor);
        settings.assets = self.assets.clone();
        settings.path = self.path.clone();
        Ok(settings)
    }

    /// Writes the configuration file: a new file first, then in its place.
    pub(crate) fn save(&self) -> Result<()> {
        let path = &self.config_file;
        let text = serde_saphyr::to_string(&self.config).context("failed to encode the configuration")?;
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("failed to write in {}", folder.display()))?;
        std::io::Write::write_all(&mut file, text.as_bytes()).context("failed to write the configuration")?;
        file.persist(path).with_context(|| format!("failed to replace {}", path.display()))?;
        Ok(())
    }
}

fn read_config(path: &Path) -> Result<ConfigFile> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(ConfigFile::default()),
        Ok(text) => {
            serde_saphyr::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}
