//! The folder of one token: its runs in order, and what was noted about them.
//!
//! `0001-plan`, `0002-apply`, …: one folder for each run of the tool; beside them `lock`, which one process at a time
//! holds while it works, `cancel`, and `checked.json`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use ports::infrastructure::StackOutcome;

use crate::error::TerraformError;
use crate::run::format::Operation;
use crate::run::{create_private, write_private};

/// How an outcome lies on disk.
mod format {
    use ports::infrastructure::StackOutcome;
    use serde::{Deserialize, Serialize};

    pub(super) const VERSION: &str = "1.0";

    #[derive(Serialize, Deserialize)]
    pub(super) struct Outcome {
        pub(super) version: String,
        pub(super) outcome: StackOutcome,
    }
}

/// The folder of a token.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    folder: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) folder: PathBuf,
}

pub(super) type Turn = Flock<std::fs::File>;

impl Attempts {
    pub(super) fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn exist(&self) -> bool {
        self.folder.is_dir()
    }

    /// Makes sure that nobody else works under the token.
    pub(super) async fn take_turn(&self) -> Result<Turn, TerraformError> {
        create_private(&self.folder).await?;
        let path = self.folder.join("lock");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(TerraformError::io(format!("open {}", path.display())))?;
        // Who was killed while starting a child leaves the lock to that child until it is another program.
        for _ in 0..100 {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(turn) => return Ok(turn),
                Err((back, _)) => file = back,
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Err(TerraformError::Busy { folder: self.folder.clone() })
    }

    /// Every run, oldest first.
    pub(super) fn all(&self) -> Result<Vec<Attempt>, TerraformError> {
        let io = |source| TerraformError::Io { what: format!("list {}", self.folder.display()), source };
        let mut all = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(all),
            Err(error) => return Err(io(error)),
        };
        for entry in entries {
            let folder = entry.map_err(io)?.path();
            let name = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('-'));
            if let Some((number, name)) = name
                && let Ok(number) = number.parse()
            {
                all.push(Attempt { number, name: name.to_owned(), folder: folder.clone() });
            }
        }
        all.sort();
        Ok(all)
    }

    /// Runs that may have changed the world, oldest first.
    pub(super) fn writes(&self) -> Result<Vec<Attempt>, TerraformError> {
        let mut all = self.all()?;
        all.retain(|attempt| attempt.writes());
        Ok(all)
    }

    /// A folder for the next run; it is made when the run starts.
    pub(super) fn next(&self, operation: Operation, probe: bool) -> Result<Attempt, TerraformError> {
        let number = self.all()?.last().map(|last| last.number).unwrap_or_default() + 1;
        let name = match operation {
            _ if probe => "probe",
            Operation::Plan => "plan",
            Operation::RefreshOnly => "drift",
            Operation::Apply => "apply",
            Operation::Destroy => "destroy",
        };
        let folder = self.folder.join(format!("{number:04}-{name}"));
        Ok(Attempt { number, name: name.to_owned(), folder })
    }

    fn cancel_mark(&self) -> PathBuf {
        self.folder.join("cancel")
    }

    /// Asks whoever works under the token to start nothing else.
    pub(super) async fn cancel(&self) -> Result<(), TerraformError> {
        write_private(&self.cancel_mark(), b"").await
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel_mark().exists()
    }

    /// A new call is a new wish.
    pub(super) fn forget_cancel(&self) -> Result<(), TerraformError> {
        remove(&self.cancel_mark())
    }

    /// Addresses that a person has looked after.
    pub(super) fn checked(&self) -> Result<BTreeSet<String>, TerraformError> {
        let path = self.folder.join("checked.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| TerraformError::Json { what: "the list of checked addresses", source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(source) => Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
        }
    }

    pub(super) async fn check(&self, addresses: &BTreeSet<String>) -> Result<(), TerraformError> {
        let mut checked = self.checked()?;
        checked.extend(addresses.iter().cloned());
        let json = |source| TerraformError::Json { what: "the list of checked addresses", source };
        write_private(&self.folder.join("checked.json"), &serde_json::to_vec(&checked).map_err(json)?).await
    }
}

impl Attempt {
    pub(super) fn writes(&self) -> bool {
        matches!(self.name.as_str(), "apply" | "destroy")
    }

    /// The saved plan of a plan's folder.
    pub(super) fn plan(&self) -> PathBuf {
        self.folder.join("plan.tfplan")
    }

    /// The request's variables, while a plan reads them.
    pub(super) fn variables(&self) -> PathBuf {
        self.folder.join("variables.tfvars.json")
    }

    /// How the run ended, as it was told; `None` when nobody has been told yet.
    pub(super) async fn outcome(&self) -> Result<Option<StackOutcome>, TerraformError> {
        let path = self.folder.join("outcome.json");
        let bytes = match tokio::fs::read(&path).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
        };
        let json = |source| TerraformError::Json { what: "the outcome of a run", source };
        let told: format::Outcome = serde_json::from_slice(&bytes).map_err(json)?;
        match told.version.split('.').next() {
            Some("1") => Ok(Some(told.outcome)),
            _ => Err(TerraformError::Format { what: "the outcome of a run", found: told.version, supported: "1.x" }),
        }
    }

    /// Remembers how the run ended. Holds no secrets: those that were known are out of it.
    pub(super) async fn remember(&self, outcome: &StackOutcome) -> Result<(), TerraformError> {
        let json = |source| TerraformError::Json { what: "the outcome of a run", source };
        let told = format::Outcome { version: format::VERSION.into(), outcome: outcome.clone() };
        let bytes = serde_json::to_vec_pretty(&told).map_err(json)?;
        write_private(&self.folder.join("outcome.json"), &bytes).await
    }

    /// What the plan was asked for, as a digest.
    pub(super) fn asked(&self) -> PathBuf {
        self.folder.join("asked")
    }
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), TerraformError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(TerraformError::Io { what: format!("remove {}", path.display()), source: error })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn runs_are_numbered_and_one_works_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let attempts = Attempts::of(folder.path().join("token"));
        assert!(attempts.all().unwrap().is_empty());
        let turn = attempts.take_turn().await.unwrap();
        assert!(matches!(attempts.take_turn().await, Err(TerraformError::Busy { .. })));
        drop(turn);
        attempts.take_turn().await.unwrap();
        for operation in [Operation::Plan, Operation::Apply, Operation::Destroy] {
            std::fs::create_dir(attempts.next(operation, false).unwrap().folder).unwrap();
        }
        std::fs::create_dir(folder.path().join("token/nonsense")).unwrap();
        let names: Vec<_> = attempts.writes().unwrap().into_iter().map(|a| (a.number, a.name)).collect();
        assert_eq!(names, [(2, "apply".to_owned()), (3, "destroy".to_owned())]);
    }
}
