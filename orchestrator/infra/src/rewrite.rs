//! Replaces the source's values by the target's, all pairs at once, in one pass over each string.
//!
//! Because every string is read once and written once, a swap is a swap and a chain moves one step. It knows places but
//! no kinds; what needs to know a kind is a transform in `plan`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Change, Finding, Manifest, Severity};
use serde_json::Value;

use crate::contract::note;
use crate::pair::{Pairs, expand};
use crate::place::{self, Path, Place, Step};
use crate::tokens::{Hit, Permission, Tokens, TooManyTokens};
use crate::walk::{self, Skipped, Text, Visitor};

/// Longer strings, and those of Secrets, are reported by the values replaced in them and not as a whole.
const MAX_SHOWN: usize = 4096;
/// More replacements in one string than this are made, but not listed one by one.
const MAX_LISTED: usize = 50;
/// A longer string is not searched; nothing that an apiserver stores is as long.
const MAX_TEXT: usize = 16 * 1024 * 1024;

/// All pairs, ready to be applied to any number of manifests.
#[derive(Debug, Clone)]
pub struct Rewriter {
    tokens: Tokens,
}

/// What was done to one manifest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rewritten {
    pub changes: Vec<Change>,
    /// What was left alone on purpose or could not be read; each names a pointer.
    pub findings: Vec<Finding>,
}

impl Rewriter {
    pub fn new(pairs: &Pairs) -> Result<Self, TooManyTokens> {
        Ok(Self { tokens: Tokens::new(expand::variants(pairs))? })
    }

    /// Rewrites a manifest in place and says what changed.
    pub fn rewrite(&self, manifest: &mut Manifest) -> Vec<Change> {
        self.rewrite_reporting(manifest).changes
    }

    /// Rewrites a manifest in place and also says what was not touched and why.
    pub fn rewrite_reporting(&self, manifest: &mut Manifest) -> Rewritten {
        let (group, kind) = split_kind(manifest);
        let mut search = Search { tokens: &self.tokens, group, kind, edits: Vec::new(), out: Rewritten::default() };
        walk::walk(manifest, &mut search);
        let Search { edits, mut out, .. } = search;
        if !edits.is_empty() {
            apply(manifest, edits, &mut out);
        }
        if walk::is_helm_release(manifest) {
            let message =
                "a Helm release is stored compressed and is left as it is; upgrade the release with new values";
            out.findings.push(note(Severity::Info, "helm-release", Some("/data/release"), message));
        }
        out
    }

    /// Rewrites only what stands at and under a pointer.
    pub fn rewrite_under(&self, manifest: &mut Manifest, pointer: &str) -> Vec<Change> {
        let (group, kind) = split_kind(manifest);
        let mut search = Search { tokens: &self.tokens, group, kind, edits: Vec::new(), out: Rewritten::default() };
        walk::walk_under(manifest, pointer, &mut search);
        let Search { edits, mut out, .. } = search;
        if !edits.is_empty() {
            apply(manifest, edits, &mut out);
        }
        out.changes
    }

    /// Rewrites one text as if it stood at `place`; `None` when nothing changes.
    pub fn rewrite_text(&self, text: &str, place: Place) -> Option<String> {
        let mut edit = TextEdit::default();
        self.tokens.scan(text, || place, |hit| edit.take(text, hit));
        edit.finish(text).filter(|after| after != text)
    }
}

/// A text being rebuilt: everything up to `done` is written.
#[derive(Default)]
struct TextEdit {
    out: Option<String>,
    done: usize,
    /// Source, target, why and how often.
    replaced: BTreeMap<(String, String, String), usize>,
    count: usize,
}

impl TextEdit {
    fn take(&mut self, text: &str, hit: Hit<'_>) {
        let source = &text[hit.start..hit.end];
        if source == hit.meaning.target {
            return;
        }
        let out = self.out.get_or_insert_with(|| String::with_capacity(text.len() + 64));
        out.push_str(&text[self.done..hit.start]);
        out.push_str(&hit.meaning.target);
        self.done = hit.end;
        self.count += 1;
        let key = (source.to_owned(), hit.meaning.target.clone(), because(&hit));
        if self.replaced.len() < MAX_LISTED || self.replaced.contains_key(&key) {
            *self.replaced.entry(key).or_default() += 1;
        }
    }

    fn finish(&mut self, text: &str) -> Option<String> {
        let mut out = self.out.take()?;
        out.push_str(&text[self.done..]);
        Some(out)
    }
}

fn because(hit: &Hit<'_>) -> String {
    let how = match hit.permission {
        Permission::Certain => "",
        Permission::Component => ", as part of an identifier without a pair of its own",
        Permission::Low => ", low confidence: a whole word in free text",
    };
    format!("{} by {}{how}", hit.meaning.key, hit.meaning.by)
}

struct Edit {
    steps: Vec<OwnedStep>,
    what: What,
    text: TextEdit,
    after: String,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Plain,
    Encoded,
    Key,
}

enum OwnedStep {
    Key(String),
    Index(usize),
}

struct Search<'r> {
    tokens: &'r Tokens,
    group: String,
    kind: String,
    edits: Vec<Edit>,
    out: Rewritten,
}

