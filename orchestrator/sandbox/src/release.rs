//! The Kubernetes releases that a sandbox can run.
//!
//! A release is a minor version; which patch it is follows from the Go modules kept beside this crate.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::SandboxError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Release {
    #[serde(rename = "1.24")]
    V1_24,
    #[default]
    #[serde(rename = "1.36")]
    V1_36,
}

impl Release {
    pub const ALL: [Self; 2] = [Self::V1_24, Self::V1_36];

    /// Reads `1.36`, `v1.36` and `1.36.3`; a patch that is not the one offered is refused rather than ignored.
    pub fn parse(text: &str) -> Result<Self, SandboxError> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|release| bare == release.minor() || bare == release.patch())
            .ok_or_else(|| SandboxError::UnknownRelease { asked: text.to_owned() })
    }

    pub fn minor(self) -> &'static str {
        match self {
            Self::V1_24 => "1.24",
            Self::V1_36 => "1.36",
        }
    }

    pub fn patch(self) -> &'static str {
        match self {
            Self::V1_24 => "1.24.17",
            Self::V1_36 => "1.36.3",
        }
    }

    pub(crate) fn offered() -> String {
        Self::ALL.iter().rev().map(|release| release.minor()).collect::<Vec<_>>().join(" and ")
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.minor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_in_the_ways_people_write_them() {
        for (text, release) in [
            ("1.36", Release::V1_36),
            ("v1.36", Release::V1_36),
            ("1.24.17", Release::V1_24),
            ("v1.24", Release::V1_24),
        ] {
            assert_eq!(Release::parse(text).unwrap(), release, "{text}");
        }
        for text in ["", "1", "1.3", "1.360", "1.24.1", "vv1.24", "latest"] {
            assert!(matches!(Release::parse(text), Err(SandboxError::UnknownRelease { .. })), "{text}");
        }
    }
}
