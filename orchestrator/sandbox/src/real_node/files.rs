//! Everything a node reads: programs, images, certificates, the configuration of each program, the two scripts.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{BUSYBOX_IMAGE, NODE_NAME, Network, cgroups, home, image};
use crate::certificates::{Authority, write_kubeconfig};
use crate::component::Toolbox;
use crate::error::SandboxError;
use crate::files;

const PAUSE_IMAGE: &str = "docker.io/local/pause:1";
/// Buries orphans, and leaves when it is asked to: what a pod's first process is for.
const PAUSE: [&str; 4] =
    ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 2147483 & wait $!; done"];

/// Writes the node's folder. `port` is where the relay listens on the host's end of the link.
pub(crate) async fn write(
    folder: &Path,
    tools: &Toolbox,
    network: &Network,
    authority: &Authority,
    port: u16,
    more_images: &[std::path::PathBuf],
) -> Result<(), SandboxError> {
    let home = home(folder);
    for name in ["bin", "images", "pki/kubelet", "cni", "kubelet", "containerd", "pod-logs"] {
        files::make_folder(&home.join(name))?;
    }
    programs(&home, tools)?;
    certificates(&home, network, authority, port)?;
    let write = |name: &str, content: &str| files::write_private(&home.join(name), content.as_bytes());
    write("enter.sh", include_str!("enter.sh"))?;
    write("init.sh", include_str!("init.sh"))?;
    let hierarchies: String = cgroups::hierarchies()
        .iter()
        .map(|hierarchy| format!("{} {} {}\n", hierarchy.mount.display(), hierarchy.version, hierarchy.options))
        .collect();
    write("hierarchies", &hierarchies)?;
    // Where the host's own file is a link into /run, it would be hidden on the node.
    write("resolv.conf", &std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())?;
    write("kubelet.yaml", &pretty(&kubelet(network)))?;
    write("kube-proxy.yaml", &pretty(&kube_proxy(network)))?;
    write("cni/10-landfall.conflist", &pretty(&cni(network)))?;
    write("containerd.toml", &containerd(folder))?;

    let busybox = tools.path("busybox");
    for (name, reference, entrypoint) in [("pause", PAUSE_IMAGE, &PAUSE[..]), ("busybox", BUSYBOX_IMAGE, &[][..])] {
        let archive = image::busybox(&busybox, reference, entrypoint).await?;
        let path = home.join("images").join(format!("{name}.tar"));
        std::fs::write(&path, archive).map_err(|source| SandboxError::file("write", path, source))?;
    }
    for (index, archive) in more_images.iter().enumerate() {
        place(archive, &home.join("images").join(format!("more-{index}.tar")))?;
    }
    Ok(())
}

/// The node sees them under one short path, wherever they were found: that may be a place it does not see.
fn programs(home: &Path, tools: &Toolbox) -> Result<(), SandboxError> {
    for name in [
        "kubelet",
        "kube-proxy",
        "containerd",
        "containerd-shim-runc-v2",
        "ctr",
        "loopback",
        "bridge",
        "host-local",
        "portmap",
        "runc",
    ] {
        place(&tools.path(name), &home.join("bin").join(name))?;
    }
    Ok(())
}