impl Visitor for Search<'_> {
    fn text(&mut self, text: Text<'_>, path: &Path<'_>) {
        let (text, what) = match text {
            Text::Plain(text) => (text, What::Plain),
            Text::Decoded(text) => (text, What::Encoded),
            Text::Key(text) => (text, What::Key),
        };
        if text.len() > MAX_TEXT {
            let message = format!("the text is {} bytes long and was not searched", text.len());
            self.out.findings.push(note(Severity::Warning, "too-long", Some(&path.pointer()), message));
            return;
        }
        let mut edit = TextEdit::default();
        let place = || match what {
            // Only unmistakable values are replaced in keys: no place is typed, and no word is whole.
            What::Key => Place::default(),
            What::Plain | What::Encoded => place::place_of(&self.group, &self.kind, path, text),
        };
        self.tokens.scan(text, place, |hit| {
            if what != What::Key || hit.permission == Permission::Certain {
                edit.take(text, hit);
            }
        });
        if let Some(after) = edit.finish(text) {
            let steps = path.steps().into_iter().filter_map(|step| match step {
                Step::Key(key) => Some(OwnedStep::Key(key.to_owned())),
                Step::Index(index) => Some(OwnedStep::Index(index)),
                Step::Root => None,
            });
            self.edits.push(Edit { steps: steps.collect(), what, text: edit, after });
        }
    }

    fn skipped(&mut self, what: Skipped, path: &Path<'_>) {
        let (severity, code, message) = match what {
            Skipped::TooDeep => (Severity::Warning, "too-deep", "nested too deeply to be searched"),
            Skipped::NotText => (Severity::Info, "not-text", "not text in base64, so it was not searched"),
        };
        self.out.findings.push(note(severity, code, Some(&path.pointer()), message));
    }

    fn shortest_key(&self) -> usize {
        self.tokens.shortest_token()
    }
}

/// Values first, then keys: a renamed key would make the paths under it stale.
fn apply(manifest: &mut Manifest, edits: Vec<Edit>, out: &mut Rewritten) {
    let is_secret = manifest.kind() == "Secret";
    let (keys, values): (Vec<Edit>, Vec<Edit>) = edits.into_iter().partition(|edit| edit.what == What::Key);
    for edit in values {
        let pointer = pointer_of(&edit.steps);
        let Some(slot) = locate(manifest, &edit.steps) else { continue };
        let after = match edit.what {
            What::Encoded => Value::String(STANDARD.encode(&edit.after)),
            What::Plain | What::Key => Value::String(edit.after),
        };
        let hidden = is_secret || edit.what == What::Encoded;
        let shown = after.as_str().map_or(0, str::len).max(slot.as_str().map_or(0, str::len)) <= MAX_SHOWN;
        let before = std::mem::replace(slot, after.clone());
        if shown && !hidden {
            let reasons: Vec<String> = edit.text.replaced.into_keys().map(|(_, _, because)| because).collect();
            out.changes.push(Change::set(pointer, Some(before), after, dedup(reasons)));
        } else {
            let listed: usize = edit.text.replaced.values().sum();
            let more = edit.text.count.saturating_sub(listed);
            for ((source, target, because), count) in edit.text.replaced {
                let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
                out.changes.push(Change::set(
                    &pointer,
                    Some(source.into()),
                    target.into(),
                    format!("{because}{times}"),
                ));
            }
            if more > 0 {
                let message = format!("{more} more replacements in this text are not listed");
                out.findings.push(note(Severity::Info, "not-listed", Some(&pointer), message));
            }
        }
    }
    // Innermost keys first, so that outer paths stay true.
    for edit in keys.into_iter().rev() {
        let Some((OwnedStep::Key(old), parents)) = edit.steps.split_last() else { continue };
        let pointer = pointer_of(&edit.steps);
        let Some(map) = locate_map(manifest, parents) else { continue };
        if map.contains_key(&edit.after) {
            let message = format!("the key {:?} exists already, so {old:?} is kept", edit.after);
            out.findings.push(note(Severity::Warning, "key-collision", Some(&pointer), message));
            continue;
        }
        if let Some(value) = map.remove(old) {
            let reasons: Vec<String> = edit.text.replaced.into_keys().map(|(_, _, because)| because).collect();
            let (before, after) = (Value::String(old.clone()), Value::String(edit.after.clone()));
            map.insert(edit.after, value);
            out.changes.push(Change::set(pointer, Some(before), after, format!("key: {}", dedup(reasons))));
        }
    }
}

fn dedup(mut reasons: Vec<String>) -> String {
    reasons.sort();
    reasons.dedup();
    reasons.join("; ")
}

fn pointer_of(steps: &[OwnedStep]) -> String {
    steps.iter().fold(String::new(), |pointer, step| match step {
        OwnedStep::Key(key) => model::pointer::push(&pointer, key),
        OwnedStep::Index(index) => format!("{pointer}/{index}"),
    })
}

fn locate<'m>(manifest: &'m mut Manifest, steps: &[OwnedStep]) -> Option<&'m mut Value> {
    let (OwnedStep::Key(first), rest) = steps.split_first()? else { return None };
    rest.iter().try_fold(manifest.as_map_mut().get_mut(first)?, |here, step| match step {
        OwnedStep::Key(key) => here.get_mut(key),
        OwnedStep::Index(index) => here.get_mut(index),
    })
}

fn locate_map<'m>(manifest: &'m mut Manifest, steps: &[OwnedStep]) -> Option<&'m mut serde_json::Map<String, Value>> {
    if steps.is_empty() { Some(manifest.as_map_mut()) } else { locate(manifest, steps)?.as_object_mut() }
}

fn split_kind(manifest: &Manifest) -> (String, String) {
    let group = manifest.api_version().split_once('/').map_or("", |(group, _)| group);
    (group.to_owned(), manifest.kind().to_owned())
}

#[cfg(test)]
mod tests;
