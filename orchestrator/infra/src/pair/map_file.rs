//! The map file: pairs written for review, edited by people, and given back.
//!
//! What stands in it is the user's word and goes before every other way of pairing; it is still checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Confidence, Method, Pair, Pairs};
use crate::class::ValueClass;
use crate::contract::values::class_by_shape;

/// The version that this build writes.
pub const VERSION: u32 = 1;

const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_PAIRS: usize = 100_000;

/// A map file's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    pub version: u32,
    /// Says that pairs which form a circle (a to b, b to a) are meant; they are replaced at once, so a swap is a swap.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swaps: bool,
    /// Modules that are called differently in the target's state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleRule>,
    #[serde(default)]
    pub pairs: Vec<Entry>,
    /// For the reader: what was not paired. Give an entry a target and move it to `pairs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unpaired: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleRule {
    pub source: String,
    pub target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where the value may be replaced; by the value's looks when absent, and then everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Method>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum MapError {
    #[error("the map file is {size} bytes long; more than {MAX_BYTES} is not read")]
    TooLarge { size: usize },
    #[error("the map file cannot be read: {message}")]
    Yaml { message: String },
    #[error("the map file has version {found}, this build reads {VERSION}")]
    Version { found: u32 },
    #[error("the map file holds more than {MAX_PAIRS} pairs")]
    TooMany,
    #[error("pairs[{position}] ({source_value:?}) has the unknown class {class:?}; known are {known}")]
    UnknownClass { position: usize, source_value: String, class: String, known: String },
    #[error("pairs[{position}] has an empty {field}")]
    Empty { position: usize, field: &'static str },
    #[error(
        "pairs[{position}] has the source {source_value:?}, which is too short to be told from other text; give it a class name:…"
    )]
    TooShort { position: usize, source_value: String },
    #[error(
        "{source_value:?} is mapped twice: to {first:?} in pairs[{first_position}] and to {second:?} in pairs[{second_position}]"
    )]
    Duplicate { source_value: String, first: String, first_position: usize, second: String, second_position: usize },
    #[error("the pairs form a circle: {circle}; if these values are to be swapped, write `swaps: true` at the top")]
    Circle { circle: String },
    #[error("two module rules have the same source {source_module:?}")]
    DuplicateModule { source_module: String },
    #[error("the map file cannot be written: {message}")]
    Write { message: String },
}

impl Default for MapFile {
    fn default() -> Self {
        Self { version: VERSION, swaps: false, modules: Vec::new(), pairs: Vec::new(), unpaired: Vec::new() }
    }
}

