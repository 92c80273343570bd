//! What to save, with Velero's flags.

use std::collections::BTreeMap;

use api::velero::BackupSpec;
use clap::Args;
use model::LabelSelector;
use serde_json::{Map, Value};

use crate::failure::Failure;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What to save")]
pub(crate) struct FilterFlags {
    /// Namespaces to save; patterns like team-* work.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    include_namespaces: Vec<String>,
    /// Namespaces to leave out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    exclude_namespaces: Vec<String>,
    /// Kinds to save: deployments, deploy, deployments.apps, *.example.com.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    include_resources: Vec<String>,
    /// Kinds to leave out.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    exclude_resources: Vec<String>,
    /// Cluster-scoped kinds to save.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    include_cluster_scoped_resources: Vec<String>,
    /// Cluster-scoped kinds to leave out.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    exclude_cluster_scoped_resources: Vec<String>,
    /// Namespaced kinds to save.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    include_namespace_scoped_resources: Vec<String>,
    /// Namespaced kinds to leave out.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    exclude_namespace_scoped_resources: Vec<String>,
    /// Save cluster-scoped kinds: always, never, or as the namespaces decide.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    include_cluster_resources: Option<bool>,
    /// Save only what matches: app=web,tier in (a,b).
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Save what matches any of several, joined by " or ".
    #[arg(long, value_name = "LABELS")]
    or_selector: Option<String>,
    /// What goes first: pods=ns/a,ns/b;persistentvolumes=c.
    #[arg(long, value_name = "ORDER")]
    ordered_resources: Option<String>,
    /// How long the backup is kept: 720h, 30m.
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    /// Labels of the backup's object: a=b,c=d.
    #[arg(long, value_delimiter = ',', value_name = "LABELS")]
    labels: Vec<String>,
    /// Annotations of the backup's object: a=b,c=d.
    #[arg(long, value_delimiter = ',', value_name = "ANNOTATIONS")]
    annotations: Vec<String>,
    /// Take volume snapshots; kept in the backup's spec.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    snapshot_volumes: Option<bool>,
}

/// Labels or annotations.
type Pairs = Map<String, Value>;

impl FilterFlags {
    /// Whether any of them was given.
    pub(crate) fn any(&self) -> bool {
        let lists = [
            &self.include_namespaces,
            &self.exclude_namespaces,
            &self.include_resources,
            &self.exclude_resources,
            &self.include_cluster_scoped_resources,
            &self.exclude_cluster_scoped_resources,
            &self.include_namespace_scoped_resources,
            &self.exclude_namespace_scoped_resources,
            &self.labels,
            &self.annotations,
        ];
        let texts = [&self.selector, &self.or_selector, &self.ordered_resources, &self.ttl];
        lists.iter().any(|list| !list.is_empty())
            || texts.iter().any(|text| text.is_some())
            || self.include_cluster_resources.is_some()
            || self.snapshot_volumes.is_some()
    }

    pub(crate) fn spec(&self) -> Result<BackupSpec, Failure> {
        let list = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
        Ok(BackupSpec {
            included_namespaces: list(&self.include_namespaces),
            excluded_namespaces: list(&self.exclude_namespaces),
            included_resources: list(&self.include_resources),
            excluded_resources: list(&self.exclude_resources),
            included_cluster_scoped_resources: list(&self.include_cluster_scoped_resources),
            excluded_cluster_scoped_resources: list(&self.exclude_cluster_scoped_resources),
            included_namespace_scoped_resources: list(&self.include_namespace_scoped_resources),
            excluded_namespace_scoped_resources: list(&self.exclude_namespace_scoped_resources),
            include_cluster_resources: self.include_cluster_resources,
            label_selector: self.selector.as_deref().map(selector).transpose()?,
            or_label_selectors: self.or_selector.as_deref().map(or_selectors).transpose()?,
            snapshot_volumes: self.snapshot_volumes,
            ttl: self.ttl.clone().unwrap_or_default(),
            ordered_resources: self.ordered_resources.as_deref().map(ordered).transpose()?,
            ..BackupSpec::default()
        })
    }

    /// Labels and annotations of the backup's object.
    pub(crate) fn metadata(&self) -> Result<(Pairs, Pairs), Failure> {
        Ok((pairs("--labels", &self.labels)?, pairs("--annotations", &self.annotations)?))
    }
}

pub(crate) fn selector(text: &str) -> Result<LabelSelector, Failure> {
    LabelSelector::parse(text).map_err(|error| Failure::usage(error.to_string()))
}

pub(crate) fn or_selectors(text: &str) -> Result<Vec<LabelSelector>, Failure> {
    text.split(" or ").map(selector).collect()
}

fn pairs(flag: &str, items: &[String]) -> Result<Map<String, Value>, Failure> {
    let split = |item: &String| match item.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), Value::String(value.to_owned()))),
        _ => Err(Failure::usage(format!("{flag}: {item:?} is not key=value"))),
    };
    items.iter().map(split).collect()
}

fn ordered(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let split = |part: &str| match part.split_once('=') {
        Some((kind, names)) if !kind.is_empty() => Ok((kind.trim().to_owned(), names.trim().to_owned())),
        _ => Err(Failure::usage(format!("--ordered-resources: {part:?} is not kind=name,name"))),
    };
    text.split(';').filter(|part| !part.trim().is_empty()).map(split).collect()
}
