//! The editing of one body: every edit goes through here, so that every edit is in the list of changes.
//!
//! A path is a chain of borrowed segments and becomes a pointer only when something changes. This file knows no kind.

use model::{Change, Gvk, Manifest, pointer};
use serde_json::{Map, Value};

use super::registry::Form;
use super::{CannotConvert, Conversion, DecisionTaken, convert};
use crate::options::{Defaults, LAST_APPLIED, Options};

/// Where in a body something is.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Root,
    /// A pointer that was written out, because several edits follow under it.
    Written(&'a str),
    Key(&'a str),
    Index(usize),
}

/// What an editing session has done so far.
pub(crate) struct Draft<'o> {
    pub(crate) options: &'o Options,
    pub(crate) changes: Vec<Change>,
    pub(crate) decisions: Vec<DecisionTaken>,
    pub(crate) lossless: bool,
    /// Whether the object comes from another version; what a server has taken in its own version is not judged again.
    pub(crate) changes_version: bool,
    /// The version whose defaults are being filled.
    filling: Option<&'static Form>,
    filling_target: bool,
}

pub(crate) const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl<'a> At<'a> {
    pub(crate) const ROOT: At<'static> = At { parent: None, segment: Segment::Root };

    pub(crate) fn key<'b>(&'b self, key: &'b str) -> At<'b> {
        At { parent: Some(self), segment: Segment::Key(key) }
    }

    pub(crate) fn index(&self, index: usize) -> At<'_> {
        At { parent: Some(self), segment: Segment::Index(index) }
    }

    /// The same place as [`At::pointer`] gave.
    pub(crate) fn written(pointer: &'a str) -> At<'a> {
        At { parent: None, segment: Segment::Written(pointer) }
    }

    pub(crate) fn pointer(&self) -> String {
        let mut out = String::with_capacity(self.length());
        self.write(&mut out);
        out
    }

    /// Bytes of the pointer, but for those that escaping adds.
    fn length(&self) -> usize {
        let own = match self.segment {
            Segment::Root => 0,
            Segment::Written(pointer) => pointer.len(),
            Segment::Key(key) => key.len() + 1,
            Segment::Index(_) => 4,
        };
        own + self.parent.map_or(0, At::length)
    }

    fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        match self.segment {
            Segment::Root => {}
            Segment::Written(pointer) => out.push_str(pointer),
            Segment::Key(key) => pointer::append(out, key),
            Segment::Index(index) => pointer::append_index(out, index),
        }
    }
}

/// Absent and null are the same to an apiserver.
pub(crate) fn is_unset(map: &Map<String, Value>, key: &str) -> bool {
    matches!(map.get(key), None | Some(Value::Null))
}

/// Also true for what an apiserver reads as the zero value of a string.
pub(crate) fn is_blank(map: &Map<String, Value>, key: &str) -> bool {
    match map.get(key) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str() == Some(""),
    }
}

pub(crate) fn text<'m>(map: &'m Map<String, Value>, key: &str) -> Option<&'m str> {
    map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The object at a key, for reading; absent and null are none, anything else but an object is an error.
pub(crate) fn object<'m>(
    map: &'m Map<String, Value>,
    at: &At<'_>,
    key: &str,
) -> Result<Option<&'m Map<String, Value>>, CannotConvert> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(other) => Err(malformed(&at.key(key), other, "an object")),
    }
}

/// The object at a key, for editing.
pub(crate) fn object_mut<'m>(
    map: &'m mut Map<String, Value>,
    at: &At<'_>,
    key: &str,
) -> Result<Option<&'m mut Map<String, Value>>, CannotConvert> {
    match map.get_mut(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(other) => Err(malformed(&at.key(key), other, "an object")),
    }
}

/// Calls `edit` for each object of the list at a key. Elements that are no objects are an error.
pub(crate) fn each_object(
    map: &mut Map<String, Value>,
    at: &At<'_>,
    key: &str,
    mut edit: impl FnMut(&mut Map<String, Value>, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    let list = match map.get_mut(key) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(malformed(&at.key(key), other, "a list")),
    };
    let here = at.key(key);
    for (index, element) in list.iter_mut().enumerate() {
        match element {
            Value::Object(element) => edit(element, &here.index(index))?,
            other => return Err(malformed(&here.index(index), other, "an object")),
        }
    }
    Ok(())
}

pub(crate) fn malformed(at: &At<'_>, found: &Value, wanted: &'static str) -> CannotConvert {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    CannotConvert::Malformed { pointer: at.pointer(), found, wanted }
}

