//! The smallest change of a document's text that makes it say the new object.
//!
//! Edits are guesses that are proved: the edited text is read again and must give exactly the new object, or the
//! document is written anew, in its old order but without the comments between its lines.

use std::ops::Range;

use serde_json::{Map, Value};

use super::scalar::{Quotes, is_literal, render};
use super::tree::{self, Entry, Node, Shape};
use super::write::{Style, indented, literal_header};

/// The document's text with the new object in it; none when no text reads back as the object.
pub(super) fn rewrite(text: &str, root: &Node, old: &Value, new: &Value, is_json: bool) -> Option<String> {
    if old == new {
        return Some(text.to_owned());
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let style = Style { text, newline, list_indent: list_indent(root) };
    let mut editor = Editor { text, style: &style, edits: Vec::new(), is_json };
    let edited = editor.node(root, old, new).and_then(|()| editor.apply());
    edited.filter(|edited| says(edited, new)).or_else(|| anew(&style, root, new, is_json).filter(|t| says(t, new)))
}

fn says(text: &str, value: &Value) -> bool {
    matches!(tree::parse(text), Ok(Some(root)) if root.to_value() == *value)
}

/// The whole document, between what stood before and after its content.
fn anew(style: &Style<'_>, root: &Node, new: &Value, is_json: bool) -> Option<String> {
    let before = style.text.get(..root.start)?;
    let after = style.text.get(root.end..)?;
    if is_json || matches!(root.shape, Shape::Map { flow: true, .. }) {
        return Some(format!("{before}{}{after}", style.json(new, Some(root), "")));
    }
    // Anchors and tags before the content are gone with it; what is left of the line is a marker.
    let head = match before.rfind('\n') {
        Some(at) => &before[..at + 1],
        None => "",
    };
    let line = &before[head.len()..];
    let marker = if line.starts_with("---") { format!("---{}", style.newline) } else { String::new() };
    // A comment on the last line of the content goes with the content.
    let tail = after.find('\n').map_or("", |at| &after[at + 1..]);
    let body = style.block(new, Some(root)).join(style.newline);
    Some(format!("{head}{marker}{body}{}{tail}", style.newline))
}

/// How far the first list of the document is indented below its key.
fn list_indent(node: &Node) -> usize {
    fn find(node: &Node) -> Option<usize> {
        match &node.shape {
            Shape::Map { entries, flow: false } => entries.iter().find_map(|entry| match &entry.value.shape {
                Shape::List { flow: false, .. } => Some(entry.value.column.saturating_sub(entry.column).min(8)),
                _ => find(&entry.value),
            }),
            Shape::List { items, flow: false } => items.iter().find_map(find),
            _ => None,
        }
    }
    find(node).unwrap_or(2)
}

struct Editor<'t> {
    text: &'t str,
    style: &'t Style<'t>,
    edits: Vec<(Range<usize>, String)>,
    is_json: bool,
}

/// None where an edit cannot be expressed.
type Edited = Option<()>;

