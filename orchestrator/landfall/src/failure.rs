//! How a command ends: exit codes, and the one printer of errors.

use std::process::ExitCode;

use crate::command;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done and good.
    Good = 0,
    /// Done and not good: failed, partially failed, not verified.
    NotGood = 1,
    Usage = 2,
    /// Something needs a decision.
    Decision = 3,
    /// Changes were found.
    Changes = 4,
    /// Could not run.
    CouldNotRun = 5,
}

/// An error with its exit code and the next step.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
}

pub(crate) type Outcome = Result<Exit, Failure>;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, error: anyhow::anyhow!(message.into()), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let hint = command::hint_for(&error);
        let exit = command::exit_for(&error);
        Self { exit, error, hint }
    }
}

/// Prints an error to stderr: each link of the chain once, then the next step.
#[expect(clippy::print_stderr, reason = "this is the printer")]
pub(crate) fn report(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", model::chain(failure.error.as_ref()));
    if let Some(hint) = &failure.hint {
        eprintln!("hint: {hint}");
    }
    failure.exit.into()
}
