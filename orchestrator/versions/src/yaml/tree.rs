//! A document as a tree that knows where each part of it stands.
//!
//! Hostile documents end as an error: depth, and the number of nodes with all aliases resolved, are capped, and a key
//! may stand in an object once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use serde_json::{Map, Value};

use super::scalar::{Quotes, resolve};

/// Deeper documents are refused.
const MAX_DEPTH: usize = 128;
/// Documents with more nodes, aliases resolved, are refused.
const MAX_NODES: usize = 3_000_000;
/// So many bytes of text weigh as much as one node.
const BYTES_PER_NODE: usize = 64;

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// First byte of the content, after anchor and tag.
    pub(super) start: usize,
    /// One past the last byte of the content.
    pub(super) end: usize,
    /// Counted from one.
    pub(super) line: usize,
    /// Counted from zero.
    pub(super) column: usize,
    pub(super) shape: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Scalar {
        value: Value,
        quotes: Option<Quotes>,
    },
    List {
        items: Vec<Node>,
        flow: bool,
    },
    Map {
        entries: Vec<Entry>,
        flow: bool,
    },
    /// Stands for what an anchor elsewhere holds.
    Alias(Value),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_start: usize,
    pub(super) key_end: usize,
    pub(super) line: usize,
    pub(super) column: usize,
    /// Merges another object in.
    pub(super) is_merge: bool,
    pub(super) value: Node,
}

/// What a document is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeError {
    /// Counted from one, within the document.
    pub(super) line: usize,
    pub(super) message: String,
    /// The text has the braces of a template where YAML has no meaning for them.
    pub(super) is_complex_key: bool,
}

/// Reads one document; none when there is nothing but comments and markers.
pub(super) fn parse(text: &str) -> Result<Option<Node>, TreeError> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { events: parser, text, anchors: BTreeMap::new(), nodes: 0 };
    let root = builder.document()?;
    Ok(root.filter(|root| !root.is_nothing()))
}

impl Node {
    pub(super) fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Scalar { value, .. } | Shape::Alias(value) => value.clone(),
            Shape::List { items, .. } => items.iter().map(Node::to_value).collect::<Vec<_>>().into(),
            Shape::Map { entries, .. } => {
                let mut map = Map::new();
                for entry in entries.iter().filter(|entry| entry.is_merge) {
                    merge(&mut map, entry.value.to_value());
                }
                for entry in entries.iter().filter(|entry| !entry.is_merge) {
                    map.insert(entry.key.clone(), entry.value.to_value());
                }
                map.into()
            }
        }
    }

    /// No text at all, which YAML takes for null.
    pub(super) fn is_nothing(&self) -> bool {
        self.start == self.end && matches!(self.shape, Shape::Scalar { value: Value::Null, quotes: Some(Quotes::None) })
    }

    /// The node at a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Shape::Map { entries, .. } = &self.shape else { return None };
        entries.iter().find(|entry| entry.key == key && !entry.is_merge).map(|entry| &entry.value)
    }
}

/// The first of several merged objects wins.
fn merge(map: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(other) => {
            for (key, value) in other {
                map.entry(key).or_insert(value);
            }
        }
        Value::Array(list) => list.into_iter().for_each(|value| merge(map, value)),
        _ => {}
    }
}

