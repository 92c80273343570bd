//! Runs one test program and reads what became of it.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::libtest::{self, Tally};
use super::servers::Variables;
use crate::workspace::TestProgram;

/// No program takes longer, on a machine however slow; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(40 * 60);

/// What one run did, and all that it said when that is worth showing.
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    pub(crate) trouble: Option<String>,
}

/// How to run a program.
#[derive(Default)]
pub(crate) struct How<'a> {
    /// So many tests at once; otherwise as many as the machine has processors.
    pub(crate) at_once: Option<usize>,
    /// Only tests whose names contain one of these.
    pub(crate) filters: &'a [String],
    pub(crate) variables: Variables,
}

pub(crate) fn run(program: &TestProgram, how: &How<'_>) -> anyhow::Result<Ran> {
    let began = Instant::now();
    let output = tempfile::NamedTempFile::new().context("failed to create a temporary file")?;
    let (mut status, mut late) = (None, false);
    let mut child = command(program, how, output.as_file())
        .spawn()
        .with_context(|| format!("failed to start {}", program.path.display()))?;
    while status.is_none() {
        status = child.try_wait().context("failed to wait for a test program")?;
        if status.is_none() && began.elapsed() > PATIENCE {
            late = true;
            child.kill().context("failed to end a test program that hangs")?;
            status = Some(child.wait().context("failed to wait for a test program")?);
        }
        if status.is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let said = fs::read(output.path()).context("failed to read what a test program said")?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let good = status.is_some_and(|status| status.success());
    let tally = match libtest::read(&said) {
        // A crash after the count, or in it, is a failure of no test in particular.
        Some(tally) if good || tally.failed > 0 => tally,
        Some(tally) => Tally { failed: 1, ..tally },
        None => Tally { failed: 1, ..Tally::default() },
    };
    let ending = match (late, status) {
        (true, _) => format!("ended by force after {} minutes\n", PATIENCE.as_secs() / 60),
        (false, Some(status)) => format!("{status}\n"),
        (false, None) => String::new(),
    };
    let trouble = (tally.failed > 0).then(|| said + &ending);
    Ok(Ran { tally, took: began.elapsed(), trouble })
}

fn command(program: &TestProgram, how: &How<'_>, output: &File) -> Command {
    let mut command = Command::new(&program.path);
    command.args(["--show-output", "--color", "never"]);
    if let Some(count) = how.at_once {
        command.arg(format!("--test-threads={count}"));
    }
    command.args(how.filters);
    // As cargo does.
    command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
    for (name, value) in &how.variables {
        command.env(name, value);
    }
    let stdio = || output.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
    command.stdin(Stdio::null()).stdout(stdio()).stderr(stdio());
    command
}
