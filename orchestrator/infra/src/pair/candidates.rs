//! The ways to find a counterpart, one function each; every one returns all it finds, and `pair` decides.
//!
//! None of them looks at another's result.

use std::collections::BTreeMap;

use model::{Finding, Severity};

use super::{Confidence, MapFile, Method, ModuleRule, Pair, Side};
use crate::class::ValueClass;
use crate::contract::compare::slot_of;
use crate::contract::{Contract, ContractValue, Provenance, note};
use crate::state::attributes::{Identifiers, inventory};
use crate::state::{Inventory, State, derive};

/// A possible pair, and where its two values were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub pair: Pair,
    source_origin: String,
    target_origin: String,
    /// The source's zone has no counterpart and was placed in another; yields to any other pair.
    pub folded: bool,
}

impl Candidate {
    /// For messages: `contract key cluster.vpc_id (source: …, target: …)`.
    pub fn origin(&self) -> String {
        let Self { pair, source_origin, target_origin, .. } = self;
        if source_origin == target_origin {
            return format!("{} {}", pair.by, source_origin);
        }
        format!("{} {} (source {source_origin}, target {target_origin})", pair.by, pair.key)
    }
}

pub(super) fn from_map(map: &MapFile) -> Vec<Candidate> {
    let complete = map.pairs.iter().enumerate().filter_map(|(position, entry)| {
        let origin = entry.key.clone().unwrap_or_else(|| format!("pairs[{position}]"));
        let class = entry.class();
        let pair = Pair {
            source: entry.source.clone(),
            target: entry.target.clone()?,
            class,
            key: origin.clone(),
            by: Method::Map,
            confidence: Confidence::Certain,
        };
        Some(Candidate { pair, source_origin: origin.clone(), target_origin: origin, folded: false })
    });
    complete.collect()
}

