//! Checks a YAML tree against a JSON Schema of ours, with places, and gives the value with references stood in for.
//!
//! Knows the part of JSON Schema that our types produce, no more. Which references exist is asked of the caller.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::period::{self, Period};
use crate::problem::{Place, Problem};
use crate::steps::{UNKNOWN, handle};
use crate::template::{self, Piece, Reference};
use crate::yaml::{Entry, Node, NodeValue};

/// A schema with the root in which its `$ref`s are found.
#[derive(Debug, Clone, Copy)]
pub struct Schema<'a> {
    pub root: &'a Value,
    pub here: &'a Value,
}

/// Says what a reference gives: `Ok(None)` when that cannot be known before the run.
pub type Known<'a> = dyn Fn(&Reference, Place) -> Result<Option<OwnedSchema>, Problem> + 'a;

/// A schema that stands on its own.
#[derive(Debug, Clone)]
pub struct OwnedSchema {
    pub root: Value,
    pub here: Value,
}

impl<'a> Schema<'a> {
    pub fn new(root: &'a Value) -> Self {
        Self { root, here: root }
    }

    /// Follows `$ref`s.
    fn resolved(self) -> Self {
        let mut here = self.here;
        for _ in 0..16 {
            let Some(reference) = here.get("$ref").and_then(Value::as_str) else { break };
            let Some(found) = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else { break };
            here = found;
        }
        Self { root: self.root, here }
    }

    /// What one part of a value must be; `None` when there is no such part.
    pub fn part(self, name: &str) -> Option<Self> {
        let schema = self.resolved();
        let at = |here| Schema { root: schema.root, here };
        if let Some(found) = schema.here.pointer("/properties").and_then(|properties| properties.get(name)) {
            return Some(at(found));
        }
        if name.parse::<usize>().is_ok()
            && let Some(items) = schema.here.get("items")
        {
            return Some(at(items));
        }
        match schema.here.get("additionalProperties") {
            Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(at(&Value::Bool(true))),
            Some(other) => Some(at(other)),
            None => {
                let alternatives = schema.alternatives();
                if !alternatives.is_empty() {
                    return alternatives.into_iter().find_map(|alternative| at(alternative).part(name));
                }
                let closed = schema.here.get("properties").is_some() || !schema.may_be("object");
                (!closed).then(|| at(&Value::Bool(true)))
            }
        }
    }

