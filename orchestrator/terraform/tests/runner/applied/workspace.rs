//! Where things are, and a copy of `terraform/` to work in.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::skip::variable;

/// The files under `terraform/` that describe something, in a folder of their own.
pub(super) fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&root().join("terraform"), folder.path());
    folder
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// What is made once and kept for the next run.
pub(super) fn cache() -> PathBuf {
    let home = || PathBuf::from(variable("HOME").unwrap_or_default()).join(".cache");
    variable("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("landfall")
}

/// Whether everything is wanted, and not only what a few minutes are enough for.
pub(super) fn everything() -> bool {
    variable("LANDFALL_STACKS").is_some_and(|wanted| wanted == "all")
}

/// Held while environments stand: two of them at once are more than a small machine has room for.
pub(super) fn turn(what: &str) -> File {
    let folder = cache().join("testbed");
    std::fs::create_dir_all(&folder).unwrap();
    let file = File::create(folder.join(format!("{what}.lock"))).unwrap();
    file.lock().unwrap();
    file
}

pub(super) fn name() -> String {
    std::thread::current().name().unwrap_or("test").to_owned()
}

/// What a command said, on both streams.
pub(super) fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A command of the tool in a folder, without what the surrounding shell would have it do.
pub(super) fn command(tool: &Path, folder: &Path) -> Command {
    let mut command = Command::new(tool);
    for unwanted in ["TF_CLI_ARGS", "TF_WORKSPACE", "TF_LOG", "TF_DATA_DIR"] {
        command.env_remove(unwanted);
    }
    command.current_dir(folder).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
    command
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        // Whatever a person's own run left behind is not part of the stack.
        if text.starts_with(".terraform") || text.contains(".tfstate") || text.ends_with(".auto.tfvars.json") {
            continue;
        }
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}
