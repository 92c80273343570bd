//! Which backups are being restored on this machine, so that nothing deletes them meanwhile.
//!
//! A file with a lock for each running restore: the lock goes with the process, however that ends.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A backup is in use while this lives.
pub(crate) struct InUse {
    path: PathBuf,
    _lock: File,
}

pub(crate) fn hold(state: &Path, restore: &str, backup: &str) -> Result<InUse> {
    let folder = folder(state);
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let path = folder.join(format!("{restore}.{}", std::process::id()));
    std::fs::write(&path, backup).with_context(|| format!("failed to write {}", path.display()))?;
    let file = File::open(&path).with_context(|| format!("failed to open {}", path.display()))?;
    file.lock().with_context(|| format!("failed to lock {}", path.display()))?;
    Ok(InUse { path, _lock: file })
}

/// The backups in use. Files that nobody locks are left by restores that were killed, and are removed.
pub(crate) fn held(state: &Path) -> BTreeSet<String> {
    let mut held = BTreeSet::new();
    for entry in std::fs::read_dir(folder(state)).into_iter().flatten().flatten() {
        let Ok(file) = File::open(entry.path()) else { continue };
        match file.try_lock() {
            Ok(()) => {
                let _ = std::fs::remove_file(entry.path());
            }
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {
                held.extend(std::fs::read_to_string(entry.path()).ok());
            }
        }
    }
    held
}

fn folder(state: &Path) -> PathBuf {
    state.join("restores-running")
}

impl Drop for InUse {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