    pub fn part_names(self) -> Vec<&'a str> {
        let schema = self.resolved();
        let own = schema.here.get("properties").and_then(Value::as_object);
        own.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    fn alternatives(self) -> Vec<&'a Value> {
        ["anyOf", "oneOf"].iter().filter_map(|key| self.here.get(*key).and_then(Value::as_array)).flatten().collect()
    }

    /// The JSON types that are allowed; empty means any.
    pub fn types(self) -> BTreeSet<&'a str> {
        let schema = self.resolved();
        match schema.here.get("type") {
            Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if schema.here.get("const").is_some_and(Value::is_string) => BTreeSet::from(["string"]),
            _ => {
                let mut all = BTreeSet::new();
                for alternative in schema.alternatives() {
                    let types = Schema { root: schema.root, here: alternative }.types();
                    if types.is_empty() {
                        return BTreeSet::new();
                    }
                    all.extend(types);
                }
                all
            }
        }
    }

    fn may_be(self, kind: &str) -> bool {
        let types = self.types();
        types.is_empty() || types.contains(kind) || (kind == "integer" && types.contains("number"))
    }

    /// The one of our own formats that is asked for.
    fn format(self) -> Option<&'a str> {
        let schema = self.resolved();
        let own = schema.here.get("format").and_then(Value::as_str);
        let own =
            own.filter(|format| [handle::STACK, handle::CLUSTER, handle::CONTRACT, period::FORMAT].contains(format));
        own.or_else(|| {
            schema
                .alternatives()
                .into_iter()
                .find_map(|alternative| Schema { root: schema.root, here: alternative }.format())
        })
    }

    fn constants(self) -> Option<Vec<&'a str>> {
        let schema = self.resolved();
        if let Some(list) = schema.here.get("enum").and_then(Value::as_array) {
            return list.iter().map(Value::as_str).collect();
        }
        if let Some(one) = schema.here.get("const") {
            return one.as_str().map(|one| vec![one]);
        }
        let alternatives = schema.alternatives();
        if alternatives.is_empty() {
            return None;
        }
        let lists: Option<Vec<Vec<&str>>> = alternatives
            .into_iter()
            .map(|alternative| Schema { root: schema.root, here: alternative })
            .filter(|alternative| {
                !alternative.types().iter().all(|kind| *kind == "null") || alternative.types().is_empty()
            })
            .map(Schema::constants)
            .collect();
        lists.map(|lists| lists.concat())
    }

    fn describe(self) -> String {
        if let Some(format) = self.format() {
            return match format {
                period::FORMAT => "a period such as 10m".to_owned(),
                handle::STACK => "a stack handle".to_owned(),
                handle::CLUSTER => "a cluster handle".to_owned(),
                _ => "a contract".to_owned(),
            };
        }
        let words: Vec<&str> = self
            .types()
            .into_iter()
            .filter_map(|kind| match kind {
                "string" => Some("a string"),
                "integer" => Some("a whole number"),
                "number" => Some("a number"),
                "boolean" => Some("true or false"),
                "object" => Some("a map"),
                "array" => Some("a list"),
                _ => None,
            })
            .collect();
        if words.is_empty() { "a value".to_owned() } else { words.join(" or ") }
    }

    /// Whether what `given` describes can be used where `self` is expected.
    pub fn accepts(self, given: Schema<'_>) -> bool {
        if let (Some(wanted), Some(offered)) = (self.format(), given.format())
            && wanted != offered
        {
            return false;
        }
        let (wanted, offered) = (self.types(), given.types());
        wanted.is_empty()
            || offered.is_empty()
            || offered.iter().any(|kind| wanted.contains(kind) || (*kind == "integer" && wanted.contains("number")))
    }

    /// A value of this shape, for a reference whose value is not known yet.
    fn sample(self) -> Value {
        if let Some(value) = self.format().and_then(handle::sample) {
            return value;
        }
        if let Some(constants) = self.constants()
            && let Some(first) = constants.first()
        {
            return Value::String((*first).to_owned());
        }
        for (kind, value) in [
            ("string", Value::from(UNKNOWN)),
            ("integer", Value::from(1)),
            ("number", Value::from(1)),
            ("boolean", Value::Bool(true)),
            ("array", Value::Array(Vec::new())),
            ("object", Value::Object(Map::new())),
        ] {
            if self.may_be(kind) {
                return value;
            }
        }
        Value::Null
    }
}

/// Checks the node; what is wrong goes to `problems`, and the value comes back with samples in place of references.
/// With `known` absent, references are not allowed here.
pub fn check(node: &Node, schema: Schema<'_>, known: Option<&Known<'_>>, problems: &mut Vec<Problem>) -> Value {
    let schema = schema.resolved();
    if let (NodeValue::Text(text), Some(known)) = (&node.value, known)
        && text.contains("${")
    {
        return check_template(node.place, text, schema, known, problems);
    }
    if node.value == NodeValue::Null {
        if !schema.may_be("null") && !schema.types().is_empty() {
            problems.push(Problem::new(node.place, format!("expected {}, found nothing", schema.describe())));
        }
        return Value::Null;
    }
    if !schema.may_be(kind_of(&node.value)) {
        let mut problem =
            Problem::new(node.place, format!("expected {}, found {}", schema.describe(), node.describe()));
        if schema.may_be("string") && matches!(node.value, NodeValue::Number(_) | NodeValue::Bool(_)) {
            problem = problem.hint("put it in quotes");
        }
        problems.push(problem);
        return schema.sample();
    }
    match &node.value {
        NodeValue::Text(text) => check_text(node.place, text, schema, problems),
        NodeValue::Number(number) => {
            let below =
                schema.here.get("minimum").and_then(Value::as_f64).is_some_and(|least| number.as_f64() < Some(least));
            let above =
                schema.here.get("maximum").and_then(Value::as_f64).is_some_and(|most| number.as_f64() > Some(most));
            let wide = match schema.here.get("format").and_then(Value::as_str) {
                Some("uint16") => number.as_u64().is_none_or(|value| value > u64::from(u16::MAX)),
                Some("uint32") => number.as_u64().is_none_or(|value| value > u64::from(u32::MAX)),
                Some("uint64") => number.as_u64().is_none(),
                Some("int32") => number.as_i64().is_none_or(|value| i32::try_from(value).is_err()),
                _ => false,
            };
            if below || above || wide {
                problems.push(Problem::new(node.place, format!("{number} is out of range")));
                return schema.sample();
            }
            node.to_json()
        }
        NodeValue::List(elements) => {
            let any = Value::Bool(true);
            let items = Schema { root: schema.root, here: schema.here.get("items").unwrap_or(&any) };
            Value::Array(elements.iter().map(|element| check(element, items, known, problems)).collect())
        }
        NodeValue::Map(entries) => check_map(node, entries, schema, known, problems),
        NodeValue::Null | NodeValue::Bool(_) => node.to_json(),
    }
}

