//! What to restore, with Velero's flags, and what shapes the objects on their way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::velero::RestoreSpec;
use api::velero::restore::RestoreStatusSpec;
use clap::{Args, ValueEnum};
use model::request::RestoreRequest;

use super::infrastructure::InfraFlags;
use crate::command::backup::flags::{or_selectors, selector};
use crate::failure::{Exit, Failure};

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "What to restore")]
pub(crate) struct SelectionFlags {
    /// Namespaces of the backup to restore; patterns like team-* work.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    include_namespaces: Vec<String>,
    /// Namespaces to leave out.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    exclude_namespaces: Vec<String>,
    /// Kinds to restore.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    include_resources: Vec<String>,
    /// Kinds to leave out.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    exclude_resources: Vec<String>,
    /// Restore cluster-scoped kinds: always, never, or as the namespaces decide.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    include_cluster_resources: Option<bool>,
    /// Restore only what matches: app=web,tier in (a,b).
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// Restore what matches any of several, joined by " or ".
    #[arg(long, value_name = "LABELS")]
    or_selector: Option<String>,
    /// Restore a namespace under another name: old:new,old2:new2.
    #[arg(long, value_delimiter = ',', value_name = "OLD:NEW")]
    namespace_mappings: Vec<String>,
    /// What to do with objects that exist and differ.
    #[arg(long, value_enum, value_name = "POLICY")]
    existing_resource_policy: Option<Existing>,
    /// Kinds whose status is restored too.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    status_include_resources: Vec<String>,
    /// Kinds whose status is not.
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    status_exclude_resources: Vec<String>,
    /// Keep node ports that the old cluster allocated.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    preserve_nodeports: Option<bool>,
    /// Restore volumes; false makes fresh ones.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL")]
    restore_volumes: Option<bool>,
    /// Namespaces whose objects go first.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    first: Vec<String>,
    /// Keep owner references; what they name must have the same identity in the target.
    #[arg(long)]
    keep_owner_references: bool,
    /// Restore managed fields, for those who need their history.
    #[arg(long)]
    managed_fields: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Existing {
    None,
    Update,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "How objects change")]
pub(crate) struct SettingFlags {
    /// Take a decision of a conversion: name=value; the plan names those that came up.
    #[arg(long = "decide", value_name = "NAME=VALUE")]
    decisions: Vec<String>,
    /// Velero's resource modifiers: a file with their YAML, or with the ConfigMap that holds it.
    #[arg(long, value_name = "FILE")]
    resource_modifier: Option<PathBuf>,
    #[command(flatten)]
    pub(super) infra: InfraFlags,
}

/// What the flags say about bodies, in a form that a plan can keep.
pub(crate) struct Shaping {
    pub(crate) conversions: versions::Options,
    pub(crate) modifiers: Option<String>,
    pub(crate) settings: BTreeMap<String, String>,
}

impl SelectionFlags {
    pub(crate) fn any(&self) -> bool {
        let lists = [
            &self.include_namespaces,
            &self.exclude_namespaces,
            &self.include_resources,
            &self.exclude_resources,
            &self.namespace_mappings,
            &self.status_include_resources,
            &self.status_exclude_resources,
        ];
        lists.iter().any(|list| !list.is_empty())
            || self.selector.is_some()
            || self.or_selector.is_some()
            || self.existing_resource_policy.is_some()
            || [self.include_cluster_resources, self.preserve_nodeports, self.restore_volumes]
                .iter()
                .any(Option::is_some)
    }

    pub(crate) fn spec(&self, backup: String) -> Result<RestoreSpec, Failure> {
        let list = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
        let status = RestoreStatusSpec {
            included_resources: list(&self.status_include_resources),
            excluded_resources: list(&self.status_exclude_resources),
        };
        let mapping = |item: &String| match item.split_once(':') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
            _ => Err(Failure::usage(format!("--namespace-mappings: {item:?} is not old:new"))),
        };
        Ok(RestoreSpec {
            backup_name: backup,
            included_namespaces: list(&self.include_namespaces),
            excluded_namespaces: list(&self.exclude_namespaces),
            included_resources: list(&self.include_resources),
            excluded_resources: list(&self.exclude_resources),
            include_cluster_resources: self.include_cluster_resources,
            label_selector: self.selector.as_deref().map(selector).transpose()?,
            or_label_selectors: self.or_selector.as_deref().map(or_selectors).transpose()?,
            namespace_mapping: self.namespace_mappings.iter().map(mapping).collect::<Result<_, _>>()?,
            existing_resource_policy: self.existing_resource_policy.map(|policy| match policy {
                Existing::None => "none".to_owned(),
                Existing::Update => "update".to_owned(),
            }),
            restore_status: (status.included_resources.is_some()).then_some(status),
            preserve_node_ports: self.preserve_nodeports,
            restore_pvs: self.restore_volumes,
            ..RestoreSpec::default()
        })
    }

    /// What Velero's spec has no field for.
    pub(crate) fn beyond_velero(&self, request: &mut RestoreRequest) {
        request.first.clone_from(&self.first);
        request.keep_owner_references = self.keep_owner_references;
        request.keep_managed_fields = self.managed_fields;
    }
}

const DECISION: &str = "decide:";

impl Shaping {
    pub(crate) fn from_flags(flags: &SettingFlags) -> Result<Self, Failure> {
        let mut shaping =
            Self { conversions: versions::Options::default(), modifiers: None, settings: BTreeMap::new() };
        for decision in &flags.decisions {
            shaping.decide(decision)?;
        }
        if let Some(path) = &flags.resource_modifier {
            shaping.modifiers = Some(modifiers(&crate::command::read_input(path)?)?);
        }
        Ok(shaping)
    }

    /// A saved plan brings its own settings; flags may not change it.
    pub(crate) fn from_saved(saved: &BTreeMap<String, String>, flags: &SettingFlags) -> Result<Self, Failure> {
        if !flags.decisions.is_empty() || flags.resource_modifier.is_some() || flags.infra.any() {
            return Err(Failure::usage("a saved plan cannot be changed by flags").hint("make a new plan with them"));
        }
        let mut shaping = Self::from_flags(flags)?;
        for (key, value) in saved {
            if let Some(name) = key.strip_prefix(DECISION) {
                shaping.decide(&format!("{name}={value}"))?;
            }
        }
        Ok(shaping)
    }

    fn decide(&mut self, text: &str) -> Result<(), Failure> {
        self.conversions.choose(text).map_err(|error| Failure::from(error).exit(Exit::Usage))?;
        if let Some((name, value)) = text.split_once('=') {
            self.settings.insert(format!("{DECISION}{name}"), value.to_owned());
        }
        Ok(())
    }
}

/// The rules themselves, also out of the ConfigMap that Velero wants them in.
fn modifiers(text: &str) -> Result<String, Failure> {
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| Failure::usage(format!("the resource modifiers: {error}")))?;
    let Some(data) = value.get("data").and_then(|data| data.as_object()).filter(|_| value["kind"] == "ConfigMap")
    else {
        return Ok(text.to_owned());
    };
    match data.values().collect::<Vec<_>>()[..] {
        [serde_json::Value::String(rules)] => Ok(rules.clone()),
        _ => Err(Failure::usage("the ConfigMap of the resource modifiers must have exactly one key")),
    }
}
