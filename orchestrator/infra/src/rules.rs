//! The user's own rules: which objects, which field, and what to do with it.
//!
//! Values of both contracts are at hand as `${contract.<key>}` (the target's) and `${source.<key>}`. Rules run before the
//! transforms, so that they can settle what a transform would block; what they report shows no Secret's value.

mod compile;
pub mod format;
mod substitute;
mod value;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Change, Finding, Glob, LabelSelector, Manifest, Severity};
use regex::Regex;
use serde_json::Value;

use crate::contract::{Contract, note};
use format::{Action, RulesFile};

pub use format::RulesError;

/// A pointer with `*` that names more places is cut off there, and the rule says so.
const MAX_PLACES: usize = 10_000;

/// Rules with every `${…}` resolved and every expression compiled.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    kinds: Vec<String>,
    groups: Vec<String>,
    namespaces: Vec<Glob>,
    names: Vec<Glob>,
    labels: LabelSelector,
    exists: Option<String>,
    condition: Option<cel::Program>,
    at: String,
    action: Action<Regex>,
}

/// What the rules did to one object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleOutcome {
    pub changes: Vec<Change>,
    pub findings: Vec<Finding>,
    /// How many places each rule matched here, by the rule's name.
    pub matched: BTreeMap<String, usize>,
}

/// Counts matches over many objects, to tell rules that never matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleUsage(BTreeMap<String, usize>);

impl RuleUsage {
    pub fn add(&mut self, outcome: &RuleOutcome) {
        for (name, count) in &outcome.matched {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    pub fn count(&self, rule: &str) -> usize {
        self.0.get(rule).copied().unwrap_or_default()
    }
}

impl Rules {
    /// Reads a rules file and resolves its references to the contracts.
    pub fn parse(text: &str, source: Option<&Contract>, target: Option<&Contract>) -> Result<Self, RulesError> {
        let file = RulesFile::parse(text)?;
        let values = substitute::Values::new(source, target);
        let rules =
            file.rules.into_iter().enumerate().map(|(position, rule)| compile::compile(position, rule, &values));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        let mut names = std::collections::BTreeSet::new();
        if let Some(rule) = rules.iter().find(|rule| !names.insert(rule.name.clone())) {
            return Err(RulesError::DuplicateName { name: rule.name.clone() });
        }
        Ok(Self { rules })
    }

    /// Applies every rule in the file's order; a later rule sees what an earlier one did.
    pub fn apply(&self, manifest: &mut Manifest) -> RuleOutcome {
        let mut outcome = RuleOutcome::default();
        for rule in &self.rules {
            match rule.matches(manifest) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(message) => {
                    let message = format!("rule {}: {message}; the rule was not applied", rule.name);
                    outcome.findings.push(note(Severity::Warning, "rule-failed", None, message));
                    continue;
                }
            }
            let (places, cut) = value::places(manifest, &rule.at, MAX_PLACES);
            if cut {
                let message = format!("rule {}: {} names more than {MAX_PLACES} places", rule.name, rule.at);
                outcome.findings.push(note(Severity::Warning, "rule-too-wide", None, message));
            }
            let mut matched = 0;
            // Backwards, because removing an element moves those after it.
            for pointer in places.iter().rev() {
                matched += usize::from(rule.act(manifest, pointer, &mut outcome));
            }
            if matched > 0 {
                *outcome.matched.entry(rule.name.clone()).or_default() += matched;
            }
        }
        outcome
    }

    /// What the rules would do, without doing it.
    pub fn preview(&self, manifest: &Manifest) -> RuleOutcome {
        self.apply(&mut manifest.clone())
    }

    /// A warning for every rule that matched nothing at all.
    pub fn unmatched(&self, usage: &RuleUsage) -> Vec<Finding> {
        let unused = self.rules.iter().filter(|rule| usage.count(&rule.name) == 0);
        unused
            .map(|rule| note(Severity::Warning, "rule-unmatched", None, format!("rule {} matched nothing", rule.name)))
            .collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }
}

impl Rule {
    fn matches(&self, manifest: &Manifest) -> Result<bool, String> {
        let gvk = manifest.gvk();
        let kind_ok = self.kinds.is_empty() || self.kinds.contains(&gvk.kind);
        let group_ok = self.groups.is_empty() || self.groups.contains(&gvk.group);
        let any = |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
        if !(kind_ok
            && group_ok
            && any(&self.namespaces, manifest.namespace().unwrap_or_default())
            && any(&self.names, manifest.name()))
        {
            return Ok(false);
        }
        if !self.labels.is_empty() {
            let labels = manifest.labels().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            if !self.labels.matches(&labels) {
                return Ok(false);
            }
        }
        if self
            .exists
            .as_ref()
            .is_some_and(|pointer| value::places(manifest, pointer, 1).0.iter().all(|p| manifest.get(p).is_none()))
        {
            return Ok(false);
        }
        self.condition.as_ref().map_or(Ok(true), |condition| holds(condition, manifest))
    }

