//! Pairs every value of the source with its counterpart in the target.
//!
//! In order of trust: the user's map file, contract keys, equal state addresses, equal logical-id tags, natural keys,
//! `Name` tags. Each pair says how it was found. Nothing is guessed from positions in lists; applying pairs is
//! `rewrite`'s job.

pub mod candidates;
pub mod expand;
pub mod map_file;

use std::collections::BTreeMap;
use std::fmt;

use model::{Finding, Severity};
use serde::{Deserialize, Serialize};

use crate::class::ValueClass;
use crate::contract::{Contract, compare_keys, note};
use crate::state::State;

pub use candidates::Candidate;
pub use map_file::{MapError, MapFile, ModuleRule};

/// What is known of one environment. Either may be absent; a contract derived from the state adds nothing to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Side<'a> {
    pub contract: Option<&'a Contract>,
    pub state: Option<&'a State>,
}

/// One source value and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub source: String,
    pub target: String,
    pub class: ValueClass,
    /// What the value is, in logical words: a contract key, or an address and attribute.
    pub key: String,
    pub by: Method,
    pub confidence: Confidence,
}

/// How a pair was found, most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    Map,
    Contract,
    Address,
    LogicalId,
    NaturalKey,
    NameTag,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Somebody said so, in a map or by giving both the same logical name.
    Certain,
    /// The shapes agree; a person should look.
    Inferred,
}

/// A source value for which nothing was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpaired {
    pub source: String,
    pub class: ValueClass,
    pub key: String,
    pub why: String,
}

/// The rewrite map between two environments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pairs {
    pairs: Vec<Pair>,
    unpaired: Vec<Unpaired>,
    /// Missing keys come first.
    findings: Vec<Finding>,
}

#[derive(Debug, thiserror::Error)]
pub enum PairError {
    #[error(
        "{source_value:?} has two targets: {first_target:?} by {first}, and {second_target:?} by {second}; decide with a map file"
    )]
    TwoTargets { source_value: String, first_target: String, first: String, second_target: String, second: String },
    #[error(
        "{count} pairs are only inferred, such as {example}; review them in a map file or accept them with --accept-inferred"
    )]
    NotAccepted { count: usize, example: String },
    #[error(transparent)]
    Map(#[from] MapError),
}

/// Pairs a source with a target.
pub fn pair(source: Side, target: Side, map: Option<&MapFile>) -> Result<Pairs, PairError> {
    let mut findings = Vec::new();
    if let (Some(source), Some(target)) = (source.contract, target.contract) {
        findings.extend(compare_keys(source, target).findings());
    }
    let no_rules = Vec::new();
    let rules = map.map_or(&no_rules, |map| &map.modules);
    let mut chosen: BTreeMap<(String, ValueClass), Candidate> = BTreeMap::new();
    let mut ambiguous: BTreeMap<(String, ValueClass), String> = BTreeMap::new();
    let steps = [
        map.map(candidates::from_map).unwrap_or_default(),
        candidates::by_contract(source.contract, target.contract, &mut findings),
        candidates::by_address(source.state, target.state, rules),
        candidates::by_logical_id(source.state, target.state),
        candidates::by_natural_key(source.state, target.state, &mut findings),
        candidates::by_name_tag(source.state, target.state),
    ];
    for candidate in steps.into_iter().flatten() {
        let key = (candidate.pair.source.clone(), candidate.pair.class);
        let Some(first) = chosen.get(&key) else {
            chosen.insert(key, candidate);
            continue;
        };
        let is_better =
            first.pair.confidence == Confidence::Inferred && candidate.pair.confidence == Confidence::Certain;
        if is_better && !candidate.folded {
            ambiguous.remove(&key);
            chosen.insert(key, candidate);
            continue;
        }
        if first.pair.target == candidate.pair.target || first.pair.by == Method::Map {
            continue;
        }
        // Names are the weakest sign: they add pairs and doubt none.
        let is_weaker = candidate.pair.by == Method::NameTag && first.pair.by != Method::NameTag;
        if candidate.folded || is_weaker {
            continue;
        }
        if candidate.pair.confidence == Confidence::Inferred {
            if first.pair.confidence == Confidence::Inferred {
                let why = format!("{} and {} disagree", first.origin(), candidate.origin());
                ambiguous.entry(key).or_insert(why);
            }
            continue;
        }
        return Err(PairError::TwoTargets {
            source_value: candidate.pair.source.clone(),
            first_target: first.pair.target.clone(),
            first: first.origin(),
            second_target: candidate.pair.target.clone(),
            second: candidate.origin(),
        });
    }
    chosen.retain(|key, _| !ambiguous.contains_key(key));
    let mut unpaired = Vec::new();
    for (key, value, class) in candidates::known(source) {
        let id = (value, class);
        if !chosen.contains_key(&id) && !unpaired.iter().any(|u: &Unpaired| u.source == id.0 && u.class == class) {
            let why = ambiguous.get(&id).cloned().unwrap_or_else(|| "no counterpart in the target".to_owned());
            unpaired.push(Unpaired { source: id.0, class, key, why });
        }
    }
    for pair in chosen.values().map(|candidate| &candidate.pair) {
        // A class by shape may differ between the two sides when a map pairs the wrong things.
        if pair.class == ValueClass::Region && !crate::grammar::is_region(&pair.target) && pair.target != "local" {
            let message = format!("{} is paired with {:?}, which is not a region", pair.key, pair.target);
            findings.push(note(Severity::Warning, "odd-target", None, message));
        }
    }
    Ok(Pairs { pairs: chosen.into_values().map(|candidate| candidate.pair).collect(), unpaired, findings })
}

