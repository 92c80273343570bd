//! Whether a piece of text stands alone or is part of a longer word.
//!
//! Knows characters, not classes of values.

use std::ops::Range;

use crate::grammar::is_word;

/// What a value's own text says about where it may begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    is_resource_id: bool,
    /// More than a plain word: an id, an ARN, a host, a URL.
    is_structured: bool,
    /// Digits and dots, as an address.
    is_number: bool,
}

impl Shape {
    pub fn of(token: &str) -> Self {
        let is_resource_id = crate::grammar::is_resource_id(token);
        Self {
            is_resource_id,
            is_structured: is_resource_id || token.contains(['.', ':', '/']),
            is_number: token.starts_with(|first: char| first.is_ascii_digit()) && !token.contains(['-', ':']),
        }
    }
}

/// Whether an unmistakable value stands alone: `sg-0a1b2c3d` in `sg-0a1b2c3d,…`, but not in `my-sg-0a1b2c3d`.
pub fn stands_alone(text: &str, range: &Range<usize>, shape: Shape) -> bool {
    let bytes = text.as_bytes();
    let (first, last) = (bytes[range.start], bytes[range.end - 1]);
    let (before, after) = (&bytes[..range.start], &bytes[range.end..]);
    starts(before, first, shape) && ends(after, last, shape)
}

/// Whether a word stands alone in prose: no dot, dash or underscore on either side, but a sentence may end with it.
pub fn is_whole_word(text: &str, range: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let before_ok = match bytes[..range.start].last() {
        Some(b'.') => false,
        Some(byte) => !is_word(*byte),
        None => true,
    };
    before_ok && !continues(&bytes[range.end..])
}

fn starts(before: &[u8], first: u8, shape: Shape) -> bool {
    let Some(last) = before.last() else { return true };
    if !is_word(first) {
        return true;
    }
    match last {
        // A host may have names under it; an address or a word may not continue one.
        b'.' => !shape.is_number && shape.is_structured,
        byte if is_word(*byte) => is_escape(before),
        _ => true,
    }
}

fn ends(after: &[u8], last: u8, shape: Shape) -> bool {
    if !is_word(last) {
        return true;
    }
    if shape.is_resource_id {
        return !after.first().is_some_and(|byte| is_word(*byte));
    }
    !continues(after)
}

/// Whether a word goes on: with a word character, or with a dot and one.
fn continues(after: &[u8]) -> bool {
    match after {
        [b'.', next, ..] => is_word(*next),
        [next, ..] => is_word(*next),
        [] => false,
    }
}

/// `\n`, `\t`, `\r` and `%2F` written out in a text that is itself quoted: the letter belongs to the escape.
fn is_escape(before: &[u8]) -> bool {
    match before {
        [.., b'%', high, low] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [.., b'\\', b'n' | b't' | b'r'] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stand_alone_between_separators_only() {
        let alone = |text: &str, token: &str| {
            let start = text.find(token).unwrap();
            stands_alone(text, &(start..start + token.len()), Shape::of(token))
        };
        let id = "sg-0a1b2c3d";
        for text in [
            "sg-0a1b2c3d",
            "a,sg-0a1b2c3d;",
            "x=sg-0a1b2c3d.",
            "\"sg-0a1b2c3d\"",
            "\\nsg-0a1b2c3d",
            "%2Csg-0a1b2c3d",
            "“sg-0a1b2c3d”",
            "組sg-0a1b2c3d組",
        ] {
            assert!(alone(text, id), "{text}");
        }
        for text in ["my-sg-0a1b2c3d", "sg-0a1b2c3d0", "sg-0a1b2c3d-x", "nsg-0a1b2c3d"] {
            assert!(!alone(text, id), "{text}");
        }
        let host = "db.c1.us-east-1.rds.amazonaws.com";
        assert!(alone("jdbc:mysql://db.c1.us-east-1.rds.amazonaws.com:3306/x", host));
        assert!(alone("db.c1.us-east-1.rds.amazonaws.com.", host));
        assert!(!alone("db.c1.us-east-1.rds.amazonaws.com.cn", host));
        assert!(!alone("10.192.0.2.1", "192.0.2.1") && !alone("192.0.2.10", "192.0.2.1"));
    }

    #[test]
    fn words_are_whole_only_without_dots_and_dashes() {
        let whole = |text: &str| {
            let start = text.find("us-east-1").unwrap();
            is_whole_word(text, &(start..start + 9))
        };
        assert!(whole("in us-east-1.") && whole("region=us-east-1") && whole("/us-east-1/"));
        for text in ["us-east-1a", "my-us-east-1", "us-east-1.internal", "us-east-1_x", "x.us-east-1", "us-east-10"] {
            assert!(!whole(text), "{text}");
        }
    }
}