    /// Acts at one place; whether the place was one for this rule.
    fn act(&self, manifest: &mut Manifest, pointer: &str, outcome: &mut RuleOutcome) -> bool {
        let encoded = is_encoded(manifest, pointer);
        let before = manifest.get(pointer).cloned();
        let after = match (&self.action, &before) {
            (Action::Set(value), _) => Some(encode(value, encoded)),
            (Action::Default(_), Some(_)) => return true,
            (Action::Default(value), None) => Some(encode(value, encoded)),
            (Action::Remove, None) | (Action::Replace { .. }, None) => return false,
            (Action::Remove, Some(_)) => None,
            (Action::Replace { pattern, with }, Some(found)) => {
                let Some(text) = value::text(found, encoded) else { return false };
                if !pattern.is_match(&text) {
                    return false;
                }
                Some(encode(&Value::String(pattern.replace_all(&text, with.as_str()).into_owned()), encoded))
            }
        };
        if before == after {
            return true;
        }
        let done = match &after {
            Some(value) => manifest.set(pointer, value.clone()),
            None => manifest.remove(pointer).is_some(),
        };
        if !done {
            let message = format!("rule {}: {pointer} leads through a value that is not an object", self.name);
            outcome.findings.push(note(Severity::Warning, "rule-failed", Some(pointer), message));
            return false;
        }
        let hidden = |value: Option<Value>| {
            value.map(|v| if manifest.kind() == "Secret" && is_secret_value(pointer) { "(hidden)".into() } else { v })
        };
        let because = format!("rule {}", self.name);
        outcome.changes.push(Change {
            pointer: pointer.to_owned(),
            before: hidden(before),
            after: hidden(after),
            because,
        });
        true
    }
}

fn is_secret_value(pointer: &str) -> bool {
    pointer.starts_with("/data") || pointer.starts_with("/stringData")
}

fn is_encoded(manifest: &Manifest, pointer: &str) -> bool {
    (manifest.kind() == "Secret" && pointer.starts_with("/data/"))
        || (manifest.kind() == "ConfigMap" && pointer.starts_with("/binaryData/"))
}

fn encode(value: &Value, encoded: bool) -> Value {
    match value {
        Value::String(text) if encoded => Value::String(STANDARD.encode(text)),
        other => other.clone(),
    }
}

fn holds(condition: &cel::Program, manifest: &Manifest) -> Result<bool, String> {
    let mut context = cel::Context::default();
    context.add_variable("object", manifest.as_map()).map_err(|error| error.to_string())?;
    match condition.execute(&context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("its condition gives {:?} and not true or false", other.type_of())),
        // Asking for a field that the object does not have is the ordinary way of not matching.
        Err(cel::ExecutionError::NoSuchKey(_)) => Ok(false),
        Err(error) => Err(format!("its condition fails: {error}")),
    }
}

#[cfg(test)]
mod tests;