/// Links a file where the disk is the same, else copies it.
fn place(from: &Path, to: &Path) -> Result<(), SandboxError> {
    // A link to a symbolic link would be a symbolic link.
    let from = from.canonicalize().map_err(|source| SandboxError::file("find", from, source))?;
    if std::fs::hard_link(&from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(&from, to).map(drop).map_err(|source| SandboxError::file("copy", from, source))
}

fn certificates(home: &Path, network: &Network, authority: &Authority, port: u16) -> Result<(), SandboxError> {
    let pki = home.join("pki");
    let server = authority.server(NODE_NAME, &[NODE_NAME], &[IpAddr::V4(network.node)])?;
    files::write_private(&pki.join("ca.crt"), authority.certificate().as_bytes())?;
    files::write_private(&pki.join("kubelet.crt"), server.certificate.as_bytes())?;
    files::write_private(&pki.join("kubelet.key"), server.key.as_bytes())?;
    let url = format!("https://{}:{port}", network.host);
    for (name, group, user) in [
        ("kubelet", "system:nodes", format!("system:node:{NODE_NAME}")),
        ("kube-proxy", "landfall", "system:kube-proxy".to_owned()),
    ] {
        let identity = authority.client(group, &user)?;
        let path = pki.join(format!("{name}.kubeconfig"));
        write_kubeconfig(&path, "sandbox", &url, authority.certificate(), &identity)?;
    }
    Ok(())
}

fn kubelet(network: &Network) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.node,
        "readOnlyPort": 0,
        "tlsCertFile": "/run/landfall/pki/kubelet.crt",
        "tlsPrivateKeyFile": "/run/landfall/pki/kubelet.key",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": "/run/landfall/pki/ca.crt" },
        },
        "authorization": { "mode": "Webhook" },
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "failSwapOn": false,
        "resolvConf": "/run/landfall/resolv.conf",
        "clusterDomain": "cluster.local",
        // A registry is out of reach, so an image that is collected never comes back.
        "imageMinimumGCAge": "24h",
        "imageGCHighThresholdPercent": 100,
        // It shares the host's disk, whose fill is not its business.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.inodesFree": "1%",
        },
        "syncFrequency": "10s",
        "shutdownGracePeriod": "0s",
    })
}

fn kube_proxy(network: &Network) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NODE_NAME,
        "clientConnection": { "kubeconfig": "/run/landfall/pki/kube-proxy.kubeconfig" },
        "clusterCIDR": network.pods(),
        "detectLocalMode": "ClusterCIDR",
        // Zero leaves the host's limits alone.
        "conntrack": { "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s" },
        "metricsBindAddress": "127.0.0.1:10249",
    })
}

fn cni(network: &Network) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "landfall",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods0",
                "isGateway": true,
                "ipMasq": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{ "subnet": network.pods() }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    })
}

fn containerd(folder: &Path) -> String {
    format!(
        "version = 3\n\
         root = '/var/lib/containerd'\n\
         state = '/run/containerd'\n\
         imports = []\n\
         [grpc]\n\
         address = '/run/containerd/containerd.sock'\n\
         [plugins.'io.containerd.cri.v1.images']\n\
         snapshotter = '{snapshotter}'\n\
         [plugins.'io.containerd.cri.v1.images'.pinned_images]\n\
         sandbox = '{PAUSE_IMAGE}'\n\
         [plugins.'io.containerd.cri.v1.runtime']\n\
         netns_mounts_under_state_dir = true\n\
         disable_apparmor = true\n\
         # Where CAP_SYS_RESOURCE is missing, no process may become less killable than its parent.\n\
         restrict_oom_score_adj = true\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd]\n\
         default_runtime_name = 'runc'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
         runtime_type = 'io.containerd.runc.v2'\n\
         [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]\n\
         BinaryName = '/run/landfall/bin/runc'\n\
         Root = '/run/runc'\n\
         SystemdCgroup = false\n\
         [plugins.'io.containerd.cri.v1.runtime'.cni]\n\
         bin_dirs = ['/run/landfall/bin']\n\
         conf_dir = '/run/landfall/cni'\n\
         [plugins.'io.containerd.internal.v1.opt']\n\
         path = '/run/opt'\n\
         [plugins.'io.containerd.nri.v1.nri']\n\
         disable = true\n",
        snapshotter = if is_overlay(folder) { "native" } else { "overlayfs" },
    )
}

/// An overlay cannot be the upper half of another one, which is how it is inside most containers.
fn is_overlay(folder: &Path) -> bool {
    use nix::sys::statfs::{OVERLAYFS_SUPER_MAGIC, statfs};
    statfs(folder).is_ok_and(|disk| disk.filesystem_type() == OVERLAYFS_SUPER_MAGIC)
}

/// JSON is YAML.
fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
