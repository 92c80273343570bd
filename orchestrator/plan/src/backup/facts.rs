//! What planning needs to know of each object, read once while its body passes by.
//!
//! A fact costs about a hundred bytes; only pods, volumes, accounts and bindings keep more. Bodies stay in the
//! engine's spool, at the same index as their fact.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{ApiResource, GroupResource, ItemId, OwnerFact};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a kind means to planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Plain,
    Pod,
    Claim,
    Volume,
    ServiceAccount,
    ClusterRoleBinding,
    SnapshotClass,
    SnapshotContent,
}

/// One object that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFact {
    /// Index into [`FactTable::kinds`].
    pub kind: u32,
    /// Index into [`FactTable::namespaces`]; 0 is no namespace.
    pub namespace: u32,
    pub name: Box<str>,
    /// The request's own selection reached it; else it was fetched for another's sake.
    pub selected: bool,
    pub deleting: bool,
    /// Carries the label that keeps it out of backups.
    pub opted_out: bool,
    pub more: Option<Box<More>>,
}

/// What only some kinds have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct More {
    pub owners: Vec<OwnerFact>,
    pub labels: BTreeMap<String, String>,
    pub hook_annotations: BTreeMap<String, String>,
    pub pod: Option<PodFact>,
    pub claim: Option<ClaimFact>,
    pub volume: Option<VolumeFact>,
    pub binding: Option<BindingFact>,
    /// A Secret that this object names in its annotations: namespace and name.
    pub secret: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodFact {
    pub phase: String,
    pub node: String,
    pub priority_class: String,
    pub containers: Vec<String>,
    /// Volume name, its source's field name (`emptyDir`, `hostPath`), and the claim it mounts.
    pub volumes: Vec<(String, String, Option<String>)>,
    /// Of volumes that are described in the pod itself, when asked for.
    pub sources: BTreeMap<String, SourceDetails>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimFact {
    pub phase: String,
    pub volume: String,
    pub class: Option<String>,
    pub capacity: String,
    pub details: Option<Box<ClaimDetails>>,
}

/// What volume policies may ask of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimDetails {
    pub mode: String,
    pub access: Vec<String>,
}

/// What volume policies may ask of a volume's source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceDetails {
    /// Server and path.
    pub nfs: Option<(String, String)>,
    pub csi_driver: Option<String>,
    pub csi_attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeFact {
    pub source: String,
    pub driver: String,
    pub reclaim_policy: String,
    pub class: String,
    pub capacity: String,
    pub claim: Option<(String, String)>,
    pub details: Option<Box<SourceDetails>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindingFact {
    pub role: String,
    /// Service accounts: namespace and name. Groups of service accounts are kept as `(namespace or "", "*")`.
    pub accounts: Vec<(String, String)>,
}

/// Every fact of a run.
#[derive(Debug, Default)]
pub struct FactTable {
    pub kinds: Vec<(ApiResource, bool, Role)>,
    pub namespaces: Vec<String>,
    pub items: Vec<ItemFact>,
    namespace_index: BTreeMap<String, u32>,
}

/// What [`observe`] read from a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub name: Box<str>,
    pub namespace: Option<String>,
    pub api_version: Option<String>,
    pub deleting: bool,
    pub opted_out: bool,
    pub labels: BTreeMap<String, String>,
    pub more: Option<Box<More>>,
}

/// What beyond identity is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// Owners matter when the selection may leave an owner out.
    pub owners: bool,
    /// Labels of pods matter when the request's hooks select by label.
    pub pod_labels: bool,
    /// Labels of whatever is listed matter while its list is sifted; they are not kept.
    pub labels: bool,
    /// Access modes, servers and attributes matter when a policy tells volumes apart.
    pub volume_details: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("the object is not readable JSON")]
    Json(#[source] serde_json::Error),
    #[error("the object has no name")]
    NoName,
}

impl Role {
    pub fn of(kind: &GroupResource) -> Self {
        match (kind.group.as_str(), kind.resource.as_str()) {
            ("", "pods") => Self::Pod,
            ("", "persistentvolumeclaims") => Self::Claim,
            ("", "persistentvolumes") => Self::Volume,
            ("", "serviceaccounts") => Self::ServiceAccount,
            ("rbac.authorization.k8s.io", "clusterrolebindings") => Self::ClusterRoleBinding,
            ("snapshot.storage.k8s.io", "volumesnapshotclasses") => Self::SnapshotClass,
            ("snapshot.storage.k8s.io", "volumesnapshotcontents") => Self::SnapshotContent,
            _ => Self::Plain,
        }
    }
}

