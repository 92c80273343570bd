//! Reads a policy document: its shape first, then every rule of it.
//!
//! Shape errors are the YAML reader's and come alone; everything else is collected and told at once.

use std::collections::{BTreeMap, BTreeSet};

use model::request::{LabelChoice, NameFilter};
use model::selector::{Operator, Requirement};
use model::{Glob, LabelSelector};
use serde::Deserialize;

use super::filter::{ItemFilter, NamespacePolicy};
use super::quantity::Quantity;
use super::volume::{Action, Conditions, TYPES, VolumeRule};
use super::{KindLists, Policy, PolicyError};

/// A ConfigMap holds no more.
const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 200_000;
/// Patterns are compiled and kept; a document with more is no policy.
const MAX_PATTERNS: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: Option<String>,
    volume_policies: Option<Vec<RawVolume>>,
    include_exclude_policy: Option<RawLists>,
    cluster_scoped_filter_policy: Option<RawCluster>,
    namespaced_filter_policies: Option<Vec<RawNamespaced>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVolume {
    conditions: Option<RawConditions>,
    action: Option<RawAction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAction {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// For plugins of other tools; nothing here reads them.
    #[serde(rename = "parameters")]
    _parameters: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawConditions {
    capacity: Option<String>,
    storage_class: Option<Vec<String>>,
    nfs: Option<RawNfs>,
    csi: Option<RawCsi>,
    volume_types: Option<Vec<String>>,
    pvc_labels: Option<BTreeMap<String, String>>,
    pvc_phase: Option<Vec<String>>,
    pvc_volume_mode: Option<String>,
    pvc_access_modes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNfs {
    server: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawCsi {
    driver: Option<String>,
    volume_attributes: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawLists {
    included_cluster_scoped_resources: Option<Vec<String>>,
    excluded_cluster_scoped_resources: Option<Vec<String>>,
    included_namespace_scoped_resources: Option<Vec<String>>,
    excluded_namespace_scoped_resources: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawCluster {
    resource_filters: Option<Vec<RawFilter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawNamespaced {
    namespaces: Option<Vec<String>>,
    resource_filters: Option<Vec<RawFilter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawFilter {
    kinds: Option<Vec<String>>,
    label_selector: Option<RawSelector>,
    or_label_selectors: Option<Vec<Option<RawSelector>>>,
    names: Option<Vec<String>>,
    excluded_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawSelector {
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<RawRequirement>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequirement {
    key: Option<String>,
    operator: Option<String>,
    values: Option<Vec<String>>,
}

/// Collects what is wrong while reading goes on.
#[derive(Default)]
struct Reader {
    errors: Vec<String>,
    warnings: Vec<String>,
    patterns: usize,
}

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    if text.len() > MAX_BYTES {
        let message = format!("the document has {} bytes; at most {MAX_BYTES} fit a ConfigMap", text.len());
        return Err(PolicyError::Invalid(vec![message]));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_total_scalar_bytes: MAX_BYTES * 2,
            max_documents: 1,
        },
    };
    let file: File = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| PolicyError::Yaml(error.without_snippet().to_string().into()))?;
    let mut reader = Reader::default();
    let version = file.version.unwrap_or_default();
    if version != "v1" {
        reader.errors.push(format!("incompatible version number {version} with supported version v1"));
    }
    let volumes = file.volume_policies.unwrap_or_default().into_iter().enumerate();
    let volumes = volumes.map(|(at, rule)| reader.volume(at, rule)).collect();
    let kinds = file.include_exclude_policy.map(|lists| reader.lists(&lists));
    let cluster = file.cluster_scoped_filter_policy.map(|raw| reader.cluster(raw)).unwrap_or_default();
    let namespaced = reader.namespaced(file.namespaced_filter_policies.unwrap_or_default());
    if reader.patterns > MAX_PATTERNS {
        reader
            .errors
            .push(format!("there are {} names and patterns; at most {MAX_PATTERNS} are read", reader.patterns));
    }
    if !reader.errors.is_empty() {
        return Err(PolicyError::Invalid(reader.errors));
    }
    Ok(Policy { volumes, kinds, cluster, namespaced, warnings: reader.warnings })
}

impl Reader {
    fn volume(&mut self, at: usize, raw: RawVolume) -> VolumeRule {
        let place = format!("volumePolicies[{at}]");
        let name = raw.action.and_then(|action| action.kind).unwrap_or_default();
        let action = Action::parse(&name).unwrap_or_else(|| {
            self.errors.push(format!("{place}: invalid action type {name}"));
            Action::Skip
        });
        let raw = raw.conditions.unwrap_or_default();
        let capacity = capacity(&raw.capacity.unwrap_or_default()).unwrap_or_else(|why| {
            self.errors.push(format!("{place}: {why}"));
            Default::default()
        });
        let csi = raw.csi.map(|csi| {
            let driver = csi.driver.unwrap_or_default();
            if driver.is_empty() && csi.volume_attributes.is_some() {
                let why = "csi driver should not be empty when filtering by volume attributes";
                self.errors.push(format!("{place}: {why}"));
            }
            (driver, csi.volume_attributes.unwrap_or_default())
        });
        let types = raw.volume_types.unwrap_or_default();
        for unknown in types.iter().filter(|name| !TYPES.contains(&name.as_str())) {
            self.warnings.push(format!("{place}: no volume is of type {unknown}"));
        }
        let conditions = Conditions {
            capacity,
            storage_class: raw.storage_class.unwrap_or_default(),
            nfs: raw.nfs.map(|nfs| (nfs.server.unwrap_or_default(), nfs.path.unwrap_or_default())),
            csi,
            types,
            claim_labels: raw.pvc_labels.unwrap_or_default(),
            claim_phase: raw.pvc_phase.unwrap_or_default(),
            claim_mode: raw.pvc_volume_mode.unwrap_or_default(),
            claim_access: raw.pvc_access_modes.unwrap_or_default().into_iter().collect(),
        };
        VolumeRule { conditions, action }
    }

    fn lists(&mut self, raw: &RawLists) -> KindLists {
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        let mut pair = |scope: &str, include: Vec<String>, exclude: Vec<String>| {
            let place = format!("includeExcludePolicy, {scope}-scoped resources");
            if include.iter().chain(&exclude).any(|name| name == "*") {
                self.errors.push(format!("{place}: cannot use '*' in includes or excludes filters in the policy"));
            }
            for both in include.iter().collect::<BTreeSet<_>>().into_iter().filter(|name| exclude.contains(name)) {
                self.errors.push(format!("{place}: excludes list cannot contain an item in the includes list: {both}"));
            }
            NameFilter { include: self.globs(&place, &include), exclude: self.globs(&place, &exclude) }
        };
        KindLists {
            cluster: pair(
                "cluster",
                list(&raw.included_cluster_scoped_resources),
                list(&raw.excluded_cluster_scoped_resources),
            ),
            namespaced: pair(
                "namespace",
                list(&raw.included_namespace_scoped_resources),
                list(&raw.excluded_namespace_scoped_resources),
            ),
        }
    }

    fn cluster(&mut self, raw: RawCluster) -> Vec<ItemFilter> {
        let place = "clusterScopedFilterPolicy";
        let filters = raw.resource_filters.unwrap_or_default();
        if filters.is_empty() {
            let why = "resourceFilters cannot be empty; remove the policy block entirely if it is not needed";
            self.errors.push(format!("{place}: {why}"));
        }
        for (at, _) in filters.iter().enumerate().filter(|(_, filter)| filter.is_catch_all()) {
            let why = "kinds must be specified (catch-all is not supported)";
            self.errors.push(format!("{place}.resourceFilters[{at}]: {why}"));
        }
        self.filters(place, filters)
    }

    fn namespaced(&mut self, raw: Vec<RawNamespaced>) -> Vec<NamespacePolicy> {
        let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut out = Vec::new();
        for (at, policy) in raw.into_iter().enumerate() {
            let place = format!("namespacedFilterPolicies[{at}]");
            let names = policy.namespaces.unwrap_or_default();
            let filters = policy.resource_filters.unwrap_or_default();
            if names.is_empty() {
                self.errors.push(format!("{place}: at least one namespace must be specified"));
            }
            if filters.is_empty() {
                self.errors.push(format!("{place}: at least one resourceFilter must be specified"));
            }
            for (number, name) in names.iter().enumerate() {
                if let Err(why) = namespace_pattern(name) {
                    self.errors.push(format!("{place}.namespaces[{number}]: invalid glob pattern {name:?}: {why}"));
                }
                seen.entry(name.clone()).or_default().push(at);
            }
            let catch_all = |filter: &&RawFilter| filter.is_catch_all();
            if filters.iter().filter(catch_all).count() > 1 {
                self.errors.push(format!("{place}: only one catch-all resource filter is allowed"));
            }
            for (number, filter) in filters.iter().enumerate().filter(|(_, filter)| filter.is_catch_all()) {
                if !list(&filter.names).is_empty() || !list(&filter.excluded_names).is_empty() {
                    let why = "names or excludedNames cannot be specified for catch-all filters";
                    self.errors.push(format!("{place}.resourceFilters[{number}]: {why}"));
                }
            }
            self.patterns = self.patterns.saturating_add(names.len());
            let namespaces = names.iter().filter_map(|name| Glob::parse(name).ok()).collect();
            out.push(NamespacePolicy { namespaces, filters: self.filters(&place, filters) });
        }
        for (pattern, places) in seen.iter().filter(|(_, places)| places.len() > 1) {
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            let places = places.join(" ");
            self.errors.push(format!(
                "namespacedFilterPolicies: duplicate namespace pattern '{pattern}' found in policies [{places}]"
            ));
        }
        out
    }

    fn filters(&mut self, place: &str, raw: Vec<RawFilter>) -> Vec<ItemFilter> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for (at, filter) in raw.into_iter().enumerate() {
            let here = format!("{place}.resourceFilters[{at}]");
            let catch_all = filter.is_catch_all();
            let kinds = if catch_all { Vec::new() } else { filter.kinds.unwrap_or_default() };
            for kind in &kinds {
                if let Some(before) = seen.insert(kind.clone(), at) {
                    self.errors.push(format!(
                        "{place}: kind {kind:?} appears in both resourceFilters[{before}] and resourceFilters[{at}]"
                    ));
                }
            }
            let one = filter.label_selector.map(|raw| self.selector(&here, raw)).filter(|s| !s.is_empty());
            let any = filter.or_label_selectors.unwrap_or_default();
            if one.is_some() && !any.is_empty() {
                self.errors.push(format!("{here}: labelSelector and orLabelSelectors cannot co-exist"));
            }
            let any = any.into_iter().enumerate().filter_map(|(number, raw)| Some((number, raw?)));
            let any: Vec<LabelSelector> = any
                .map(|(number, raw)| self.selector(&format!("{here}.orLabelSelectors[{number}]"), raw))
                .filter(|selector| !selector.is_empty())
                .collect();
            let labels = match one {
                Some(selector) => LabelChoice::Matching(selector),
                None if any.is_empty() => LabelChoice::Everything,
                None => LabelChoice::AnyOf(any),
            };
            let names = NameFilter {
                include: self.globs(&format!("{here}.names"), list(&filter.names)),
                exclude: self.globs(&format!("{here}.excludedNames"), list(&filter.excluded_names)),
            };
            out.push(ItemFilter { kinds, labels, names });
        }
        out
    }

    fn selector(&mut self, place: &str, raw: RawSelector) -> LabelSelector {
        let mut fail = |why: String| self.errors.push(format!("{place}: invalid label selector: {why}"));
        let match_labels = raw.match_labels.unwrap_or_default();
        for (key, value) in &match_labels {
            label_key(key).and_then(|()| label_value(value)).unwrap_or_else(&mut fail);
        }
        let mut match_expressions = Vec::new();
        for expression in raw.match_expressions.unwrap_or_default() {
            let key = expression.key.unwrap_or_default();
            let values = expression.values.unwrap_or_default();
            let name = expression.operator.unwrap_or_default();
            label_key(&key).unwrap_or_else(&mut fail);
            for value in &values {
                label_value(value).unwrap_or_else(&mut fail);
            }
            let operator = match name.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => {
                    fail(format!("{name:?} is not a valid label selector operator"));
                    continue;
                }
            };
            let takes_values = matches!(operator, Operator::In | Operator::NotIn);
            if takes_values == values.is_empty() {
                let rule = if takes_values { "needs values" } else { "takes no values" };
                fail(format!("{key:?}: operator {name} {rule}"));
            }
            match_expressions.push(Requirement { key, operator, values });
        }
        LabelSelector { match_labels, match_expressions }
    }

    fn globs(&mut self, place: &str, names: &[String]) -> Vec<Glob> {
        self.patterns = self.patterns.saturating_add(names.len());
        if self.patterns > MAX_PATTERNS {
            return Vec::new();
        }
        let mut out = Vec::new();
        for (at, name) in names.iter().enumerate() {
            match Glob::parse(name) {
                Ok(_) if name.trim().is_empty() => self.errors.push(format!("{place}[{at}]: the entry is empty")),
                Ok(glob) => out.push(glob),
                Err(error) => {
                    self.errors.push(format!("{place}[{at}]: invalid glob pattern {name:?}: {}", error.why));
                }
            }
        }
        out
    }
}

impl RawFilter {
    fn is_catch_all(&self) -> bool {
        matches!(list(&self.kinds), []) || list(&self.kinds) == ["*"]
    }
}

fn list(items: &Option<Vec<String>>) -> &[String] {
    items.as_deref().unwrap_or_default()
}

/// `low,high`: one comma, an empty side is open.
fn capacity(text: &str) -> Result<(Quantity, Quantity), String> {
    if text.is_empty() {
        return Ok(Default::default());
    }
    let wrong = || format!("wrong format of Capacity {text}");
    let (low, high) = text.split_once(',').filter(|(_, high)| !high.contains(',')).ok_or_else(wrong)?;
    let side = |text: &str| match text.trim() {
        "" => Ok(Quantity::ZERO),
        side => Quantity::parse(side).map_err(|error| format!("wrong format of Capacity {side} with err {error}")),
    };
    let (low, high) = (side(low)?, side(high)?);
    if high < low && !high.is_zero() {
        return Err(format!("illegal values for capacity {text}"));
    }
    Ok((low, high))
}

/// A namespace's name, in which `*`, `?` and `[…]` may stand.
fn namespace_pattern(text: &str) -> Result<(), &'static str> {
    if text.contains(['\\', '|', '(', ')', '!', '{', '}', ',']) {
        return Err("the characters \\|()!{}, are not supported");
    }
    if text.contains("**") {
        return Err("** is not supported");
    }
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', '?', '[', ']']) {
        plain.push_str(&rest[..at]);
        plain.push('x');
        rest = match rest.as_bytes()[at] {
            b'[' => match rest[at..].find(']') {
                Some(1) => return Err("[] is empty"),
                Some(end) => &rest[at + end + 1..],
                None => return Err("[ is not closed"),
            },
            b']' => return Err("] was not opened"),
            _ => &rest[at + 1..],
        };
    }
    plain.push_str(rest);
    if text != "*" && !dns_label(&plain) {
        return Err("a namespace has lower-case letters, digits and '-', and begins and ends with a letter or digit");
    }
    Glob::parse(text).map(drop).map_err(|error| error.why)
}

fn dns_label(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.as_bytes().first().is_some_and(alphanumeric)
        && text.as_bytes().last().is_some_and(alphanumeric)
        && text.bytes().all(|b| alphanumeric(&b) || b == b'-')
}

fn label_key(key: &str) -> Result<(), String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let prefix_good = prefix.is_none_or(|p| p.len() <= 253 && p.split('.').all(dns_label));
    if prefix_good && !name.is_empty() && label_text(name) {
        return Ok(());
    }
    Err(format!("{key:?} is not a valid label key"))
}

fn label_value(value: &str) -> Result<(), String> {
    if value.is_empty() || label_text(value) { Ok(()) } else { Err(format!("{value:?} is not a valid label value")) }
}

fn label_text(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_alphanumeric();
    text.len() <= 63
        && text.as_bytes().first().is_some_and(alphanumeric)
        && text.as_bytes().last().is_some_and(alphanumeric)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
