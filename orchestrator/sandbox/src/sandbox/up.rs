//! Bringing a sandbox up: is it there already, are the programs there, is the place clean; then start.
//!
//! Which processes, and when each is ready, is `start`'s business.

use std::path::Path;
use std::time::Duration;

use super::start::{self, Attempt};
use super::{MOST_NODES, Sandbox, UpRequest, clean, folder, lock};
use crate::component::{self, Component};
use crate::error::SandboxError;
use crate::files;
use crate::format::{self, Record};
use crate::https::ApiClient;
use crate::ports;
use crate::process::{self, ProcessIdentity};
use crate::progress::{Event, Progress};
use crate::real_node;
use crate::release::Release;
use crate::settings::Settings;

/// How often other ports are tried when some were taken in between.
const MOST_ATTEMPTS: u32 = 5;
/// etcd alone sets 64 MB aside for its log at once.
const LEAST_SPACE: u64 = 300 << 20;
/// How long a running sandbox may take to answer before it counts as not answering.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn up(
    settings: &Settings,
    request: &UpRequest,
    progress: &dyn Progress,
) -> Result<Sandbox, SandboxError> {
    if request.nodes > MOST_NODES {
        return Err(SandboxError::TooManyNodes { asked: request.nodes, most: MOST_NODES });
    }
    let controllers = request.controllers || request.nodes > 0 || request.real_node.is_some();
    let request = &UpRequest { controllers, ..request.clone() };
    if request.real_node.is_some() {
        check_real_node(request)?;
    }
    files::make_folder(&settings.sandboxes().join(request.name.as_str()))?;
    let Some(folder) = folder(settings, &request.name)? else {
        return Err(SandboxError::NotFound { name: request.name.to_string() });
    };
    // Looked at before the programs are looked for, because building those takes minutes.
    {
        let _lock = lock(settings, &request.name, progress).await?;
        if let Some(running) = running(&folder, request, progress).await? {
            return Ok(running);
        }
    }
    let tools = component::obtain_for(settings, &components(request)?, progress, Some(&folder)).await?;
    let _lock = lock(settings, &request.name, progress).await?;
    // Somebody may have removed it while nobody held the lock.
    files::make_folder(&folder)?;
    if let Some(running) = running(&folder, request, progress).await? {
        return Ok(running);
    }
    let left = clean::clean(settings, &folder, &request.name).await?;
    if left > 0 {
        progress.report(Event::CleanedUp { name: request.name.to_string(), processes: left });
    }
    check_space(&folder)?;
    if let Some(port) = request.port.filter(|port| !ports::is_free(*port)) {
        return Err(SandboxError::PortTaken { port });
    }
    for attempt in 1..=MOST_ATTEMPTS {
        rotate_logs(&folder)?;
        match start::start(settings, request, &folder, &tools, progress).await {
            Ok((keeper, record)) => {
                let mut sandbox = Sandbox { folder, record, keeper: Some(keeper), was_running: false };
                if request.detach {
                    mark_detached(&sandbox.folder)?;
                    sandbox.keeper = None;
                }
                let (name, server) = (request.name.to_string(), sandbox.record.server.clone());
                progress.report(Event::Ready { name, server });
                return Ok(sandbox);
            }
            Err(Attempt::PortTaken { port }) if attempt == MOST_ATTEMPTS || request.port == Some(port) => {
                clean::clean(settings, &folder, &request.name).await?;
                return Err(SandboxError::PortTaken { port });
            }
            Err(Attempt::PortTaken { .. }) => {
                clean::clean(settings, &folder, &request.name).await?;
                progress.report(Event::PortsTaken { attempt });
            }
            Err(Attempt::Failed(error)) => {
                // The first error is the one worth telling.
                let _ = clean::clean(settings, &folder, &request.name).await;
                return Err(error);
            }
        }
    }
    Err(SandboxError::NoPort(std::io::ErrorKind::AddrInUse.into()))
}

