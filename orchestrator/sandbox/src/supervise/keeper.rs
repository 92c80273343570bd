//! The owner's end of a supervisor: gives orders, hears reports. Dropping it ends everything it keeps.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::error::SandboxError;
use crate::process::{MARKER, ProcessIdentity};
use crate::settings::Supervisor;

use super::protocol::{Begin, Order, ProcessSpec, Report};

pub(crate) struct Keeper {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    supervisor: Supervisor,
}

impl Keeper {
    /// Starts a supervisor for a sandbox: all output goes to `log`, and the processes carry the folder as marker.
    pub(crate) async fn for_sandbox(
        supervisor: &Supervisor,
        folder: &Path,
        detach_marker: &Path,
        log: &Path,
    ) -> Result<Self, SandboxError> {
        let file = std::fs::File::create(log).map_err(|source| SandboxError::file("create", log, source))?;
        let mut command = Command::new(&supervisor.program);
        command.env(MARKER, folder).current_dir(folder).stderr(file);
        Self::begin(supervisor, command, Some(detach_marker)).await
    }

    /// Starts a supervisor for a build; what the build says is read from the returned stream.
    pub(crate) async fn for_build(
        supervisor: &Supervisor,
        sandbox: Option<&Path>,
    ) -> Result<(Self, ChildStderr), SandboxError> {
        let mut command = Command::new(&supervisor.program);
        if let Some(folder) = sandbox {
            command.env(MARKER, folder);
        }
        command.stderr(Stdio::piped());
        let mut keeper = Self::begin(supervisor, command, None).await?;
        let Some(output) = keeper.child.stderr.take() else {
            return Err(keeper.failed(std::io::ErrorKind::BrokenPipe));
        };
        Ok((keeper, output))
    }

    async fn begin(
        supervisor: &Supervisor,
        mut command: Command,
        detach_marker: Option<&Path>,
    ) -> Result<Self, SandboxError> {
        let fail = |source| SandboxError::Supervisor { program: supervisor.program.clone(), source };
        command.args(&supervisor.arguments).arg("keep").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(fail)?;
        let (Some(orders), Some(reports)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail(std::io::ErrorKind::BrokenPipe.into()));
        };
        let reports = BufReader::new(reports).lines();
        let mut keeper = Self { child, orders, reports, supervisor: supervisor.clone() };
        keeper
            .order(&Order::Begin(Begin {
                program: supervisor.program.clone(),
                arguments: supervisor.arguments.clone(),
                detach_marker: detach_marker.map(Path::to_owned),
            }))
            .await?;
        Ok(keeper)
    }

    pub(crate) async fn start(&mut self, spec: ProcessSpec) -> Result<(), SandboxError> {
        self.order(&Order::Start(spec)).await
    }

    async fn order(&mut self, order: &Order) -> Result<(), SandboxError> {
        let mut line = serde_json::to_vec(order).map_err(|error| self.failed_with(error.into()))?;
        line.push(b'\n');
        self.orders.write_all(&line).await.map_err(|error| self.failed_with(error))
    }

    /// The next report; `None` when the supervisor is gone. Cancel-safe.
    pub(crate) async fn report(&mut self) -> Option<Report> {
        loop {
            let line = self.reports.next_line().await.ok()??;
            if let Ok(report) = serde_json::from_str(&line) {
                return Some(report);
            }
        }
    }

    pub(crate) fn identity(&self) -> Option<ProcessIdentity> {
        ProcessIdentity::of(i32::try_from(self.child.id()?).ok()?)
    }

    /// Lets go and waits until the supervisor has ended everything and itself.
    pub(crate) async fn end(self) {
        let Self { mut child, orders, reports, .. } = self;
        drop((orders, reports));
        let _ = child.wait().await;
    }

    fn failed(&self, kind: std::io::ErrorKind) -> SandboxError {
        self.failed_with(kind.into())
    }

    fn failed_with(&self, source: std::io::Error) -> SandboxError {
        SandboxError::Supervisor { program: self.supervisor.program.clone(), source }
    }
}
