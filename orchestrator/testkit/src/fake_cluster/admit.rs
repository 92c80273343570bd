//! What becomes of a body before it is stored: checked, named, stamped.

use jiff::Timestamp;
use model::ApiResource;
use ports::PortError;
use serde_json::{Value, json};

use super::answers;
use super::state::{Object, State, metadata_mut, metadata_str};
use super::write::stamp_text;

/// The letters of generated names.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
impl State {
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

    /// The name, generated where only its beginning is given.
    pub(super) fn name_for(&mut self, resource: &ApiResource, object: &mut Object) -> Result<String, PortError> {
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
}

/// `immutable: true` of Secrets and ConfigMaps.
pub(super) fn check_immutable(resource: &ApiResource, name: &str, old: &Object, new: &Object) -> Result<(), PortError> {
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
pub(super) fn encode_string_data(object: &mut Object) {
    use base64::Engine;
    let Some(Value::Object(strings)) = object.remove("stringData") else { return };
    let data = object.entry("data").or_insert_with(|| json!({}));
    for (key, value) in strings {
        let text = value.as_str().unwrap_or_default();
        data[key] = base64::engine::general_purpose::STANDARD.encode(text).into();
    }
}
