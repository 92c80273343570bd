//! JSON pointers (RFC 6901): building them, and setting and removing what they name.
//!
//! Setting creates missing objects on the way, never array elements; a pointer through a scalar changes nothing.

use serde_json::{Map, Value};

/// Appends one segment to a pointer, escaping `~` and `/`.
pub fn push(pointer: &str, segment: &str) -> String {
    let mut out = String::with_capacity(pointer.len() + segment.len() + 1);
    out.push_str(pointer);
    append(&mut out, segment);
    out
}

/// Appends one segment in place, escaping `~` and `/`.
pub fn append(pointer: &mut String, segment: &str) {
    pointer.push('/');
    // Almost no segment has anything to escape.
    if !segment.bytes().any(|byte| byte == b'~' || byte == b'/') {
        return pointer.push_str(segment);
    }
    for c in segment.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// Appends a position in a list in place.
pub fn append_index(pointer: &mut String, index: usize) {
    if let Some(digit) = u8::try_from(index).ok().filter(|index| *index < 10) {
        pointer.push('/');
        return pointer.push(char::from(b'0' + digit));
    }
    append(pointer, &index.to_string());
}

/// Joins segments into a pointer.
pub fn join<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments.into_iter().fold(String::new(), |mut pointer, segment| {
        append(&mut pointer, segment);
        pointer
    })
}

/// The unescaped segments of a pointer; the empty pointer has none.
pub fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")).collect()
}

/// Sets the value at `pointer` and returns what stood there; `Err(())` when a parent is not an object or element.
#[expect(clippy::result_unit_err, reason = "there is one way to fail, and the caller knows the pointer")]
pub fn set(root: &mut Map<String, Value>, pointer: &str, value: Value) -> Result<Option<Value>, ()> {
    let path = segments(pointer);
    let Some((last, parents)) = path.split_last() else { return Err(()) };
    let Some((first, rest)) = parents.split_first() else { return Ok(root.insert(last.clone(), value)) };
    let mut here = root.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    for segment in rest {
        here = match here {
            Value::Object(map) => map.entry(segment.clone()).or_insert_with(|| Value::Object(Map::new())),
            Value::Array(list) => segment.parse::<usize>().ok().and_then(|i| list.get_mut(i)).ok_or(())?,
            _ => return Err(()),
        };
    }
    match here {
        Value::Object(map) => Ok(map.insert(last.clone(), value)),
        Value::Array(list) => match last.parse::<usize>().ok().and_then(|i| list.get_mut(i)) {
            Some(slot) => Ok(Some(std::mem::replace(slot, value))),
            None => Err(()),
        },
        _ => Err(()),
    }
}

/// Removes the value at `pointer` and returns it.
pub fn remove(root: &mut Map<String, Value>, pointer: &str) -> Option<Value> {
    let path = segments(pointer);
    let (last, parents) = path.split_last()?;
    let Some((first, rest)) = parents.split_first() else { return root.remove(last) };
    let mut here = root.get_mut(first)?;
    for segment in rest {
        here = match here {
            Value::Object(map) => map.get_mut(segment)?,
            Value::Array(list) => list.get_mut(segment.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match here {
        Value::Object(map) => map.remove(last),
        Value::Array(list) => {
            let index = last.parse::<usize>().ok()?;
            (index < list.len()).then(|| list.remove(index))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("not an object") };
        map
    }

    #[test]
    fn segments_are_escaped_and_read_back() {
        let pointer = join(["metadata", "annotations", "a.b/c~d"]);
        assert_eq!(pointer, "/metadata/annotations/a.b~1c~0d");
        assert_eq!(segments(&pointer), ["metadata", "annotations", "a.b/c~d"]);
        let mut pointer = push("", "list");
        append_index(&mut pointer, 9);
        append_index(&mut pointer, 10);
        assert_eq!(pointer, "/list/9/10");
    }

    #[test]
    fn setting_creates_objects_but_not_elements() {
        let mut root = object(json!({"list": [1], "text": "x"}));
        assert_eq!(set(&mut root, "/a/b", json!(1)), Ok(None));
        assert_eq!(set(&mut root, "/list/0", json!(2)), Ok(Some(json!(1))));
        assert_eq!(set(&mut root, "/list/1", json!(2)), Err(()));
        assert_eq!(set(&mut root, "/text/b", json!(2)), Err(()));
        assert_eq!(Value::Object(root), json!({"a": {"b": 1}, "list": [2], "text": "x"}));
    }

    #[test]
    fn removing_returns_what_was_there() {
        let mut root = object(json!({"a": {"b": [1, 2]}}));
        assert_eq!(remove(&mut root, "/a/b/0"), Some(json!(1)));
        assert_eq!(remove(&mut root, "/a/b/5"), None);
        assert_eq!(remove(&mut root, "/a/c"), None);
        assert_eq!(remove(&mut root, "/a"), Some(json!({"b": [2]})));
    }
}
