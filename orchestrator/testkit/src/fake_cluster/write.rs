//! Creates, updates and deletes, with what a server fills in and what it refuses.

use jiff::Timestamp;
use model::ApiResource;
use ports::PortError;
use ports::cluster::ObjectRef;
use serde_json::{Value, json};

use super::answers;
use super::state::{Object, State, key_of, metadata, metadata_mut, metadata_str, render, storage};

/// The letters of generated names.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
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

    /// Fills in what the server decides at creation.
    pub(super) fn stamp(&mut self, resource: &ApiResource, object: &mut Object, now: Timestamp) {
        self.counter += 1;
        let uid = format!("00000000-0000-4000-8000-{:012x}", self.counter);
        let api_version = resource.group_version().to_string();
        let has_status = resource.subresources.contains("status");
        if resource.group_resource().to_string() == "namespaces" {
            let name = metadata_str(object, "name").to_owned();
            let labels = metadata_mut(object).entry("labels").or_insert_with(|| json!({}));
            labels["kubernetes.io/metadata.name"] = name.into();
            object.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
            object.insert("status".into(), json!({"phase": "Active"}));
        }
        encode_string_data(object);
        let metadata = metadata_mut(object);
        for key in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] {
            metadata.remove(key);
        }
        if has_status {
            metadata.insert("generation".into(), 1.into());
        }
        metadata.insert("uid".into(), uid.into());
        metadata.insert("creationTimestamp".into(), stamp_text(now).into());
        let fields = json!([{"manager": "landfall", "operation": "Update", "apiVersion": api_version,
            "time": stamp_text(now), "fieldsType": "FieldsV1", "fieldsV1": {}}]);
        metadata.insert("managedFields".into(), fields);
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

    /// Reads a body and checks that it belongs where it was sent.
    pub(super) fn decode(
        &self,
        resource: &ApiResource,
        namespace: Option<&str>,
        body: &[u8],
    ) -> Result<Object, PortError> {
        let value: Value =
            serde_json::from_slice(body).map_err(|e| answers::bad_request(format!("the body is not JSON: {e}")))?;
        let Value::Object(mut object) = value else { return Err(answers::bad_request("the body is not an object")) };
        let (api_version, kind) = (object.remove("apiVersion"), object.remove("kind"));
        let expected = resource.group_version().to_string();
        let differs = |given: &Option<Value>, expected: &str| given.as_ref().is_some_and(|given| given != expected);
        if differs(&api_version, &expected) || differs(&kind, &resource.kind) {
            return Err(answers::bad_request(format!(
                "{} in version {} cannot be handled as a {} in version {expected}",
                kind.unwrap_or_default(),
                api_version.unwrap_or_default(),
                resource.kind
            )));
        }
        if self.custom.contains(&resource.group_resource()) && (api_version.is_none() || kind.is_none()) {
            return Err(answers::bad_request("Object 'Kind' is missing"));
        }
        let metadata = metadata_mut(&mut object);
        match namespace.filter(|_| resource.namespaced) {
            None => {
                metadata.remove("namespace");
            }
            Some(namespace) => {
                let given = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
                if !given.is_empty() && given != namespace {
                    return Err(answers::bad_request(
                        "the namespace of the provided object does not match the namespace sent on the request",
                    ));
                }
                metadata.insert("namespace".into(), namespace.into());
            }
        }
        Ok(object)
    }

    fn name_for(&mut self, resource: &ApiResource, object: &mut Object) -> Result<String, PortError> {
        let mut name = metadata_str(object, "name").to_owned();
        let prefix = metadata_str(object, "generateName").to_owned();
        if name.is_empty() && !prefix.is_empty() {
            self.counter += 1;
            let mut number = self.counter;
            name = prefix;
            for _ in 0..5 {
                name.push(char::from(LETTERS[(number % LETTERS.len() as u64) as usize]));
                number /= LETTERS.len() as u64;
            }
            metadata_mut(object).insert("name".into(), name.clone().into());
        }
        if name.is_empty() {
            let why = "metadata.name: Required value: name or generateName is required";
            return Err(answers::unprocessable(&resource.kind, "", why));
        }
        let rbac = resource.group == "rbac.authorization.k8s.io";
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let subdomain = name.len() <= 253
            && name.split('.').all(|part| part.starts_with(letter) && part.ends_with(letter))
            && name.chars().all(|c| letter(c) || c == '-' || c == '.');
        if !rbac && !subdomain {
            let why = format!("metadata.name: Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist …");
            return Err(answers::unprocessable(&resource.kind, &name, &why));
        }
        Ok(name)
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

/// `immutable: true` of Secrets and ConfigMaps.
fn check_immutable(resource: &ApiResource, name: &str, old: &Object, new: &Object) -> Result<(), PortError> {
    let kind = resource.kind.as_str();
    if !resource.group.is_empty()
        || !matches!(kind, "Secret" | "ConfigMap")
        || old.get("immutable") != Some(&json!(true))
    {
        return Ok(());
    }
    if new.get("immutable") != Some(&json!(true)) || ["data", "binaryData"].iter().any(|k| old.get(*k) != new.get(*k)) {
        let why = "data: Forbidden: field is immutable when `immutable` is set";
        return Err(answers::unprocessable(kind, name, why));
    }
    Ok(())
}

/// A Secret's `stringData` is only ever written.
fn encode_string_data(object: &mut Object) {
    use base64::Engine;
    let Some(Value::Object(strings)) = object.remove("stringData") else { return };
    let data = object.entry("data").or_insert_with(|| json!({}));
    for (key, value) in strings {
        let text = value.as_str().unwrap_or_default();
        data[key] = base64::engine::general_purpose::STANDARD.encode(text).into();
    }
}
