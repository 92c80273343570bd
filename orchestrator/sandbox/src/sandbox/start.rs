//! One attempt at starting the processes of a sandbox, and waiting until each has shown that it works.
//!
//! It cleans up nothing: when it fails, the keeper it drops ends the processes, and the caller removes the files.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::UpRequest;
use super::up::own_identity;
use crate::certificates::{self, CertificateFiles, Identity};
use crate::component::Toolbox;
use crate::control_plane::{Layout, Ports};
use crate::error::SandboxError;
use crate::files;
use crate::format::{self, FORMAT, Record};
use crate::https::ApiClient;
use crate::nodes;
use crate::progress::{Event, Progress};
use crate::real_node::{self, Network, Traces};
use crate::settings::Settings;
use crate::supervise::{Keeper, ProcessSpec, Report};

/// Fine enough not to be noticed beside a start of a second and a half.
const POLL: Duration = Duration::from_millis(20);

/// What runs on a real node, under the names of its logs.
const NODE_PROGRAMS: [&str; 3] = ["containerd", "kubelet", "kube-proxy"];

pub(super) enum Attempt {
    /// Somebody took a port between choosing and using it; another attempt may do.
    PortTaken {
        port: u16,
    },
    Failed(SandboxError),
}

impl From<SandboxError> for Attempt {
    fn from(error: SandboxError) -> Self {
        Self::Failed(error)
    }
}

pub(super) async fn start(
    settings: &Settings,
    request: &UpRequest,
    folder: &Path,
    tools: &Toolbox,
    progress: &dyn Progress,
) -> Result<(Keeper, Record), Attempt> {
    let traces = Traces::of(folder);
    let network = match &request.real_node {
        Some(_) => {
            // The folder is the sign that there may be traces to remove.
            files::make_folder(&real_node::home(folder))?;
            Some(Network::create(&traces, &tools.path("ip")).await?)
        }
        None => None,
    };
    let layout = Layout {
        folder,
        tools,
        network,
        ports: choose_ports(settings, request)?,
        controllers: request.controllers,
        path: std::env::join_paths(&settings.path).unwrap_or_default().to_string_lossy().into_owned(),
    };
    let log = folder.join("logs").join("supervisor.log");
    let keeper = Keeper::for_sandbox(&settings.supervisor, folder, &detach_marker(folder), &log).await?;
    let mut record = Record {
        format: FORMAT,
        name: request.name.to_string(),
        kubernetes: request.kubernetes,
        nodes: request.nodes,
        controllers: request.controllers,
        real_node: network.is_some(),
        ready: false,
        server: format!("https://127.0.0.1:{}", layout.ports.apiserver),
        owner: own_identity(),
        supervisor: keeper.identity(),
        processes: BTreeMap::new(),
    };
    format::write(folder, &record)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, layout.ports.apiserver));
    let (authority, administrator) = certificates::write_all(&layout.certificates(), &layout.addresses())?;
    let mut client = ApiClient::new(address, authority.certificate(), &administrator)?;
    let kubeconfig = layout.kubeconfig();
    certificates::write_kubeconfig(
        &kubeconfig,
        request.name.as_str(),
        &record.server,
        authority.certificate(),
        &administrator,
    )?;

    let mut run = Run { keeper, layout: &layout, deadline: Instant::now() + request.patience, request, progress };
    run.begin(layout.etcd(), &mut record).await?;
    run.begin(layout.apiserver(), &mut record).await?;
    if let (Some(network), Some(wanted)) = (network, &request.real_node) {
        let port = layout.ports.apiserver;
        real_node::write(folder, tools, &network, &authority, port, &wanted.images).await?;
        run.begin(layout.relay(&settings.supervisor, network), &mut record).await?;
        run.begin(real_node::node(folder, &network, settings), &mut record).await?;
        let pid = run.wait_for_pid(&mut record, &real_node::home(folder).join("init.pid")).await?;
        network.hand_over(&traces, pid, &tools.path("ip")).await?;
    }
    run.wait(&mut record, &mut client, "kube-apiserver", Goal::Ready).await?;
    if network.is_some() {
        // Now the kubelet will be answered; earlier it would have failed and waited longer and longer.
        files::write_private(&real_node::home(folder).join("go"), b"")?;
    }
    if request.controllers {
        run.begin(layout.controller_manager(), &mut record).await?;
        run.begin(layout.scheduler(), &mut record).await?;
        if request.nodes > 0 {
            run.begin(layout.kwok(), &mut record).await?;
            nodes::create(&mut client, request.nodes).await?;
        }
        // Pods are refused before this account exists, so without it the sandbox is not ready.
        run.wait(&mut record, &mut client, "kube-controller-manager", Goal::ServiceAccount).await?;
        let nodes = request.nodes + u32::from(network.is_some());
        if nodes > 0 {
            let process = if network.is_some() { "kubelet" } else { "kwok" };
            run.wait(&mut record, &mut client, process, Goal::Nodes(nodes)).await?;
        }
    }
    record.ready = true;
    format::write(folder, &record)?;
    Ok((run.keeper, record))
}

/// What a running sandbox is talked to with, from its files; `None` when they are not there or not readable.
pub(super) fn credentials(folder: &Path, record: &Record) -> Option<(SocketAddr, String, Identity)> {
    let pki = CertificateFiles::new(folder.join("pki"));
    let text = |name: &str| {
        files::read_capped(&pki.file(name), 64 * 1024).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok())
    };
    let address = record.server.strip_prefix("https://")?.parse().ok()?;
    let identity = Identity { certificate: text("administrator.crt")?, key: text("administrator.key")? };
    Some((address, text("ca.crt")?, identity))
}

pub(super) fn detach_marker(folder: &Path) -> PathBuf {
    folder.join("detached")
}