impl<'o> Draft<'o> {
    pub(crate) fn new(options: &'o Options) -> Self {
        Self {
            options,
            changes: Vec::new(),
            decisions: Vec::new(),
            lossless: true,
            changes_version: false,
            filling: None,
            filling_target: false,
        }
    }

    /// Says whose defaults are filled from now on.
    pub(crate) fn enter(&mut self, form: &'static Form, is_target: bool) {
        self.filling = Some(form);
        self.filling_target = is_target;
    }

    pub(crate) fn set(
        &mut self,
        map: &mut Map<String, Value>,
        at: &At<'_>,
        key: &str,
        value: impl Into<Value>,
        because: &str,
    ) {
        let value = value.into();
        if map.get(key) == Some(&value) {
            return;
        }
        let after = value.clone();
        let before = map.insert(key.to_owned(), value);
        self.changes.push(Change {
            pointer: at.key(key).pointer(),
            before,
            after: Some(after),
            because: because.into(),
        });
    }

    pub(crate) fn remove(
        &mut self,
        map: &mut Map<String, Value>,
        at: &At<'_>,
        key: &str,
        because: &str,
    ) -> Option<Value> {
        let removed = map.remove(key)?;
        self.changes.push(Change::removed(at.key(key).pointer(), removed.clone(), because));
        Some(removed)
    }

    /// Removes what nobody needs any more, however large it is; says whether it was there.
    pub(crate) fn discard(&mut self, map: &mut Map<String, Value>, at: &At<'_>, key: &str, because: &str) -> bool {
        let Some(removed) = map.remove(key) else { return false };
        self.changes.push(Change::removed(at.key(key).pointer(), removed, because));
        true
    }

    /// Moves a value to another key of the same object. A value already there is replaced.
    pub(crate) fn rename(&mut self, map: &mut Map<String, Value>, at: &At<'_>, old: &str, new: &str) {
        if map.contains_key(old) {
            let because = format!("{old} was renamed to {new}");
            if let Some(value) = self.remove(map, at, old, &because) {
                self.set(map, at, new, value, &because);
            }
        }
    }

    /// Replaces the list or object at a key after it was rebuilt.
    pub(crate) fn replace(
        &mut self,
        map: &mut Map<String, Value>,
        at: &At<'_>,
        key: &str,
        before: Value,
        because: &str,
    ) {
        if let Some(after) = map.get(key)
            && *after != before
        {
            self.changes.push(Change::set(at.key(key).pointer(), Some(before), after.clone(), because));
        }
    }

    /// Fills a default that both versions have.
    pub(crate) fn default(&mut self, map: &mut Map<String, Value>, at: &At<'_>, key: &str, value: impl Into<Value>) {
        if self.options.defaults != Defaults::Differing && is_blank(map, key) {
            self.fill(map, at, key, value.into());
        }
    }

    /// Fills a default that other versions of the kind fill otherwise.
    pub(crate) fn own_default(
        &mut self,
        map: &mut Map<String, Value>,
        at: &At<'_>,
        key: &str,
        value: impl Into<Value>,
    ) {
        if self.fills_own_defaults() && is_blank(map, key) {
            self.fill(map, at, key, value.into());
        }
    }

    /// Whether defaults that differ between versions are to be written now.
    pub(crate) fn fills_own_defaults(&self) -> bool {
        !(self.filling_target && self.options.defaults == Defaults::Differing)
    }

    /// Whether defaults that all versions share are to be written.
    pub(crate) fn fills_shared_defaults(&self) -> bool {
        self.options.defaults != Defaults::Differing
    }

    fn fill(&mut self, map: &mut Map<String, Value>, at: &At<'_>, key: &str, value: Value) {
        let because = self.filling.map(Form::default_of).unwrap_or_default();
        let before = map.insert(key.to_owned(), value.clone());
        self.changes.push(Change { pointer: at.key(key).pointer(), before, after: Some(value), because });
    }

