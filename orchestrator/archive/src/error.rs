//! What can be wrong with an archive, told apart as far as a caller can act on it.

use std::io;

/// Why an entry is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("its path is absolute")]
    Absolute,
    #[error("its path climbs out with \"..\"")]
    Climbs,
    #[error("its path has an empty or \".\" segment")]
    NotNormal,
    #[error("its path is empty")]
    Empty,
    #[error("its path is not UTF-8 or holds a NUL")]
    NotText,
    #[error("its path has more than {0} bytes")]
    PathTooLong(usize),
    #[error("its path has more than {0} segments")]
    TooDeep(usize),
    #[error("it is a hard link")]
    HardLink,
    #[error("it is a symbolic link")]
    SymbolicLink,
    #[error("it is a device or a pipe")]
    Device,
    #[error("it is of the unknown type {0:?}")]
    UnknownType(char),
    #[error("it is there twice")]
    Duplicate,
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    #[error("it is a directory with a body")]
    DirectoryWithBody,
    #[error("its headers contradict each other")]
    Contradiction,
}

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("failed to read")]
    Read(#[source] io::Error),
    #[error("failed to write")]
    Write(#[source] io::Error),
    /// The end is missing; `after` counts the decompressed bytes that were there.
    #[error("truncated after {after} decompressed bytes")]
    Truncated { after: u64 },
    #[error("corrupt: {what}")]
    Corrupt {
        what: &'static str,
        #[source]
        source: Option<io::Error>,
    },
    #[error("entry {path:?} is refused: {why}")]
    Refused { path: String, why: Refusal },
    #[error("more than {limit} {what}")]
    OverCap { what: &'static str, limit: u64 },
    #[error("format version {0:?} is not understood")]
    FormatVersion(String),
    /// An object whose name or namespace cannot be a path segment.
    #[error("{what} {text:?} cannot be stored in an archive")]
    Unstorable { what: &'static str, text: String },
    /// A compression thread died.
    #[error("compression stopped")]
    Stopped,
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
}

impl ArchiveError {
    pub(crate) fn corrupt(what: &'static str) -> Self {
        Self::Corrupt { what, source: None }
    }

    pub(crate) fn refused(path: impl Into<String>, why: Refusal) -> Self {
        Self::Refused { path: path.into(), why }
    }

    /// Sorts an error of the gzip stream: what the decoder says about the data, or what lies below it.
    pub(crate) fn from_gunzip(error: io::Error, after: u64) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { after },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Corrupt { what: "the gzip stream does not decode", source: Some(error) }
            }
            _ => Self::Read(error),
        }
    }
}
