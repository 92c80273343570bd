//! One run of the tool that outlives us: started detached, followed through files, stopped politely.
//!
//! # Expected flow
//! `Run::start` writes `run.json` and starts a small shell wrapper in a process group of its own; the wrapper starts
//! the tool with its output going to files and writes down the exit status. `Run::wait` tails the event stream until
//! the status is there. After a crash of ours `Run::attach` does the same with the same folder, from the start.
//!
//! # Guarantees
//! - The tool is started at most once per folder: whoever creates the file `go` decides, the wrapper to start or we
//!   to give up.
//! - Nothing here sends SIGKILL, and a run that is dropped goes on.
//! - One follower at a time, by a lock that ends with the process.
//!
//! # Caveats
//! - A wrapper that is killed takes the exit status with it: the run is then `Lost`, even if the tool finished.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::process::{Child, Command};

use crate::environment::Environment;
use crate::error::TerraformError;
use crate::event::{Stamped, parse};
use crate::journal::{self, Journal};
use crate::progress::{Snapshot, Weights, Workload};
use crate::record::Record;
use crate::tool::Tool;
use format::RunFile;
use lines::Lines;
use process::Identity;

pub mod format;
mod lines;
mod process;

pub use format::Operation;

/// What to start.
pub struct RunSpec<'a> {
    pub tool: &'a Tool,
    pub directory: &'a Path,
    pub environment: &'a Environment,
    pub operation: Operation,
    pub workspace: Option<&'a str>,
    pub args: Vec<OsString>,
    pub workload: Workload,
}

/// A run that this process follows.
pub struct Run {
    folder: PathBuf,
    file: RunFile,
    child: Option<Child>,
    _lock: Flock<std::fs::File>,
}

/// What a follower hears.
pub enum News<'a> {
    Event(&'a Stamped),
    Progress(Snapshot),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// As a shell tells it: 128 and more is a signal.
    Code(i32),
    /// Nothing runs any more and nobody wrote down how it ended.
    Lost,
    /// The tool was never started, and never will be by this run.
    NeverStarted,
}

/// How a run ended, and all that it said.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub record: Record,
    /// The end of what it wrote beside the stream.
    pub stderr: String,
    /// How many times it was asked to stop.
    pub interrupts_sent: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    Sent,
    /// It was asked before; asking again needs force.
    AlreadySent,
    /// Nothing runs.
    NotRunning,
}

/// `$1` is the run's folder, the rest is the command. Shell builtins only, so that `PATH` does not matter.
const WRAPPER: &str = r#"
folder=$1
shift
trap : INT TERM HUP QUIT
stat= boot=
IFS= read -r stat 2>/dev/null </proc/$$/stat
IFS= read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id
printf '%s\n%s\n%s\n' "$$" "$stat" "$boot" >"$folder/wrapper" || exit 75
set -C
{ : >"$folder/go"; } 2>/dev/null || exit 75
set +C
/bin/sh -c '
stat= boot=
IFS= read -r stat 2>/dev/null </proc/$$/stat
IFS= read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id
printf "%s\n%s\n%s\n" "$$" "$stat" "$boot" >"$0" || exit 75
exec "$@"' "$folder/child" "$@" </dev/null >>"$folder/stream.ndjson" 2>>"$folder/stderr.log"
printf '%s\n' "$?" >"$folder/exit"
"#;

const STREAM: &str = "stream.ndjson";
const STDERR: &str = "stderr.log";
const POLL: Duration = Duration::from_millis(40);
const REPORT: Duration = Duration::from_secs(1);
const CHUNK: usize = 256 << 10;
const STDERR_KEPT: u64 = 64 << 10;

impl Run {
    /// Starts the tool. The folder must not hold a run yet; it is created if need be, for its owner only.
    pub async fn start(folder: &Path, spec: RunSpec<'_>) -> Result<Self, TerraformError> {
        let io = |what: &str| TerraformError::io(format!("{what} {}", folder.display()));
        create_private(folder).await?;
        let folder = tokio::fs::canonicalize(folder).await.map_err(io("find"))?;
        let lock = follow_alone(&folder)?;
        if folder.join(format::FILE).exists() {
            return Err(TerraformError::RunExists { folder });
        }
        let file = RunFile::new(&spec);
        for name in [STREAM, STDERR] {
            write_private(&folder.join(name), b"").await?;
        }
        file.write(&folder).await?;
        let child = Command::new("/bin/sh")
            .args(["-c", WRAPPER, "landfall-run"])
            .arg(&folder)
            .arg(&spec.tool.path)
            .args(&spec.args)
            .current_dir(spec.directory)
            .env_clear()
            .envs(spec.environment.for_child())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(TerraformError::io("start a shell for the run"))?;
        Ok(Self { folder, file, child: Some(child), _lock: lock })
    }