impl FactTable {
    /// The number of a kind, added when new.
    pub fn kind(&mut self, resource: &ApiResource, preferred: bool) -> u32 {
        let found = self.kinds.iter().position(|(r, ..)| {
            r.resource == resource.resource && r.group == resource.group && r.version == resource.version
        });
        let index = found.unwrap_or_else(|| {
            let role = if preferred { Role::of(&resource.group_resource()) } else { Role::Plain };
            self.kinds.push((resource.clone(), preferred, role));
            self.kinds.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    pub fn namespace(&mut self, name: Option<&str>) -> u32 {
        if self.namespaces.is_empty() {
            self.namespaces.push(String::new());
        }
        let Some(name) = name else { return 0 };
        if let Some(index) = self.namespace_index.get(name) {
            return *index;
        }
        let index = u32::try_from(self.namespaces.len()).unwrap_or(u32::MAX);
        self.namespaces.push(name.to_owned());
        self.namespace_index.insert(name.to_owned(), index);
        index
    }

    pub fn namespace_number(&self, name: Option<&str>) -> Option<u32> {
        match name {
            None => Some(0),
            Some(name) => self.namespace_index.get(name).copied(),
        }
    }

    pub fn namespace_of(&self, item: &ItemFact) -> Option<&str> {
        if item.namespace == 0 { None } else { self.namespaces.get(item.namespace as usize).map(String::as_str) }
    }

    pub fn resource_of(&self, item: &ItemFact) -> &ApiResource {
        &self.kinds[item.kind as usize].0
    }

    pub fn role_of(&self, item: &ItemFact) -> Role {
        self.kinds[item.kind as usize].2
    }

    pub fn id_of(&self, item: &ItemFact) -> ItemId {
        ItemId {
            resource: self.resource_of(item).group_resource(),
            namespace: self.namespace_of(item).map(str::to_owned),
            name: item.name.to_string(),
        }
    }
}

/// Reads from a body what planning needs.
pub fn observe(role: Role, keep: Keep, body: &[u8]) -> Result<Observed, ObserveError> {
    let head: Head<'_> = serde_json::from_slice(body).map_err(ObserveError::Json)?;
    let name = head.metadata.name.filter(|name| !name.is_empty()).ok_or(ObserveError::NoName)?;
    let owners = if keep.owners { read_owners(body) } else { Vec::new() };
    let mut more = if role == Role::Plain { None } else { read_more(role, keep, body)? };
    if !owners.is_empty() {
        more.get_or_insert_default().owners = owners;
    }
    Ok(Observed {
        name: name.into(),
        namespace: head.metadata.namespace.filter(|ns| !ns.is_empty()).map(Cow::into_owned),
        api_version: head.api_version.map(Cow::into_owned),
        deleting: head.metadata.deletion_timestamp.is_some(),
        opted_out: head.metadata.labels.and_then(|l| l.exclude).is_some_and(|v| v == "true"),
        labels: if keep.labels { read_labels(body) } else { BTreeMap::new() },
        more: more.map(Box::new),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow, default)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: HeadMetadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMetadata<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow, default)]
    labels: Option<HeadLabels<'a>>,
}

#[derive(Deserialize)]
struct HeadLabels<'a> {
    #[serde(borrow, default, rename = "velero.io/exclude-from-backup")]
    exclude: Option<Cow<'a, str>>,
}

fn read_labels(body: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        labels: Option<BTreeMap<String, String>>,
    }
    serde_json::from_slice::<Object>(body).ok().and_then(|o| o.metadata.labels).unwrap_or_default()
}

fn read_owners(body: &[u8]) -> Vec<OwnerFact> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        #[serde(default)]
        owner_references: Vec<Owner>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Owner {
        #[serde(default)]
        api_version: String,
        #[serde(default)]
        kind: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        controller: Option<bool>,
    }
    let owners = serde_json::from_slice::<Object>(body).map(|o| o.metadata.owner_references).unwrap_or_default();
    let fact = |o: Owner| OwnerFact {
        api_version: o.api_version,
        kind: o.kind,
        name: o.name,
        controller: o.controller.unwrap_or(false),
    };
    owners.into_iter().map(fact).collect()
}

