//! Ends what is left of a sandbox and removes its files, whatever state it was killed in.
//!
//! Callers hold the lock of the name.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::SandboxName;
use crate::error::SandboxError;
use crate::files;
use crate::format;
use crate::process::{self, ProcessIdentity};
use crate::real_node;
use crate::settings::Settings;

/// A killed process is gone within milliseconds unless the disk hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ends every process of the sandbox and removes all files but the logs. Returns how many processes it ended.
pub(super) async fn clean(settings: &Settings, folder: &Path, name: &SandboxName) -> Result<usize, SandboxError> {
    // A record that is damaged or too new names nothing that the marker does not find as well.
    let recorded: Vec<ProcessIdentity> = format::read(folder)
        .ok()
        .flatten()
        .map(|record| record.supervisor.into_iter().chain(record.processes.into_values()).collect())
        .unwrap_or_default();
    let began = Instant::now();
    let mut ended = BTreeSet::new();
    loop {
        // A child that is forked but not yet the program is found in the next round, so rounds go on until one is empty.
        let mut alive = process::marked(folder);
        alive.extend(recorded.iter().filter(|identity| identity.is_running()).cloned());
        if alive.is_empty() {
            break;
        }
        if began.elapsed() > PATIENCE {
            let pids = alive.iter().map(|identity| identity.pid).collect();
            return Err(SandboxError::LeftRunning { name: name.to_string(), pids });
        }
        for identity in alive {
            identity.kill();
            ended.insert(identity.pid);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    real_node::remove_traces(folder, &real_node::ip(settings)).await?;
    remove_files(folder)?;
    Ok(ended.len())
}

fn remove_files(folder: &Path) -> Result<(), SandboxError> {
    let fail = |source| SandboxError::file("read", folder, source);
    let mut record = None;
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let path = entry.path();
        match entry.file_name().to_str() {
            Some("logs" | "logs.previous") => {}
            // Last, so that a clean-up that is killed is known to be unfinished.
            Some("sandbox.json") => record = Some(path),
            _ if entry.file_type().map_err(fail)?.is_dir() => files::remove_folder(&path)?,
            _ => std::fs::remove_file(&path).map_err(|source| SandboxError::file("remove", &path, source))?,
        }
    }
    if let Some(path) = record {
        std::fs::remove_file(&path).map_err(|source| SandboxError::file("remove", &path, source))?;
    }
    Ok(())
}

/// Moves what the sandbox has logged into another folder, also one on another disk.
pub(super) fn move_logs(folder: &Path, to: &Path) -> Result<(), SandboxError> {
    for name in ["logs.previous", "logs"] {
        let from = folder.join(name);
        let entries = match std::fs::read_dir(&from) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(SandboxError::file("read", from, error)),
        };
        let to = if name == "logs" { to.to_owned() } else { to.join("previous") };
        files::make_folder(&to)?;
        for entry in entries {
            let entry = entry.map_err(|source| SandboxError::file("read", &from, source))?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            if std::fs::rename(&path, &target).is_err() {
                std::fs::copy(&path, &target).map_err(|source| SandboxError::file("write", &target, source))?;
            }
        }
    }
    Ok(())
}
