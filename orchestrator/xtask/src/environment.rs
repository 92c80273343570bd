//! What this program reads from its environment, in one place.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

#[expect(clippy::disallowed_methods, reason = "a tool is its own composition root")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a skipped test is a failure.
pub(crate) fn is_ci() -> bool {
    variable("CI").is_some_and(|value| value == "true")
}

/// The root of the checkout that this program was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where programs that were built once are kept: `$XDG_CACHE_HOME/landfall`.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let home = || variable("HOME").map(|home| Path::new(&home).join(".cache"));
    let folder = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    Ok(folder.context("neither XDG_CACHE_HOME nor HOME is set")?.join("landfall"))
}

/// The cargo that runs this program, or the one on PATH.
pub(crate) fn cargo() -> OsString {
    variable("CARGO").unwrap_or_else(|| "cargo".into())
}

/// `PATH` with these folders first.
pub(crate) fn path_with(folders: &[PathBuf]) -> anyhow::Result<OsString> {
    let old = variable("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&old));
    std::env::join_paths(all).context("a folder's name does not fit into PATH")
}
