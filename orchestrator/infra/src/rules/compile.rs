//! From a written rule to one that can run: references resolved, patterns and conditions compiled, all within limits.
//!
//! Every error names the rule and what in it is wrong.

use model::{Glob, LabelSelector};
use regex::RegexBuilder;

use super::format::{self, Action};
use super::{Rule, RulesError, substitute};

/// A pattern that compiles to more is refused; matching itself is linear in the text.
const MAX_REGEX: usize = 1024 * 1024;
const MAX_PATTERN: usize = 4096;
/// Longer expressions, and deeper ones, are refused.
const MAX_CEL: usize = 2048;
const MAX_CEL_DEPTH: usize = 32;

pub(super) fn compile(
    position: usize,
    rule: format::RuleFormat,
    values: &substitute::Values,
) -> Result<Rule, RulesError> {
    let name = rule.name.clone().unwrap_or_else(|| format!("rules[{position}]"));
    let bad = |what: &str, message: String| RulesError::Rule { rule: name.clone(), what: what.to_owned(), message };
    let globs = |texts: &[String], what: &str| {
        texts
            .iter()
            .map(|text| Glob::parse(text).map_err(|error| bad(what, model::chain(&error))))
            .collect::<Result<Vec<_>, _>>()
    };
    let fill = |text: &str| values.fill(text).map_err(|message| bad("a reference", message));
    let condition = rule.matches.condition.as_deref().map(|text| {
        if text.len() > MAX_CEL || nesting(text) > MAX_CEL_DEPTH {
            return Err(bad(
                "condition",
                format!("it is longer than {MAX_CEL} bytes or nested deeper than {MAX_CEL_DEPTH}"),
            ));
        }
        cel::Program::compile(text).map_err(|errors| bad("condition", errors.to_string()))
    });
    let labels =
        rule.matches.labels.as_deref().map(|text| LabelSelector::parse(text).map_err(|e| bad("labels", e.to_string())));
    let action = match rule.action().map_err(|message| bad("the action", message))? {
        Action::Set(value) => Action::Set(values.fill_value(value).map_err(|m| bad("set", m))?),
        Action::Default(value) => Action::Default(values.fill_value(value).map_err(|m| bad("default", m))?),
        Action::Remove => Action::Remove,
        Action::Replace { pattern, with } => {
            let pattern = values.fill_pattern(&pattern).map_err(|m| bad("pattern", m))?;
            if pattern.len() > MAX_PATTERN {
                return Err(bad("pattern", format!("it is longer than {MAX_PATTERN} bytes")));
            }
            let built =
                RegexBuilder::new(&pattern).size_limit(MAX_REGEX).dfa_size_limit(MAX_REGEX).nest_limit(64).build();
            let pattern = built.map_err(|error| bad("pattern", error.to_string()))?;
            Action::Replace { pattern, with: values.fill_template(&with).map_err(|m| bad("with", m))? }
        }
    };
    let at = fill(&rule.at)?;
    for pointer in [Some(&at), rule.matches.exists.as_ref()].into_iter().flatten() {
        if !pointer.starts_with('/') || pointer.len() < 2 {
            return Err(bad("a pointer", format!("{pointer:?} is not a JSON pointer such as /spec/replicas")));
        }
    }
    Ok(Rule {
        kinds: rule.matches.kind.clone().into_vec(),
        groups: rule.matches.group.clone().into_vec(),
        namespaces: globs(&rule.matches.namespace.clone().into_vec(), "namespace")?,
        names: globs(&rule.matches.name.clone().into_vec(), "name")?,
        labels: labels.transpose()?.unwrap_or_default(),
        exists: rule.matches.exists.clone(),
        condition: condition.transpose()?,
        at,
        action,
        name,
    })
}

fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' | b'!' | b'-' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