struct Builder<'t> {
    events: Parser<'t, granit_parser::StrInput<'t>>,
    text: &'t str,
    /// Anchors seen, with the number of nodes each stands for.
    anchors: BTreeMap<usize, (Value, usize)>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), TreeError> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                Err(TreeError { line: error.marker().line(), message: error.info(), is_complex_key: false })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, TreeError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if root.is_none() => root = Some(self.node(event, span, 0)?),
                _ => return Err(fail(&span, "there is a second document without a marker")),
            }
        }
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<(), TreeError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES { Err(fail(span, "the document has too many nodes")) } else { Ok(()) }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, TreeError> {
        if depth > MAX_DEPTH {
            return Err(fail(&span, "the document is nested too deeply"));
        }
        self.count(1, &span)?;
        let before = self.nodes;
        let range = span.byte_range().unwrap_or_default();
        let mut node = Node {
            start: range.start,
            end: range.end,
            line: span.start.line(),
            column: span.start.col(),
            shape: Shape::Alias(Value::Null),
        };
        let anchor = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(text.len() / BYTES_PER_NODE, &span)?;
                let quotes = match style {
                    ScalarStyle::Plain => Some(Quotes::None),
                    ScalarStyle::SingleQuoted => Some(Quotes::Single),
                    ScalarStyle::DoubleQuoted => Some(Quotes::Double),
                    ScalarStyle::Literal | ScalarStyle::Folded => None,
                };
                // A block scalar's span takes the empty lines after it along.
                if quotes.is_none() {
                    let taken = self.text.get(node.start..node.end).unwrap_or_default();
                    node.end = node.start + taken.trim_end_matches(['\n', '\r', ' ']).len();
                }
                let value = match tag {
                    None if style == ScalarStyle::Plain => resolve(&text),
                    None => text.into_owned().into(),
                    Some(tag) => {
                        tagged(text, tag.core_suffix()).ok_or_else(|| fail(&span, "the tag has no meaning here"))?
                    }
                };
                node.shape = Shape::Scalar { value, quotes };
                anchor
            }
            Event::SequenceStart(style, anchor, tag) => {
                if tag.is_some_and(|tag| tag.core_suffix() != Some("seq")) {
                    return Err(fail(&span, "the tag has no meaning here"));
                }
                let mut items: Vec<Node> = Vec::new();
                let flow = style == StructureStyle::Flow;
                loop {
                    let (event, span) = self.next()?;
                    if event == Event::SequenceEnd {
                        node.end = if flow { end_of(&span) } else { items.last().map_or(node.end, |last| last.end) };
                        break;
                    }
                    let mut item = self.node(event, span, depth + 1)?;
                    if item.is_nothing() {
                        // An item without text ends where its dash does; where that is, nobody says.
                        item.end = item.start;
                    }
                    items.push(item);
                }
                if let Some((start, column)) = items.first().filter(|_| !flow).and_then(|first| self.dash(first.start))
                {
                    (node.start, node.column) = (start, column);
                }
                node.shape = Shape::List { items, flow };
                anchor
            }
            Event::MappingStart(style, anchor, tag) => {
                if tag.is_some_and(|tag| tag.core_suffix() != Some("map")) {
                    return Err(fail(&span, "the tag has no meaning here"));
                }
                let flow = style == StructureStyle::Flow;
                let (entries, end) = self.entries(depth, flow)?;
                if let Some(first) = entries.first().filter(|_| !flow) {
                    (node.start, node.line, node.column) = (first.key_start, first.line, first.column);
                }
                node.end = if flow { end } else { entries.last().map_or(node.end, |last| last.value.end) };
                node.shape = Shape::Map { entries, flow };
                anchor
            }
            Event::Alias(id) => {
                let Some((value, nodes)) = self.anchors.get(&id).cloned() else {
                    return Err(fail(&span, "the alias names no anchor before it"));
                };
                self.count(nodes, &span)?;
                node.shape = Shape::Alias(value);
                0
            }
            _ => return Err(fail(&span, "a value was expected")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.to_value(), self.nodes - before + 1));
        }
        Ok(node)
    }

    /// Where the dash before the first item of a block list stands.
    fn dash(&self, item: usize) -> Option<(usize, usize)> {
        let before = self.text.get(..item)?;
        let at = before.rfind("- ").or_else(|| before.rfind('-'))?;
        let at = before.rfind("-\n").or_else(|| before.rfind("-\r\n")).map_or(at, |other| at.max(other));
        let line = before[..at].rfind('\n').map_or(0, |found| found + 1);
        Some((at, before[line..at].chars().count()))
    }

    fn entries(&mut self, depth: usize, flow: bool) -> Result<(Vec<Entry>, usize), TreeError> {
        let (mut entries, mut seen): (Vec<Entry>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
        loop {
            let (event, span) = self.next()?;
            let (key, plain) = match event {
                Event::MappingEnd => return Ok((entries, end_of(&span))),
                Event::Scalar(key, style, _, _) => (key.into_owned(), style == ScalarStyle::Plain),
                _ => {
                    let message = "a key is neither text nor a number".to_owned();
                    return Err(TreeError { line: span.start.line(), message, is_complex_key: true });
                }
            };
            let is_merge = plain && key == "<<";
            if !is_merge && !seen.insert(key.clone()) {
                return Err(fail(&span, &format!("the key {key:?} stands here twice")));
            }
            self.count(1 + key.len() / BYTES_PER_NODE, &span)?;
            let range = span.byte_range().unwrap_or_default();
            let (event, value_span) = self.next()?;
            let mut value = self.node(event, value_span, depth + 1)?;
            if value.is_nothing() {
                // Nothing ends where the colon does.
                let rest = self.text.get(range.end..).unwrap_or_default();
                let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                let colon = usize::from(rest[blank..].starts_with(':'));
                let end = range.end + if colon == 1 { blank + 1 } else { 0 };
                (value.start, value.end) = (end, end);
            }
            let (line, column) = (span.start.line(), span.start.col());
            if flow && value.start < range.end {
                value.start = range.end;
            }
            entries.push(Entry { key, key_start: range.start, key_end: range.end, line, column, is_merge, value });
        }
    }
}

