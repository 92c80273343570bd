//! The page of the command line: what every command's `--help` says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

/// Deeper than any command goes; a program that lists itself as its own subcommand must not loop for ever.
const MAX_DEPTH: usize = 5;

pub(super) fn page(landfall: &Path) -> anyhow::Result<String> {
    let mut out = String::from(
        "# Command line\n\n\
         What `landfall COMMAND --help` says, for every command. This page is generated: `cargo xtask codegen`.\n",
    );
    add(landfall, &mut Vec::new(), &mut out)?;
    Ok(out)
}

fn add(landfall: &Path, command: &mut Vec<String>, out: &mut String) -> anyhow::Result<()> {
    ensure!(command.len() < MAX_DEPTH, "the commands go too deep: {}", command.join(" "));
    let help = help(landfall, command)?;
    let title = std::iter::once("landfall").chain(command.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let level = "#".repeat((command.len() + 2).min(4));
    let _ = write!(out, "\n{level} {title}\n\n```text\n{}\n```\n", help.trim_end());
    for name in subcommands(&help) {
        command.push(name);
        add(landfall, command, out)?;
        command.pop();
    }
    Ok(())
}

fn help(landfall: &Path, command: &[String]) -> anyhow::Result<String> {
    // Without an environment: its values are shown, and the page is the same for everybody.
    let output = Command::new(landfall)
        .args(command)
        .arg("--help")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .context("failed to run landfall --help")?;
    if !output.status.success() {
        bail!("landfall {} --help failed: {}", command.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8(output.stdout).context("landfall --help is not UTF-8")?;
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

/// The names under `Commands:`; lines that go on are indented further.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
        .filter_map(|rest| rest.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::subcommands;

    #[test]
    fn subcommands_are_those_that_help_lists() {
        let help = "About\n\nUsage: x <COMMAND>\n\nCommands:\n  up    Start it,\n          and more\n  down  Stop it\n  \
                    help  Print this\n\nOptions:\n  -h, --help  Print help\n";
        assert_eq!(subcommands(help), ["up", "down"]);
        assert!(subcommands("Usage: x\n\nOptions:\n  -h\n").is_empty());
    }
}
