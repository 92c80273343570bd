//! Sandboxes: up, down, list, status.
//!
//! One name is one sandbox: bringing it up twice returns the one that runs. A sandbox lives as long as its [`Sandbox`]
//! value, unless it was detached; whatever happens to its owner, `down` leaves nothing of it but its logs.

mod clean;
mod start;
mod up;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::SandboxError;
use crate::files::{self, Lock, LockAttempt};
use crate::format::{self, Record};
use crate::process::{self, ProcessIdentity};
use crate::progress::{Event, Progress};
use crate::release::Release;
use crate::settings::Settings;
use crate::supervise::Keeper;

/// More nodes than this are not a sandbox any more.
pub const MOST_NODES: u32 = 500;
/// How long another `up` or `down` of the same name is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(120);

/// The name of a sandbox: a folder, a context in a kubeconfig, part of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SandboxName(String);

/// What is wanted.
#[derive(Debug, Clone)]
pub struct UpRequest {
    pub name: SandboxName,
    pub kubernetes: Release,
    /// Fake nodes; more than none brings controllers with them.
    pub nodes: u32,
    /// kube-controller-manager and kube-scheduler, for service accounts, namespace deletion, garbage collection.
    pub controllers: bool,
    /// One node that really runs pods; brings controllers with it. Needs root, cgroups and Kubernetes 1.36.
    pub real_node: Option<RealNode>,
    /// Lives on when its owner ends.
    pub detach: bool,
    /// A port for the apiserver; a free one is chosen otherwise.
    pub port: Option<u16>,
    /// How long it may take from starting the processes until everything answers.
    pub patience: Duration,
}

/// What is wanted of a real node.
#[derive(Debug, Clone, Default)]
pub struct RealNode {
    /// Archives of images (as `docker save` writes them) to be there beside [`crate::real_node::BUSYBOX_IMAGE`].
    pub images: Vec<PathBuf>,
}

/// A sandbox that is up. Dropping it ends the sandbox, unless it was detached or was running before.
pub struct Sandbox {
    folder: PathBuf,
    record: Record,
    keeper: Option<Keeper>,
    was_running: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Every process is there and everything had answered.
    Running,
    /// An `up` is at work on it.
    Starting,
    /// Some of its processes have ended.
    Broken { ended: Vec<String> },
    /// Nothing runs any more; files are left.
    Ended,
}

#[derive(Debug, Clone)]
pub struct Status {
    pub name: SandboxName,
    pub state: State,
    pub kubernetes: Option<Release>,
    pub nodes: u32,
    pub controllers: bool,
    pub real_node: bool,
    pub detached: bool,
    pub server: Option<String>,
    pub kubeconfig: PathBuf,
    pub logs: PathBuf,
    /// Processes by name, and the pid of each that runs.
    pub processes: BTreeMap<String, Option<i32>>,
}

/// What `down` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// There was no such sandbox.
    Nothing,
    /// It was ended and removed; so many processes had to be ended.
    Ended { processes: usize },
}

