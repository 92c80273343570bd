//! Files written by people: converted with their comments, order and untouched documents kept.
//!
//! A document that needs no change is kept byte for byte. One that does gets the smallest edits that say the new
//! object; the result is read again and compared, so it always says exactly what was converted. This reads no file and
//! renders no template.

mod edit;
mod object;
mod scalar;
mod split;
#[cfg(test)]
mod tests;
mod tree;
mod write;

use std::collections::BTreeMap;

use model::{Blocked, Catalog, Change, Gvk, KubernetesVersion, Manifest};
use serde_json::Value;

use crate::convert::DecisionTaken;
use crate::custom::{CrdFacts, catalog_of_crd};
use crate::options::Options;
use crate::table::served_by;
use split::{Part, split};

/// Longer texts are refused.
pub const MAX_TEXT: usize = 256 << 20;
/// A longer document is refused, the others of its text are not.
pub const MAX_DOCUMENT: usize = 32 << 20;

/// What to convert to: a release, and what definitions add to it.
#[derive(Debug, Clone)]
pub struct Target {
    pub release: KubernetesVersion,
    pub catalog: Catalog,
    definitions: BTreeMap<(String, String), CrdFacts>,
}

/// A text, converted.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertedText {
    pub output: String,
    pub documents: Vec<DocumentReport>,
}

/// What became of one object of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentReport {
    /// Where it begins, counted from one.
    pub line: usize,
    pub gvk: Option<Gvk>,
    pub namespace: Option<String>,
    pub name: String,
    pub outcome: Outcome,
    /// The version it has now, where that changed.
    pub to: Option<Gvk>,
    pub changes: Vec<Change>,
    pub decisions: Vec<DecisionTaken>,
    pub blocked: Option<Blocked>,
    /// Something worth knowing that changed nothing, such as a version that is about to go.
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target takes it as it is.
    Unchanged,
    /// Of a kind that neither the table nor a definition at hand knows; left as it is.
    Unknown,
    /// Has another version now.
    Converted,
    /// Has its version still, and other content.
    Upgraded,
    /// Left as it is, for a reason that needs a person.
    Blocked,
    /// Nothing but comments.
    Empty,
    /// Valid, and no Kubernetes object.
    NotAnObject,
    /// Cannot be read.
    Unreadable,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    #[error("the text is larger than {} MiB", MAX_TEXT >> 20)]
    TooLarge,
}

impl Target {
    pub fn of_release(release: KubernetesVersion) -> Self {
        Self { release, catalog: served_by(release), definitions: BTreeMap::new() }
    }

    /// Makes the target know what a definition defines.
    pub fn define(&mut self, definition: &Manifest) {
        if let Some(facts) = CrdFacts::of(definition) {
            for api in catalog_of_crd(definition) {
                self.catalog.add(api);
            }
            self.definitions.insert((facts.group.clone(), facts.kind.clone()), facts);
        }
    }

    /// Makes the target know every definition in a text; what cannot be read defines nothing.
    pub fn define_all(&mut self, text: &str) {
        if text.len() > MAX_TEXT || !text.contains("CustomResourceDefinition") {
            return;
        }
        for part in split(text) {
            let document = &text[part.range.clone()];
            if !document.contains("CustomResourceDefinition") || document.len() > MAX_DOCUMENT {
                continue;
            }
            let Ok(Some((_, value))) = read(document, &part) else { continue };
            for object in object::each(&value) {
                if let Ok(manifest) = Manifest::from_value(object.clone()) {
                    self.define(&manifest);
                }
            }
        }
    }

    pub(crate) fn definition(&self, gvk: &Gvk) -> Option<&CrdFacts> {
        self.definitions.get(&(gvk.group.clone(), gvk.kind.clone()))
    }
}

impl ConvertedText {
    /// Whether the output differs from the input.
    pub fn is_changed(&self) -> bool {
        self.documents.iter().any(|document| document.outcome.is_change())
    }

    /// Whether something is left to a person: what is blocked or unreadable, and decisions that nobody took.
    pub fn needs_decision(&self) -> bool {
        self.documents.iter().any(DocumentReport::needs_decision)
    }
}

impl DocumentReport {
    pub fn needs_decision(&self) -> bool {
        matches!(self.outcome, Outcome::Blocked | Outcome::Unreadable)
            || self.decisions.iter().any(|decision| !decision.chosen)
    }

    pub(crate) fn new(line: usize, outcome: Outcome) -> Self {
        Self {
            line,
            gvk: None,
            namespace: None,
            name: String::new(),
            outcome,
            to: None,
            changes: Vec::new(),
            decisions: Vec::new(),
            blocked: None,
            note: None,
        }
    }

    fn unreadable(line: usize, code: &str, message: String, hint: &str) -> Self {
        Self { blocked: Some(Blocked::new(code, message, hint)), ..Self::new(line, Outcome::Unreadable) }
    }
}

impl Outcome {
    pub fn is_change(self) -> bool {
        matches!(self, Self::Converted | Self::Upgraded)
    }
}

