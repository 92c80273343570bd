//! One real node: kubelet, containerd, runc, CNI and kube-proxy in namespaces of their own, so that pods really run.
//!
//! The control plane stays on the host as in every sandbox; the node reaches it through a relay on the host's end of
//! the link between them. Everything that the node leaves outside of its namespaces (cgroups, the link, one route)
//! has a name that follows from the sandbox's folder, so that it can be removed whatever was killed when.
//!
//! It does not run on a machine without root and cgroups, and says so before it touches anything.

mod cgroups;
mod files;
mod image;
mod network;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::component::Component;
use crate::error::SandboxError;
use crate::process::MARKER;
use crate::settings::Settings;
use crate::supervise::ProcessSpec;

pub(crate) use files::write;
pub(crate) use network::Network;
pub use support::missing;

/// The name of the node.
pub const NODE_NAME: &str = "real-node";
/// An image that is always there: a shell and the usual tools.
pub const BUSYBOX_IMAGE: &str = "docker.io/library/busybox:1";

/// What the node's traces on the host are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traces {
    /// The directory in every cgroup hierarchy.
    pub(crate) cgroup: String,
    /// The host's end of the link, and the other one until it is handed over.
    pub(crate) link: String,
    pub(crate) peer: String,
    /// Tells the sandbox's route from others to the same place.
    pub(crate) metric: u32,
}

impl Traces {
    pub(crate) fn of(folder: &Path) -> Self {
        let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
        let id = hex::encode(&digest[..5]);
        let number = u32::from_be_bytes([0, digest[5], digest[6], digest[7]]);
        Self {
            cgroup: format!("landfall-{id}"),
            link: format!("lf-{id}"),
            peer: format!("lp-{id}"),
            // Above what anybody else uses, so that every other route to the same place wins.
            metric: 1_000_000_000 + number,
        }
    }
}

/// The node's folder in the sandbox's.
pub(crate) fn home(folder: &Path) -> PathBuf {
    folder.join("node")
}

/// The programs of a node.
pub(crate) fn components() -> Vec<&'static Component> {
    Component::of_real_node().collect()
}

/// The process that is the node.
pub(crate) fn node(folder: &Path, network: &Network, settings: &Settings) -> ProcessSpec {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let path = std::env::join_paths(&settings.path).unwrap_or_default().to_string_lossy().into_owned();
    let environment = [
        (MARKER, text(folder)),
        ("HOME", text(folder)),
        ("PATH", path),
        ("NODE", text(&home(folder))),
        ("LOGS", text(&folder.join("logs"))),
        ("NAME", NODE_NAME.to_owned()),
        ("CGROUP", Traces::of(folder).cgroup),
        ("NODE_ADDRESS", network.node.to_string()),
        ("HOST_ADDRESS", network.host.to_string()),
    ];
    ProcessSpec {
        name: "node".to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec![text(&home(folder).join("enter.sh"))],
        directory: Some(folder.to_owned()),
        clear_environment: true,
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<BTreeMap<_, _>>(),
        log: Some(folder.join("logs").join("node.log")),
    }
}

/// Removes what a node left on the host. Its processes must have ended.
pub(crate) async fn remove_traces(folder: &Path, ip: &Path) -> Result<(), SandboxError> {
    // Without it no node was ever here, and there may be no right to look.
    if !home(folder).exists() {
        return Ok(());
    }
    let traces = Traces::of(folder);
    network::remove(&traces, ip).await?;
    cgroups::remove(&traces.cgroup).await
}

/// The path of `ip`, for those who remove and may have no toolbox.
pub(crate) fn ip(settings: &Settings) -> PathBuf {
    settings.on_path("ip").unwrap_or_else(|| PathBuf::from("/usr/sbin/ip"))
}