/// Equal keys of two contracts. A contract derived from a state is only as certain as its logical names.
pub(super) fn by_contract(
    source: Option<&Contract>,
    target: Option<&Contract>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    let (Some(source), Some(target)) = (source, target) else { return Vec::new() };
    let targets: BTreeMap<String, ContractValue> =
        target.values().into_iter().filter(|v| v.keyed).map(|v| (v.key.clone(), v)).collect();
    let slots: Vec<&str> = {
        let mut slots: Vec<&str> = targets.keys().filter_map(|key| slot_of(key)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    };
    let source_slots: Vec<String> = {
        let mut all: Vec<String> = source.values().iter().filter_map(|v| slot_of(&v.key).map(str::to_owned)).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let mut out = Vec::new();
    for value in source.values() {
        if value.class == ValueClass::Never {
            continue;
        }
        if !value.keyed {
            let message = format!("{} is one of an unordered list and is not paired; use a map file", value.key);
            findings.push(note(Severity::Info, "unordered", None, message));
            continue;
        }
        let folded_key = slot_of(&value.key).filter(|slot| !slots.contains(slot)).and_then(|slot| {
            let position = source_slots.iter().position(|s| s == slot)?;
            let onto = slots.get(position.checked_rem(slots.len())?)?;
            Some(value.key.replacen(&format!(".{slot}."), &format!(".{onto}."), 1))
        });
        let key = folded_key.as_ref().unwrap_or(&value.key);
        let Some(found) = targets.get(key) else { continue };
        let (source_origin, target_origin) = (source.provenance(&value.key), target.provenance(key));
        let derived = source_origin != Provenance::Output || target_origin != Provenance::Output;
        let inferred = derived && !unmistakable(&value.key);
        out.push(Candidate {
            pair: Pair {
                source: value.value,
                target: found.value.clone(),
                class: value.class,
                key: value.key.clone(),
                by: if inferred { Method::NaturalKey } else { Method::Contract },
                confidence: if inferred { Confidence::Inferred } else { Confidence::Certain },
            },
            source_origin: if derived { derive::origin(&source_origin) } else { value.key.clone() },
            target_origin: if derived { derive::origin(&target_origin) } else { key.clone() },
            folded: folded_key.is_some(),
        });
    }
    // A pair by logical name goes before a folded one.
    out.sort_by_key(|candidate| (candidate.pair.by, candidate.folded));
    out
}

/// Keys of which an environment has exactly one, so that even a derived value cannot be another's.
fn unmistakable(key: &str) -> bool {
    key == "region" || key == "account_id" || key.starts_with("cluster.")
}

/// The same address on both sides, after the user's module rules.
pub(super) fn by_address(source: Option<&State>, target: Option<&State>, rules: &[ModuleRule]) -> Vec<Candidate> {
    let (Some(source), Some(target)) = (source, target) else { return Vec::new() };
    let targets = inventory(target);
    let mut out = Vec::new();
    for (address, identifiers) in inventory(source) {
        let module = rename_module(&identifiers.module, rules);
        let wanted =
            if module.is_empty() { identifiers.local.clone() } else { format!("{module}.{}", identifiers.local) };
        if let Some(found) = targets.get(&wanted) {
            join(&address, &identifiers, &wanted, found, Method::Address, Confidence::Certain, &mut out);
        }
    }
    out
}

/// The first rule that is a prefix of the module's address, in whole steps, gives the target's address.
fn rename_module(module: &str, rules: &[ModuleRule]) -> String {
    for rule in rules {
        if let Some(rest) = module.strip_prefix(rule.source.as_str()) {
            let whole =
                rest.is_empty() || rest.starts_with('.') || (rest.starts_with('[') && !rule.source.ends_with(']'));
            if whole || rule.source.is_empty() {
                let renamed = if rule.source.is_empty() && !rest.is_empty() && !rule.target.is_empty() {
                    format!("{}.{rest}", rule.target)
                } else {
                    format!("{}{rest}", rule.target)
                };
                return renamed.trim_start_matches('.').to_owned();
            }
        }
    }
    module.to_owned()
}

/// The same type and the same logical-id tag, once on each side.
pub(super) fn by_logical_id(source: Option<&State>, target: Option<&State>) -> Vec<Candidate> {
    let (Some(source), Some(target)) = (source, target) else { return Vec::new() };
    let (sources, targets) = (inventory(source), inventory(target));
    let (by_source, by_target) = (index(&sources, |i| i.logical_id.clone()), index(&targets, |i| i.logical_id.clone()));
    let mut out = Vec::new();
    for (key, addresses) in &by_source {
        if let ([from], Some([to])) = (&addresses[..], by_target.get(key).map(Vec::as_slice)) {
            join(from, &sources[*from], to, &targets[*to], Method::LogicalId, Confidence::Certain, &mut out);
        }
    }
    out
}

/// The same type and the same natural key, with exactly one candidate on each side.
pub(super) fn by_natural_key(
    source: Option<&State>,
    target: Option<&State>,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    by_key(source, target, Method::NaturalKey, |identifiers| identifiers.natural.clone(), findings)
}

/// The same type and the same `Name` tag once environment and region are left out, with one candidate on each side.
/// Names that fit several resources are common and no news.
pub(super) fn by_name_tag(source: Option<&State>, target: Option<&State>) -> Vec<Candidate> {
    by_key(source, target, Method::NameTag, |identifiers| identifiers.name.clone(), &mut Vec::new())
}

fn by_key(
    source: Option<&State>,
    target: Option<&State>,
    method: Method,
    key: impl Fn(&Identifiers) -> Option<String> + Copy,
    findings: &mut Vec<Finding>,
) -> Vec<Candidate> {
    let (Some(source), Some(target)) = (source, target) else { return Vec::new() };
    let (sources, targets) = (inventory(source), inventory(target));
    let (by_source, by_target) = (index(&sources, key), index(&targets, key));
    let mut out = Vec::new();
    for (key, addresses) in &by_source {
        match (&addresses[..], by_target.get(key).map(Vec::as_slice)) {
            ([from], Some([to])) => {
                join(from, &sources[*from], to, &targets[*to], method, Confidence::Inferred, &mut out);
            }
            (_, Some(several)) => {
                let message = format!(
                    "{} {} fits {} in the source and {} in the target, so it pairs nothing",
                    key.0,
                    key.1,
                    addresses.join(", "),
                    several.join(", ")
                );
                findings.push(note(Severity::Info, "ambiguous", None, message));
            }
            (_, None) => {}
        }
    }
    out
}

/// Every value of the source that could have been paired.
pub(super) fn known(source: Side) -> Vec<(String, String, ValueClass)> {
    let contract = source.contract.map(Contract::values).unwrap_or_default();
    let contract = contract.into_iter().map(|v| (v.key, v.value, v.class));
    let state = source.state.map(inventory).unwrap_or_default();
    let state = state.into_iter().flat_map(|(address, identifiers)| {
        identifiers.values.into_iter().map(move |v| (format!("{address} ({})", v.attribute), v.value, v.class))
    });
    contract.chain(state).filter(|(_, _, class)| *class != ValueClass::Never).collect()
}

fn index(inventory: &Inventory, key: impl Fn(&Identifiers) -> Option<String>) -> BTreeMap<(&str, String), Vec<&str>> {
    let mut out: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for (address, identifiers) in inventory {
        if let Some(key) = key(identifiers) {
            out.entry((identifiers.kind.as_str(), key)).or_default().push(address);
        }
    }
    out
}

fn join(
    from: &str,
    source: &Identifiers,
    to: &str,
    target: &Identifiers,
    by: Method,
    confidence: Confidence,
    out: &mut Vec<Candidate>,
) {
    for value in &source.values {
        let Some(found) = target.values.iter().find(|found| found.attribute == value.attribute) else { continue };
        out.push(Candidate {
            pair: Pair {
                source: value.value.clone(),
                target: found.value.clone(),
                class: value.class,
                key: format!("{from} ({})", value.attribute),
                by,
                confidence,
            },
            source_origin: format!("{from} ({})", value.attribute),
            target_origin: format!("{to} ({})", value.attribute),
            folded: false,
        });
    }
}