/// Reads the first object of a text; none when there is none or it cannot be read.
pub fn read_one(text: &str) -> Option<Manifest> {
    let part = split(text).into_iter().find(|part| text[part.range.clone()].contains(':'))?;
    let (_, value) = read(&text[part.range.clone()], &part).ok()??;
    Manifest::from_value(value).ok()
}

/// Reads every object of a text, document by document, each with its line. What is no object, or cannot be read, is
/// given back as text.
pub fn read_all(text: &str) -> Vec<(usize, Result<Vec<Manifest>, &str>)> {
    let mut documents = Vec::new();
    for part in split(text) {
        let document = &text[part.range.clone()];
        let objects = match read(document, &part) {
            _ if document.len() > MAX_DOCUMENT => Err(document),
            Ok(None) => continue,
            Ok(Some((_, value))) => {
                let each = object::each(&value).into_iter().cloned();
                each.map(Manifest::from_value).collect::<Result<Vec<_>, _>>().map_err(|_| document)
            }
            Err(_) => Err(document),
        };
        documents.push((part.line, objects));
    }
    documents
}

/// Converts every object of a text: YAML documents, JSON, and lists in either.
pub fn convert_text(text: &str, target: &Target, options: &Options) -> Result<ConvertedText, YamlError> {
    if text.len() > MAX_TEXT {
        return Err(YamlError::TooLarge);
    }
    let mut target = target.clone();
    target.define_all(text);
    let mut converted = ConvertedText { output: String::with_capacity(text.len()), documents: Vec::new() };
    for part in split(text) {
        let document = &text[part.range.clone()];
        match convert_document(document, &part, &target, options, &mut converted.documents) {
            Some(rewritten) => converted.output.push_str(&rewritten),
            None => converted.output.push_str(document),
        }
    }
    Ok(converted)
}

/// Converts one object that has no text of its own, such as a body of an archive.
pub fn convert_object(value: &mut Value, target: &Target, options: &Options) -> DocumentReport {
    object::convert_one(value, 1, target, options)
}

/// An object as a YAML document, for objects that have no text of their own.
pub fn to_yaml(value: &Value) -> String {
    let style = write::Style { text: "", newline: "\n", list_indent: 0 };
    let mut text = style.block(value, None).join("\n");
    text.push('\n');
    text
}

type Read = Option<(tree::Node, Value)>;

fn read(document: &str, part: &Part) -> Result<Read, tree::TreeError> {
    // Directives stand before their document, and mean nothing by themselves.
    if document.lines().all(|line| line.trim().is_empty() || line.starts_with(['%', '#'])) {
        return Ok(None);
    }
    let Some(root) = tree::parse(document)? else { return Ok(None) };
    let value = match serde_json::from_str(document.trim_start_matches('\u{feff}')) {
        Ok(value) if part.is_json => value,
        _ => root.to_value(),
    };
    Ok(Some((root, value)))
}

/// The document's new text; none when it stays as it is.
fn convert_document(
    document: &str,
    part: &Part,
    target: &Target,
    options: &Options,
    reports: &mut Vec<DocumentReport>,
) -> Option<String> {
    if document.len() > MAX_DOCUMENT {
        let message = format!("the document is larger than {} MiB", MAX_DOCUMENT >> 20);
        reports.push(DocumentReport::unreadable(part.line, "document-too-large", message, "split it"));
        return None;
    }
    let (root, old) = match read(document, part) {
        Ok(Some(read)) => read,
        Ok(None) => {
            reports.push(DocumentReport::new(part.line, Outcome::Empty));
            return None;
        }
        Err(error) => {
            reports.push(unreadable(document, part, &error));
            return None;
        }
    };
    let lines = |node: &tree::Node| part.line + node.line.saturating_sub(1);
    if object::is_template(&old) {
        reports.push(template(lines(&root)));
        return None;
    }
    let mut new = old.clone();
    let first = reports.len();
    object::convert_all(&mut new, &root, &lines, target, options, reports);
    if new == old {
        return None;
    }
    let rewritten = edit::rewrite(document, &root, &old, &new, part.is_json);
    if rewritten.is_none() {
        for report in &mut reports[first..] {
            let message = "no text was found that reads back as the converted object";
            report.outcome = Outcome::Blocked;
            report.blocked = Some(Blocked::new("cannot-write", message, "write it without anchors and tags"));
            report.changes.clear();
            report.to = None;
        }
    }
    rewritten
}

fn unreadable(document: &str, part: &Part, error: &tree::TreeError) -> DocumentReport {
    let line = part.line + error.line.saturating_sub(1);
    if document.contains("{{") {
        return template(line);
    }
    let message = format!("line {line}: {}", error.message);
    DocumentReport::unreadable(line, "not-yaml", message, "correct the document")
}

fn template(line: usize) -> DocumentReport {
    let message = format!("line {line}: the document is a template, not an object");
    let hint = "render it first, with `helm template` or what it was written for";
    DocumentReport::unreadable(line, "template", message, hint)
}
