//! Visits every string of an object, base64 values of Secrets decoded, with the path that leads to it.
//!
//! Allocates nothing on the way but one buffer for decoding; decides nothing about what it finds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Manifest;
use serde_json::Value;

use crate::place::Path;

/// Deeper objects are not looked into; the apiserver's own limit is far below.
const MAX_DEPTH: usize = 256;

/// A string and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    Plain(&'a str),
    /// A base64 value of a Secret or a ConfigMap's `binaryData`, decoded.
    Decoded(&'a str),
    /// A key of a map.
    Key(&'a str),
}

/// What could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    TooDeep,
    /// A base64 value that is not base64, or not text once decoded.
    NotText,
}

pub trait Visitor {
    fn text(&mut self, text: Text<'_>, path: &Path<'_>);
    fn skipped(&mut self, what: Skipped, path: &Path<'_>);
    /// Keys shorter than this are not visited.
    fn shortest_key(&self) -> usize;
}

/// Where base64 values stand in an object of this kind.
#[derive(Clone, Copy)]
enum Encoded {
    Nowhere,
    Data,
    BinaryData,
}

/// Visits all of a manifest. A Helm release is passed over: see [`is_helm_release`].
pub fn walk(manifest: &Manifest, visitor: &mut impl Visitor) {
    let encoded = match manifest.kind() {
        "Secret" if manifest.api_version() == "v1" => Encoded::Data,
        "ConfigMap" if manifest.api_version() == "v1" => Encoded::BinaryData,
        _ => Encoded::Nowhere,
    };
    let helm = is_helm_release(manifest);
    let root = Path::root();
    let mut walker = Walker { visitor, buffer: Vec::new() };
    for (key, value) in manifest.as_map() {
        let path = Path::key(&root, key, None);
        match (key.as_str(), encoded) {
            ("apiVersion" | "kind", _) => {}
            ("data" | "binaryData" | "stringData", _) if helm => {}
            ("data", Encoded::Data) | ("binaryData", Encoded::BinaryData) => walker.decoded(value, &path),
            _ => walker.value(value, &path, 0),
        }
    }
}

/// Visits only what stands at and under a pointer.
pub fn walk_under(manifest: &Manifest, pointer: &str, visitor: &mut impl Visitor) {
    let segments = model::pointer::segments(pointer);
    let Some((first, rest)) = segments.split_first() else { return };
    let Some(value) = manifest.as_map().get(first) else { return };
    let root = Path::root();
    let mut walker = Walker { visitor, buffer: Vec::new() };
    descend(value, &Path::key(&root, first, None), rest, &mut walker);
}

fn descend<V: Visitor>(value: &Value, path: &Path<'_>, rest: &[String], walker: &mut Walker<'_, V>) {
    let Some((first, rest)) = rest.split_first() else { return walker.value(value, path, 0) };
    match value {
        Value::Object(map) => {
            if let Some(inner) = map.get(first) {
                descend(inner, &Path::key(path, first, Some(value)), rest, walker);
            }
        }
        Value::Array(list) => {
            let index = first.parse::<usize>().ok();
            if let Some((index, inner)) = index.and_then(|index| Some((index, list.get(index)?))) {
                descend(inner, &Path::index(path, index, value), rest, walker);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether an object stores a Helm release: base64 of compressed JSON, which is reported and never edited.
pub fn is_helm_release(manifest: &Manifest) -> bool {
    match manifest.kind() {
        "Secret" => manifest.get_str("/type") == Some("helm.sh/release.v1"),
        "ConfigMap" => manifest.label("owner") == Some("helm") && manifest.get("/data/release").is_some(),
        _ => false,
    }
}

struct Walker<'v, V> {
    visitor: &'v mut V,
    buffer: Vec<u8>,
}

impl<V: Visitor> Walker<'_, V> {
    fn value(&mut self, value: &Value, path: &Path<'_>, depth: usize) {
        match value {
            Value::String(text) => self.visitor.text(Text::Plain(text), path),
            Value::Object(map) => {
                if depth > MAX_DEPTH {
                    return self.visitor.skipped(Skipped::TooDeep, path);
                }
                for (key, inner) in map {
                    let path = Path::key(path, key, Some(value));
                    if key.len() >= self.visitor.shortest_key() {
                        self.visitor.text(Text::Key(key), &path);
                    }
                    self.value(inner, &path, depth + 1);
                }
            }
            Value::Array(list) => {
                if depth > MAX_DEPTH {
                    return self.visitor.skipped(Skipped::TooDeep, path);
                }
                for (index, inner) in list.iter().enumerate() {
                    self.value(inner, &Path::index(path, index, value), depth + 1);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn decoded(&mut self, value: &Value, path: &Path<'_>) {
        let Some(map) = value.as_object() else { return self.value(value, path, 0) };
        let mut buffer = std::mem::take(&mut self.buffer);
        for (key, inner) in map {
            let path = Path::key(path, key, Some(value));
            let Some(text) = inner.as_str() else { continue };
            match decode(text, &mut buffer) {
                Some(plain) => self.visitor.text(Text::Decoded(plain), &path),
                None => self.visitor.skipped(Skipped::NotText, &path),
            }
        }
        self.buffer = buffer;
    }
}

/// The text that base64 stands for; what is not text mostly shows it in its first bytes.
fn decode<'b>(text: &str, buffer: &'b mut Vec<u8>) -> Option<&'b str> {
    let mut first = [0; 48];
    if let Some(head) = text.as_bytes().get(..64).filter(|_| text.len() > 64) {
        let length = STANDARD.decode_slice(head, &mut first).ok()?;
        if std::str::from_utf8(&first[..length]).is_err_and(|error| error.error_len().is_some()) {
            return None;
        }
    }
    buffer.clear();
    STANDARD.decode_vec(text, buffer).ok()?;
    std::str::from_utf8(buffer).ok()
}