fn end_of(span: &Span) -> usize {
    span.byte_range().unwrap_or_default().end
}

fn fail(span: &Span, message: &str) -> TreeError {
    TreeError { line: span.start.line(), message: message.to_owned(), is_complex_key: false }
}

fn tagged(text: Cow<'_, str>, tag: Option<&str>) -> Option<Value> {
    let resolved = || resolve(&text);
    match tag? {
        "str" => Some(text.into_owned().into()),
        "null" => Some(Value::Null),
        "bool" => Some(resolved()).filter(Value::is_boolean),
        "int" | "float" => Some(resolved()).filter(Value::is_number),
        "binary" | "timestamp" => Some(text.into_owned().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Value {
        parse(text).unwrap().unwrap().to_value()
    }

    #[test]
    fn anchors_merges_and_blocks_have_their_values() {
        let text =
            "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nlist: [*b, 0644, !!str 12]\ntext: |\n  a\n  b\nnone:\n";
        let base = json!({"x": 1, "y": 2});
        assert_eq!(
            value(text),
            json!({"base": base, "own": {"x": 1, "y": 3}, "list": [base, 420, "12"], "text": "a\nb\n", "none": null})
        );
        assert!(parse("# nothing\n---\n").unwrap().is_none());
        assert!(parse("").unwrap().is_none());
    }

    #[test]
    fn nodes_know_where_they_stand() {
        let text = "a:\n- b: 1 # c\n  d: |\n    x\n\n# e\nf:\n";
        let root = parse(text).unwrap().unwrap();
        let Shape::Map { entries, .. } = &root.shape else { panic!() };
        assert_eq!(&text[entries[0].value.start..entries[0].value.end], "- b: 1 # c\n  d: |\n    x");
        assert_eq!(&text[entries[1].key_start..entries[1].value.end], "f:");
        assert_eq!((entries[1].line, entries[1].column), (7, 0));
    }

    #[test]
    fn hostile_documents_are_errors() {
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..12 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().message.contains("too many nodes"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&format!("{}1", "- ".repeat(5_000))).is_err());
        assert!(parse("a: 1\na: 2\n").unwrap_err().message.contains("twice"));
        assert!(parse("a: *x\n").is_err());
        assert!(parse("a: !Ref x\n").is_err());
        assert!(parse("name: {{ .Values.name }}\n").unwrap_err().is_complex_key);
    }
}
