//! What is stored, and reading it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use model::{ApiResource, Catalog, GroupResource, GroupVersion, Gvk};
use ports::PortError;
use ports::cluster::{Discovery, ObjectRef};
use serde_json::{Map, Value, json};

use super::answers::{self, Refusal};
use super::list::Page;

/// One stored object, without `apiVersion` and `kind`.
pub(super) type Object = Map<String, Value>;

pub(super) struct State {
    pub(super) catalog: Catalog,
    pub(super) version: String,
    pub(super) namespace_controller: bool,
    pub(super) paths: BTreeMap<String, (u16, Bytes)>,
    pub(super) failures: Vec<(GroupVersion, Refusal)>,
    pub(super) crds_held: bool,
    /// Kinds that came from a CRD.
    pub(super) custom: BTreeSet<GroupResource>,
    /// By `namespace/name` or `name`, the order of etcd.
    pub(super) objects: BTreeMap<GroupResource, BTreeMap<String, Object>>,
    pub(super) revision: u64,
    pub(super) counter: u64,
    pub(super) pages: BTreeMap<u64, Page>,
    pub(super) expired_before: u64,
}

impl State {
    pub(super) fn new(catalog: Catalog, now: Timestamp) -> Self {
        let mut state = Self {
            catalog,
            version: "v1.36.0".to_owned(),
            namespace_controller: true,
            paths: ["/readyz", "/livez", "/healthz"]
                .iter()
                .map(|path| ((*path).to_owned(), (200, Bytes::from_static(b"ok"))))
                .collect(),
            failures: Vec::new(),
            crds_held: false,
            custom: BTreeSet::new(),
            objects: BTreeMap::new(),
            revision: 100,
            counter: 0,
            pages: BTreeMap::new(),
            expired_before: 0,
        };
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            state.ensure_namespace(namespace, now);
        }
        state
    }

    pub(super) fn discovery(&self) -> Discovery {
        let failures = self.failures.iter().map(|(gv, refusal)| (gv.clone(), refusal.error())).collect();
        Discovery { catalog: self.catalog.clone(), version: self.version.clone(), failures }
    }

    pub(super) fn break_group_version(&mut self, broken: GroupVersion, refusal: Refusal) {
        self.retain_resources(|resource| resource.group_version() != broken);
        self.catalog.add_group(&broken.group, [broken.version.clone()]);
        self.failures.push((broken, refusal));
    }

    /// Removes resources from the catalog and keeps the order of the rest.
    pub(super) fn retain_resources(&mut self, keep: impl Fn(&ApiResource) -> bool) {
        let mut rest = Catalog::default();
        for (group, versions) in self.catalog.groups() {
            let served = |version: &&String| {
                self.catalog.resources().any(|r| r.group == group && r.version == **version && keep(r))
            };
            let versions: Vec<String> = versions.iter().filter(served).cloned().collect();
            if !versions.is_empty() {
                rest.add_group(group, versions);
            }
        }
        for resource in self.catalog.resources().filter(|r| keep(r)) {
            rest.add(resource.clone());
        }
        self.catalog = rest;
    }

    /// The resource as it is served, or the answer of a server that does not know it.
    pub(super) fn served(&self, resource: &ApiResource) -> Result<ApiResource, PortError> {
        self.catalog.find(&resource.group_resource(), &resource.version).cloned().ok_or_else(answers::not_served)
    }

    pub(super) fn get(&self, object: &ObjectRef<'_>) -> Result<Value, PortError> {
        let resource = self.served(object.resource)?;
        let key = key_of(&resource, object.namespace, object.name)?;
        let found = self.objects.get(&storage(&resource.group_resource())).and_then(|all| all.get(&key));
        let found = found.ok_or_else(|| answers::not_found(&resource.group_resource(), object.name))?;
        Ok(render(&resource, found))
    }

    pub(super) fn path(&self, path: &str) -> Result<(u16, Bytes), PortError> {
        if !path.starts_with('/') {
            return Err(PortError::invalid(format!("{path:?} does not begin with a slash")));
        }
        if path == "/version" {
            return Ok((200, Bytes::from(json!({"gitVersion": self.version}).to_string())));
        }
        Ok(self.paths.get(path).cloned().unwrap_or((404, Bytes::from_static(b"404 page not found\n"))))
    }

    pub(super) fn read(&self, resource: &GroupResource, namespace: Option<&str>, name: &str) -> Option<Value> {
        let served = self.catalog.preferred(resource)?;
        let key = plain_key(namespace.filter(|_| served.namespaced), name);
        self.objects.get(&storage(resource))?.get(&key).map(|object| render(served, object))
    }

    pub(super) fn read_all(&self, resource: &GroupResource) -> Vec<Value> {
        let Some(served) = self.catalog.preferred(resource) else { return Vec::new() };
        let all = self.objects.get(&storage(resource));
        all.into_iter().flatten().map(|(_, object)| render(served, object)).collect()
    }

    pub(super) fn dump(&self) -> BTreeMap<String, Value> {
        let mut dump = BTreeMap::new();
        for (resource, objects) in &self.objects {
            for (key, object) in objects {
                let rendered = match self.catalog.preferred(resource) {
                    Some(served) => render(served, object),
                    None => Value::Object(object.clone()),
                };
                dump.insert(format!("{resource}/{key}"), rendered);
            }
        }
        dump
    }

    pub(super) fn seed(&mut self, object: Value, now: Timestamp) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let gvk = Gvk::from_api_version(&text("/apiVersion"), &text("/kind"));
        let resource = self.catalog.find_kind(&gvk).unwrap_or_else(|| panic!("{gvk} is not served")).clone();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        assert!(!name.is_empty(), "a seeded object needs a name");
        let Value::Object(mut stored) = object else { panic!("a seeded object is an object") };
        if resource.namespaced {
            assert!(!namespace.is_empty(), "{gvk} {name} needs a namespace");
            self.ensure_namespace(&namespace, now);
        }
        stored.remove("apiVersion");
        stored.remove("kind");
        let given = metadata(&stored).cloned().unwrap_or_default();
        let status = stored.get("status").cloned();
        self.stamp(&resource, &mut stored, now);
        // What the test wrote counts, as does the revision of this store.
        for (key, value) in given {
            if key != "resourceVersion" {
                metadata_mut(&mut stored).insert(key, value);
            }
        }
        stored.extend(status.map(|status| ("status".to_owned(), status)));
        let namespace = Some(namespace.as_str()).filter(|_| resource.namespaced);
        self.put(&resource, plain_key(namespace, &name), stored, now);
    }

    pub(super) fn edit(
        &mut self,
        resource: &GroupResource,
        namespace: Option<&str>,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) {
        let served = self.catalog.preferred(resource).unwrap_or_else(|| panic!("{resource} is not served")).clone();
        let mut value =
            self.read(resource, namespace, name).unwrap_or_else(|| panic!("{resource} {name} is not there"));
        change(&mut value);
        let Value::Object(mut object) = value else { panic!("an object stays an object") };
        object.remove("apiVersion");
        object.remove("kind");
        let key = plain_key(namespace.filter(|_| served.namespaced), name);
        self.put(&served, key, object, now);
    }

    /// Stores under a new revision, and does what follows from it.
    pub(super) fn put(&mut self, resource: &ApiResource, key: String, mut object: Object, now: Timestamp) -> Object {
        self.revision += 1;
        metadata_mut(&mut object).insert("resourceVersion".into(), self.revision.to_string().into());
        let group_resource = storage(&resource.group_resource());
        self.objects.entry(group_resource.clone()).or_default().insert(key.clone(), object.clone());
        if group_resource.to_string() == super::crd::CRDS {
            self.register(&key, now);
            object = self.objects[&group_resource].get(&key).cloned().unwrap_or(object);
        }
        object
    }
}

