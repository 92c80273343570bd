//! Include and exclude lists over names, and label choices.
//!
//! Checking follows Velero's rules for lists; resolving kind names against a server is the planners' job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::glob::Glob;
use crate::selector::LabelSelector;

/// Names that are in and names that are out. An empty include list, or `*`, is everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NameFilter {
    pub include: Vec<Glob>,
    pub exclude: Vec<Glob>,
}

/// Which labels an item must carry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelChoice {
    #[default]
    Everything,
    Matching(LabelSelector),
    /// Any of several.
    AnyOf(Vec<LabelSelector>),
}

impl NameFilter {
    /// Reads two lists; the errors are sentences for a person, all of them at once.
    pub fn parse(include: &[String], exclude: &[String]) -> Result<Self, Vec<String>> {
        let mut errors = Vec::new();
        if include.len() > 1 && include.iter().any(|i| i == "*") {
            errors.push("\"*\" includes everything, so nothing else can be included beside it".to_owned());
        }
        if exclude.iter().any(|e| e == "*") {
            errors.push("\"*\" cannot be excluded: nothing would be left".to_owned());
        }
        for both in include.iter().filter(|i| exclude.contains(i)) {
            errors.push(format!("{both:?} is included and excluded"));
        }
        let filter = Self { include: globs(include, &mut errors), exclude: globs(exclude, &mut errors) };
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }

    /// Reads lists in which `*` may be excluded, as Velero's scoped filters allow.
    pub fn parse_scoped(include: &[String], exclude: &[String]) -> Result<Self, Vec<String>> {
        if exclude == ["*"] && include.is_empty() {
            let mut errors = Vec::new();
            let filter = Self { include: Vec::new(), exclude: globs(exclude, &mut errors) };
            return if errors.is_empty() { Ok(filter) } else { Err(errors) };
        }
        Self::parse(include, exclude)
    }

    /// No name is out, and none has to be named to be in.
    pub fn is_everything(&self) -> bool {
        self.exclude.is_empty() && self.includes_all()
    }

    /// The include list alone admits every name.
    pub fn includes_all(&self) -> bool {
        self.include.is_empty() || self.include.iter().any(|g| g.as_str() == "*")
    }

    pub fn admits(&self, name: &str) -> bool {
        !self.excludes(name) && (self.includes_all() || self.include.iter().any(|g| g.matches(name)))
    }

    pub fn excludes(&self, name: &str) -> bool {
        self.exclude.iter().any(|g| g.matches(name))
    }

    /// Some include entry matches; an empty list names nothing.
    pub fn names(&self, name: &str) -> bool {
        self.include.iter().any(|g| g.matches(name))
    }

    /// Include entries that are plain names.
    pub fn literal_includes(&self) -> impl Iterator<Item = &str> {
        self.include.iter().filter(|g| g.is_literal()).map(Glob::as_str)
    }
}

impl LabelChoice {
    pub fn admits(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Everything => true,
            Self::Matching(selector) => selector.matches(labels),
            Self::AnyOf(selectors) => selectors.iter().any(|s| s.matches(labels)),
        }
    }

    /// The selectors with which a server has to be asked: one list each; `None` asks without a selector.
    pub fn queries(&self) -> Vec<Option<String>> {
        match self {
            Self::Everything => vec![None],
            Self::Matching(selector) => vec![Some(selector.to_string())],
            Self::AnyOf(selectors) => selectors.iter().map(|s| Some(s.to_string())).collect(),
        }
    }

    pub fn is_everything(&self) -> bool {
        matches!(self, Self::Everything)
    }
}

fn globs(texts: &[String], errors: &mut Vec<String>) -> Vec<Glob> {
    let mut out = Vec::new();
    for text in texts {
        match Glob::parse(text.trim()) {
            Ok(glob) if glob.as_str().is_empty() => errors.push("an entry is empty".to_owned()),
            Ok(glob) => out.push(glob),
            Err(error) => errors.push(error.to_string()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Result<NameFilter, Vec<String>> {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        NameFilter::parse(&own(include), &own(exclude))
    }

    #[test]
    fn excludes_win_over_includes() {
        let shop = filter(&["shop-*"], &["shop-b"]).unwrap();
        assert!(shop.admits("shop-a") && !shop.admits("shop-b") && !shop.admits("other"));
        assert!(filter(&[], &[]).unwrap().is_everything());
        assert!(filter(&["*"], &[]).unwrap().is_everything());
        assert!(!filter(&["*"], &["a"]).unwrap().is_everything());
    }

    #[test]
    fn contradictions_are_refused_with_every_reason() {
        let errors = filter(&["*", "a", "["], &["a", "*"]).unwrap_err();
        assert!(errors.len() >= 4, "{errors:?}");
    }
}