impl SandboxName {
    /// Accepts a DNS label of at most 40 characters.
    pub fn parse(name: &str) -> Result<Self, SandboxError> {
        let fail = |why| Err(SandboxError::BadName { name: name.chars().take(80).collect(), why });
        if name.is_empty() {
            return fail("it is empty");
        }
        if name.len() > 40 {
            return fail("it is too long");
        }
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return fail("it holds a character that is none of a-z, 0-9 and -");
        }
        if name.starts_with('-') || name.ends_with('-') {
            return fail("it starts or ends with a dash");
        }
        Ok(Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl UpRequest {
    /// The newest release, no nodes, no controllers, attached, two minutes of patience.
    pub fn new(name: SandboxName) -> Self {
        Self {
            name,
            kubernetes: Release::default(),
            nodes: 0,
            controllers: false,
            real_node: None,
            detach: false,
            port: None,
            patience: Duration::from_secs(120),
        }
    }
}

impl Sandbox {
    /// Brings a sandbox up and returns when everything asked for has answered.
    ///
    /// *Guarantees*: when it returns an error, or the future is dropped, or this process is killed, nothing stays
    /// running; what lies on the disk is removed by the next `up` or `down` of the name.
    pub async fn up(settings: &Settings, request: &UpRequest, progress: &dyn Progress) -> Result<Self, SandboxError> {
        up::up(settings, request, progress).await
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// `https://ADDRESS:PORT` of the apiserver.
    pub fn server(&self) -> &str {
        &self.record.server
    }

    pub fn kubernetes(&self) -> Release {
        self.record.kubernetes
    }

    pub fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// The kubelet's folder on the host, where a real node's volumes are: `pods/UID/volumes/…`.
    pub fn kubelet_root(&self) -> Option<PathBuf> {
        self.record.real_node.then(|| crate::real_node::home(&self.folder).join("kubelet"))
    }

    /// True when it had been up before, so that dropping this value does not end it.
    pub fn was_running(&self) -> bool {
        self.was_running
    }

    /// Lets it live on by itself until somebody calls `down`.
    pub fn detach(mut self) -> Result<(), SandboxError> {
        up::mark_detached(&self.folder)?;
        self.keeper = None;
        Ok(())
    }

    /// Waits until a process of it ends, and returns its name. Never returns for a sandbox that was running before.
    pub async fn ended(&mut self) -> String {
        match &mut self.keeper {
            Some(keeper) => loop {
                match keeper.report().await {
                    Some(crate::supervise::Report::Ended { name, .. }) => return name,
                    Some(_) => {}
                    None => return "the supervisor".to_owned(),
                }
            },
            None => std::future::pending().await,
        }
    }

    /// Ends it and removes everything but its logs, whoever started it.
    pub async fn down(mut self, settings: &Settings, progress: &dyn Progress) -> Result<Down, SandboxError> {
        let ended = down(settings, &SandboxName(self.record.name.clone()), progress).await?;
        // Only now: somebody may have detached it, and then the supervisor would not end for our sake.
        if let Some(keeper) = self.keeper.take() {
            keeper.end().await;
        }
        Ok(ended)
    }
}

/// Ends a sandbox and removes everything but its logs. Also cleans up after one whose owner was killed.
pub async fn down(settings: &Settings, name: &SandboxName, progress: &dyn Progress) -> Result<Down, SandboxError> {
    let Some(folder) = folder(settings, name)? else { return Ok(Down::Nothing) };
    let _lock = lock(settings, name, progress).await?;
    let existed = folder.join("sandbox.json").exists() || folder.join("pki").exists();
    progress.report(Event::Stopping { name: name.to_string() });
    let processes = clean::clean(settings, &folder, name).await?;
    Ok(if existed || processes > 0 { Down::Ended { processes } } else { Down::Nothing })
}

/// Ends a sandbox and removes everything of it, its logs and the file that its name is locked by included. The logs
/// move to `logs` when somebody wants to keep them.
pub async fn purge(
    settings: &Settings,
    name: &SandboxName,
    logs: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Down, SandboxError> {
    // Taken also when no folder is left: a clean-up that was killed may have come so far.
    if folder(settings, name)?.is_none() && !lock_file(settings, name).exists() {
        return Ok(Down::Nothing);
    }
    let lock = lock(settings, name, progress).await?;
    let mut found = Down::Nothing;
    if let Some(folder) = folder(settings, name)? {
        progress.report(Event::Stopping { name: name.to_string() });
        let processes = clean::clean(settings, &folder, name).await?;
        if let Some(logs) = logs {
            clean::move_logs(&folder, logs)?;
        }
        files::remove_folder(&folder)?;
        found = Down::Ended { processes };
    }
    lock.remove(&lock_file(settings, name))?;
    Ok(found)
}

/// What is there of a sandbox, in words: processes that carry its mark, files, the lock of its name. Empty after
/// [`purge`].
pub fn remains(settings: &Settings, name: &SandboxName) -> Result<Vec<String>, SandboxError> {
    let root = settings.sandboxes();
    // Processes know their folder without links, whether it is still there or not.
    let root = root.canonicalize().unwrap_or(root);
    let folder = root.join(name.as_str());
    let processes =
        process::marked(&folder).into_iter().map(|identity| format!("process {} of sandbox {name}", identity.pid));
    let files = [folder.clone(), lock_file(settings, name)].into_iter().filter(|path| path.exists());
    Ok(processes.chain(files.map(|path| path.display().to_string())).collect())
}

/// Every sandbox of which there is more than logs, by name.
pub fn list(settings: &Settings) -> Result<Vec<Status>, SandboxError> {
    let root = settings.sandboxes();
    let entries = match std::fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SandboxError::file("read", root, error)),
    };
    let mut names: Vec<SandboxName> =
        entries.filter_map(|entry| SandboxName::parse(entry.ok()?.file_name().to_str()?).ok()).collect();
    names.sort();
    Ok(names.iter().filter_map(|name| status(settings, name).ok()).collect())
}

/// What is known of one sandbox, from its files and processes; the server is not asked.
pub fn status(settings: &Settings, name: &SandboxName) -> Result<Status, SandboxError> {
    let missing = || SandboxError::NotFound { name: name.to_string() };
    let folder = folder(settings, name)?.ok_or_else(missing)?;
    let at_work = files::is_locked(&lock_file(settings, name))?;
    let record = format::read(&folder).or_else(|error| match error {
        // A record that cannot be read still is a sandbox that `down` can remove.
        SandboxError::BadRecord { .. } | SandboxError::NewerRecord { .. } => Ok(None),
        other => Err(other),
    })?;
    if record.is_none() && !at_work && !folder.join("pki").exists() && !folder.join("sandbox.json").exists() {
        return Err(missing());
    }
    let processes: BTreeMap<String, Option<i32>> = record
        .iter()
        .flat_map(|record| &record.processes)
        .map(|(process, identity)| (process.clone(), identity.is_running().then_some(identity.pid)))
        .collect();
    Ok(Status {
        name: name.clone(),
        state: state(&folder, record.as_ref(), at_work, &processes),
        kubernetes: record.as_ref().map(|record| record.kubernetes),
        nodes: record.as_ref().map_or(0, |record| record.nodes),
        controllers: record.as_ref().is_some_and(|record| record.controllers),
        real_node: record.as_ref().is_some_and(|record| record.real_node),
        detached: up::is_detached(&folder),
        server: record.map(|record| record.server),
        kubeconfig: folder.join("kubeconfig"),
        logs: folder.join("logs"),
        processes,
    })
}

/// The kubeconfig of a sandbox that is up.
pub fn kubeconfig(settings: &Settings, name: &SandboxName) -> Result<PathBuf, SandboxError> {
    let status = status(settings, name)?;
    if matches!(status.state, State::Running | State::Broken { .. }) {
        Ok(status.kubeconfig)
    } else {
        Err(SandboxError::NotRunning { name: name.to_string() })
    }
}

fn state(folder: &Path, record: Option<&Record>, at_work: bool, processes: &BTreeMap<String, Option<i32>>) -> State {
    let is_alive = |identity: &Option<ProcessIdentity>| identity.as_ref().is_some_and(ProcessIdentity::is_running);
    match record {
        _ if at_work => State::Starting,
        Some(record) if is_alive(&record.supervisor) => {
            let ended: Vec<String> =
                processes.iter().filter(|(_, pid)| pid.is_none()).map(|(name, _)| name.clone()).collect();
            match (ended.is_empty(), record.ready) {
                (true, true) => State::Running,
                _ => State::Broken { ended },
            }
        }
        // Without a record, or with one that is of no use, only the processes themselves can tell.
        None if !process::marked(folder).is_empty() => State::Broken { ended: Vec::new() },
        _ => State::Ended,
    }
}

/// The folder of a sandbox with no links in its path, because its processes are recognised by it.
fn folder(settings: &Settings, name: &SandboxName) -> Result<Option<PathBuf>, SandboxError> {
    let path = settings.sandboxes().join(name.as_str());
    match path.canonicalize() {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SandboxError::file("find", path, error)),
    }
}

fn lock_file(settings: &Settings, name: &SandboxName) -> PathBuf {
    settings.sandboxes().join(".locks").join(name.as_str())
}

/// Takes the lock of a name, waiting for another `up` or `down` of it to finish.
async fn lock(settings: &Settings, name: &SandboxName, progress: &dyn Progress) -> Result<Lock, SandboxError> {
    let path = lock_file(settings, name);
    files::make_folder(path.parent().unwrap_or(Path::new("/")))?;
    let began = Instant::now();
    let mut told = false;
    loop {
        match files::try_lock(&path)? {
            LockAttempt::Taken(lock) => return Ok(lock),
            LockAttempt::HeldBy(holder) if began.elapsed() > LOCK_PATIENCE => {
                return Err(SandboxError::Busy { name: name.to_string(), holder });
            }
            LockAttempt::HeldBy(holder) => {
                if !told {
                    progress.report(Event::WaitingForSandbox { name: name.to_string(), holder });
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_folder_or_break_a_label_are_refused() {
        for name in ["a", "a-1", "prod-copy-2026"] {
            assert_eq!(SandboxName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "..", ".locks", "a/b", "A", "a b", "-a", "a-", "ä", &"a".repeat(41), "a\0"] {
            assert!(SandboxName::parse(name).unwrap_err().is_usage(), "{name:?}");
        }
    }
}