impl MapFile {
    /// Reads and checks a map file.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        if text.len() > MAX_BYTES {
            return Err(MapError::TooLarge { size: text.len() });
        }
        let map: Self = serde_saphyr::from_str(text).map_err(|e| MapError::Yaml { message: e.to_string() })?;
        map.check()?;
        Ok(map)
    }

    /// The pairs of two environments, written for review.
    pub fn from_pairs(pairs: &Pairs, modules: &[ModuleRule]) -> Self {
        let mut map = Self { modules: modules.to_vec(), ..Self::default() };
        map.pairs = pairs.all().iter().cloned().map(Entry::from).collect();
        map.unpaired = pairs
            .unpaired()
            .iter()
            .map(|unpaired| Entry {
                source: unpaired.source.clone(),
                target: None,
                class: Some(unpaired.class.to_string()),
                key: Some(unpaired.key.clone()),
                by: None,
                confidence: None,
                why: Some(unpaired.why.clone()),
            })
            .collect();
        map.swaps = map.circle().is_some();
        map
    }

    pub fn to_yaml(&self) -> Result<String, MapError> {
        let body = serde_saphyr::to_string(self).map_err(|e| MapError::Write { message: e.to_string() })?;
        Ok(format!("{HEADER}{body}"))
    }

    fn check(&self) -> Result<(), MapError> {
        if self.version != VERSION {
            return Err(MapError::Version { found: self.version });
        }
        if self.pairs.len() > MAX_PAIRS {
            return Err(MapError::TooMany);
        }
        let mut seen: BTreeMap<(&str, ValueClass), (usize, &str)> = BTreeMap::new();
        for (position, entry) in self.pairs.iter().enumerate() {
            if let Some(class) = entry.class.as_deref().filter(|class| ValueClass::parse(class).is_none()) {
                return Err(MapError::UnknownClass {
                    position,
                    source_value: entry.source.clone(),
                    class: class.to_owned(),
                    known: ValueClass::known(),
                });
            }
            if entry.source.trim().is_empty() {
                return Err(MapError::Empty { position, field: "source" });
            }
            let Some(target) = entry.target.as_deref() else { continue };
            if target.is_empty() {
                return Err(MapError::Empty { position, field: "target" });
            }
            if entry.source.len() < 3 && entry.class() == ValueClass::Token {
                return Err(MapError::TooShort { position, source_value: entry.source.clone() });
            }
            let first = seen.insert((&entry.source, entry.class()), (position, target));
            if let Some((first_position, first)) = first {
                return Err(MapError::Duplicate {
                    source_value: entry.source.clone(),
                    first: first.to_owned(),
                    first_position,
                    second: target.to_owned(),
                    second_position: position,
                });
            }
        }
        let mut modules = BTreeSet::new();
        if let Some(rule) = self.modules.iter().find(|rule| !modules.insert(rule.source.as_str())) {
            return Err(MapError::DuplicateModule { source_module: rule.source.clone() });
        }
        match self.circle().filter(|_| !self.swaps) {
            Some(circle) => Err(MapError::Circle { circle: circle.join(" -> ") }),
            None => Ok(()),
        }
    }

    /// The first circle of at least two values, of one class.
    fn circle(&self) -> Option<Vec<String>> {
        let next: BTreeMap<(&str, ValueClass), &str> =
            self.pairs.iter().filter_map(|e| Some(((e.source.as_str(), e.class()), e.target.as_deref()?))).collect();
        let mut done: BTreeSet<(&str, ValueClass)> = BTreeSet::new();
        for (start, class) in next.keys() {
            let mut path: Vec<&str> = Vec::new();
            let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
            let mut here = *start;
            while let Some(target) = next.get(&(here, *class)) {
                if let Some(at) = positions.get(here) {
                    let mut circle: Vec<String> = path[*at..].iter().map(|s| (*s).to_owned()).collect();
                    if circle.len() > 1 {
                        circle.push(here.to_owned());
                        return Some(circle);
                    }
                    break;
                }
                if !done.insert((here, *class)) {
                    break;
                }
                positions.insert(here, path.len());
                path.push(here);
                here = target;
            }
        }
        None
    }
}

const HEADER: &str = "\
# What stands in the source (source) and what takes its place in the target (target).
# Pairs with `confidence: inferred` were found by similarity: look at them, then give this file back.
# `class` says where a value may be replaced: token = anywhere as a whole word; name:<kind> = only where such a
# name is expected; region, account, zone = in typed places, ARNs and hosts; never = nowhere.
";

impl Entry {
    /// The written class, else the one that the value's looks suggest; a plain word is a token because the user asks.
    pub fn class(&self) -> ValueClass {
        let written = self.class.as_deref().and_then(ValueClass::parse);
        written.unwrap_or_else(|| match class_by_shape(&self.source) {
            None | Some(ValueClass::Never) => ValueClass::Token,
            Some(class) => class,
        })
    }
}

impl From<Pair> for Entry {
    fn from(pair: Pair) -> Self {
        Self {
            source: pair.source,
            target: Some(pair.target),
            class: Some(pair.class.to_string()),
            key: Some(pair.key),
            by: Some(pair.by),
            confidence: Some(pair.confidence),
            why: None,
        }
    }
}