fn read_more(role: Role, keep: Keep, body: &[u8]) -> Result<Option<More>, ObserveError> {
    let manifest: serde_json::Value = serde_json::from_slice(body).map_err(ObserveError::Json)?;
    let text = |pointer: &str| manifest.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let strings = |pointer: &str| -> BTreeMap<String, String> {
        let map = manifest.pointer(pointer).and_then(|v| v.as_object());
        map.into_iter().flatten().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
    };
    let mut more = More::default();
    match role {
        Role::Pod => {
            more.pod = Some(read_pod(&manifest, keep.volume_details));
            let hooks = strings("/metadata/annotations");
            more.hook_annotations = hooks.into_iter().filter(|(k, _)| k.contains("hook.backup.velero.io/")).collect();
            if keep.pod_labels {
                more.labels = strings("/metadata/labels");
            }
        }
        Role::Claim => {
            more.claim = Some(ClaimFact {
                phase: text("/status/phase"),
                volume: text("/spec/volumeName"),
                class: manifest.pointer("/spec/storageClassName").and_then(|v| v.as_str()).map(str::to_owned),
                capacity: text("/spec/resources/requests/storage"),
                details: keep.volume_details.then(|| Box::new(claim_details(&manifest))),
            });
            more.labels = strings("/metadata/labels");
        }
        Role::Volume => more.volume = Some(read_volume(&manifest, keep.volume_details)),
        Role::ClusterRoleBinding => more.binding = Some(read_binding(&manifest)),
        Role::SnapshotClass => more.secret = annotated_secret(&strings("/metadata/annotations"), "snapshotter-list"),
        Role::SnapshotContent => more.secret = annotated_secret(&strings("/metadata/annotations"), "snapshotter"),
        Role::ServiceAccount | Role::Plain => return Ok(None),
    }
    Ok(Some(more))
}

fn read_pod(pod: &serde_json::Value, details: bool) -> PodFact {
    let text = |pointer: &str| pod.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let list = |pointer: &str| pod.pointer(pointer).and_then(|v| v.as_array()).cloned().unwrap_or_default();
    let name_of = |value: &serde_json::Value| value.get("name").and_then(|v| v.as_str()).map(str::to_owned);
    let pod_name = text("/metadata/name");
    let described = list("/spec/volumes");
    let sources = described.iter().filter(|_| details).filter_map(|volume| {
        let found = source_details(volume);
        (found != SourceDetails::default()).then_some((name_of(volume)?, found))
    });
    let sources = sources.collect();
    let volumes = described
        .iter()
        .filter_map(|volume| {
            let name = name_of(volume)?;
            let source = volume.as_object()?.keys().find(|k| *k != "name").cloned().unwrap_or_default();
            let claim = match source.as_str() {
                "persistentVolumeClaim" => {
                    volume.pointer("/persistentVolumeClaim/claimName").and_then(|v| v.as_str()).map(str::to_owned)
                }
                // A generic ephemeral volume owns a claim named after pod and volume.
                "ephemeral" => Some(format!("{pod_name}-{name}")),
                _ => None,
            };
            Some((name, source, claim))
        })
        .collect();
    PodFact {
        phase: text("/status/phase"),
        node: text("/spec/nodeName"),
        priority_class: text("/spec/priorityClassName"),
        containers: list("/spec/containers").iter().filter_map(name_of).collect(),
        volumes,
        sources,
    }
}

fn claim_details(claim: &serde_json::Value) -> ClaimDetails {
    let access = claim.pointer("/spec/accessModes").and_then(|v| v.as_array());
    ClaimDetails {
        mode: claim.pointer("/spec/volumeMode").and_then(|v| v.as_str()).unwrap_or_default().to_owned(),
        access: access.into_iter().flatten().filter_map(|mode| Some(mode.as_str()?.to_owned())).collect(),
    }
}

