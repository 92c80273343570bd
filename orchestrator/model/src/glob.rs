//! Glob patterns as Velero accepts them for namespaces and resources: `*`, `?`, `[abc]`, `[a-z]`, `[!x]`, `{a,b}`.
//!
//! Matching is over whole names and never backtracks exponentially. Names hold no separator, so `**` is `*`.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    regex: Option<regex::Regex>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern {pattern:?}: {why}")]
pub struct GlobError {
    pub pattern: String,
    pub why: &'static str,
}

impl Glob {
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if !text.contains(['*', '?', '[', '{', '\\']) {
            return Ok(Self { text: text.to_owned(), regex: None });
        }
        let fail = |why| GlobError { pattern: text.to_owned(), why };
        let pattern = translate(text).map_err(fail)?;
        let regex = regex::RegexBuilder::new(&pattern)
            .size_limit(1 << 20)
            .build()
            .map_err(|_| fail("too large, or a bad character class"))?;
        Ok(Self { text: text.to_owned(), regex: Some(regex) })
    }

    pub fn matches(&self, name: &str) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(name),
            None => self.text == name,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern is a plain name.
    pub fn is_literal(&self) -> bool {
        self.regex.is_none()
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Glob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn translate(text: &str) -> Result<String, &'static str> {
    let mut out = String::from("^(?s:");
    let mut chars = text.chars().peekable();
    let mut depth = 0usize;
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                while chars.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '?' => out.push('.'),
            '[' => {
                out.push('[');
                if chars.next_if(|c| *c == '!' || *c == '^').is_some() {
                    out.push('^');
                }
                let mut members = 0usize;
                loop {
                    match chars.next() {
                        None => return Err("`[` is not closed"),
                        Some(']') if members > 0 => break,
                        Some('-') => out.push('-'),
                        Some(c) => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                    }
                    members += 1;
                }
                out.push(']');
            }
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            ',' if depth > 0 => out.push('|'),
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            '\\' => match chars.next() {
                Some(c) => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                None => return Err("it ends with `\\`"),
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    if depth > 0 {
        return Err("`{` is not closed");
    }
    out.push_str(")$");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, yes, no) in [
            ("shop", "shop", "shop2"),
            ("shop-*", "shop-a", "my-shop-a"),
            ("sh?p", "ship", "shp"),
            ("[a-c]x", "bx", "dx"),
            ("[!a-c]x", "dx", "bx"),
            ("team-{a,b}", "team-b", "team-c"),
            ("a.b*", "a.bc", "axbc"),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            assert!(glob.matches(yes), "{pattern} should match {yes}");
            assert!(!glob.matches(no), "{pattern} should not match {no}");
        }
    }

    #[test]
    fn broken_patterns_say_why() {
        assert!(Glob::parse("a[b").unwrap_err().to_string().contains("not closed"));
        assert!(Glob::parse("a{b").is_err());
    }
}
