//! In which order items are created: waves, each finished before the next begins.
//!
//! What others refer to comes first, what interferes with others comes last. Within a wave many are created at once;
//! namespaces that the user names go before the rest.

use model::GroupResource;
use serde::{Deserialize, Serialize};

/// Waves in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wave {
    /// Ends when every definition is established.
    Definitions,
    Namespaces,
    /// Classes, drivers, priorities: what others name.
    Classes,
    /// Volume snapshots before the claims that are filled from them.
    Snapshots,
    Volumes,
    Claims,
    Roles,
    Accounts,
    Bindings,
    Configuration,
    /// Before their owners, so that owners adopt them instead of making others.
    Pods,
    /// What sits between owners and pods: replica sets, revisions, endpoints.
    Between,
    Workloads,
    /// Custom resources, and every kind that has no wave of its own.
    Everything,
    /// Objects that make an operator build whole clusters or install packages.
    Late,
    /// Quotas count what exists; earlier they would refuse it.
    Quotas,
    /// What can refuse or change other requests.
    Gates,
}

impl Wave {
    pub fn of(kind: &GroupResource) -> Self {
        match (kind.group.as_str(), kind.resource.as_str()) {
            ("apiextensions.k8s.io", "customresourcedefinitions") => Self::Definitions,
            ("", "namespaces") => Self::Namespaces,
            ("storage.k8s.io", _)
            | ("scheduling.k8s.io", _)
            | ("node.k8s.io", _)
            | ("networking.k8s.io", "ingressclasses")
            | ("snapshot.storage.k8s.io", "volumesnapshotclasses")
            | ("groupsnapshot.storage.k8s.io", "volumegroupsnapshotclasses")
            | ("gateway.networking.k8s.io", "gatewayclasses")
            | ("flowcontrol.apiserver.k8s.io", _)
            | ("resource.k8s.io", "deviceclasses") => Self::Classes,
            ("snapshot.storage.k8s.io" | "groupsnapshot.storage.k8s.io", _) => Self::Snapshots,
            ("", "persistentvolumes") => Self::Volumes,
            ("", "persistentvolumeclaims") => Self::Claims,
            ("rbac.authorization.k8s.io", "clusterroles" | "roles") => Self::Roles,
            ("", "serviceaccounts") => Self::Accounts,
            ("rbac.authorization.k8s.io", _) => Self::Bindings,
            ("", "secrets" | "configmaps" | "limitranges" | "podtemplates") => Self::Configuration,
            ("", "pods") => Self::Pods,
            ("apps" | "extensions", "replicasets")
            | ("apps", "controllerrevisions")
            | ("", "endpoints" | "replicationcontrollers")
            | ("discovery.k8s.io", "endpointslices") => Self::Between,
            ("apps" | "extensions" | "batch", _) | ("", "services") => Self::Workloads,
            ("", "resourcequotas") => Self::Quotas,
            ("admissionregistration.k8s.io" | "apiregistration.k8s.io", _) => Self::Gates,
            ("cluster.x-k8s.io", "clusters")
            | ("run.tanzu.vmware.com", "clusterbootstraps")
            | ("addons.cluster.x-k8s.io", "clusterresourcesets")
            | ("kappctrl.k14s.io", "apps")
            | ("packaging.carvel.dev", "packageinstalls") => Self::Late,
            ("cluster.x-k8s.io", "clusterclasses") => Self::Classes,
            _ => Self::Everything,
        }
    }
}

/// The place of an item inside its wave: favoured namespaces in the order named, then the others.
pub fn rank(first: &[String], namespace: Option<&str>) -> usize {
    namespace.and_then(|ns| first.iter().position(|favoured| favoured == ns)).unwrap_or(first.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_comes_first_and_gates_come_last() {
        let wave = |text: &str| Wave::of(&GroupResource::parse(text));
        let order = [
            "customresourcedefinitions.apiextensions.k8s.io",
            "namespaces",
            "storageclasses.storage.k8s.io",
            "volumesnapshots.snapshot.storage.k8s.io",
            "persistentvolumes",
            "persistentvolumeclaims",
            "clusterroles.rbac.authorization.k8s.io",
            "serviceaccounts",
            "rolebindings.rbac.authorization.k8s.io",
            "secrets",
            "pods",
            "replicasets.apps",
            "deployments.apps",
            "widgets.example.com",
            "clusters.cluster.x-k8s.io",
            "resourcequotas",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
        ];
        assert!(order.windows(2).all(|pair| wave(pair[0]) < wave(pair[1])), "{order:?}");
    }

    #[test]
    fn favoured_namespaces_go_first() {
        let first = ["pay".to_owned(), "shop".to_owned()];
        assert!(rank(&first, Some("pay")) < rank(&first, Some("shop")));
        assert!(rank(&first, Some("shop")) < rank(&first, Some("other")));
        assert_eq!(rank(&first, None), rank(&first, Some("other")));
    }
}
