//! What can go wrong with a sandbox, and what to do about it.
//!
//! The text says what happened; [`SandboxError::hint`] says what to do next. Printing is the caller's.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("invalid sandbox name {name:?}: {why}")]
    BadName { name: String, why: &'static str },
    #[error("Kubernetes {asked:?} is not offered")]
    UnknownRelease { asked: String },
    #[error("{asked} fake nodes are more than the {most} a sandbox takes")]
    TooManyNodes { asked: u32, most: u32 },
    #[error("there is no sandbox {name}")]
    NotFound { name: String },
    #[error("sandbox {name} is not running")]
    NotRunning { name: String },
    #[error("sandbox {name} is already running with {running}, asked for was {asked}")]
    Different { name: String, running: String, asked: String },
    #[error("sandbox {name} is being started or stopped by {holder}")]
    Busy { name: String, holder: String },
    #[error("{component} {version} was not found, and the Go toolchain to build it is missing")]
    GoMissing { component: &'static str, version: &'static str },
    #[error("{component} was not found, and it cannot be built here")]
    NotBuildable { component: &'static str, package: &'static str },
    #[error("building {component} {version} failed: {}", last(.lines))]
    BuildFailed { component: &'static str, version: &'static str, lines: Vec<String>, log: PathBuf },
    #[error("the {component} that was just built does not work: it {why}")]
    BuiltUnusable { component: &'static str, why: String },
    #[error("another process has been building {component} for {seconds} s")]
    BuildBusy { component: &'static str, seconds: u64 },
    #[error("no space left on the disk of {}", .path.display())]
    DiskFull { path: PathBuf },
    #[error("port {port} is taken")]
    PortTaken { port: u16 },
    #[error("no free port could be found")]
    NoPort(#[source] std::io::Error),
    #[error("{process} ended while the sandbox was starting ({how}): {}", last(.lines))]
    ProcessEnded { process: String, how: String, lines: Vec<String>, log: PathBuf },
    #[error("{what} was not ready after {seconds} s")]
    NotReady { what: String, seconds: u64, log: PathBuf },
    #[error("sandbox {name} is running but does not answer")]
    NotAnswering { name: String, log: PathBuf },
    #[error("the supervisor {} could not be started", .program.display())]
    Supervisor {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the supervisor of the sandbox ended early")]
    SupervisorEnded { log: PathBuf },
    #[error("failed to {action} {}", .path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to issue certificates")]
    Certificates(#[source] rcgen::Error),
    #[error("failed to set up TLS")]
    Tls(#[source] rustls::Error),
    #[error("{} is not a record of a sandbox", .path.display())]
    BadRecord {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} was written by a newer version (format {format})", .path.display())]
    NewerRecord { path: PathBuf, format: u32 },
    #[error("failed to {what}: the apiserver answered {status}: {message}")]
    Refused { what: String, status: u16, message: String },
    #[error("failed to {what}")]
    Unreachable {
        what: String,
        #[source]
        source: std::io::Error,
    },
    #[error("processes of sandbox {name} could not be ended: {}", numbers(.pids))]
    LeftRunning { name: String, pids: Vec<i32> },
    #[error("failed to set up the network of the real node: `{command}`: {why}")]
    Network { command: String, why: String },
    #[error("a real node cannot run here: {}", .missing.join("; "))]
    Unsupported { missing: Vec<String> },
}

impl SandboxError {
    /// What to do about it, as one fragment for the last line of the message.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::BadName { .. } => "use lower-case letters, digits and dashes, 40 at most".to_owned(),
            Self::UnknownRelease { .. } => format!("offered are {}", crate::release::Release::offered()),
            Self::TooManyNodes { most, .. } => format!("ask for {most} at most"),
            Self::NotFound { .. } => "`landfall sandbox list` shows what there is".to_owned(),
            Self::NotRunning { name } => format!("start it with `landfall sandbox up {name}`"),
            Self::Different { name, .. } => {
                format!("choose another name, or end it first with `landfall sandbox down {name}`")
            }
            Self::Busy { .. } | Self::BuildBusy { .. } => "wait for it to finish, or end that process".to_owned(),
            Self::GoMissing { .. } => {
                "install Go 1.26 or newer (https://go.dev/dl), or point LANDFALL_ASSETS at a folder with the program"
                    .to_owned()
            }
            Self::NotBuildable { package, .. } => format!("install it with `apt-get install {package}`"),
            Self::BuildFailed { log, .. } => {
                format!("Go 1.26 or newer is needed; the whole output is in {}", log.display())
            }
            Self::BuiltUnusable { .. } => "check the Go toolchain with `go version` and try again".to_owned(),
            Self::DiskFull { path } => {
                format!(
                    "free some space (a build needs about 3 GB, a sandbox 300 MB) on the disk of {}",
                    path.display()
                )
            }
            Self::PortTaken { .. } => "choose another port, or leave it out to have a free one chosen".to_owned(),
            Self::ProcessEnded { log, .. } | Self::NotReady { log, .. } | Self::SupervisorEnded { log } => {
                format!("the log is {}", log.display())
            }
            Self::NotAnswering { name, log } => {
                format!("end it with `landfall sandbox down {name}`; the logs are in {}", log.display())
            }
            Self::BadRecord { path, .. } => format!("remove {} and try again", path.display()),
            Self::NewerRecord { .. } => "use the version of landfall that wrote it".to_owned(),
            Self::LeftRunning { .. } => "they belong to another user; end them as that user or as root".to_owned(),
            Self::Unsupported { .. } => "fake nodes (`--nodes N`) need none of this".to_owned(),
            Self::NoPort(_)
            | Self::Supervisor { .. }
            | Self::File { .. }
            | Self::Certificates(_)
            | Self::Tls(_)
            | Self::Refused { .. }
            | Self::Network { .. }
            | Self::Unreachable { .. } => return None,
        };
        Some(text)
    }

    /// True where the request itself was wrong, so that the same words will fail again.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::BadName { .. } | Self::UnknownRelease { .. } | Self::TooManyNodes { .. })
    }

    /// Turns an I/O error into the error of this crate; a full disk is told apart, because it has its own remedy.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        let path = path.into();
        if source.kind() == std::io::ErrorKind::StorageFull {
            Self::DiskFull { path }
        } else {
            Self::File { action, path, source }
        }
    }
}

fn last(lines: &[String]) -> &str {
    lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or("it said nothing")
}

fn numbers(pids: &[i32]) -> String {
    pids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}
