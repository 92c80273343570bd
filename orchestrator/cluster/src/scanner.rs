//! Cuts a Kubernetes list into its items while it arrives.
//!
//! Works on chunks of any size and holds one unfinished item at the most. It finds where values begin and end, and
//! that brackets match and nothing is missing at the end; it does not decode strings or numbers inside items, so an
//! item is exactly the bytes the server sent. An item that lies whole in a chunk shares the chunk's memory.

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

mod value;

use value::{Progress, Value};

/// Bytes of one item at the most; etcd takes 1.5 MB by default, aggregated APIs may hold more.
pub(crate) const ITEM_CAP: usize = 64 << 20;
/// Bytes of a key or of the list's own metadata at the most.
const SMALL_CAP: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("the answer is not valid JSON: unexpected byte 0x{0:02x}")]
    Unexpected(u8),
    #[error("the answer is nested deeper than {} levels", value::DEPTH_CAP)]
    TooDeep,
    #[error("the answer has a part longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer has {0} twice")]
    Twice(&'static str),
    #[error("the answer is not a list: it has no items")]
    NoItems,
    #[error("the answer ended in the middle")]
    Cut,
    #[error("the list's metadata cannot be read: {0}")]
    Metadata(String),
    #[error("a list item is not an object")]
    ItemNotAnObject,
}

/// What the list says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(rename = "continue")]
    pub(crate) continue_token: String,
}

/// The scanner: `push` a chunk, call `next` until it gives `None`, and so on; `finish` after the last chunk.
#[derive(Debug)]
pub(crate) struct Scanner {
    chunk: Bytes,
    /// The beginning of a captured value, from earlier chunks.
    held: BytesMut,
    at: At,
    items_seen: bool,
    metadata: Option<ListMeta>,
}

/// What comes next.
#[derive(Debug)]
enum At {
    Start,
    /// After `{` (a key or the end) or after `,` (a key).
    Key {
        end_allowed: bool,
    },
    InKey(Value),
    Colon(Field),
    Value(Field),
    InValue(Field, Value),
    AfterValue,
    /// After `[` (an item or the end) or after `,` (an item).
    Item {
        end_allowed: bool,
    },
    InItem(Value),
    AfterItem,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Items,
    Metadata,
    Other,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self { chunk: Bytes::new(), held: BytesMut::new(), at: At::Start, items_seen: false, metadata: None }
    }

    /// Takes the next chunk; the one before must have been used up by `next`.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before is used up");
        self.chunk = chunk;
    }

    /// The next item, or `None` when another chunk is needed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, ScanError> {
        loop {
            if let At::InKey(_) | At::InValue(..) | At::InItem(_) = self.at {
                match self.scan_value()? {
                    Step::NeedMore => return Ok(None),
                    Step::Moved => continue,
                    Step::Item(item) => return Ok(Some(item)),
                }
            }
            let blank = self.chunk.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
            self.chunk.advance(blank);
            let Some(&byte) = self.chunk.first() else { return Ok(None) };
            self.step(byte)?;
        }
    }

    /// Checks that the list was whole.
    pub(crate) fn finish(self) -> Result<ListMeta, ScanError> {
        if !matches!(self.at, At::End) || !self.chunk.is_empty() {
            return Err(ScanError::Cut);
        }
        if !self.items_seen {
            return Err(ScanError::NoItems);
        }
        Ok(self.metadata.unwrap_or_default())
    }

    /// Handles one byte between values. A byte that begins a value is left where it is.
    fn step(&mut self, byte: u8) -> Result<(), ScanError> {
        let unexpected = Err(ScanError::Unexpected(byte));
        self.at = match (&self.at, byte) {
            (At::Start, b'{') => At::Key { end_allowed: true },
            (At::Key { .. }, b'"') => {
                self.at = At::InKey(Value::new());
                return Ok(());
            }
            (At::Key { end_allowed: true }, b'}') | (At::AfterValue, b'}') => At::End,
            (At::Colon(field), b':') => At::Value(*field),
            (At::Value(Field::Items), b'[') => {
                self.items_seen = true;
                At::Item { end_allowed: true }
            }
            (At::Value(field), _) => {
                self.at = At::InValue(*field, Value::new());
                return Ok(());
            }
            (At::AfterValue, b',') => At::Key { end_allowed: false },
            (At::Item { end_allowed: true }, b']') | (At::AfterItem, b']') => At::AfterValue,
            (At::Item { .. }, b'{') => {
                self.at = At::InItem(Value::new());
                return Ok(());
            }
            (At::Item { .. }, b',' | b']' | b'}' | b':') => return unexpected,
            (At::Item { .. }, _) => return Err(ScanError::ItemNotAnObject),
            (At::AfterItem, b',') => At::Item { end_allowed: false },
            _ => return unexpected,
        };
        self.chunk.advance(1);
        Ok(())
    }

    fn scan_value(&mut self) -> Result<Step, ScanError> {
        let (value, cap, keep) = match &mut self.at {
            At::InKey(value) => (value, SMALL_CAP, true),
            At::InValue(field, value) => (value, SMALL_CAP, *field != Field::Other),
            At::InItem(value) => (value, ITEM_CAP, true),
            _ => return Ok(Step::Moved),
        };
        match value.scan(&self.chunk)? {
            Progress::More => {
                if keep {
                    if self.held.len() + self.chunk.len() > cap {
                        return Err(ScanError::TooLong(cap));
                    }
                    self.held.extend_from_slice(&self.chunk);
                }
                self.chunk.clear();
                Ok(Step::NeedMore)
            }
            Progress::Ends(length) => {
                if keep && self.held.len() + length > cap {
                    return Err(ScanError::TooLong(cap));
                }
                let part = self.chunk.split_to(length);
                let whole = if self.held.is_empty() {
                    part
                } else if keep {
                    self.held.extend_from_slice(&part);
                    self.held.split().freeze()
                } else {
                    Bytes::new()
                };
                self.complete(whole)
            }
        }
    }

    fn complete(&mut self, whole: Bytes) -> Result<Step, ScanError> {
        self.at = match &self.at {
            At::InItem(_) => {
                self.at = At::AfterItem;
                return Ok(Step::Item(whole));
            }
            At::InKey(_) => At::Colon(self.field(&whole)?),
            At::InValue(Field::Metadata, _) => {
                let metadata = serde_json::from_slice::<Option<ListMeta>>(&whole);
                self.metadata = Some(metadata.map_err(|e| ScanError::Metadata(e.to_string()))?.unwrap_or_default());
                At::AfterValue
            }
            // `null` is how Go writes an empty slice.
            At::InValue(Field::Items, _) if whole.as_ref() == b"null" => {
                self.items_seen = true;
                At::AfterValue
            }
            At::InValue(Field::Items, _) => return Err(ScanError::NoItems),
            _ => At::AfterValue,
        };
        Ok(Step::Moved)
    }

    fn field(&self, key: &[u8]) -> Result<Field, ScanError> {
        let inner = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
        let decoded;
        let name = if inner.contains(&b'\\') {
            decoded = serde_json::from_slice::<String>(key).map_err(|_| ScanError::Unexpected(b'\\'))?;
            decoded.as_bytes()
        } else {
            inner
        };
        match name {
            b"items" if self.items_seen => Err(ScanError::Twice("items")),
            b"metadata" if self.metadata.is_some() => Err(ScanError::Twice("metadata")),
            b"items" => Ok(Field::Items),
            b"metadata" => Ok(Field::Metadata),
            _ => Ok(Field::Other),
        }
    }
}

enum Step {
    NeedMore,
    Moved,
    Item(Bytes),
}

#[cfg(test)]
mod tests;
