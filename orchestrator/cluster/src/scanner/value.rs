//! Finds the end of one JSON value, over chunks.
//!
//! Inside strings it jumps from quote to quote; outside it looks at structure only. Brackets are matched by kind.

use super::ScanError;

/// Levels of nesting at the most; serde_json itself stops at 128.
pub(super) const DEPTH_CAP: usize = 1024;

/// A value that is being looked at; begins before the value's first byte.
#[derive(Debug)]
pub(super) struct Value {
    kind: Kind,
    in_string: bool,
    /// The byte before was a backslash inside a string.
    escaped: bool,
    depth: usize,
    /// One bit a level: set for an array.
    arrays: [u64; DEPTH_CAP / 64],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Text,
    Container,
    /// A number, `true`, `false` or `null`: ends before what cannot belong to it.
    Scalar,
}

pub(super) enum Progress {
    /// All of the chunk belongs to the value, and there may be more.
    More,
    /// The value ends after that many bytes of the chunk.
    Ends(usize),
}

impl Value {
    pub(super) fn new() -> Self {
        Self { kind: Kind::Unknown, in_string: false, escaped: false, depth: 0, arrays: [0; DEPTH_CAP / 64] }
    }

    /// Looks at the next chunk of the value.
    pub(super) fn scan(&mut self, chunk: &[u8]) -> Result<Progress, ScanError> {
        let mut at = 0;
        if self.kind == Kind::Unknown {
            let Some(&first) = chunk.first() else { return Ok(Progress::More) };
            self.kind = match first {
                b'"' => Kind::Text,
                b'{' | b'[' => Kind::Container,
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Kind::Scalar,
                other => return Err(ScanError::Unexpected(other)),
            };
            if self.kind == Kind::Text {
                self.in_string = true;
                at = 1;
            }
        }
        if self.kind == Kind::Scalar {
            let scalar = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
            return Ok(match chunk.iter().position(|byte| !scalar(byte)) {
                Some(end) => Progress::Ends(end),
                None => Progress::More,
            });
        }
        loop {
            if self.in_string {
                match self.string_end(&chunk[at..]) {
                    Some(length) => at += length,
                    None => return Ok(Progress::More),
                }
                if self.kind == Kind::Text {
                    return Ok(Progress::Ends(at));
                }
            }
            match chunk[at..].iter().position(|&byte| STRUCTURE[byte as usize]) {
                Some(offset) => at += offset,
                None => return Ok(Progress::More),
            }
            match chunk[at] {
                b'"' => self.in_string = true,
                b'{' => self.open(false)?,
                b'[' => self.open(true)?,
                close => {
                    self.close(close)?;
                    if self.depth == 0 {
                        return Ok(Progress::Ends(at + 1));
                    }
                }
            }
            at += 1;
        }
    }

    /// The length up to and with the closing quote.
    fn string_end(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.escaped {
            if text.is_empty() {
                return None;
            }
            self.escaped = false;
            at = 1;
        }
        loop {
            at += memchr::memchr2(b'"', b'\\', &text[at..])?;
            if text[at] == b'"' {
                self.in_string = false;
                return Some(at + 1);
            }
            if at + 1 == text.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
        }
    }

    fn open(&mut self, array: bool) -> Result<(), ScanError> {
        let (word, bit) = (self.depth / 64, 1u64 << (self.depth % 64));
        let level = self.arrays.get_mut(word).ok_or(ScanError::TooDeep)?;
        if array {
            *level |= bit;
        } else {
            *level &= !bit;
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self, byte: u8) -> Result<(), ScanError> {
        // A container begins with its opening bracket, so the depth is at least one here.
        self.depth = self.depth.checked_sub(1).ok_or(ScanError::Unexpected(byte))?;
        let array = self.arrays[self.depth / 64] & (1u64 << (self.depth % 64)) != 0;
        if array == (byte == b']') { Ok(()) } else { Err(ScanError::Unexpected(byte)) }
    }
}

/// The bytes that matter outside strings.
const STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};
