//! Cuts a text into documents, so that each is read, kept or changed by itself.
//!
//! A line that begins with `---` or `...` ends a document wherever it stands: no scalar of YAML can hold one.
//! JSON values that follow each other are documents too.

use std::ops::Range;

/// One document, from its marker to the next one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// Line of the first character, counted from one.
    pub(super) line: usize,
    pub(super) is_json: bool,
}

pub(super) fn split(text: &str) -> Vec<Part> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if let Some(parts) = split_json(text, start) {
        return parts;
    }
    let (mut parts, mut begin, mut begin_line) = (Vec::new(), 0, 1);
    let (mut at, mut line) = (0, 0);
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |found| at + found + 1);
        line += 1;
        let content = if at == 0 { &text[start..end] } else { &text[at..end] };
        if is_marker(content, "---") && at > begin {
            parts.push(Part { range: begin..at, line: begin_line, is_json: false });
            (begin, begin_line) = (at, line);
        } else if is_marker(content, "...") {
            parts.push(Part { range: begin..end, line: begin_line, is_json: false });
            (begin, begin_line) = (end, line + 1);
        }
        at = end;
    }
    if begin < text.len() || parts.is_empty() {
        parts.push(Part { range: begin..text.len(), line: begin_line, is_json: false });
    }
    parts
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// None unless the whole text is JSON objects or lists.
fn split_json(text: &str, start: usize) -> Option<Vec<Part>> {
    let body = &text[start..];
    if !body.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(body).into_iter::<serde::de::IgnoredAny>();
    let (mut parts, mut begin, mut line) = (Vec::new(), 0, 1);
    while let Some(value) = stream.next() {
        value.ok()?;
        let end = start + stream.byte_offset();
        parts.push(Part { range: begin..end, line, is_json: true });
        line += text[begin..end].matches('\n').count();
        begin = end;
    }
    // What follows the last value is white space, and stays with it.
    if let Some(last) = parts.last_mut() {
        last.range.end = text.len();
    }
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(&str, usize)> {
        split(text).into_iter().map(|part| (&text[part.range], part.line)).collect()
    }

    #[test]
    fn parts_cover_the_text_and_know_their_lines() {
        for text in [
            "",
            "a: 1",
            "---\na: 1\n---\nb: 2\n",
            "# c\n---\n...\n---\n",
            "{\"a\":1}\n{\"b\":2}\n",
            "\u{feff}---\nx: 1\n",
        ] {
            assert_eq!(cut(text).into_iter().map(|(part, _)| part).collect::<String>(), text);
        }
        assert_eq!(
            cut("a: 1\n---\nb: |\n  --- not\n---\nc: 3"),
            [("a: 1\n", 1), ("---\nb: |\n  --- not\n", 2), ("---\nc: 3", 5)]
        );
        assert_eq!(cut("{\"a\":1}\n{\"b\":2}\n"), [("{\"a\":1}", 1), ("\n{\"b\":2}\n", 1)]);
        assert_eq!(cut("---- no marker\n"), [("---- no marker\n", 1)]);
    }
}