/// Reads a PersistentVolume's spec or a volume of a pod: both name their source alike.
fn source_details(volume: &serde_json::Value) -> SourceDetails {
    let text = |pointer: &str| volume.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let has = |field: &str| volume.get(field).is_some_and(serde_json::Value::is_object);
    let attributes = volume.pointer("/csi/volumeAttributes").and_then(|v| v.as_object());
    let attribute = |(k, v): (&String, &serde_json::Value)| Some((k.clone(), v.as_str()?.to_owned()));
    SourceDetails {
        nfs: has("nfs").then(|| (text("/nfs/server"), text("/nfs/path"))),
        csi_driver: has("csi").then(|| text("/csi/driver")),
        csi_attributes: attributes.into_iter().flatten().filter_map(attribute).collect(),
    }
}

fn read_volume(volume: &serde_json::Value, details: bool) -> VolumeFact {
    const NOT_A_SOURCE: [&str; 9] = [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeMode",
        "volumeAttributesClassName",
    ];
    let text = |pointer: &str| volume.pointer(pointer).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let spec = volume.get("spec").and_then(|v| v.as_object());
    let source = spec.and_then(|s| s.keys().find(|k| !NOT_A_SOURCE.contains(&k.as_str()))).cloned();
    let claim = (text("/spec/claimRef/namespace"), text("/spec/claimRef/name"));
    VolumeFact {
        source: source.unwrap_or_default(),
        driver: text("/spec/csi/driver"),
        reclaim_policy: text("/spec/persistentVolumeReclaimPolicy"),
        class: text("/spec/storageClassName"),
        capacity: text("/spec/capacity/storage"),
        claim: (!claim.1.is_empty()).then_some(claim),
        details: details.then(|| Box::new(volume.get("spec").map(source_details).unwrap_or_default())),
    }
}

fn read_binding(binding: &serde_json::Value) -> BindingFact {
    let subjects = binding.get("subjects").and_then(|v| v.as_array()).cloned().unwrap_or_default();
    let field =
        |value: &serde_json::Value, key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let accounts = subjects
        .iter()
        .filter(|subject| field(subject, "kind") == "ServiceAccount")
        .map(|subject| (field(subject, "namespace"), field(subject, "name")))
        .collect();
    let role = binding.get("roleRef").map(|r| field(r, "name")).unwrap_or_default();
    BindingFact { role, accounts }
}

fn annotated_secret(annotations: &BTreeMap<String, String>, which: &str) -> Option<(String, String)> {
    let get = |end: &str| annotations.get(&format!("csi.storage.k8s.io/{which}-secret-{end}")).cloned();
    // Contents name their secret under another prefix.
    let deletion =
        |end: &str| annotations.get(&format!("snapshot.storage.kubernetes.io/deletion-secret-{end}")).cloned();
    let name = get("name").or_else(|| deletion("name"))?;
    let namespace = get("namespace").or_else(|| deletion("namespace"))?;
    Some((namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_object_costs_identity_only() {
        let body = br#"{"kind":"Secret","metadata":{"labels":{"a":"b","velero.io/exclude-from-backup":"true"},
            "name":"x\u0041","namespace":"shop"},"data":{"k":"dg=="}}"#;
        let seen = observe(Role::Plain, Keep::default(), body).unwrap();
        assert_eq!((&*seen.name, seen.namespace.as_deref(), seen.opted_out), ("xA", Some("shop"), true));
        assert!(seen.more.is_none() && !seen.deleting);
    }

    #[test]
    fn a_pod_tells_its_claims_and_hooks() {
        let body = br#"{"metadata":{"name":"p","namespace":"n","annotations":{"pre.hook.backup.velero.io/command":"x","o":"1"}},
            "spec":{"containers":[{"name":"c"}],"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}},
            {"name":"e","ephemeral":{}},{"emptyDir":{},"name":"s"}]},"status":{"phase":"Running"}}"#;
        let more = observe(Role::Pod, Keep::default(), body).unwrap().more.unwrap();
        let pod = more.pod.unwrap();
        assert_eq!(more.hook_annotations.len(), 1);
        assert_eq!(pod.containers, ["c"]);
        assert_eq!(pod.volumes[0].2.as_deref(), Some("data"));
        assert_eq!(pod.volumes[1].2.as_deref(), Some("p-e"));
        assert_eq!(pod.volumes[2].1, "emptyDir");
    }

    #[test]
    fn objects_without_a_name_are_refused() {
        assert!(matches!(observe(Role::Plain, Keep::default(), b"{\"metadata\":{}}"), Err(ObserveError::NoName)));
        assert!(matches!(observe(Role::Plain, Keep::default(), b"{}"), Err(ObserveError::Json(_))));
    }
}
