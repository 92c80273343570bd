//! `${contract.<key>}`, `${target.<key>}` and `${source.<key>}` in a rule's texts.
//!
//! Anything else in `${…}` is left for regular expressions, whose captures look the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::contract::Contract;

pub(super) struct Values {
    source: Option<BTreeMap<String, String>>,
    target: Option<BTreeMap<String, String>>,
}

impl Values {
    pub(super) fn new(source: Option<&Contract>, target: Option<&Contract>) -> Self {
        let of = |contract: &Contract| contract.values().into_iter().map(|v| (v.key, v.value)).collect();
        Self { source: source.map(of), target: target.map(of) }
    }

    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        self.fill_with(text, |value| value.to_owned())
    }

    /// For a regular expression: values stand for themselves.
    pub(super) fn fill_pattern(&self, text: &str) -> Result<String, String> {
        self.fill_with(text, regex::escape)
    }

    /// For a replacement: a dollar in a value is a dollar.
    pub(super) fn fill_template(&self, text: &str) -> Result<String, String> {
        self.fill_with(text, |value| value.replace('$', "$$"))
    }

    pub(super) fn fill_value(&self, value: Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(&text)?),
            Value::Array(list) => Value::Array(list.into_iter().map(|v| self.fill_value(v)).collect::<Result<_, _>>()?),
            Value::Object(map) => Value::Object(
                map.into_iter().map(|(k, v)| Ok((k, self.fill_value(v)?))).collect::<Result<_, String>>()?,
            ),
            other => other,
        })
    }

    fn fill_with(&self, text: &str, write: impl Fn(&str) -> String) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(end) = rest.find('}') else { break };
            let inside = &rest[2..end];
            match inside.split_once('.') {
                Some((side @ ("contract" | "target" | "source"), key)) => {
                    out.push_str(&write(self.value(side, key)?));
                }
                _ => out.push_str(&rest[..=end]),
            }
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, side: &str, key: &str) -> Result<&str, String> {
        let (values, whose) = if side == "source" { (&self.source, "source") } else { (&self.target, "target") };
        let Some(values) = values else { return Err(format!("${{{side}.{key}}} needs the {whose}'s contract")) };
        if let Some(value) = values.get(key) {
            return Ok(value);
        }
        let parent = key.rsplit_once('.').map_or("", |(parent, _)| parent);
        let near: Vec<&str> = values.keys().filter(|k| k.starts_with(parent)).take(5).map(String::as_str).collect();
        let hint = if near.is_empty() { String::new() } else { format!("; there are {}", near.join(", ")) };
        Err(format!("the {whose}'s contract has no {key}{hint}"))
    }
}
