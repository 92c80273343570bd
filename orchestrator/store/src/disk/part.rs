//! Writing one file so that it is there whole or not at all, also after a kill or a power cut.
//!
//! A part is written beside its place under a name of its own and locked meanwhile. A part without a lock belongs to
//! a writer that died; whoever comes by removes it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ports::Body;

const PART_PREFIX: &str = ".landfall-part-";

static NEXT: AtomicU64 = AtomicU64::new(0);

pub(super) enum WriteError {
    /// The file to store cannot be read.
    Source(io::Error),
    Target(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Target(error)
    }
}

pub(super) fn is_part(name: &str) -> bool {
    name.starts_with(PART_PREFIX)
}

/// Writes `body` to `path`, replacing what was there, in one step.
pub(super) fn write(path: &Path, body: &Body) -> Result<(), WriteError> {
    let source = match body {
        Body::Bytes(_) => None,
        Body::File(source) => Some(File::open(source).map_err(WriteError::Source)?),
    };
    let directory = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    create_directories(directory)?;
    sweep(directory);
    let (part, mut file) = create(directory)?;
    let written = fill(&mut file, body, source).and_then(|()| {
        file.sync_all()?;
        Ok(fs::rename(&part, path)?)
    });
    if written.is_err() {
        // Left over at worst, and swept by the next writer.
        drop(fs::remove_file(&part));
    }
    written?;
    Ok(sync_directory(directory)?)
}

/// Creates what is missing of a directory, readable to its owner only, because backups hold Secrets.
pub(super) fn create_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory.parent();
    if let Some(parent) = parent {
        create_directories(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    parent.map_or(Ok(()), sync_directory)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        // Gone meanwhile, with everything in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Some network file systems sync no directories.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        outcome => outcome,
    }
}

/// Removes parts whose writers died.
pub(super) fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_str().is_some_and(is_part) {
            continue;
        }
        let path = entry.path();
        let Ok(file) = OpenOptions::new().write(true).open(&path) else { continue };
        if file.try_lock().is_ok() {
            drop(fs::remove_file(&path));
        }
    }
}

/// A new part, locked.
fn create(directory: &Path) -> io::Result<(PathBuf, File)> {
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{PART_PREFIX}{}-{number}", std::process::id()));
        let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            // A sweeper came between creating and locking; it removes the part, so this one is no use.
            Err(TryLockError::WouldBlock) => continue,
            // A file system without locks has no sweepers either: they would fail in the same way.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        if file.metadata()?.nlink() > 0 {
            return Ok((path, file));
        }
    }
}

fn fill(file: &mut File, body: &Body, source: Option<File>) -> Result<(), WriteError> {
    match (body, source) {
        (Body::Bytes(bytes), _) => file.write_all(bytes)?,
        (Body::File(_), Some(mut source)) => {
            io::copy(&mut source, file)?;
        }
        (Body::File(_), None) => return Err(WriteError::Source(io::ErrorKind::NotFound.into())),
    }
    Ok(())
}