impl Editor<'_> {
    fn apply(&mut self) -> Option<String> {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (range, text) in &self.edits {
            if range.start < at {
                return None;
            }
            out.push_str(self.text.get(at..range.start)?);
            out.push_str(text);
            at = range.end;
        }
        out.push_str(self.text.get(at..)?);
        Some(out)
    }

    /// Changes a node where it stands; what needs its key changed too is the caller's.
    fn node(&mut self, node: &Node, old: &Value, new: &Value) -> Edited {
        match (&node.shape, old, new) {
            (_, old, new) if old == new => Some(()),
            (Shape::Map { entries, flow }, Value::Object(old), Value::Object(new)) if !new.is_empty() => {
                self.map(node, entries, *flow, old, new)
            }
            (Shape::List { items, flow }, Value::Array(old), Value::Array(new)) => {
                self.list(node, items, *flow, old, new)
            }
            _ => None,
        }
    }

    fn map(
        &mut self,
        node: &Node,
        entries: &[Entry],
        flow: bool,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) -> Edited {
        let own = |key: &str| entries.iter().any(|entry| entry.key == key && !entry.is_merge);
        // What came by a merge cannot be taken out or changed here.
        if old.keys().any(|key| !own(key) && old.get(key) != new.get(key)) {
            return None;
        }
        let mut added: Vec<&String> = new.keys().filter(|key| !old.contains_key(*key)).collect();
        let gone: Vec<&Entry> =
            entries.iter().filter(|entry| !entry.is_merge && !new.contains_key(&entry.key)).collect();
        let mut renamed: Vec<(&Entry, &String)> = Vec::new();
        for entry in &gone {
            let same = added.iter().position(|key| new.get(*key) == old.get(&entry.key));
            let only =
                (gone.len() == 1 && added.len() == 1 && are_alike(old.get(&entry.key), new.get(added[0]))).then_some(0);
            if let Some(position) = same.or(only) {
                renamed.push((entry, added.remove(position)));
            }
        }
        let is_gone =
            |entry: &Entry| gone.iter().any(|g| g.key == entry.key) && !renamed.iter().any(|(r, _)| r.key == entry.key);
        if !entries.iter().any(|entry| !is_gone(entry)) {
            return None;
        }
        for (entry, key) in &renamed {
            let rendered = if self.is_json {
                Value::from(key.as_str()).to_string()
            } else {
                render(&key.as_str().into(), Quotes::None)
            };
            self.edits.push((entry.key_start..entry.key_end, rendered));
            self.value(entry, old.get(&entry.key)?, new.get(*key)?, flow)?;
        }
        for entry in entries {
            if let (Some(old), Some(new), false) = (old.get(&entry.key), new.get(&entry.key), entry.is_merge) {
                self.value(entry, old, new, flow)?;
            }
        }
        self.remove(entries, flow, is_gone)?;
        if added.is_empty() {
            return Some(());
        }
        if flow {
            self.add_to_flow(node, entries, is_gone, &added, new)
        } else {
            self.add_to_block(entries, is_gone, &added, new)
        }
    }

    /// Changes the value of an entry, in place or from its colon on.
    fn value(&mut self, entry: &Entry, old: &Value, new: &Value, flow: bool) -> Edited {
        if old == new {
            return Some(());
        }
        let node = &entry.value;
        let (mark, edits) = (self.edits.len(), !matches!(node.shape, Shape::Alias(_)));
        if edits && self.node(node, old, new).is_some() {
            return Some(());
        }
        self.edits.truncate(mark);
        if flow || self.is_json {
            let text = self.inline(new, node, &self.indent_of(entry.key_start));
            let range = if node.is_nothing() { node.end..node.end } else { node.start..node.end };
            let text = if node.is_nothing() { format!(" {text}") } else { text };
            self.edits.push((range, text));
            return Some(());
        }
        if let Shape::Scalar { quotes: Some(quotes), .. } = &node.shape
            && !node.is_nothing()
            && !new.is_object()
            && !new.is_array()
            && !matches!(new, Value::String(text) if is_literal(text))
        {
            self.edits.push((node.start..node.end, render(new, *quotes)));
            return Some(());
        }
        let rest = self.text.get(entry.key_end..node.end)?;
        let colon = entry.key_end + rest.find(':')? + 1;
        let text = self.after_colon(new, entry.column);
        self.edits.push((colon..node.end, text));
        Some(())
    }

    /// What stands after the colon of a block entry whose key is in this column.
    fn after_colon(&self, value: &Value, column: usize) -> String {
        let newline = self.style.newline;
        let below = |lines: Vec<String>, indent: usize| {
            let indent = " ".repeat(indent);
            format!("{newline}{}", indented(lines, &indent, &indent).join(newline))
        };
        match value {
            Value::Object(map) if !map.is_empty() => below(self.style.block(value, None), column + 2),
            Value::Array(list) if !list.is_empty() => {
                below(self.style.block(value, None), column + self.style.list_indent)
            }
            Value::String(text) if is_literal(text) => {
                let lines = text.lines().map(str::to_owned).collect();
                format!(" {}{}", literal_header(text), below(lines, column + 2))
            }
            other => format!(" {}", self.style.flow(other)),
        }
    }

    /// A value inside flow, or in JSON.
    fn inline(&self, value: &Value, old: &Node, indent: &str) -> String {
        if !self.is_json {
            let quotes = match &old.shape {
                Shape::Scalar { quotes: Some(quotes), .. } => *quotes,
                _ => Quotes::None,
            };
            return if value.is_string() { render(value, quotes) } else { self.style.flow(value) };
        }
        if self.text.contains('\n') { self.style.json(value, None, indent) } else { value.to_string() }
    }

    /// The white space that begins the line of a place.
    fn indent_of(&self, at: usize) -> String {
        let line = self.line_start(at);
        let text = self.text.get(line..at).unwrap_or_default();
        text.chars().take_while(|c| matches!(c, ' ' | '\t')).collect()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|text| text.rfind('\n')).map_or(0, |found| found + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.text.get(at..).and_then(|text| text.find('\n')).map_or(self.text.len(), |found| at + found + 1)
    }

    fn remove(&mut self, entries: &[Entry], flow: bool, is_gone: impl Fn(&Entry) -> bool) -> Edited {
        let mut index = 0;
        while let Some(entry) = entries.get(index) {
            if !is_gone(entry) {
                index += 1;
                continue;
            }
            let run = entries[index..].iter().take_while(|entry| is_gone(entry)).count();
            let (last, next) = (&entries[index + run - 1], entries.get(index + run));
            let line = self.line_start(entry.key_start);
            let alone = self.text.get(line..entry.key_start)?.chars().all(|c| c == ' ');
            let range = match (flow, next) {
                (false, _) if alone => {
                    // Comments between two entries that go stay.
                    for entry in &entries[index..index + run] {
                        let range = self.line_start(entry.key_start)..self.line_end(entry.value.end);
                        self.edits.push((range, String::new()));
                    }
                    index += run;
                    continue;
                }
                (_, Some(next)) => entry.key_start..next.key_start,
                (true, None) => entries.get(index.checked_sub(1)?)?.value.end..last.value.end,
                (false, None) => return None,
            };
            self.edits.push((range, String::new()));
            index += run;
        }
        Some(())
    }

    fn add_to_block(
        &mut self,
        entries: &[Entry],
        is_gone: impl Fn(&Entry) -> bool,
        added: &[&String],
        new: &Map<String, Value>,
    ) -> Edited {
        let column = entries.first()?.column;
        let is_small = |value: &Value| !value.is_object() && !value.is_array();
        let scalar_entry = |entry: &&Entry| matches!(entry.value.shape, Shape::Scalar { .. }) && !is_gone(entry);
        // Small fields go below the last small one, the others to the end.
        let last_small = entries.iter().rev().find(scalar_entry);
        let last = entries.last()?;
        for small in [true, false] {
            let fields: Vec<&&String> =
                added.iter().filter(|key| new.get(**key).is_some_and(is_small) == small).collect();
            if fields.is_empty() {
                continue;
            }
            let anchor = if small { last_small.unwrap_or(last) } else { last };
            let at = self.line_end(anchor.value.end);
            let indent = " ".repeat(column);
            let mut text = String::new();
            if at > 0 && !self.text[..at].ends_with('\n') {
                text.push_str(self.style.newline);
            }
            for key in fields {
                let name = render(&key.as_str().into(), Quotes::None);
                let value = self.after_colon(new.get(*key)?, column);
                text.push_str(&format!("{indent}{name}:{value}{}", self.style.newline));
            }
            if at == self.text.len() && !self.text.ends_with('\n') {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
            self.edits.push((at..at, text));
        }
        Some(())
    }

    fn add_to_flow(
        &mut self,
        node: &Node,
        entries: &[Entry],
        is_gone: impl Fn(&Entry) -> bool,
        added: &[&String],
        new: &Map<String, Value>,
    ) -> Edited {
        let last = entries.iter().rev().find(|entry| !is_gone(entry))?;
        // With nothing but what goes after it, the comma before it goes as well, and this text takes its place.
        let at = last.value.end;
        let is_multiline = self.text.get(at..node.end)?.contains('\n');
        let indent = self.indent_of(last.key_start);
        let mut text = String::new();
        for key in added {
            let value = new.get(*key)?;
            let (name, value) = if self.is_json {
                let value = if is_multiline { self.style.json(value, None, &indent) } else { value.to_string() };
                (Value::from(key.as_str()).to_string(), value)
            } else {
                (render(&key.as_str().into(), Quotes::None), self.style.flow(value))
            };
            let space = if is_multiline { format!("{}{indent}", self.style.newline) } else { " ".to_owned() };
            text.push_str(&format!(",{space}{name}: {value}"));
        }
        self.edits.push((at..at, text));
        Some(())
    }

    fn list(&mut self, node: &Node, items: &[Node], flow: bool, old: &[Value], new: &[Value]) -> Edited {
        if items.len() == new.len() {
            for (item, (old, new)) in items.iter().zip(old.iter().zip(new)) {
                self.item(item, old, new, flow)?;
            }
            return Some(());
        }
        // Items added at the end; anything else is written anew.
        if items.is_empty() || new.len() < old.len() || new[..old.len()] != *old {
            return None;
        }
        let last = items.last()?;
        if flow {
            let more = new[old.len()..].iter().map(|item| self.inline(item, node, &self.indent_of(last.start)));
            let text: String = more.map(|item| format!(", {item}")).collect();
            self.edits.push((last.end..last.end, text));
            return Some(());
        }
        let at = self.line_end(last.end);
        let indent = " ".repeat(node.column);
        let newline = self.style.newline;
        let mut text = String::new();
        if !self.text[..at].ends_with('\n') {
            text.push_str(newline);
        }
        for item in &new[old.len()..] {
            let lines = indented(self.style.block(item, None), &format!("{indent}- "), &format!("{indent}  "));
            text.push_str(&format!("{}{newline}", lines.join(newline)));
        }
        self.edits.push((at..at, text));
        Some(())
    }

    fn item(&mut self, item: &Node, old: &Value, new: &Value, flow: bool) -> Edited {
        if old == new {
            return Some(());
        }
        let mark = self.edits.len();
        if !matches!(item.shape, Shape::Alias(_)) && self.node(item, old, new).is_some() {
            return Some(());
        }
        self.edits.truncate(mark);
        if item.is_nothing() {
            return None;
        }
        let text = if flow || self.is_json {
            self.inline(new, item, &self.indent_of(item.start))
        } else {
            let rest = " ".repeat(item.column);
            indented(self.style.block(new, None), "", &rest).join(self.style.newline)
        };
        self.edits.push((item.start..item.end, text));
        Some(())
    }
}

/// Whether one value plausibly is the other under a new name.
fn are_alike(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(Value::Object(_)), Some(Value::Object(_))) | (Some(Value::Array(_)), Some(Value::Array(_))) => true,
        (Some(old), Some(new)) => !old.is_object() && !old.is_array() && !new.is_object() && !new.is_array(),
        _ => false,
    }
}
