//! A Backup's spec, and the request that it means.

use std::collections::BTreeMap;
use std::time::Duration;

use model::request::backup::{DEFAULT_PAGE_SIZE, DEFAULT_TTL};
use model::request::{BackupRequest, KindFilter, LabelChoice, NameFilter};
use model::{LabelSelector, go_duration};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::{BackupHooksSpec, backup_hooks};
use super::{SpecError, collect, list};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackupSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespaces: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_cluster_scoped_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_cluster_scoped_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub included_namespace_scoped_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded_namespace_scoped_resources: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_cluster_resources: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or_label_selectors: Option<Vec<LabelSelector>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_volumes: Option<bool>,
    pub ttl: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume_group_snapshot_label_key: String,
    pub hooks: BackupHooksSpec,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub storage_location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_snapshot_locations: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_volumes_to_restic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_volumes_to_fs_backup: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered_resources: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub csi_snapshot_timeout: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item_operation_timeout: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_move_data: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub datamover: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploader_config: Option<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub backup_type: String,
}

impl BackupSpec {
    /// The spec with every default filled in, as it is stored beside the archive.
    pub fn defaulted(mut self, location: &str) -> Self {
        let fill = |field: &mut String, default: &str| {
            if field.is_empty() {
                *field = default.to_owned();
            }
        };
        fill(&mut self.ttl, &go_duration::format(DEFAULT_TTL));
        fill(&mut self.csi_snapshot_timeout, "10m0s");
        fill(&mut self.item_operation_timeout, "4h0m0s");
        fill(&mut self.volume_group_snapshot_label_key, "velero.io/volume-group");
        fill(&mut self.storage_location, location);
        if list(&self.included_namespaces).is_empty() {
            self.included_namespaces = Some(vec!["*".to_owned()]);
        }
        let fs_backup = self.default_volumes_to_fs_backup.or(self.default_volumes_to_restic);
        self.default_volumes_to_fs_backup = Some(fs_backup.unwrap_or(false));
        self.snapshot_move_data = Some(self.snapshot_move_data.unwrap_or(false));
        self
    }

    pub fn request(&self, name: &str) -> Result<BackupRequest, SpecError> {
        let mut errors = Vec::new();
        let errors_ref = &mut errors;
        check_name(name, errors_ref);
        let namespaces = collect(
            "Invalid included/excluded namespace lists",
            NameFilter::parse(list(&self.included_namespaces), list(&self.excluded_namespaces)),
            errors_ref,
        );
        let kinds = self.kind_filter(errors_ref);
        let labels = label_choice(&self.label_selector, &self.or_label_selectors, errors_ref);
        let ordered = ordered(self.ordered_resources.as_ref(), errors_ref);
        let hooks = backup_hooks(&self.hooks, errors_ref);
        let ttl = match self.ttl.as_str() {
            "" => DEFAULT_TTL,
            text => go_duration::parse(text).unwrap_or_else(|error| {
                errors_ref.push(format!("ttl: {error}"));
                DEFAULT_TTL
            }),
        };
        if !errors.is_empty() {
            return Err(SpecError { kind: "backup", errors });
        }
        Ok(BackupRequest {
            name: name.to_owned(),
            namespaces: namespaces.unwrap_or_default(),
            kinds: kinds.unwrap_or(KindFilter::Classic { kinds: NameFilter::default(), cluster_scoped: Some(true) }),
            labels,
            ordered,
            hooks,
            every_version: false,
            snapshot_volumes: self.snapshot_volumes,
            default_volumes_to_fs_backup: self.default_volumes_to_fs_backup.unwrap_or(false),
            resource_policy: None,
            ttl: if ttl == Duration::ZERO { DEFAULT_TTL } else { ttl },
            page_size: DEFAULT_PAGE_SIZE,
        })
    }

    fn kind_filter(&self, errors: &mut Vec<String>) -> Option<KindFilter> {
        let (included, excluded) = (list(&self.included_resources), list(&self.excluded_resources));
        let cluster = (list(&self.included_cluster_scoped_resources), list(&self.excluded_cluster_scoped_resources));
        let namespaced =
            (list(&self.included_namespace_scoped_resources), list(&self.excluded_namespace_scoped_resources));
        let classic = self.include_cluster_resources.is_some() || !included.is_empty() || !excluded.is_empty();
        let scoped = [cluster.0, cluster.1, namespaced.0, namespaced.1].iter().any(|list| !list.is_empty());
        if classic && scoped {
            errors.push(
                "include-resources, exclude-resources and include-cluster-resources are old filter parameters; \
                 they cannot be used with the cluster-scoped and namespace-scoped ones"
                    .to_owned(),
            );
            return None;
        }
        if classic {
            let kinds =
                collect("Invalid included/excluded resource lists", NameFilter::parse(included, excluded), errors)?;
            return Some(KindFilter::Classic { kinds, cluster_scoped: self.include_cluster_resources });
        }
        let prefix = |scope: &str| format!("Invalid {scope}-scoped included/excluded resource lists");
        let cluster = collect(&prefix("cluster"), NameFilter::parse_scoped(cluster.0, cluster.1), errors);
        let namespaced = collect(&prefix("namespace"), NameFilter::parse_scoped(namespaced.0, namespaced.1), errors);
        Some(KindFilter::Scoped { cluster: cluster?, namespaced: namespaced? })
    }
}

/// A name that can be a Kubernetes object's and a key in a bucket.
pub(super) fn check_name(name: &str, errors: &mut Vec<String>) {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let dots = name.contains("..");
    if name.len() > 253 || dots || !name.chars().all(good) || !edge(name.chars().next()) || !edge(name.chars().last()) {
        errors.push(format!(
            "invalid name {name:?}: use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit"
        ));
    }
}

pub(super) fn label_choice(
    selector: &Option<LabelSelector>,
    any_of: &Option<Vec<LabelSelector>>,
    errors: &mut Vec<String>,
) -> LabelChoice {
    match (selector, any_of.as_deref().unwrap_or_default()) {
        (Some(_), [_, ..]) => {
            errors.push("encountered labelSelector as well as orLabelSelectors; only one can be specified".to_owned());
            LabelChoice::Everything
        }
        (Some(selector), []) if !selector.is_empty() => LabelChoice::Matching(selector.clone()),
        (_, []) => LabelChoice::Everything,
        (None, any) => LabelChoice::AnyOf(any.to_vec()),
    }
}

fn ordered(spec: Option<&BTreeMap<String, String>>, errors: &mut Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut out = BTreeMap::new();
    for (kind, names) in spec.into_iter().flatten() {
        let names: Vec<String> = names.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
        if names.is_empty() {
            errors.push(format!("orderedResources names no {kind}"));
        }
        out.insert(kind.clone(), names);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|s| (*s).to_owned()).collect())
    }

    #[test]
    fn no_filter_is_the_scoped_model() {
        let request = BackupSpec::default().request("nightly").unwrap();
        assert!(matches!(request.kinds, KindFilter::Scoped { .. }));
        assert_eq!(request.ttl, DEFAULT_TTL);
    }

    #[test]
    fn every_mistake_is_named() {
        let spec = BackupSpec {
            included_resources: own(&["pods"]),
            excluded_cluster_scoped_resources: own(&["nodes"]),
            included_namespaces: own(&["a"]),
            excluded_namespaces: own(&["a"]),
            ttl: "3 days".into(),
            ..BackupSpec::default()
        };
        let error = spec.request("Not_A_Name").unwrap_err();
        assert_eq!(error.errors.len(), 4, "{error}");
    }
}
