//! Writes values as YAML and as JSON, in the order of the document they came from.
//!
//! What did not change is written with the very text it had, so that `0644` stays `0644`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::scalar::{Quotes, is_literal, render};
use super::tree::{Node, Shape};

/// How to write.
pub(super) struct Style<'t> {
    /// The text the old nodes point into.
    pub(super) text: &'t str,
    pub(super) newline: &'static str,
    /// How far a list is indented below its key.
    pub(super) list_indent: usize,
}

impl Style<'_> {
    /// The lines of a block, without the indent of the whole.
    pub(super) fn block(&self, value: &Value, old: Option<&Node>) -> Vec<String> {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let mut lines = Vec::new();
                for (key, value) in in_order(map, old) {
                    self.entry(key, value, old.and_then(|old| old.get(key)), &mut lines);
                }
                lines
            }
            Value::Array(list) if !list.is_empty() => {
                let mut lines = Vec::new();
                for (index, item) in list.iter().enumerate() {
                    let block = self.block(item, item_of(old, index, item));
                    lines.extend(indented(block, "- ", "  "));
                }
                lines
            }
            other => vec![self.scalar(other, old)],
        }
    }

    fn entry(&self, key: &str, value: &Value, old: Option<&Node>, lines: &mut Vec<String>) {
        let key = render(&key.into(), Quotes::None);
        match value {
            Value::Object(map) if !map.is_empty() => {
                lines.push(format!("{key}:"));
                lines.extend(indented(self.block(value, old), "  ", "  "));
            }
            Value::Array(list) if !list.is_empty() => {
                lines.push(format!("{key}:"));
                let indent = " ".repeat(self.list_indent);
                lines.extend(indented(self.block(value, old), &indent, &indent));
            }
            Value::String(text) if is_literal(text) => {
                lines.push(format!("{key}: {}", literal_header(text)));
                lines.extend(indented(text.lines().map(str::to_owned).collect(), "  ", "  "));
            }
            other => lines.push(format!("{key}: {}", self.scalar(other, old))),
        }
    }

    fn scalar(&self, value: &Value, old: Option<&Node>) -> String {
        if let Some(Node { start, end, shape: Shape::Scalar { value: was, quotes: Some(_) }, .. }) = old
            && was == value
            && let Some(text) = self.text.get(*start..*end)
            && !text.contains('\n')
            && !text.is_empty()
        {
            return text.to_owned();
        }
        match value {
            Value::Object(_) => "{}".into(),
            Value::Array(_) => "[]".into(),
            scalar => render(scalar, Quotes::None),
        }
    }

    /// One line of flow YAML.
    pub(super) fn flow(&self, value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let fields = map.iter().map(|(key, value)| {
                    format!("{}: {}", render(&key.as_str().into(), Quotes::None), self.flow(value))
                });
                let fields: Vec<String> = fields.collect();
                if fields.is_empty() { "{}".into() } else { format!("{{{}}}", fields.join(", ")) }
            }
            Value::Array(list) => {
                format!("[{}]", list.iter().map(|item| self.flow(item)).collect::<Vec<_>>().join(", "))
            }
            scalar => render(scalar, Quotes::None),
        }
    }

    /// JSON on several lines, in the old order; `indent` is what the lines after the first begin with.
    pub(super) fn json(&self, value: &Value, old: Option<&Node>, indent: &str) -> String {
        let inner = format!("{indent}  ");
        let wrap = |open: char, parts: Vec<String>, close: char| {
            let newline = self.newline;
            let joined = parts.join(&format!(",{newline}{inner}"));
            format!("{open}{newline}{inner}{joined}{newline}{indent}{close}")
        };
        match value {
            Value::Object(map) if !map.is_empty() => {
                let field = |(key, value): (&String, &Value)| {
                    let old = old.and_then(|old| old.get(key));
                    format!("{}: {}", Value::from(key.as_str()), self.json(value, old, &inner))
                };
                wrap('{', in_order(map, old).into_iter().map(field).collect(), '}')
            }
            Value::Array(list) if !list.is_empty() => {
                let items = list.iter().enumerate();
                let item = |(index, item): (usize, &Value)| self.json(item, item_of(old, index, item), &inner);
                wrap('[', items.map(item).collect(), ']')
            }
            other => other.to_string(),
        }
    }
}

pub(super) fn literal_header(text: &str) -> &'static str {
    if text.ends_with('\n') { "|" } else { "|-" }
}

pub(super) fn indented(lines: Vec<String>, first: &str, rest: &str) -> Vec<String> {
    let indent = |(index, line): (usize, String)| match (index, line.is_empty()) {
        (0, _) => format!("{first}{line}"),
        (_, true) => line,
        (_, false) => format!("{rest}{line}"),
    };
    lines.into_iter().enumerate().map(indent).collect()
}

/// The old node of a list item: the one with the same name where items have names, else the one at the same place.
fn item_of<'n>(old: Option<&'n Node>, index: usize, item: &Value) -> Option<&'n Node> {
    let Shape::List { items, .. } = &old?.shape else { return None };
    let name = item.get("name").filter(|name| name.is_string());
    let named = name.and_then(|name| {
        items.iter().find(
            |node| matches!(node.get("name").map(|n| &n.shape), Some(Shape::Scalar { value, .. }) if value == name),
        )
    });
    named.or_else(|| items.get(index))
}

/// The fields in the order of the old node, then the new ones; the identity of an object first.
fn in_order<'m>(map: &'m Map<String, Value>, old: Option<&Node>) -> Vec<(&'m String, &'m Value)> {
    let mut order: Vec<(&String, &Value)> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    if let Some(Shape::Map { entries, .. }) = old.map(|old| &old.shape) {
        for entry in entries {
            if let Some(field) = map.get_key_value(&entry.key)
                && seen.insert(field.0)
            {
                order.push(field);
            }
        }
    }
    for first in ["apiVersion", "kind", "metadata", "name"] {
        if let Some(field) = map.get_key_value(first)
            && seen.insert(field.0)
        {
            order.push(field);
        }
    }
    order.extend(map.iter().filter(|(key, _)| !seen.contains(key.as_str())));
    order
}
