//! Small file operations with errors that name the path.
//!
//! Whole files only; nothing here streams.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::SandboxError;

/// Private folders: what is in them opens the cluster.
pub(crate) fn make_folder(path: &Path) -> Result<(), SandboxError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| SandboxError::file("create", path, source))
}

/// Writes a file that only its owner may read, under another name first, so that a reader never sees half of it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), SandboxError> {
    let fail = |source| SandboxError::file("write", path, source);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).map_err(fail)?;
    file.write_all(content).map_err(fail)?;
    drop(file);
    fs::rename(&part, path).map_err(fail)
}

/// Reads at most `cap` bytes; a missing file is `None`.
pub(crate) fn read_capped(path: &Path, cap: u64) -> Result<Option<Vec<u8>>, SandboxError> {
    let fail = |source| SandboxError::file("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut content = Vec::new();
    file.take(cap).read_to_end(&mut content).map_err(fail)?;
    Ok(Some(content))
}

/// Removes a folder and all in it; that it is not there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), SandboxError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(SandboxError::file("remove", path, error)),
        _ => Ok(()),
    }
}

/// The last lines of a log, without reading all of it.
pub(crate) fn last_lines(path: &Path, count: usize) -> Vec<String> {
    const TAIL: u64 = 16 * 1024;
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut tail = Vec::new();
    if file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).is_err()
        || file.take(TAIL).read_to_end(&mut tail).is_err()
    {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&tail);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

pub(crate) fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A file lock. The kernel releases it when its holder dies, so that a lock is never stale.
///
/// It is given back in so many words when it is dropped: a child that is just being started by another thread has the
/// file open as well, until it has become its program, and would keep the lock for as long.
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Removes the file. Whoever has opened it and waits finds out that it is no lock any more.
    pub(crate) fn remove(self, path: &Path) -> Result<(), SandboxError> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(SandboxError::file("remove", path, error))
            }
            // Until here nobody else could take it.
            _ => Ok(()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

pub(crate) enum LockAttempt {
    Taken(Lock),
    /// Somebody else holds it; what they wrote into it about themselves.
    HeldBy(String),
}

/// Takes the lock if it is free, and writes the holder into the file for others to read.
pub(crate) fn try_lock(path: &Path) -> Result<LockAttempt, SandboxError> {
    let fail = |source| SandboxError::file("lock", path, source);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(fail)?;
    match file.try_lock() {
        // A file that was removed in the meantime locks nothing: the next one to come makes another.
        Ok(()) if !is_at(&file, path).map_err(fail)? => try_lock(path),
        Ok(()) => {
            // Who holds it is a courtesy; a full disk must not keep anybody from cleaning up.
            let _ = file.set_len(0).and_then(|()| write!(file, "process {}", std::process::id()));
            Ok(LockAttempt::Taken(Lock { file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(100).read_to_string(&mut holder);
            Ok(LockAttempt::HeldBy(if holder.is_empty() { "another process".to_owned() } else { holder }))
        }
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

/// Whether an open file is the one that the path names.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether somebody holds the lock. Those who only look do not take each other for a holder.
pub(crate) fn is_locked(path: &Path) -> Result<bool, SandboxError> {
    let fail = |source| SandboxError::file("look at the lock", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fail(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_again_when_its_holder_is_gone_and_tells_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "process 1, long gone").unwrap();
        let LockAttempt::Taken(held) = try_lock(&path).unwrap() else { panic!("a stale file holds no lock") };
        let LockAttempt::HeldBy(holder) = try_lock(&path).unwrap() else { panic!("held twice") };
        assert_eq!(holder, format!("process {}", std::process::id()));
        assert!(is_locked(&path).unwrap());
        drop(held);
        let looking = File::open(&path).unwrap();
        looking.try_lock_shared().unwrap();
        assert!(!is_locked(&path).unwrap(), "somebody who looks was taken for a holder");
        drop(looking);
        assert!(!is_locked(&folder.path().join("none")).unwrap());
        let LockAttempt::Taken(held) = try_lock(&path).unwrap() else { panic!("it was free") };
        held.remove(&path).unwrap();
        assert!(!path.exists());
        assert!(matches!(try_lock(&path).unwrap(), LockAttempt::Taken(_)));
    }

    #[test]
    fn a_lock_is_free_again_although_a_child_still_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let LockAttempt::Taken(held) = try_lock(&path).unwrap() else { panic!("it was free") };
        // What a fork does.
        let of_the_child = held.file.try_clone().unwrap();
        drop(held);
        assert!(!is_locked(&path).unwrap());
        assert!(matches!(try_lock(&path).unwrap(), LockAttempt::Taken(_)));
        drop(of_the_child);
    }

    #[test]
    fn a_file_that_was_removed_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let LockAttempt::Taken(held) = try_lock(&path).unwrap() else { panic!("it was free") };
        let waiting = File::open(&path).unwrap();
        held.remove(&path).unwrap();
        assert!(!is_at(&waiting, &path).unwrap());
        fs::write(&path, "").unwrap();
        assert!(!is_at(&waiting, &path).unwrap(), "another file of that name");
        assert!(is_at(&File::open(&path).unwrap(), &path).unwrap());
    }

    #[test]
    fn last_lines_reads_only_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, (0..100_000).map(|n| format!("line {n}\n")).collect::<String>()).unwrap();
        assert_eq!(last_lines(&path, 2), ["line 99998", "line 99999"]);
        assert!(last_lines(&folder.path().join("none"), 2).is_empty());
    }
}
