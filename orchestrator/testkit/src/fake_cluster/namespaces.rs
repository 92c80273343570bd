//! Namespaces: they must exist, and they go only when everything in them is gone.

use jiff::Timestamp;
use model::GroupResource;
use ports::PortError;
use serde_json::json;

use super::answers;
use super::state::{Object, State, metadata_mut, metadata_str};
use super::write::{finalizers, stamp_text};

impl State {
    pub(super) fn ensure_namespace(&mut self, name: &str, now: Timestamp) {
        let Some(resource) = self.catalog.preferred(&namespaces()).cloned() else { return };
        if self.namespace(name).is_none() {
            let mut object = Object::new();
            metadata_mut(&mut object).insert("name".into(), name.into());
            self.stamp(&resource, &mut object, now);
            self.put(&resource, name.to_owned(), object, now);
        }
    }

    /// Whether something may be created in it.
    pub(super) fn check_namespace(&self, what: &GroupResource, name: &str, namespace: &str) -> Result<(), PortError> {
        match self.namespace(namespace) {
            None => Err(answers::not_found(&namespaces(), namespace)),
            Some(found) if metadata_str(found, "deletionTimestamp").is_empty() => Ok(()),
            Some(_) => Err(answers::terminating(what, name, namespace)),
        }
    }

    pub(super) fn delete_namespace(&mut self, name: &str, now: Timestamp) {
        let Some(resource) = self.catalog.preferred(&namespaces()).cloned() else { return };
        let Some(mut object) = self.namespace(name).cloned() else { return };
        if metadata_str(&object, "deletionTimestamp").is_empty() {
            metadata_mut(&mut object).insert("deletionTimestamp".into(), stamp_text(now).into());
            object.insert("status".into(), json!({"phase": "Terminating"}));
            self.put(&resource, name.to_owned(), object, now);
        }
        if self.namespace_controller {
            self.empty_namespace(name, now);
            self.finish_namespace(name, now);
        }
    }

    /// Removes a terminating namespace that holds nothing any more.
    pub(super) fn finish_namespace(&mut self, name: &str, now: Timestamp) {
        let Some(object) = self.namespace(name) else { return };
        let terminating = !metadata_str(object, "deletionTimestamp").is_empty();
        let held = !finalizers(object).is_empty();
        let controlled = self.namespace_controller || object["spec"]["finalizers"] == json!([]);
        if !terminating || held || !controlled {
            return;
        }
        let prefix = format!("{name}/");
        let holds_something = self.objects.values().any(|all| all.keys().any(|key| key.starts_with(&prefix)));
        if !holds_something && let Some(resource) = self.catalog.preferred(&namespaces()).cloned() {
            self.remove(&resource, name, now);
        }
    }

    fn empty_namespace(&mut self, name: &str, now: Timestamp) {
        let prefix = format!("{name}/");
        let inside: Vec<(GroupResource, String)> = self
            .objects
            .iter()
            .flat_map(|(resource, all)| all.keys().map(move |key| (resource.clone(), key.clone())))
            .filter(|(_, key)| key.starts_with(&prefix))
            .collect();
        for (group_resource, key) in inside {
            let Some(resource) = self.catalog.preferred(&group_resource).cloned() else { continue };
            let Some((namespace, name)) = key.split_once('/') else { continue };
            let object = ports::cluster::ObjectRef { resource: &resource, namespace: Some(namespace), name };
            // What a finalizer holds stays for now, and with it the namespace; what is gone already is fine.
            let _ = self.delete(&object, now);
        }
    }

    fn namespace(&self, name: &str) -> Option<&Object> {
        self.objects.get(&namespaces())?.get(name)
    }
}

fn namespaces() -> GroupResource {
    GroupResource::new("namespaces", "")
}