    /// Makes sure that an object is at the key, and returns it; none when something else is there.
    pub(crate) fn ensure_object<'m>(
        &mut self,
        map: &'m mut Map<String, Value>,
        at: &At<'_>,
        key: &str,
        because: &str,
    ) -> Result<&'m mut Map<String, Value>, CannotConvert> {
        if is_unset(map, key) {
            self.set(map, at, key, Map::new(), because);
        }
        match map.get_mut(key) {
            Some(Value::Object(inner)) => Ok(inner),
            other => Err(malformed(&at.key(key), other.map_or(&Value::Null, |v| v), "an object")),
        }
    }

    pub(crate) fn set_annotation(
        &mut self,
        body: &mut Map<String, Value>,
        key: &str,
        value: impl Into<Value>,
        because: &str,
    ) -> Result<(), CannotConvert> {
        let metadata = self.ensure_object(body, &At::ROOT, "metadata", because)?;
        let at = At::ROOT.key("metadata");
        let annotations = self.ensure_object(metadata, &at, "annotations", because)?;
        self.set(annotations, &at.key("annotations"), key, value, because);
        Ok(())
    }

    /// Removes an annotation of the object; a map of annotations that becomes empty goes with it.
    pub(crate) fn remove_annotation(
        &mut self,
        body: &mut Map<String, Value>,
        key: &str,
        because: &str,
    ) -> Option<Value> {
        let metadata = body.get_mut("metadata")?.as_object_mut()?;
        let at = At::ROOT.key("metadata");
        let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
        let removed = self.remove(annotations, &at.key("annotations"), key, because);
        if removed.is_some() && annotations.is_empty() {
            self.discard(metadata, &at, "annotations", because);
        }
        removed
    }

    /// Records a decision and returns the value in force.
    pub(crate) fn decide(&mut self, code: &'static str, at: &At<'_>, message: impl Into<String>) -> &'static str {
        let value = self.options.value(code);
        self.decisions.push(DecisionTaken {
            code,
            value,
            chosen: self.options.is_chosen(code),
            pointer: at.pointer(),
            message: message.into(),
        });
        self.lossless = false;
        value
    }

    /// Records something that the options cannot change, as the value that came of it.
    pub(crate) fn note(&mut self, code: &'static str, value: &'static str, at: &At<'_>, message: impl Into<String>) {
        let chosen = self.options.is_chosen(code) && self.options.is(code, value);
        let pointer = at.pointer();
        self.decisions.push(DecisionTaken { code, value, chosen, pointer, message: message.into() });
        self.lossless = false;
    }

    pub(crate) fn finish(self) -> Conversion {
        Conversion { changes: self.changes, decisions: self.decisions, lossless: self.lossless }
    }

    /// Brings the copies of the object's version that servers do not convert in line with the new one.
    pub(crate) fn versioned_copies(&mut self, body: &mut Map<String, Value>, target: &Form) {
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            let because = "names fields of the version that was left";
            self.discard(metadata, &At::ROOT.key("metadata"), "managedFields", because);
        }
        let Some(copy) = annotation(body, LAST_APPLIED_ANNOTATION) else { return };
        if self.options.is(LAST_APPLIED, "keep") {
            return;
        }
        let converted = if self.options.is(LAST_APPLIED, "drop") { None } else { self.convert_copy(copy, target) };
        match converted {
            Some(text) => {
                let because = "the copy that kubectl apply keeps follows the object";
                // The annotation exists, so its parents do.
                let _ = self.set_annotation(body, LAST_APPLIED_ANNOTATION, text, because);
            }
            None => {
                let because = "the copy that kubectl apply keeps is of the version that was left";
                self.remove_annotation(body, LAST_APPLIED_ANNOTATION, because);
            }
        }
    }

    fn convert_copy(&self, copy: &str, target: &Form) -> Option<String> {
        let mut manifest = Manifest::from_slice(copy.as_bytes()).ok()?;
        if manifest.annotation(LAST_APPLIED_ANNOTATION).is_some() {
            return None;
        }
        let mut options = self.options.clone();
        options.defaults = Defaults::Differing;
        convert(&mut manifest, &target.gvk(), &options).ok()?;
        // kubectl ends the copy with a line break.
        let mut text = String::from_utf8(manifest.to_vec()).ok()?;
        text.push('\n');
        Some(text)
    }
}

pub(crate) fn annotation<'m>(body: &'m Map<String, Value>, key: &str) -> Option<&'m str> {
    body.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

impl Form {
    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::new(self.group, self.version, self.kind)
    }

    pub(crate) fn is(&self, gvk: &Gvk) -> bool {
        self.version == gvk.version && self.kind == gvk.kind && self.group == gvk.group
    }

    pub(crate) fn api_version(&self) -> String {
        [self.group, self.slash(), self.version].concat()
    }

    fn default_of(&self) -> String {
        ["default of ", self.group, self.slash(), self.version].concat()
    }

    /// Between group and version; the core group is not written.
    fn slash(&self) -> &'static str {
        if self.group.is_empty() { "" } else { "/" }
    }
}