impl Pairs {
    /// Pairs given one by one, as tests and map files without environments do.
    pub fn from_pairs(pairs: impl IntoIterator<Item = Pair>) -> Result<Self, PairError> {
        let mut map = MapFile::default();
        map.pairs.extend(pairs.into_iter().map(map_file::Entry::from));
        let mut chosen: BTreeMap<(String, ValueClass), Candidate> = BTreeMap::new();
        for candidate in candidates::from_map(&map) {
            let key = (candidate.pair.source.clone(), candidate.pair.class);
            if let Some(first) = chosen.get(&key).filter(|first| first.pair.target != candidate.pair.target) {
                return Err(PairError::TwoTargets {
                    source_value: candidate.pair.source.clone(),
                    first_target: first.pair.target.clone(),
                    first: first.origin(),
                    second_target: candidate.pair.target.clone(),
                    second: candidate.origin(),
                });
            }
            chosen.insert(key, candidate);
        }
        Ok(Self { pairs: chosen.into_values().map(|c| c.pair).collect(), ..Self::default() })
    }

    /// Pairs as they are, for looking up and not for replacing.
    pub(crate) fn unchecked(pairs: impl IntoIterator<Item = Pair>) -> Self {
        Self { pairs: pairs.into_iter().collect(), ..Self::default() }
    }

    /// In the order of source values.
    pub fn all(&self) -> &[Pair] {
        &self.pairs
    }

    pub fn unpaired(&self) -> &[Unpaired] {
        &self.unpaired
    }

    /// What pairing noticed: missing keys first, as errors.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Pairs that a person should look at before they are used.
    pub fn inferred(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| pair.confidence == Confidence::Inferred)
    }

    /// Refuses inferred pairs unless they were accepted.
    pub fn accept_inferred(self, accept: bool) -> Result<Self, PairError> {
        let example = self.inferred().next().map(Pair::to_string);
        match example {
            Some(example) if !accept => Err(PairError::NotAccepted { count: self.inferred().count(), example }),
            _ => Ok(self),
        }
    }

    /// Without the inferred pairs, whose sources count as unpaired: what a plan may use before anybody looked.
    pub fn certain(&self) -> Self {
        let mut out = self.clone();
        out.pairs.retain(|pair| pair.confidence == Confidence::Certain);
        out.unpaired.extend(self.inferred().map(|pair| Unpaired {
            source: pair.source.clone(),
            class: pair.class,
            key: pair.key.clone(),
            why: format!("paired with {:?} only by inference", pair.target),
        }));
        out
    }

    /// The target of a source value of this class.
    pub fn target(&self, source: &str, class: ValueClass) -> Option<&str> {
        self.pairs.iter().find(|pair| pair.source == source && pair.class == class).map(|pair| pair.target.as_str())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map => "map file",
            Self::Contract => "contract key",
            Self::Address => "state address",
            Self::LogicalId => "logical-id tag",
            Self::NaturalKey => "natural key",
            Self::NameTag => "Name tag",
        })
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} ({} {})", self.source, self.target, self.by, self.key)
    }
}

#[cfg(test)]
mod tests;
