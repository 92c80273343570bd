//! Label selectors, as objects and as text.
//!
//! Matching follows Kubernetes: `NotIn` and `DoesNotExist` hold when the label is absent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid label selector {text:?}: {why}")]
pub struct SelectorError {
    pub text: String,
    pub why: String,
}

impl LabelSelector {
    /// Selects everything.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.match_expressions.iter().all(|r| r.matches(labels.get(&r.key).map(String::as_str)))
    }

    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let fail = |why: &str| SelectorError { text: text.to_owned(), why: why.to_owned() };
        let mut selector = Self::default();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err(fail("there is an empty requirement"));
            }
            selector.match_expressions.push(parse_requirement(part).map_err(|why| fail(&why))?);
        }
        // `k=v` goes where people look for it, and where Velero puts it.
        let (equal, rest): (Vec<_>, Vec<_>) =
            selector.match_expressions.into_iter().partition(|r| r.operator == Operator::In && r.values.len() == 1);
        selector.match_expressions = rest;
        for requirement in equal {
            let value = requirement.values.first().cloned().unwrap_or_default();
            if selector.match_labels.insert(requirement.key.clone(), value.clone()).is_some_and(|old| old != value) {
                return Err(fail(&format!("{} is asked to have two values", requirement.key)));
            }
        }
        Ok(selector)
    }
}

impl Requirement {
    pub fn matches(&self, value: Option<&str>) -> bool {
        let listed = value.is_some_and(|v| self.values.iter().any(|x| x == v));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// Prints as a query parameter of the Kubernetes API.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.match_labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        for Requirement { key, operator, values } in &self.match_expressions {
            let values = values.join(",");
            parts.push(match operator {
                Operator::In => format!("{key} in ({values})"),
                Operator::NotIn => format!("{key} notin ({values})"),
                Operator::Exists => key.clone(),
                Operator::DoesNotExist => format!("!{key}"),
            });
        }
        f.write_str(&parts.join(","))
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Result<Requirement, String> {
    let make = |key: &str, operator, values: Vec<String>| -> Result<Requirement, String> {
        let key = key.trim();
        check_key(key)?;
        for value in &values {
            check_value(value)?;
        }
        Ok(Requirement { key: key.to_owned(), operator, values })
    };
    if let Some(inner) = part.strip_suffix(')') {
        let (head, list) = inner.split_once('(').ok_or("a `)` has no `(`")?;
        let values = list.split(',').map(|v| v.trim().to_owned()).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next(), words.next()) {
            (Some(key), Some("in"), None) => make(key, Operator::In, values),
            (Some(key), Some("notin"), None) => make(key, Operator::NotIn, values),
            _ => Err(format!("{part:?} is not `key in (…)` or `key notin (…)`")),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return make(key, Operator::NotIn, vec![value.trim().to_owned()]);
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return make(key, Operator::In, vec![value.trim().to_owned()]);
    }
    match part.strip_prefix('!') {
        Some(key) => make(key, Operator::DoesNotExist, vec![]),
        None => make(part, Operator::Exists, vec![]),
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    if name.is_empty() || name.len() > 63 || !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) {
        return Err(format!("{key:?} is not a label key"));
    }
    Ok(())
}

fn check_value(value: &str) -> Result<(), String> {
    if value.len() > 63 || !value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Err(format!("{value:?} is not a label value"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn text_selects_what_kubernetes_would() {
        let selector = LabelSelector::parse("app=web, tier in (a,b),!old,env!=dev,x.io/y").unwrap();
        assert!(selector.matches(&labels(&[("app", "web"), ("tier", "b"), ("x.io/y", "")])));
        assert!(!selector.matches(&labels(&[("app", "web"), ("tier", "c"), ("x.io/y", "")])));
        assert!(!selector.matches(&labels(&[("app", "web"), ("tier", "a"), ("x.io/y", ""), ("env", "dev")])));
        assert_eq!(LabelSelector::parse(&selector.to_string()).unwrap(), selector);
    }

    #[test]
    fn empty_text_selects_everything() {
        assert!(LabelSelector::parse("").unwrap().is_empty());
    }

    #[test]
    fn broken_text_says_why() {
        for text in ["a=b,,c", "a in b)", "=x", "a=b c", "a=1,a=2"] {
            assert!(LabelSelector::parse(text).is_err(), "{text}");
        }
    }
}