/// `apiVersion` and `kind` of the version that was asked for.
pub(super) fn render(resource: &ApiResource, object: &Object) -> Value {
    let mut whole = object.clone();
    whole.insert("apiVersion".into(), resource.group_version().to_string().into());
    whole.insert("kind".into(), resource.kind.clone().into());
    Value::Object(whole)
}

/// Kinds that are served in two groups are stored once.
pub(super) fn storage(resource: &GroupResource) -> GroupResource {
    let group = match (resource.group.as_str(), resource.resource.as_str()) {
        ("extensions", "deployments" | "daemonsets" | "replicasets") => "apps",
        ("extensions", "ingresses" | "networkpolicies") => "networking.k8s.io",
        ("extensions", "podsecuritypolicies") => "policy",
        ("events.k8s.io", "events") => "",
        (group, _) => group,
    };
    GroupResource::new(&resource.resource, group)
}

pub(super) fn plain_key(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

/// The key, or the refusal that the real adapter gives before it sends anything.
pub(super) fn key_of(resource: &ApiResource, namespace: Option<&str>, name: &str) -> Result<String, PortError> {
    let namespace = namespace.filter(|_| resource.namespaced);
    if resource.namespaced && namespace.is_none_or(str::is_empty) {
        return Err(PortError::invalid(format!("{} needs a namespace", resource.group_resource())));
    }
    for text in [Some(name), namespace].into_iter().flatten() {
        if text.is_empty() || text == "." || text == ".." || text.contains('/') || text.contains('%') {
            return Err(PortError::invalid(format!("{text:?} cannot be a name in the Kubernetes API")));
        }
    }
    Ok(plain_key(namespace, name))
}

pub(super) fn metadata(object: &Object) -> Option<&Object> {
    object.get("metadata")?.as_object()
}

/// The metadata, which is made when it is missing or nonsense.
pub(super) fn metadata_mut(object: &mut Object) -> &mut Object {
    let slot = object.entry("metadata").or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    slot.as_object_mut().expect("made an object just above")
}

pub(super) fn metadata_str<'a>(object: &'a Object, key: &str) -> &'a str {
    metadata(object).and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default()
}
