//! References in values: `${step.output}`, `${inputs.name}`, `${run.folder}`; `$${` stands for a plain `${`.
//!
//! Finds and replaces references; whether what they name exists is decided where the steps are known.

use std::fmt;

use serde_json::Value;

/// What stands between `${` and `}`: the step (or `inputs`, `run`) and the way into its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub root: String,
    pub path: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Reference(Reference),
}

/// Roots that are not steps.
pub const INPUTS: &str = "inputs";
pub const RUN: &str = "run";

impl Reference {
    pub fn new(root: impl Into<String>, path: &[&str]) -> Self {
        Self { root: root.into(), path: path.iter().map(|part| (*part).to_owned()).collect() }
    }

    /// Reads `backup.name`, `infra.outputs["a.b"]`, `list.0`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        loop {
            let length =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(rest.len());
            if length == 0 {
                return Err(format!("invalid reference \"${{{text}}}\""));
            }
            parts.push(rest[..length].to_owned());
            rest = &rest[length..];
            while let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) =
                    quoted.split_once("\"]").ok_or_else(|| format!("invalid reference \"${{{text}}}\""))?;
                parts.push(key.to_owned());
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => break,
                None => return Err(format!("invalid reference \"${{{text}}}\"")),
            }
        }
        let root = parts.remove(0);
        Ok(Self { root, path: parts })
    }

    /// The value inside another one, if it is there.
    pub fn walk<'a>(&self, mut value: &'a Value) -> Option<&'a Value> {
        for part in &self.path {
            value = match value {
                Value::Object(map) => map.get(part)?,
                Value::Array(list) => list.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}", self.root)?;
        for part in &self.path {
            if part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
                write!(f, ".{part}")?;
            } else {
                write!(f, "[\"{part}\"]")?;
            }
        }
        f.write_str("}")
    }
}

/// Cuts a string into plain text and references.
pub fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let (inside, after) =
            rest[at + 2..].split_once('}').ok_or_else(|| format!("\"{text}\" opens a \"${{\" that never closes"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Reference(Reference::parse(inside)?));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Every reference in a value, keys of maps left alone. Malformed ones are left out: they were reported on loading.
pub fn references(value: &Value) -> Vec<Reference> {
    match value {
        Value::String(text) => pieces(text)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Reference(reference) => Some(reference),
                Piece::Text(_) => None,
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        Value::Object(map) => map.values().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The value with every reference replaced. A string that is one reference becomes the value itself, type and all;
/// inside a longer string only strings, numbers and booleans make sense.
pub fn resolve(value: &Value, lookup: &dyn Fn(&Reference) -> Result<Value, String>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => {
            let pieces = pieces(text)?;
            if let [Piece::Reference(reference)] = pieces.as_slice() {
                return lookup(reference);
            }
            let mut out = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.push_str(&text),
                    Piece::Reference(reference) => match lookup(&reference)? {
                        Value::String(text) => out.push_str(&text),
                        value @ (Value::Number(_) | Value::Bool(_)) => out.push_str(&value.to_string()),
                        Value::Null | Value::Array(_) | Value::Object(_) => {
                            return Err(format!("{reference} is not a string, a number or a boolean"));
                        }
                    },
                }
            }
            Value::String(out)
        }
        Value::Array(list) => Value::Array(list.iter().map(|item| resolve(item, lookup)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), resolve(item, lookup)?)))
                .collect::<Result<serde_json::Map<_, _>, String>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_replaced_with_their_type() {
        let world =
            json!({"restore": {"blocked": 2, "names": ["a", "b"]}, "inputs": {"region": "eu-west-1", "x.y": true}});
        let lookup = |reference: &Reference| {
            let root = world.get(&reference.root).ok_or("no such step")?;
            reference.walk(root).cloned().ok_or_else(|| format!("{reference} is missing"))
        };
        let template = json!({
            "count": "${restore.blocked}",
            "text": "in ${inputs.region}: ${restore.names.1}, $${kept}",
            "deep": [{"flag": "${inputs[\"x.y\"]}"}],
        });
        let resolved = resolve(&template, &lookup).unwrap();
        assert_eq!(resolved, json!({"count": 2, "text": "in eu-west-1: b, ${kept}", "deep": [{"flag": true}]}));
        assert_eq!(references(&template).len(), 4);
        resolve(&json!("x ${restore.names}"), &lookup).unwrap_err();
        resolve(&json!("${restore.nothing}"), &lookup).unwrap_err();
    }

    #[test]
    fn malformed_references_are_errors() {
        for text in ["${}", "${a..b}", "${a", "${a b}", "${.a}", "${a[\"b}"] {
            pieces(text).unwrap_err();
        }
        assert_eq!(Reference::parse("a[\"b.c\"].d").unwrap().to_string(), "${a[\"b.c\"].d}");
    }
}
