//! The list of components. Versions here and in `components/*/go.mod` are the same; a test compares them.

use sha2::{Digest, Sha256};

use crate::release::Release;

/// One program.
#[derive(Debug, PartialEq, Eq)]
pub struct Component {
    /// The file name of the program.
    pub name: &'static str,
    /// The version that is built; found programs must agree in major and minor. Empty: any will do.
    pub version: &'static str,
    /// The Kubernetes release it belongs to, where it belongs to one.
    pub release: Option<Release>,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    pub source: Source,
    /// The arguments that make it tell its version; `None` where it has no such way.
    pub(super) version_arguments: &'static [&'static str],
}

/// Where it comes from when it is not there.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// A Go package of one of the embedded modules.
    Module { module: &'static Module, package: &'static str, version_flags: &'static str },
    /// Only a package of the distribution has it.
    Debian { package: &'static str },
}

/// A Go module that pins what is built: `components/NAME`.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    pub name: &'static str,
    pub(super) files: [(&'static str, &'static str); 3],
}

macro_rules! module {
    ($folder:literal) => {
        Module {
            name: $folder,
            files: [
                ("go.mod", include_str!(concat!("../../components/", $folder, "/go.mod"))),
                ("go.sum", include_str!(concat!("../../components/", $folder, "/go.sum"))),
                ("tools.go", include_str!(concat!("../../components/", $folder, "/tools.go"))),
            ],
        }
    };
}

static ETCD: Module = module!("etcd");
static KUBERNETES_1_36: Module = module!("kubernetes-1.36");
static KUBERNETES_1_24: Module = module!("kubernetes-1.24");
static KWOK: Module = module!("kwok");
static CONTAINERD: Module = module!("containerd");
static CNI: Module = module!("cni");

/// Without these the servers call themselves v0.0.0, and their compatibility logic goes wrong. Both packages, because
/// the aggregator of older releases answers /version from the client's.
macro_rules! kubernetes_flags {
    ($version:literal, $minor:literal) => {
        concat!(
            kubernetes_flags!("k8s.io/component-base/version", $version, $minor),
            " ",
            kubernetes_flags!("k8s.io/client-go/pkg/version", $version, $minor)
        )
    };
    ($package:literal, $version:literal, $minor:literal) => {
        concat!(
            "-X ",
            $package,
            ".gitVersion=v",
            $version,
            " -X ",
            $package,
            ".gitMajor=1 -X ",
            $package,
            ".gitMinor=",
            $minor,
            " -X ",
            $package,
            ".gitTreeState=clean"
        )
    };
}

const FLAGS_1_36: &str = kubernetes_flags!("1.36.3", "36");
const FLAGS_1_24: &str = kubernetes_flags!("1.24.17", "24");

macro_rules! kubernetes {
    ($name:literal, $release:ident, $version:literal, $module:ident, $flags:ident, $purpose:literal) => {
        Component {
            name: $name,
            version: $version,
            release: Some(Release::$release),
            purpose: $purpose,
            source: Source::Module {
                module: &$module,
                package: concat!("k8s.io/kubernetes/cmd/", $name),
                version_flags: $flags,
            },
            version_arguments: &["--version"],
        }
    };
}

macro_rules! built {
    ($name:literal, $version:literal, $module:ident, $package:expr, $flags:expr, $ask:expr, $purpose:literal) => {
        Component {
            name: $name,
            version: $version,
            release: None,
            purpose: $purpose,
            source: Source::Module { module: &$module, package: $package, version_flags: $flags },
            version_arguments: $ask,
        }
    };
}

const CONTAINERD_FLAGS: &str = "-X github.com/containerd/containerd/v2/version.Version=2.3.7";
const CNI_FLAGS: &str = "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v1.9.1";

macro_rules! cni {
    ($name:literal, $package:literal) => {
        built!(
            $name,
            "1.9.1",
            CNI,
            concat!("github.com/containernetworking/plugins/plugins/", $package),
            CNI_FLAGS,
            &[],
            "pod network of a real node"
        )
    };
}

macro_rules! debian {
    ($name:literal, $package:literal, $ask:expr, $purpose:literal) => {
        Component {
            name: $name,
            version: "",
            release: None,
            purpose: $purpose,
            source: Source::Debian { package: $package },
            version_arguments: $ask,
        }
    };
}

/// What every sandbox needs, then what controllers need.
static CONTROL_PLANE: [Component; 8] = [
    built!("etcd", "3.6.16", ETCD, "go.etcd.io/etcd/server/v3", "", &["--version"], "store of every control plane"),
    kubernetes!("kube-apiserver", V1_36, "1.36.3", KUBERNETES_1_36, FLAGS_1_36, "control plane 1.36"),
    kubernetes!("kube-controller-manager", V1_36, "1.36.3", KUBERNETES_1_36, FLAGS_1_36, "controllers 1.36"),
    kubernetes!("kube-scheduler", V1_36, "1.36.3", KUBERNETES_1_36, FLAGS_1_36, "scheduling 1.36"),
    kubernetes!("kube-apiserver", V1_24, "1.24.17", KUBERNETES_1_24, FLAGS_1_24, "control plane 1.24"),
    kubernetes!("kube-controller-manager", V1_24, "1.24.17", KUBERNETES_1_24, FLAGS_1_24, "controllers 1.24"),
    kubernetes!("kube-scheduler", V1_24, "1.24.17", KUBERNETES_1_24, FLAGS_1_24, "scheduling 1.24"),
    built!("kwok", "0.7.0", KWOK, "sigs.k8s.io/kwok/cmd/kwok", "", &["--version"], "fake nodes"),
];

