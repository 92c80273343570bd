//! Replaces the source's values by the target's, all pairs at once, in one pass over each string.
//!
//! Because every string is read once and written once, a swap is a swap and a chain moves one step. It knows places but
//! no kinds; what needs to know a kind is a transform in `plan`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Change, Finding, Manifest, Severity};
use serde_json::Value;

use crate::contract::note;
use crate::pair::{Pairs, expand};
use crate::place::{self, Path, Place};
use crate::tokens::{Hit, Meaning, Permission, Tokens, TooManyTokens};
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
        let mut search = Search::new(&self.tokens, manifest);
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
        let mut search = Search::new(&self.tokens, manifest);
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
struct TextEdit<'r> {
    out: Option<String>,
    done: usize,
    replaced: Vec<Replaced<'r>>,
    count: usize,
}

/// One value replaced by another, and how often.
struct Replaced<'r> {
    source: &'r str,
    meaning: &'r Meaning,
    permission: Permission,
    count: usize,
}

impl<'r> TextEdit<'r> {
    fn take(&mut self, text: &str, hit: Hit<'r>) {
        if hit.source == hit.meaning.target {
            return;
        }
        let out = self.out.get_or_insert_with(|| String::with_capacity(text.len() + 64));
        out.push_str(&text[self.done..hit.start]);
        out.push_str(&hit.meaning.target);
        self.done = hit.end;
        self.count += 1;
        let is_same =
            |known: &&mut Replaced<'_>| std::ptr::eq(known.meaning, hit.meaning) && known.permission == hit.permission;
        if let Some(known) = self.replaced.iter_mut().find(is_same) {
            known.count += 1;
        } else if self.replaced.len() < MAX_LISTED {
            let Hit { source, meaning, permission, .. } = hit;
            self.replaced.push(Replaced { source, meaning, permission, count: 1 });
        }
    }

    fn finish(&mut self, text: &str) -> Option<String> {
        let mut out = self.out.take()?;
        out.push_str(&text[self.done..]);
        Some(out)
    }
}

impl Replaced<'_> {
    fn because(&self) -> String {
        let how = match self.permission {
            Permission::Certain => "",
            Permission::Component => ", as part of an identifier without a pair of its own",
            Permission::Low => ", low confidence: a whole word in free text",
        };
        [&self.meaning.because, how].concat()
    }
}

/// Why a text changed as a whole.
fn reasons(replaced: &[Replaced<'_>]) -> String {
    if let [only] = replaced {
        return only.because();
    }
    let mut reasons: Vec<String> = replaced.iter().map(Replaced::because).collect();
    reasons.sort();
    reasons.dedup();
    reasons.join("; ")
}

struct Edit<'r> {
    pointer: String,
    what: What,
    text: TextEdit<'r>,
    after: String,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    Plain,
    Encoded,
    Key,
}

struct Search<'r, 'm> {
    tokens: &'r Tokens,
    group: &'m str,
    kind: &'m str,
    edits: Vec<Edit<'r>>,
    out: Rewritten,
}

impl<'r, 'm> Search<'r, 'm> {
    fn new(tokens: &'r Tokens, manifest: &'m Manifest) -> Self {
        let (group, kind) = (group_of(manifest), manifest.kind());
        Self { tokens, group, kind, edits: Vec::new(), out: Rewritten::default() }
    }
}