    /// Takes up a run that another process started, whether it still goes on or not.
    pub async fn attach(folder: &Path) -> Result<Self, TerraformError> {
        let folder = match tokio::fs::canonicalize(folder).await {
            Ok(folder) => folder,
            Err(_) => return Err(TerraformError::NoRun { folder: folder.to_owned() }),
        };
        let lock = follow_alone(&folder)?;
        let file = RunFile::read(&folder).await?;
        Ok(Self { folder, file, child: None, _lock: lock })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn file(&self) -> &RunFile {
        &self.file
    }

    /// Follows the run to its end. Cancelling the future leaves the tool running.
    pub async fn wait(
        &mut self,
        weights: &Weights,
        hear: &mut (dyn for<'n> FnMut(News<'n>) + Send),
    ) -> Result<Ended, TerraformError> {
        let (mut journal, journalled) = Journal::open(&self.folder).await?;
        let mut tail = Tail::default();
        let mut record = Record::default();
        let mut heard_at = Instant::now();
        let mut reported_at: Option<Instant> = None;
        let mut timer = tokio::time::interval(POLL);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let exit = loop {
            timer.tick().await;
            // Looked at first: what is in the stream after this was there when the tool ended.
            let exit = self.exit().await?;
            loop {
                let events = tail.read(&self.folder.join(STREAM), exit.is_some()).await?;
                if events.is_empty() && !tail.more {
                    break;
                }
                events.iter().for_each(|(offset, event)| journal.note(*offset, event));
                journal.sync().await?;
                for (_, event) in &events {
                    record.apply(event);
                    hear(News::Event(event));
                }
                if !events.is_empty() {
                    heard_at = Instant::now();
                    reported_at = None;
                }
            }
            if exit.is_some() {
                // What the journal knows and the stream lost with the machine.
                let lost = journalled.iter().filter(|(offset, _)| *offset > tail.offset);
                lost.for_each(|(_, event)| record.apply(event));
            }
            if exit.is_some() || reported_at.is_none_or(|at| at.elapsed() >= REPORT) {
                reported_at = Some(Instant::now());
                let now = stream_now(&record, heard_at);
                hear(News::Progress(self.file.workload.snapshot(&record, weights, now)));
            }
            if let Some(exit) = exit {
                break exit;
            }
        };
        let stderr = read_tail(&self.folder.join(STDERR)).await?;
        Ok(Ended { exit, record, stderr, interrupts_sent: interrupts_sent(&self.folder) })
    }

    /// How the run ended, if it has. Never starts or stops anything that runs.
    async fn exit(&mut self) -> Result<Option<Exit>, TerraformError> {
        if let Some(child) = &mut self.child {
            let ended = child.try_wait().map_err(TerraformError::io("look after the run's shell"))?;
            if ended.is_none() && !self.folder.join("go").exists() {
                return Ok(None);
            }
        }
        exit_of(&self.folder).await
    }
}

/// Asks the run in a folder to stop, from any process. A second time only by force; a third time never.
pub fn interrupt(folder: &Path, force: bool) -> Result<Interrupt, TerraformError> {
    let Some(child) = Identity::read(&folder.join("child")).filter(Identity::is_alive) else {
        return Ok(Interrupt::NotRunning);
    };
    let name = match (interrupts_sent(folder), force) {
        (0, _) => "interrupt-1",
        (1, true) => "interrupt-2",
        _ => return Ok(Interrupt::AlreadySent),
    };
    let path = folder.join(name);
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(_) if child.interrupt() => Ok(Interrupt::Sent),
        Ok(_) => Ok(Interrupt::NotRunning),
        // Somebody else asked in the same moment.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Interrupt::AlreadySent),
        Err(source) => Err(TerraformError::Io { what: format!("write {}", path.display()), source }),
    }
}

/// Whether the tool of the run in a folder, or its wrapper, is at work.
pub fn is_running(folder: &Path) -> bool {
    ["wrapper", "child"].iter().any(|name| Identity::read(&folder.join(name)).is_some_and(|one| one.is_alive()))
}

