//! The command lines of etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok.
//!
//! Pure: settings in, arguments out. Both releases understand every flag used here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use crate::certificates::CertificateFiles;
use crate::component::Toolbox;
use crate::process::MARKER;
use crate::real_node::Network;
use crate::settings::Supervisor;
use crate::supervise::ProcessSpec;

/// The range of service addresses where no node routes them; the first of them is the apiserver's own.
const SERVICE_RANGE: &str = "10.96.0.0/12";
const APISERVER_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

/// What all the command lines have in common.
pub(crate) struct Layout<'a> {
    /// The sandbox's folder, also the marker of its processes.
    pub(crate) folder: &'a Path,
    pub(crate) tools: &'a Toolbox,
    pub(crate) ports: Ports,
    /// With controllers there are service accounts, so the apiserver may insist on them.
    pub(crate) controllers: bool,
    pub(crate) path: String,
    /// The network of the real node, if there is one.
    pub(crate) network: Option<Network>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) apiserver: u16,
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
}

impl Layout<'_> {
    pub(crate) fn certificates(&self) -> CertificateFiles {
        CertificateFiles::new(self.folder.join("pki"))
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// Every address that the apiserver is reached at.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let service = self.network.map_or(APISERVER_SERVICE, Network::apiserver_service);
        let host = self.network.map(|network| network.host);
        [Some(Ipv4Addr::LOCALHOST), Some(service), host].into_iter().flatten().map(IpAddr::V4).collect()
    }

    pub(crate) fn etcd(&self) -> ProcessSpec {
        let pki = self.certificates();
        let client = format!("https://127.0.0.1:{}", self.ports.etcd);
        let peer = format!("https://127.0.0.1:{}", self.ports.etcd_peer);
        self.spec(
            "etcd",
            vec![
                flag("data-dir", self.folder.join("etcd").display()),
                // The data is lost with the sandbox anyway.
                "--unsafe-no-fsync".to_owned(),
                flag("listen-client-urls", &client),
                flag("advertise-client-urls", &client),
                flag("listen-peer-urls", &peer),
                flag("initial-advertise-peer-urls", &peer),
                flag("initial-cluster", format_args!("default={peer}")),
                // Restored Secrets are real ones, so nobody else on this machine may read them here; and an apiserver
                // whose etcd has lost its port to another sandbox must not write into that one's.
                flag("cert-file", pki.file("etcd.crt").display()),
                flag("key-file", pki.file("etcd.key").display()),
                flag("trusted-ca-file", pki.file("ca.crt").display()),
                flag("client-cert-auth", true),
                flag("peer-cert-file", pki.file("etcd.crt").display()),
                flag("peer-key-file", pki.file("etcd.key").display()),
                flag("peer-trusted-ca-file", pki.file("ca.crt").display()),
                flag("peer-client-cert-auth", true),
                // It has nobody to be elected by, and would wait up to a second before it noticed.
                flag("heartbeat-interval", 25),
                flag("election-timeout", 250),
                // Load tests write more than the two gigabytes that are the default.
                flag("quota-backend-bytes", 8_u64 << 30),
            ],
        )
    }

    pub(crate) fn apiserver(&self) -> ProcessSpec {
        let pki = self.certificates();
        let mut arguments = vec![
            flag("etcd-servers", format_args!("https://127.0.0.1:{}", self.ports.etcd)),
            flag("etcd-cafile", pki.file("ca.crt").display()),
            flag("etcd-certfile", pki.file("etcd.crt").display()),
            flag("etcd-keyfile", pki.file("etcd.key").display()),
            flag("secure-port", self.ports.apiserver),
            flag("bind-address", "127.0.0.1"),
            // A machine without a default route has no address that the server would find by itself. A real node
            // reaches the relay on its link.
            flag("advertise-address", self.network.map_or(Ipv4Addr::LOCALHOST, |network| network.host)),
            flag("tls-cert-file", pki.file("apiserver.crt").display()),
            flag("tls-private-key-file", pki.file("apiserver.key").display()),
            flag("client-ca-file", pki.file("ca.crt").display()),
            flag("service-account-key-file", pki.file("service-accounts.pub").display()),
            flag("service-account-signing-key-file", pki.file("service-accounts.key").display()),
            flag("service-account-issuer", "https://kubernetes.default.svc"),
            flag("service-cluster-ip-range", self.network.map_or(SERVICE_RANGE.to_owned(), Network::services)),
            flag("allow-privileged", true),
        ];
        if self.network.is_some() {
            arguments.extend([
                flag("authorization-mode", "Node,RBAC"),
                flag("enable-admission-plugins", "NodeRestriction"),
                flag("kubelet-certificate-authority", pki.file("ca.crt").display()),
                flag("kubelet-client-certificate", pki.file("administrator.crt").display()),
                flag("kubelet-client-key", pki.file("administrator.key").display()),
                // The node's name means nothing to the host's resolver.
                flag("kubelet-preferred-address-types", "InternalIP"),
            ]);
        } else {
            arguments.push(flag("authorization-mode", "RBAC"));
        }
        if !self.controllers {
            // Nobody creates service accounts, and pods would be refused for want of one.
            arguments.push(flag("disable-admission-plugins", "ServiceAccount"));
        }
        self.spec("kube-apiserver", arguments)
    }

    pub(crate) fn controller_manager(&self) -> ProcessSpec {
        let pki = self.certificates();
        self.spec(
            "kube-controller-manager",
            vec![
                flag("kubeconfig", self.kubeconfig().display()),
                flag("service-account-private-key-file", pki.file("service-accounts.key").display()),
                flag("root-ca-file", pki.file("ca.crt").display()),
                flag("use-service-account-credentials", true),
                flag("leader-elect", false),
                flag("bind-address", "127.0.0.1"),
                flag("secure-port", self.ports.controller_manager),
                flag("tls-cert-file", pki.file("apiserver.crt").display()),
                flag("tls-private-key-file", pki.file("apiserver.key").display()),
                // The node lifecycle stays on: it takes away the taint that a node is born with.
                flag("controllers", "*,-nodeipam,-cloud-node-lifecycle"),
                // The default of 20 a second is meant for sharing a cluster.
                flag("kube-api-qps", 200),
                flag("kube-api-burst", 400),
            ],
        )
    }

    pub(crate) fn scheduler(&self) -> ProcessSpec {
        let pki = self.certificates();
        self.spec(
            "kube-scheduler",
            vec![
                flag("kubeconfig", self.kubeconfig().display()),
                flag("leader-elect", false),
                flag("bind-address", "127.0.0.1"),
                flag("secure-port", self.ports.scheduler),
                flag("tls-cert-file", pki.file("apiserver.crt").display()),
                flag("tls-private-key-file", pki.file("apiserver.key").display()),
                flag("kube-api-qps", 200),
                flag("kube-api-burst", 400),
            ],
        )
    }

    /// With its built-in stages nodes and pods become Ready at once, and pods of Jobs complete.
    pub(crate) fn kwok(&self) -> ProcessSpec {
        self.spec(
            "kwok",
            vec![
                flag("kubeconfig", self.kubeconfig().display()),
                flag("manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"),
                flag("node-ip", "10.0.0.1"),
                flag("cidr", "10.0.0.1/16"),
                flag("node-lease-duration-seconds", 40),
            ],
        )
    }

    /// Carries the node's connections from the host's end of the link to the apiserver on loopback.
    pub(crate) fn relay(&self, supervisor: &Supervisor, network: Network) -> ProcessSpec {
        let port = self.ports.apiserver;
        let mut arguments = supervisor.arguments.clone();
        arguments.extend(["relay".to_owned(), format!("{}:{port}", network.host), format!("127.0.0.1:{port}")]);
        ProcessSpec { program: supervisor.program.clone(), ..self.spec("relay", arguments) }
    }

    pub(crate) fn log(&self, process: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{process}.log"))
    }

    fn spec(&self, name: &str, arguments: Vec<String>) -> ProcessSpec {
        ProcessSpec {
            name: name.to_owned(),
            program: self.tools.path(name),
            arguments,
            directory: Some(self.folder.to_owned()),
            // A proxy or a debugging variable of the user's shell is not meant for servers.
            clear_environment: true,
            environment: BTreeMap::from([
                (MARKER.to_owned(), self.folder.to_string_lossy().into_owned()),
                ("HOME".to_owned(), self.folder.to_string_lossy().into_owned()),
                ("PATH".to_owned(), self.path.clone()),
            ]),
            log: Some(self.log(name)),
        }
    }
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