/// The programs that a request needs.
fn components(request: &UpRequest) -> Result<Vec<&'static Component>, SandboxError> {
    let mut names = vec!["etcd", "kube-apiserver"];
    if request.controllers {
        names.extend(["kube-controller-manager", "kube-scheduler"]);
    }
    if request.nodes > 0 {
        names.push("kwok");
    }
    let mut components = names
        .into_iter()
        .map(|name| {
            Component::named(name, request.kubernetes)
                .ok_or_else(|| SandboxError::UnknownRelease { asked: request.kubernetes.to_string() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if request.real_node.is_some() {
        components.extend(real_node::components());
    }
    Ok(components)
}

/// What a real node needs is asked for before anything is touched.
fn check_real_node(request: &UpRequest) -> Result<(), SandboxError> {
    let mut missing = real_node::missing();
    if request.kubernetes != Release::V1_36 {
        missing.push("Kubernetes 1.36: a kubelet must not be newer than its apiserver".to_owned());
    }
    if missing.is_empty() { Ok(()) } else { Err(SandboxError::Unsupported { missing }) }
}

/// The sandbox of that name if it is up and is what was asked for. What is left of one that is not up is not an
/// answer; the caller cleans it away.
async fn running(folder: &Path, request: &UpRequest, progress: &dyn Progress) -> Result<Option<Sandbox>, SandboxError> {
    let Some(record) = readable(folder)? else { return Ok(None) };
    let supervisor_runs = record.supervisor.as_ref().is_some_and(ProcessIdentity::is_running);
    let is_whole = record.processes.values().all(ProcessIdentity::is_running);
    // An owner that is gone takes its sandbox with it, if a moment later.
    let is_kept = is_detached(folder) || record.owner.is_running();
    if !(record.ready && supervisor_runs && is_whole && is_kept) {
        return Ok(None);
    }
    let suffices = record.kubernetes == request.kubernetes
        && record.nodes >= request.nodes
        && (record.controllers || !request.controllers)
        && (record.real_node || request.real_node.is_none());
    if !suffices {
        return Err(SandboxError::Different {
            name: request.name.to_string(),
            running: describe(record.kubernetes, record.nodes, record.controllers, record.real_node),
            asked: describe(request.kubernetes, request.nodes, request.controllers, request.real_node.is_some()),
        });
    }
    progress.report(Event::WaitingFor { what: "the running sandbox to answer".to_owned() });
    if !answers(folder, &record).await? {
        let log = folder.join("logs");
        return Err(SandboxError::NotAnswering { name: request.name.to_string(), log });
    }
    if request.detach {
        mark_detached(folder)?;
    }
    let (name, server) = (request.name.to_string(), record.server.clone());
    progress.report(Event::Ready { name, server });
    Ok(Some(Sandbox { folder: folder.to_owned(), record, keeper: None, was_running: true }))
}

/// The record, if it can be used; half a record is what a full disk leaves, and is as good as none.
fn readable(folder: &Path) -> Result<Option<Record>, SandboxError> {
    match format::read(folder) {
        Err(SandboxError::BadRecord { .. }) => Ok(None),
        other => other,
    }
}

async fn answers(folder: &Path, record: &Record) -> Result<bool, SandboxError> {
    let Some((address, authority, identity)) = start::credentials(folder, record) else { return Ok(false) };
    let mut client = ApiClient::new(address, &authority, &identity)?;
    let asking = async {
        while !client.get("/readyz").await.is_ok_and(|answer| answer.is_success()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(tokio::time::timeout(ANSWER_PATIENCE, asking).await.is_ok())
}

fn describe(kubernetes: Release, nodes: u32, controllers: bool, real_node: bool) -> String {
    let controllers = if controllers { "controllers" } else { "no controllers" };
    let real_node = if real_node { ", a real node" } else { "" };
    format!("Kubernetes {kubernetes}, {nodes} fake nodes{real_node}, {controllers}")
}

/// Lets the sandbox outlive its owner.
pub(super) fn mark_detached(folder: &Path) -> Result<(), SandboxError> {
    files::write_private(&start::detach_marker(folder), b"")
}

pub(super) fn is_detached(folder: &Path) -> bool {
    start::detach_marker(folder).exists()
}

fn check_space(folder: &Path) -> Result<(), SandboxError> {
    match nix::sys::statvfs::statvfs(folder) {
        Ok(disk) if disk.blocks_available().saturating_mul(disk.fragment_size()) < LEAST_SPACE => {
            Err(SandboxError::DiskFull { path: folder.to_owned() })
        }
        // A file system that cannot tell is given the benefit of the doubt.
        _ => Ok(()),
    }
}

/// Keeps the logs of the run before, once.
fn rotate_logs(folder: &Path) -> Result<(), SandboxError> {
    let (logs, previous) = (folder.join("logs"), folder.join("logs.previous"));
    if logs.exists() {
        files::remove_folder(&previous)?;
        std::fs::rename(&logs, &previous).map_err(|source| SandboxError::file("rename", &logs, source))?;
    }
    files::make_folder(&logs)
}

/// Our own identity, for the record.
pub(super) fn own_identity() -> ProcessIdentity {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    process::ProcessIdentity::of(pid).unwrap_or(ProcessIdentity { pid, start_time: 0, boot: String::new() })
}
