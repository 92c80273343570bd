//! Writes the generated files, or says which of them are stale.
//!
//! The pages come from the code that they describe: the crates' own references by way of `examples/reference.rs`,
//! the commands' `--help`, the Terraform modules' text. Nothing here describes anything itself.

mod cli;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};

use crate::terraform_docs;
use crate::workspace::{self, Built};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a file is stale
    #[arg(long)]
    check: bool,
}

/// Text of each generated file, by its path in the repository.
pub(crate) type Pages = BTreeMap<PathBuf, String>;

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let pages = generate(root, &workspace::build(root)?)?;
    let stale = stale(root, &pages)?;
    if arguments.check {
        for line in &stale {
            eprintln!("{line}");
        }
        return Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for (path, text) in &pages {
        let path = root.join(path);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            let folder = path.parent().context("a page has a folder")?;
            fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
            fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every generated file as it should be.
pub(crate) fn generate(root: &Path, built: &Built) -> anyhow::Result<Pages> {
    let output = Command::new(built.program("example", "reference")?)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run the example that writes the reference")?;
    ensure!(output.status.success(), "the example that writes the reference failed");
    let reference: BTreeMap<String, String> =
        serde_json::from_slice(&output.stdout).context("the example that writes the reference says something else")?;
    let folder = Path::new("docs/reference");
    let mut pages: Pages = reference.into_iter().map(|(name, text)| (folder.join(name), text)).collect();
    pages.insert(folder.join("cli.md"), cli::page(built.landfall()?)?);
    pages.extend(terraform_docs::generate(root)?);
    Ok(pages)
}

/// One line for each file that is not as it should be, with what to do.
pub(crate) fn stale(root: &Path, pages: &Pages) -> anyhow::Result<Vec<String>> {
    let mut stale = Vec::new();
    for (path, text) in pages {
        match fs::read_to_string(root.join(path)) {
            Ok(found) if &found == text => {}
            Ok(_) => stale.push(format!("{} is stale: run `cargo xtask codegen`", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                stale.push(format!("{} is missing: run `cargo xtask codegen`", path.display()));
            }
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", path.display())),
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_or_missing_file_is_named_with_the_command() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::write(root.path().join("same.md"), "a\n").expect("a file");
        fs::write(root.path().join("old.md"), "a\n").expect("a file");
        let page = |name: &str, text: &str| (PathBuf::from(name), text.to_owned());
        let pages = Pages::from([page("same.md", "a\n"), page("old.md", "b\n"), page("new.md", "c\n")]);
        assert_eq!(
            stale(root.path(), &pages).expect("readable files"),
            ["new.md is missing: run `cargo xtask codegen`", "old.md is stale: run `cargo xtask codegen`",]
        );
    }
}
