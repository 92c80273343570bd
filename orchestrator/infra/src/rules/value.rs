//! Places that a pointer names, and the text that stands in one.
//!
//! A segment `*` stands for every element of a list or every key of a map.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Manifest, pointer};
use serde_json::Value;

/// Every concrete pointer, in order, and whether there were more than `most`. A pointer without `*` is itself.
pub(super) fn places(manifest: &Manifest, pattern: &str, most: usize) -> (Vec<String>, bool) {
    let segments: Vec<&str> = pattern.split('/').skip(1).collect();
    if !segments.contains(&"*") {
        return (vec![pattern.to_owned()], false);
    }
    let mut here = vec![String::new()];
    let mut cut = false;
    for segment in segments {
        let mut next = Vec::new();
        for parent in here {
            if segment != "*" {
                next.push(format!("{parent}/{segment}"));
                continue;
            }
            if parent.is_empty() {
                next.extend(manifest.as_map().keys().map(|key| pointer::push(&parent, key)));
                continue;
            }
            match manifest.get(&parent) {
                Some(Value::Object(map)) => next.extend(map.keys().map(|key| pointer::push(&parent, key))),
                Some(Value::Array(list)) => next.extend((0..list.len()).map(|index| format!("{parent}/{index}"))),
                _ => {}
            }
        }
        cut |= next.len() > most;
        next.truncate(most);
        here = next;
    }
    (here, cut)
}

/// A string as people read it.
pub(super) fn text(value: &Value, encoded: bool) -> Option<String> {
    let text = value.as_str()?;
    if !encoded {
        return Some(text.to_owned());
    }
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}
