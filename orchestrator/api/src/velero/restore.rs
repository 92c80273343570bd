//! A Restore's spec, and the request that it means.

use std::collections::BTreeMap;

use model::LabelSelector;
use model::request::{ExistingPolicy, NameFilter, RestoreRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backup::{check_name, label_choice};
use super::hooks::{RestoreHooksSpec, restore_hooks};
use super::{SpecError, collect, list};

/// Kinds that a restore never creates. Velero: pkg/controller/restore_controller.go.
pub const NOT_RESTORABLE: [&str; 9] = [
    "nodes",
    "events",
    "events.events.k8s.io",
    "backups.velero.io",
    "restores.velero.io",
    "resticrepositories.velero.io",
    "csinodes.storage.k8s.io",
    "volumeattachments.storage.k8s.io",
    "backuprepositories.velero.io",
];

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestoreSpec {
    pub backup_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schedule_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_mapping: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    #[serde(rename = "restorePVs", skip_serializing_if = "Option::is_none")]
    pub restore_pvs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_status: Option<RestoreStatusSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserve_node_ports: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_cluster_resources: Option<bool>,
    pub hooks: RestoreHooksSpec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing_resource_policy: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item_operation_timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_modifier: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploader_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_default_resource_modifier: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestoreStatusSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
}

impl RestoreSpec {
    pub fn request(&self, name: &str) -> Result<RestoreRequest, SpecError> {
        let mut errors = Vec::new();
        let errors_ref = &mut errors;
        check_name(name, errors_ref);
        if self.backup_name.is_empty() {
            errors_ref.push("no backup is named".to_owned());
        }
        for kind in list(&self.included_resources).iter().filter(|kind| NOT_RESTORABLE.contains(&kind.as_str())) {
            errors_ref.push(format!("{kind} are non-restorable resources"));
        }
        let namespaces = collect(
            "Invalid included/excluded namespace lists",
            NameFilter::parse(list(&self.included_namespaces), list(&self.excluded_namespaces)),
            errors_ref,
        );
        let kinds = collect(
            "Invalid included/excluded resource lists",
            NameFilter::parse(list(&self.included_resources), list(&self.excluded_resources)),
            errors_ref,
        );
        let labels = label_choice(&self.label_selector, &self.or_label_selectors, errors_ref);
        let existing = match self.existing_resource_policy.as_deref() {
            None | Some("" | "none") => ExistingPolicy::None,
            Some("update") => ExistingPolicy::Update,
            Some(other) => {
                errors_ref.push(format!("existingResourcePolicy is {other:?}; write none or update"));
                ExistingPolicy::None
            }
        };
        let status_of = self.restore_status.as_ref().and_then(|status| {
            let lists = NameFilter::parse(list(&status.included_resources), list(&status.excluded_resources));
            collect("Invalid restoreStatus lists", lists, errors_ref)
        });
        let hooks = restore_hooks(&self.hooks, errors_ref);
        for (from, to) in &self.namespace_mapping {
            if from.is_empty() || to.is_empty() {
                errors_ref.push(format!("namespaceMapping {from:?} to {to:?} is incomplete"));
            }
        }
        if self.resource_policy.is_some() {
            // Leaving out fewer items than asked for would go unnoticed.
            let instead = "say what to restore with included and excluded lists and labelSelector";
            errors_ref.push(format!("resourcePolicy is not supported for restores; {instead}"));
        }
        if !errors.is_empty() {
            return Err(SpecError { kind: "restore", errors });
        }
        Ok(RestoreRequest {
            namespaces: namespaces.unwrap_or_default(),
            kinds: kinds.unwrap_or_default(),
            cluster_scoped: self.include_cluster_resources,
            labels,
            namespace_mapping: self.namespace_mapping.clone(),
            existing,
            status_of,
            preserve_node_ports: self.preserve_node_ports.unwrap_or(false),
            restore_volumes: self.restore_pvs,
            hooks,
            ..RestoreRequest::everything(name, &self.backup_name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_without_wishes_restores_everything() {
        let spec = RestoreSpec { backup_name: "nightly".into(), ..RestoreSpec::default() };
        assert_eq!(spec.request("r").unwrap(), RestoreRequest::everything("r", "nightly"));
    }

    #[test]
    fn what_cannot_be_restored_is_refused_by_name() {
        let spec = RestoreSpec {
            included_resources: Some(vec!["nodes".into()]),
            existing_resource_policy: Some("replace".into()),
            resource_policy: Some(serde_json::json!({"kind": "configmap", "name": "p"})),
            ..RestoreSpec::default()
        };
        let error = spec.request("r").unwrap_err().to_string();
        assert!(error.contains("resourcePolicy"), "{error}");
        assert!(error.contains("nodes") && error.contains("replace") && error.contains("no backup"), "{error}");
    }
}
