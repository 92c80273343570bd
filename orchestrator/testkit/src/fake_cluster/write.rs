//! Creates, updates and deletes, with what a server fills in and what it refuses.

use jiff::Timestamp;
use model::ApiResource;
use ports::PortError;
use ports::cluster::ObjectRef;
use serde_json::{Value, json};

use super::admit::{check_immutable, encode_string_data};
use super::answers;
use super::state::{Object, State, key_of, metadata, metadata_mut, metadata_str, render, storage};

/// What only the server decides, kept over every update.
const SYSTEM: &[&str] = &["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"];

impl State {
    pub(super) fn create(
        &mut self,
        object: &ObjectRef<'_>,
        body: &[u8],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<Value, PortError> {
        let resource = self.allowed(object.resource, "create")?;
        if resource.namespaced && object.namespace.is_none_or(str::is_empty) {
            return Err(PortError::invalid(format!("{} needs a namespace", resource.group_resource())));
        }
        let mut new = self.decode(&resource, object.namespace, body)?;
        let group_resource = resource.group_resource();
        let name = self.name_for(&resource, &mut new)?;
        if !metadata_str(&new, "resourceVersion").is_empty() {
            return Err(PortError::invalid("resourceVersion should not be set on objects to be created"));
        }
        if let Some(namespace) = object.namespace.filter(|_| resource.namespaced) {
            self.check_namespace(&group_resource, &name, namespace)?;
        }
        let key = key_of(&resource, object.namespace, &name)?;
        if self.objects.get(&storage(&group_resource)).is_some_and(|all| all.contains_key(&key)) {
            return Err(answers::already_exists(&group_resource, &name));
        }
        if resource.subresources.contains("status") {
            new.remove("status");
        }
        self.stamp(&resource, &mut new, now);
        if !dry_run {
            new = self.put(&resource, key, new, now);
        }
        Ok(render(&resource, &new))
    }

    pub(super) fn replace(&mut self, object: &ObjectRef<'_>, body: &[u8], now: Timestamp) -> Result<Value, PortError> {
        let resource = self.allowed(object.resource, "update")?;
        let new = self.decode(&resource, object.namespace, body)?;
        let old = self.stored(&resource, object)?;
        let given = metadata_str(&new, "resourceVersion");
        if given.is_empty() && self.custom.contains(&resource.group_resource()) {
            let why = "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update";
            return Err(answers::unprocessable(&resource.kind, object.name, why));
        }
        self.update(&resource, object, old, new, Part::Main, now)
    }

    pub(super) fn replace_subresource(
        &mut self,
        object: &ObjectRef<'_>,
        subresource: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Value, PortError> {
        let resource = self.served(object.resource)?;
        if !resource.subresources.contains(subresource) {
            return Err(answers::not_served());
        }
        let old = self.stored(&resource, object)?;
        let sent: Value =
            serde_json::from_slice(body).map_err(|e| answers::bad_request(format!("the body is not JSON: {e}")))?;
        match subresource {
            "eviction" => {
                self.delete(object, now)?;
                Ok(json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201}))
            }
            "scale" => {
                let replicas = sent.pointer("/spec/replicas").cloned().unwrap_or_else(|| json!(0));
                let mut new = old.clone();
                if let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) {
                    spec.insert("replicas".into(), replicas);
                }
                self.update(&resource, object, old, new, Part::Main, now)
            }
            "finalize" => {
                let finalizers = sent.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
                let mut new = old.clone();
                new.insert("spec".into(), json!({"finalizers": finalizers}));
                self.update(&resource, object, old, new, Part::Main, now)
            }
            _ => {
                let new = self.decode(&resource, object.namespace, body)?;
                self.update(&resource, object, old, new, Part::Status, now)
            }
        }
    }

    pub(super) fn delete(&mut self, object: &ObjectRef<'_>, now: Timestamp) -> Result<(), PortError> {
        let resource = self.allowed(object.resource, "delete")?;
        let old = self.stored(&resource, object)?;
        let key = key_of(&resource, object.namespace, object.name)?;
        if resource.group_resource().to_string() == "namespaces" {
            self.delete_namespace(object.name, now);
            return Ok(());
        }
        if finalizers(&old).is_empty() {
            self.remove(&resource, &key, now);
        } else if metadata_str(&old, "deletionTimestamp").is_empty() {
            let mut new = old;
            metadata_mut(&mut new).insert("deletionTimestamp".into(), stamp_text(now).into());
            metadata_mut(&mut new).insert("deletionGracePeriodSeconds".into(), 0.into());
            self.put(&resource, key, new, now);
        }
        Ok(())
    }

    /// Takes an object away, and what lives from it.
    pub(super) fn remove(&mut self, resource: &ApiResource, key: &str, now: Timestamp) {
        self.revision += 1;
        let group_resource = storage(&resource.group_resource());
        let removed = self.objects.get_mut(&group_resource).and_then(|all| all.remove(key));
        if let (Some(crd), true) = (&removed, group_resource.to_string() == super::crd::CRDS) {
            self.unregister(crd);
        }
        if let Some((namespace, _)) = key.split_once('/') {
            self.finish_namespace(namespace, now);
        }
    }

    pub(super) fn collect_garbage(&mut self, now: Timestamp) {
        loop {
            let uid = |object: &Object| metadata_str(object, "uid").to_owned();
            let alive: std::collections::BTreeSet<String> =
                self.objects.values().flat_map(|all| all.values().map(uid)).collect();
            let orphaned = |object: &Object| {
                let owners = metadata(object).and_then(|m| m.get("ownerReferences")).and_then(Value::as_array);
                let gone = |owner: &Value| !owner["uid"].as_str().is_some_and(|uid| alive.contains(uid));
                owners.is_some_and(|owners| !owners.is_empty() && owners.iter().all(gone))
            };
            let found = self.objects.iter().find_map(|(resource, all)| {
                let (key, _) = all.iter().find(|(_, object)| orphaned(object))?;
                Some((resource.clone(), key.clone()))
            });
            let Some((group_resource, key)) = found else { return };
            match self.catalog.preferred(&group_resource).cloned() {
                Some(resource) => self.remove(&resource, &key, now),
                None => {
                    self.objects.remove(&group_resource);
                }
            }
        }
    }

    /// The common end of every update.
    pub(super) fn update(
        &mut self,
        resource: &ApiResource,
        object: &ObjectRef<'_>,
        old: Object,
        mut new: Object,
        part: Part,
        now: Timestamp,
    ) -> Result<Value, PortError> {
        let group_resource = resource.group_resource();
        let given_name = metadata_str(&new, "name");
        if given_name.is_empty() {
            metadata_mut(&mut new).insert("name".into(), object.name.into());
        } else if given_name != object.name {
            return Err(answers::bad_request(format!(
                "the name of the object ({given_name}) does not match the name on the URL ({})",
                object.name
            )));
        }
        let uid = metadata_str(&new, "uid");
        if !uid.is_empty() && uid != metadata_str(&old, "uid") {
            return Err(answers::conflict(&group_resource, object.name, "Precondition failed: UID in precondition"));
        }
        let version = metadata_str(&new, "resourceVersion");
        if !version.is_empty() && version != metadata_str(&old, "resourceVersion") {
            return Err(answers::modified(&group_resource, object.name));
        }
        if part == Part::Status {
            let status = new.remove("status");
            new = old.clone();
            new.remove("status");
            new.extend(status.map(|status| ("status".to_owned(), status)));
        } else if resource.subresources.contains("status") {
            new.remove("status");
            new.extend(old.get("status").map(|status| ("status".to_owned(), status.clone())));
        }
        encode_string_data(&mut new);
        check_immutable(resource, object.name, &old, &new)?;
        for key in SYSTEM.iter().chain(&["namespace", "managedFields", "resourceVersion"]) {
            let kept = metadata(&old).and_then(|metadata| metadata.get(*key)).cloned();
            match kept {
                Some(value) => metadata_mut(&mut new).insert((*key).to_owned(), value),
                None => metadata_mut(&mut new).remove(*key),
            };
        }
        let key = key_of(resource, object.namespace, object.name)?;
        if new == old {
            return Ok(render(resource, &old));
        }
        if old.get("spec") != new.get("spec")
            && let Some(generation) = metadata(&old).and_then(|m| m.get("generation")).and_then(Value::as_i64)
        {
            metadata_mut(&mut new).insert("generation".into(), (generation + 1).into());
        }
        let stored = self.put(resource, key.clone(), new, now);
        if !metadata_str(&stored, "deletionTimestamp").is_empty() && finalizers(&stored).is_empty() {
            if group_resource.to_string() == "namespaces" {
                self.finish_namespace(object.name, now);
            } else {
                self.remove(resource, &key, now);
            }
        }
        Ok(render(resource, &stored))
    }

    pub(super) fn stored(&self, resource: &ApiResource, object: &ObjectRef<'_>) -> Result<Object, PortError> {
        let key = key_of(resource, object.namespace, object.name)?;
        let found = self.objects.get(&storage(&resource.group_resource())).and_then(|all| all.get(&key));
        found.cloned().ok_or_else(|| answers::not_found(&resource.group_resource(), object.name))
    }

    pub(super) fn allowed(&self, resource: &ApiResource, verb: &str) -> Result<ApiResource, PortError> {
        let served = self.served(resource)?;
        if served.verbs.is_empty() || served.has_verb(verb) { Ok(served) } else { Err(answers::method_not_allowed()) }
    }
}

/// Which part of an object an update may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Main,
    Status,
}

/// Times in metadata have seconds.
pub(super) fn stamp_text(now: Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What holds an object: for namespaces it also stands in their spec.
pub(super) fn finalizers(object: &Object) -> Vec<&Value> {
    let own = metadata(object).and_then(|metadata| metadata.get("finalizers")).and_then(Value::as_array);
    own.into_iter().flatten().collect()
}
