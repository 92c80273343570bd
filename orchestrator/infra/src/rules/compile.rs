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
/// Longer expressions are refused, and those whose operators could make the evaluation overrun its stack.
const MAX_CEL: usize = 2048;
const MAX_CEL_OPERATORS: usize = 64;
/// Brackets and prefixes cost the parser more stack than a chain does.
const CEL_BRACKET: usize = 8;
const CEL_OPERATOR: usize = 2;

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
        if text.len() > MAX_CEL || complexity(text) > MAX_CEL_OPERATORS {
            return Err(bad(
                "condition",
                format!("it is longer than {MAX_CEL} bytes or has more than {MAX_CEL_OPERATORS} dots and operators (an operator counts for {CEL_OPERATOR}, each depth of brackets for {CEL_BRACKET})"),
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

/// An upper bound on how deep the parser and the evaluation of a condition recurse, in units of one field access.
fn complexity(text: &str) -> usize {
    let (mut count, mut depth, mut deepest, mut quote) = (0, 0_usize, 0, None);
    for byte in text.bytes() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b'.' | b',') => count += 1,
            (None, b'?') => count += CEL_BRACKET,
            (None, byte) => count += CEL_OPERATOR * usize::from(b"+-*/%:<>=&|!".contains(&byte)),
        }
    }
    let words = text.split_whitespace().filter(|word| *word == "in").count();
    count + words * CEL_OPERATOR + deepest * CEL_BRACKET
}
