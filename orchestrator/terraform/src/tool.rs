//! Finds terraform or tofu, and makes sure that it is one that we know how to talk to.
//!
//! An explicit path wins. Otherwise the folder says which of the two it belongs to, by its lock file or by `*.tofu`
//! files, and that one is taken from `PATH`; a folder that says nothing gets whichever is there, terraform first.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::command;
use crate::environment::Environment;
use crate::error::TerraformError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    Terraform,
    OpenTofu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// A binary that was run once and said what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    pub path: PathBuf,
    pub flavour: Flavour,
    pub version: ToolVersion,
}

const OLDEST: (u32, u32) = (1, 9);
const LOCK_FILE: &str = ".terraform.lock.hcl";
const LOCK_FILE_CAP: u64 = 4 << 20;

impl Tool {
    /// Finds the tool for a folder. `explicit` is a path that a person gave; `PATH` comes from the environment.
    pub async fn find(
        explicit: Option<&Path>,
        directory: &Path,
        environment: &Environment,
    ) -> Result<Self, TerraformError> {
        if let Some(path) = explicit {
            return Self::ask(path, environment).await;
        }
        let path = environment.get("PATH").unwrap_or_default();
        let wanted = belongs_to(directory);
        let order = match wanted {
            Some(flavour) => vec![flavour],
            None => vec![Flavour::Terraform, Flavour::OpenTofu],
        };
        let mut unfit = None;
        for flavour in order {
            for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
                let candidate = folder.join(flavour.program());
                if !candidate.is_file() {
                    continue;
                }
                match Self::ask(&candidate, environment).await {
                    Ok(tool) => return Ok(tool),
                    Err(error) => unfit = unfit.or(Some(error)),
                }
            }
        }
        Err(unfit.unwrap_or_else(|| TerraformError::NoBinary {
            searched: match wanted {
                Some(flavour) => format!("PATH (the folder belongs to {flavour})"),
                None => "PATH".into(),
            },
        }))
    }

    /// Runs `version` and checks the answer.
    pub async fn ask(path: &Path, environment: &Environment) -> Result<Self, TerraformError> {
        let path = std::path::absolute(path).map_err(TerraformError::io("make the tool's path absolute"))?;
        let captured = command::capture(&path, Path::new("/"), environment, ["version"], command::SMALL)
            .await
            .map_err(|error| match error {
                TerraformError::Io { source, .. } => TerraformError::NotExecutable { path: path.clone(), source },
                other => other,
            })?;
        let text = String::from_utf8_lossy(&captured.stdout);
        let Some((flavour, version)) = text.lines().find_map(said) else {
            let said: String = text.lines().chain(captured.stderr.lines()).next().unwrap_or_default().into();
            return Err(TerraformError::NotTheTool { path, said: said.chars().take(120).collect() });
        };
        let parsed = ToolVersion::parse(version);
        match parsed {
            Some(found) if found.major == 1 && (found.major, found.minor) >= OLDEST => {
                Ok(Self { path, flavour, version: found })
            }
            _ => Err(TerraformError::WrongVersion { path, flavour: flavour.product(), found: version.to_owned() }),
        }
    }
}

impl Flavour {
    /// The name of the binary.
    pub fn program(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "tofu",
        }
    }

    pub fn product(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        }
    }

    /// The registry that its providers come from when nobody says otherwise.
    pub(crate) fn registry(self) -> &'static str {
        match self {
            Self::Terraform => "registry.terraform.io",
            Self::OpenTofu => "registry.opentofu.org",
        }
    }
}

impl ToolVersion {
    /// `1.11.4`, `1.12.0-rc1`.
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.split(['-', '+']).next()?;
        let mut parts = core.split('.');
        let mut next = || parts.next()?.parse().ok();
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// `Terraform v1.11.4`, `OpenTofu v1.11.14`.
fn said(line: &str) -> Option<(Flavour, &str)> {
    let (product, version) = line.trim().split_once(" v")?;
    let flavour = [Flavour::Terraform, Flavour::OpenTofu].into_iter().find(|f| f.product() == product)?;
    Some((flavour, version.trim()))
}

/// The tool that the folder's files name, when they name one.
fn belongs_to(directory: &Path) -> Option<Flavour> {
    let lock = directory.join(LOCK_FILE);
    let small = std::fs::metadata(&lock).is_ok_and(|meta| meta.len() <= LOCK_FILE_CAP);
    let text = if small { std::fs::read_to_string(&lock).unwrap_or_default() } else { String::new() };
    let names = |flavour: Flavour| text.contains(&format!("provider \"{}/", flavour.registry()));
    match (names(Flavour::Terraform), names(Flavour::OpenTofu)) {
        (true, false) => return Some(Flavour::Terraform),
        (false, true) => return Some(Flavour::OpenTofu),
        _ => {}
    }
    let mut files = std::fs::read_dir(directory).ok()?.filter_map(Result::ok);
    files.any(|file| file.path().extension().is_some_and(|ext| ext == "tofu")).then_some(Flavour::OpenTofu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers() {
        assert_eq!(ToolVersion::parse("1.12.0-rc1").unwrap().to_string(), "1.12.0");
        for bad in ["", "1", "1.2", "1.2.3.4", "x.1.2", "v1.2.3"] {
            assert_eq!(ToolVersion::parse(bad), None, "{bad}");
        }
        assert_eq!(said("OpenTofu v1.11.14"), Some((Flavour::OpenTofu, "1.11.14")));
        assert_eq!(said("on linux_amd64"), None);
    }

    #[test]
    fn a_folder_says_whose_it_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(belongs_to(folder.path()), None);
        std::fs::write(folder.path().join("main.tofu"), "").unwrap();
        assert_eq!(belongs_to(folder.path()), Some(Flavour::OpenTofu));
        let lock = "provider \"registry.terraform.io/hashicorp/aws\" {}";
        std::fs::write(folder.path().join(LOCK_FILE), lock).unwrap();
        assert_eq!(belongs_to(folder.path()), Some(Flavour::Terraform));
    }
}