fn choose_ports(settings: &Settings, request: &UpRequest) -> Result<Ports, SandboxError> {
    let chosen = settings.ports.choose(5).map_err(SandboxError::NoPort)?;
    let &[apiserver, etcd, etcd_peer, controller_manager, scheduler] = chosen.as_slice() else {
        return Err(SandboxError::NoPort(std::io::ErrorKind::AddrNotAvailable.into()));
    };
    Ok(Ports { apiserver: request.port.unwrap_or(apiserver), etcd, etcd_peer, controller_manager, scheduler })
}

/// What is being waited for.
#[derive(Clone, Copy)]
enum Goal {
    Ready,
    ServiceAccount,
    Nodes(u32),
}

impl Goal {
    async fn is_reached(self, client: &mut ApiClient) -> bool {
        let path = match self {
            Self::Ready => "/readyz",
            Self::ServiceAccount => "/api/v1/namespaces/default/serviceaccounts/default",
            Self::Nodes(_) => "/api/v1/nodes",
        };
        let Ok(answer) = client.get(path).await else { return false };
        match self {
            Self::Ready | Self::ServiceAccount => answer.is_success(),
            Self::Nodes(count) => nodes::ready_count(&answer.json()) >= count as usize,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Ready => "the apiserver".to_owned(),
            Self::ServiceAccount => "the default service account".to_owned(),
            Self::Nodes(count) => format!("{count} nodes"),
        }
    }
}

struct Run<'a> {
    keeper: Keeper,
    layout: &'a Layout<'a>,
    deadline: Instant,
    request: &'a UpRequest,
    progress: &'a dyn Progress,
}

impl Run<'_> {
    /// Starts a process and records who it is.
    async fn begin(&mut self, spec: ProcessSpec, record: &mut Record) -> Result<(), Attempt> {
        let name = spec.name.clone();
        self.progress.report(Event::Starting { process: name.clone() });
        self.keeper.start(spec).await?;
        while !record.processes.contains_key(&name) {
            let report = self.keeper.report().await;
            self.hear(report, record)?;
        }
        Ok(())
    }

    /// Polls until the goal is reached, and fails as soon as a process ends.
    async fn wait(
        &mut self,
        record: &mut Record,
        client: &mut ApiClient,
        process: &str,
        goal: Goal,
    ) -> Result<(), Attempt> {
        self.progress.report(Event::WaitingFor { what: goal.name() });
        loop {
            tokio::select! {
                biased;
                report = self.keeper.report() => self.hear(report, record)?,
                () = tokio::time::sleep(POLL) => {
                    if goal.is_reached(client).await {
                        return Ok(());
                    }
                    if Instant::now() > self.deadline {
                        let (what, seconds) = (goal.name(), self.request.patience.as_secs());
                        return Err(SandboxError::NotReady { what, seconds, log: self.layout.log(process) }.into());
                    }
                }
            }
        }
    }

    /// Waits until the node's first process has told its pid.
    async fn wait_for_pid(&mut self, record: &mut Record, path: &Path) -> Result<i32, Attempt> {
        loop {
            tokio::select! {
                biased;
                report = self.keeper.report() => self.hear(report, record)?,
                () = tokio::time::sleep(POLL) => {
                    let content = files::read_capped(path, 32)?.unwrap_or_default();
                    if let Some(pid) = String::from_utf8_lossy(&content).trim().parse().ok().filter(|pid| *pid > 1) {
                        return Ok(pid);
                    }
                    if Instant::now() > self.deadline {
                        let (what, seconds) = ("the real node".to_owned(), self.request.patience.as_secs());
                        return Err(SandboxError::NotReady { what, seconds, log: self.layout.log("node") }.into());
                    }
                }
            }
        }
    }

    fn hear(&self, report: Option<Report>, record: &mut Record) -> Result<(), Attempt> {
        match report {
            Some(Report::Started { name, identity }) => {
                record.processes.insert(name, identity);
                format::write(self.layout.folder, record)?;
                Ok(())
            }
            Some(Report::Ended { name, code, signal }) => Err(self.ended(name, code, signal)),
            Some(Report::Failed { name, message }) => {
                let log = self.layout.log(&name);
                let how = "it could not be started".to_owned();
                Err(SandboxError::ProcessEnded { process: name, how, lines: vec![message], log }.into())
            }
            None => Err(SandboxError::SupervisorEnded { log: self.layout.log("supervisor") }.into()),
        }
    }

    /// A node ends when one of its programs does, and says which in its last line.
    fn culprit(&self, process: String) -> String {
        if process != "node" {
            return process;
        }
        let last = files::last_lines(&self.layout.log(&process), 1);
        let program = last.first().and_then(|line| line.strip_suffix(" has ended"));
        program.filter(|name| NODE_PROGRAMS.contains(name)).map_or(process, str::to_owned)
    }

    /// Why a process ended, as far as its log tells.
    fn ended(&self, process: String, code: Option<i32>, signal: Option<i32>) -> Attempt {
        let process = self.culprit(process);
        let log = self.layout.log(&process);
        let lines = files::last_lines(&log, 40);
        let ports = self.layout.ports;
        if lines.iter().any(|line| line.contains("address already in use")) {
            let port = match process.as_str() {
                "etcd" => ports.etcd,
                "kube-controller-manager" => ports.controller_manager,
                "kube-scheduler" => ports.scheduler,
                _ => ports.apiserver,
            };
            return Attempt::PortTaken { port };
        }
        if lines.iter().any(|line| line.contains("no space left on device")) {
            return SandboxError::DiskFull { path: self.layout.folder.to_owned() }.into();
        }
        let how = match (code, signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "for an unknown reason".to_owned(),
        };
        SandboxError::ProcessEnded { process, how, lines, log }.into()
    }
}