impl Visitor for Search<'_, '_> {
    fn text(&mut self, text: Text<'_>, path: &Path<'_>) {
        let (text, what) = match text {
            Text::Plain(text) => (text, What::Plain),
            Text::Decoded(text) => (text, What::Encoded),
            Text::Key(text) => (text, What::Key),
        };
        if self.tokens.passes(text, what == What::Key) {
            return;
        }
        if text.len() > MAX_TEXT {
            let message = format!("the text is {} bytes long and was not searched", text.len());
            self.out.findings.push(note(Severity::Warning, "too-long", Some(&path.pointer()), message));
            return;
        }
        let mut edit = TextEdit::default();
        let place = || match what {
            // Only unmistakable values are replaced in keys: no place is typed, and no word is whole.
            What::Key => Place::default(),
            What::Plain | What::Encoded => place::place_of(self.group, self.kind, path, text),
        };
        self.tokens.scan(text, place, |hit| {
            if what != What::Key || hit.permission == Permission::Certain {
                edit.take(text, hit);
            }
        });
        if let Some(after) = edit.finish(text) {
            self.edits.push(Edit { pointer: path.pointer(), what, text: edit, after });
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
fn apply(manifest: &mut Manifest, edits: Vec<Edit<'_>>, out: &mut Rewritten) {
    let is_secret = manifest.kind() == "Secret";
    let (keys, values): (Vec<Edit>, Vec<Edit>) = edits.into_iter().partition(|edit| edit.what == What::Key);
    for Edit { pointer, what, text, after } in values {
        let Some(slot) = locate(manifest, &pointer) else { continue };
        let after = match what {
            What::Encoded => Value::String(STANDARD.encode(&after)),
            What::Plain | What::Key => Value::String(after),
        };
        let hidden = is_secret || what == What::Encoded;
        let shown = after.as_str().map_or(0, str::len).max(slot.as_str().map_or(0, str::len)) <= MAX_SHOWN;
        if shown && !hidden {
            let before = std::mem::replace(slot, after.clone());
            out.changes.push(Change::set(pointer, Some(before), after, reasons(&text.replaced)));
        } else {
            *slot = after;
            list(pointer, text, out);
        }
    }
    // Innermost keys first, so that outer paths stay true.
    for edit in keys.into_iter().rev() {
        let Some((parent, old)) = edit.pointer.rsplit_once('/') else { continue };
        let old = unescape(old);
        let Some(map) = locate_map(manifest, parent) else { continue };
        if map.contains_key(&edit.after) {
            let message = format!("the key {:?} exists already, so {old:?} is kept", edit.after);
            out.findings.push(note(Severity::Warning, "key-collision", Some(&edit.pointer), message));
            continue;
        }
        if let Some(value) = map.remove(&*old) {
            let because = format!("key: {}", reasons(&edit.text.replaced));
            let (before, after) = (Value::String(old.into_owned()), Value::String(edit.after.clone()));
            map.insert(edit.after, value);
            out.changes.push(Change::set(edit.pointer, Some(before), after, because));
        }
    }
}

/// Lists the values replaced in a text that is not shown as a whole.
fn list(pointer: String, text: TextEdit<'_>, out: &mut Rewritten) {
    let listed: usize = text.replaced.iter().map(|replaced| replaced.count).sum();
    let more = text.count.saturating_sub(listed);
    let mut counts: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for replaced in &text.replaced {
        *counts.entry((replaced.source, &replaced.meaning.target, replaced.because())).or_default() += replaced.count;
    }
    for ((source, target, because), count) in counts {
        let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
        out.changes.push(Change::set(&pointer, Some(source.into()), target.into(), because + &times));
    }
    if more > 0 {
        let message = format!("{more} more replacements in this text are not listed");
        out.findings.push(note(Severity::Info, "not-listed", Some(&pointer), message));
    }
}

fn locate<'m>(manifest: &'m mut Manifest, pointer: &str) -> Option<&'m mut Value> {
    let mut segments = pointer.strip_prefix('/')?.split('/').map(unescape);
    let first = manifest.as_map_mut().get_mut(&*segments.next()?)?;
    segments.try_fold(first, |here, segment| match here {
        Value::Object(map) => map.get_mut(&*segment),
        Value::Array(list) => list.get_mut(segment.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

fn locate_map<'m>(manifest: &'m mut Manifest, pointer: &str) -> Option<&'m mut serde_json::Map<String, Value>> {
    if pointer.is_empty() { Some(manifest.as_map_mut()) } else { locate(manifest, pointer)?.as_object_mut() }
}

fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { segment.replace("~1", "/").replace("~0", "~").into() } else { segment.into() }
}

fn group_of(manifest: &Manifest) -> &str {
    manifest.api_version().split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests;