/// How the run in a folder ended; `None` while it goes on. Gives up a run that was never started.
async fn exit_of(folder: &Path) -> Result<Option<Exit>, TerraformError> {
    let path = folder.join("exit");
    let written = || std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).map(Exit::Code);
    if let Some(exit) = written() {
        return Ok(Some(exit));
    }
    let go = folder.join("go");
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&go) {
        Ok(_) => {
            // A later look must not take our claim for the wrapper's.
            write_private(&folder.join("abandoned"), b"").await?;
            return Ok(Some(Exit::NeverStarted));
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(TerraformError::Io { what: format!("write {}", go.display()), source }),
    }
    if is_running(folder) {
        return Ok(None);
    }
    if let Some(exit) = written() {
        return Ok(Some(exit));
    }
    match folder.join("abandoned").exists() {
        true => Ok(Some(Exit::NeverStarted)),
        false => Ok(Some(Exit::Lost)),
    }
}

/// Reads on in a growing file.
#[derive(Default)]
struct Tail {
    file: Option<File>,
    lines: Lines,
    offset: u64,
    /// The last read filled its buffer.
    more: bool,
    finished: bool,
}

impl Tail {
    /// Up to a chunk of new events; with `last` also the one that no line break ends.
    async fn read(&mut self, path: &Path, last: bool) -> Result<Vec<(u64, Stamped)>, TerraformError> {
        let io = || TerraformError::io(format!("read {}", path.display()));
        let mut events = Vec::new();
        if self.file.is_none() {
            self.file = match File::open(path).await {
                Ok(file) => Some(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(source) => return Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
            };
        }
        let mut buffer = vec![0; CHUNK];
        let count = match &mut self.file {
            Some(file) => file.read(&mut buffer).await.map_err(io())?,
            None => 0,
        };
        self.more = count == CHUNK;
        self.offset += count as u64;
        self.lines.push(&buffer[..count], |end, line| events.push((end, parse(line))));
        if last && count == 0 && !std::mem::replace(&mut self.finished, true) {
            self.lines.finish(|end, line| events.push((end, parse(line))));
        }
        self.more |= last && !self.finished;
        Ok(events)
    }
}

/// The stream's own time: that of its last event, and what passed since we read it.
fn stream_now(record: &Record, heard_at: Instant) -> Option<Timestamp> {
    record.last_at?.checked_add(heard_at.elapsed()).ok()
}

fn interrupts_sent(folder: &Path) -> u8 {
    ["interrupt-1", "interrupt-2"].iter().filter(|name| folder.join(name).exists()).count() as u8
}

fn follow_alone(folder: &Path) -> Result<Flock<std::fs::File>, TerraformError> {
    let path = folder.join("follower.lock");
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(TerraformError::io(format!("open {}", path.display())))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, _)| TerraformError::Busy { folder: folder.to_owned() })
}

/// Creates a folder that only its owner can look into; one that exists is left as it is.
pub(crate) async fn create_private(folder: &Path) -> Result<(), TerraformError> {
    let io = TerraformError::io(format!("create {}", folder.display()));
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await.map_err(io)
}

/// Writes a file that only its owner can read, durably and as a whole.
pub(crate) async fn write_private(path: &Path, bytes: &[u8]) -> Result<(), TerraformError> {
    let io = |what: &str| TerraformError::io(format!("{what} {}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = tokio::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&part)
        .await
        .map_err(io("write"))?;
    tokio::io::AsyncWriteExt::write_all(&mut file, bytes).await.map_err(io("write"))?;
    file.sync_all().await.map_err(io("sync"))?;
    tokio::fs::rename(&part, path).await.map_err(io("write"))?;
    match path.parent() {
        Some(folder) => journal::sync_folder(folder).await,
        None => Ok(()),
    }
}

async fn read_tail(path: &Path) -> Result<String, TerraformError> {
    let io = || TerraformError::io(format!("read {}", path.display()));
    let mut file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(source) => return Err(TerraformError::Io { what: format!("read {}", path.display()), source }),
    };
    let length = file.metadata().await.map_err(io())?.len();
    file.seek(std::io::SeekFrom::Start(length.saturating_sub(STDERR_KEPT))).await.map_err(io())?;
    let mut bytes = Vec::new();
    file.take(STDERR_KEPT).read_to_end(&mut bytes).await.map_err(io())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
