//! A catalog of common kinds for tests that need a cluster but no particular one.

use std::collections::BTreeSet;

use model::{ApiResource, Catalog};

const ALL: &str = "create delete deletecollection get list patch update watch";

/// group, version, resource, kind, short name, namespaced, subresources
const KINDS: &[(&str, &str, &str, &str, &str, bool, &str)] = &[
    ("", "v1", "configmaps", "ConfigMap", "cm", true, ""),
    ("", "v1", "endpoints", "Endpoints", "ep", true, ""),
    ("", "v1", "events", "Event", "ev", true, ""),
    ("", "v1", "limitranges", "LimitRange", "limits", true, ""),
    ("", "v1", "namespaces", "Namespace", "ns", false, "finalize status"),
    ("", "v1", "nodes", "Node", "no", false, "proxy status"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", true, "status"),
    ("", "v1", "persistentvolumes", "PersistentVolume", "pv", false, "status"),
    ("", "v1", "pods", "Pod", "po", true, "binding eviction exec log status"),
    ("", "v1", "replicationcontrollers", "ReplicationController", "rc", true, "scale status"),
    ("", "v1", "resourcequotas", "ResourceQuota", "quota", true, "status"),
    ("", "v1", "secrets", "Secret", "", true, ""),
    ("", "v1", "serviceaccounts", "ServiceAccount", "sa", true, "token"),
    ("", "v1", "services", "Service", "svc", true, "proxy status"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        false,
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        false,
        "",
    ),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "crd", false, "status"),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", "", false, "status"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", "", true, ""),
    ("apps", "v1", "daemonsets", "DaemonSet", "ds", true, "status"),
    ("apps", "v1", "deployments", "Deployment", "deploy", true, "scale status"),
    ("apps", "v1", "replicasets", "ReplicaSet", "rs", true, "scale status"),
    ("apps", "v1", "statefulsets", "StatefulSet", "sts", true, "scale status"),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", true, "status"),
    ("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", true, "status"),
    ("batch", "v1", "cronjobs", "CronJob", "cj", true, "status"),
    ("batch", "v1", "jobs", "Job", "", true, "status"),
    ("coordination.k8s.io", "v1", "leases", "Lease", "", true, ""),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "", true, ""),
    ("events.k8s.io", "v1", "events", "Event", "ev", true, ""),
    ("networking.k8s.io", "v1", "ingressclasses", "IngressClass", "", false, ""),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", "ing", true, "status"),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", true, ""),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", true, "status"),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", "", false, ""),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", "", false, ""),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "", true, ""),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", "", true, ""),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "pc", false, ""),
    ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "", false, ""),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", "sc", false, ""),
    ("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "", false, "status"),
];

/// What a current cluster serves of the kinds that people use.
pub fn standard_catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for &(group, version, resource, kind, short, namespaced, subresources) in KINDS {
        catalog.add(resource_of(group, version, resource, kind, short, namespaced, subresources));
    }
    catalog
}

/// One resource with every verb; names in `short` and `subresources` are separated by blanks.
pub fn resource_of(
    group: &str,
    version: &str,
    resource: &str,
    kind: &str,
    short: &str,
    namespaced: bool,
    subresources: &str,
) -> ApiResource {
    let words = |text: &str| -> BTreeSet<String> { text.split_whitespace().map(str::to_owned).collect() };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        resource: resource.to_owned(),
        singular: kind.to_ascii_lowercase(),
        kind: kind.to_owned(),
        short_names: words(short).into_iter().collect(),
        namespaced,
        verbs: words(ALL),
        subresources: words(subresources),
    }
}