/// What a real node needs beside a control plane.
static REAL_NODE: [Component; 16] = [
    kubernetes!("kubelet", V1_36, "1.36.3", KUBERNETES_1_36, FLAGS_1_36, "real node"),
    kubernetes!("kube-proxy", V1_36, "1.36.3", KUBERNETES_1_36, FLAGS_1_36, "services of a real node"),
    built!(
        "containerd",
        "2.3.7",
        CONTAINERD,
        "github.com/containerd/containerd/v2/cmd/containerd",
        CONTAINERD_FLAGS,
        &["--version"],
        "containers of a real node"
    ),
    built!(
        "containerd-shim-runc-v2",
        "2.3.7",
        CONTAINERD,
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        CONTAINERD_FLAGS,
        &["-v"],
        "containers of a real node"
    ),
    built!(
        "ctr",
        "2.3.7",
        CONTAINERD,
        "github.com/containerd/containerd/v2/cmd/ctr",
        CONTAINERD_FLAGS,
        &["--version"],
        "images of a real node"
    ),
    cni!("loopback", "main/loopback"),
    cni!("bridge", "main/bridge"),
    cni!("host-local", "ipam/host-local"),
    cni!("portmap", "meta/portmap"),
    debian!("runc", "runc", &["--version"], "containers of a real node"),
    debian!("busybox", "busybox-static", &[], "images of a real node"),
    debian!("nft", "nftables", &["--version"], "services of a real node"),
    debian!("conntrack", "conntrack", &["--version"], "services of a real node"),
    debian!("ip", "iproute2", &["-Version"], "network of a real node"),
    debian!("unshare", "util-linux", &["--version"], "namespaces of a real node"),
    debian!("mount", "mount", &["--version"], "namespaces of a real node"),
];

impl Component {
    /// A component by name, in that release where it comes in several.
    pub fn named(name: &str, release: Release) -> Option<&'static Self> {
        all()
            .filter(|component| component.name == name)
            .find(|component| component.release.is_none_or(|of| of == release))
    }

    /// Whether nothing but a real node needs it.
    pub fn is_for_real_nodes(&self) -> bool {
        REAL_NODE.contains(self)
    }

    /// Whether a program of this name on `PATH` may be it. Plugins of the pod network are in nobody's `PATH`, and
    /// `bridge` is another program there.
    pub(super) fn may_be_on_path(&self) -> bool {
        !matches!(self.source, Source::Module { module, .. } if *module == CNI)
    }

    /// Everything a real node needs beside the control plane.
    pub(crate) fn of_real_node() -> impl Iterator<Item = &'static Self> {
        REAL_NODE.iter()
    }

    /// A digest of all that decides what a build yields; empty where nothing is built.
    pub(super) fn recipe(&self) -> String {
        let Source::Module { module, package, version_flags } = &self.source else { return String::new() };
        let mut digest = Sha256::new();
        let files = module.files.iter().flat_map(|(name, content)| [*name, *content]);
        for part in files.chain([*package, *version_flags]) {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        hex::encode(&digest.finalize()[..8])
    }
}

pub(super) fn all() -> impl Iterator<Item = &'static Component> {
    CONTROL_PLANE.iter().chain(&REAL_NODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_the_embedded_modules_pin() {
        for component in all() {
            let Source::Module { module, package, version_flags } = &component.source else { continue };
            let content = |name| module.files.iter().find(|(file, _)| *file == name).unwrap().1;
            let pinned = content("go.mod")
                .lines()
                .filter_map(|line| line.trim().strip_prefix("require ").unwrap_or(line.trim()).split_once(' '))
                .filter(|(path, _)| package.starts_with(path))
                .map(|(_, version)| version.split_whitespace().next().unwrap())
                .max_by_key(|version| version.len());
            assert_eq!(pinned, Some(format!("v{}", component.version).as_str()), "{}", component.name);
            assert!(content("tools.go").contains(&format!("\"{package}\"")), "{} is not in tools.go", component.name);
            assert!(version_flags.is_empty() || version_flags.contains(component.version), "{}", component.name);
        }
    }

    #[test]
    fn a_release_has_its_own_servers_and_shares_the_rest() {
        for release in Release::ALL {
            for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
                assert_eq!(Component::named(name, release).unwrap().version, release.patch());
            }
            assert_eq!(Component::named("etcd", release).unwrap().version, "3.6.16");
        }
        assert_eq!(Component::named("kubelet", Release::V1_24), None);
    }
}