fn check_map(
    node: &Node,
    entries: &[Entry],
    schema: Schema<'_>,
    known: Option<&Known<'_>>,
    problems: &mut Vec<Problem>,
) -> Value {
    let schema = object_alternative(schema);
    let mut map = Map::new();
    for entry in entries {
        match schema.part(&entry.key) {
            Some(part) => {
                let value = check(&entry.node, part, known, problems);
                map.insert(entry.key.clone(), value);
            }
            None => problems.push(
                Problem::new(entry.key_place, format!("unknown key \"{}\"", entry.key))
                    .suggest(&entry.key, schema.part_names()),
            ),
        }
    }
    for required in
        schema.here.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if !entries.iter().any(|entry| entry.key == required) {
            problems.push(Problem::new(node.place, format!("\"{required}\" is missing")));
        }
    }
    Value::Object(map)
}

/// Among alternatives, the one that is a map with properties.
fn object_alternative(schema: Schema<'_>) -> Schema<'_> {
    if schema.here.get("properties").is_some() {
        return schema;
    }
    schema
        .alternatives()
        .into_iter()
        .map(|here| Schema { root: schema.root, here }.resolved())
        .find(|alternative| alternative.types().contains("object"))
        .unwrap_or(schema)
}

fn check_text(place: Place, text: &str, schema: Schema<'_>, problems: &mut Vec<Problem>) -> Value {
    if schema.format() == Some(period::FORMAT)
        && let Err(message) = Period::parse(text)
    {
        problems.push(Problem::new(place, message));
        return schema.sample();
    }
    if let Some(constants) = schema.constants()
        && !constants.contains(&text)
    {
        problems.push(Problem::new(place, format!("unknown value \"{text}\"")).suggest(text, constants));
        return schema.sample();
    }
    Value::String(text.to_owned())
}

fn check_template(
    place: Place,
    text: &str,
    schema: Schema<'_>,
    known: &Known<'_>,
    problems: &mut Vec<Problem>,
) -> Value {
    let pieces = match template::pieces(text) {
        Ok(pieces) => pieces,
        Err(message) => {
            problems.push(Problem::new(place, message));
            return schema.sample();
        }
    };
    let whole = matches!(pieces.as_slice(), [Piece::Reference(_)]);
    if !pieces.iter().any(|piece| matches!(piece, Piece::Reference(_))) {
        let plain: String =
            pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" }).collect();
        return check_text(place, &plain, schema, problems);
    }
    for piece in &pieces {
        let Piece::Reference(reference) = piece else { continue };
        match known(reference, place) {
            Err(problem) => problems.push(problem),
            Ok(None) => {}
            Ok(Some(given)) => {
                let given = Schema { root: &given.root, here: &given.here };
                let scalar = serde_json::json!({ "type": ["string", "number", "integer", "boolean"] });
                let wanted = if whole { schema } else { Schema::new(&scalar) };
                if !wanted.accepts(given) {
                    problems.push(Problem::new(
                        place,
                        format!("{reference} is {}, where {} is expected", given.describe(), wanted.describe()),
                    ));
                }
            }
        }
    }
    if !whole && !schema.may_be("string") {
        problems.push(Problem::new(place, format!("expected {}, found a string", schema.describe())));
    }
    schema.sample()
}

fn kind_of(value: &NodeValue) -> &'static str {
    match value {
        NodeValue::Null => "null",
        NodeValue::Bool(_) => "boolean",
        NodeValue::Number(number) if number.is_f64() => "number",
        NodeValue::Number(_) => "integer",
        NodeValue::Text(_) => "string",
        NodeValue::List(_) => "array",
        NodeValue::Map(_) => "object",
    }
}
