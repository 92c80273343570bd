//! Timestamps as Kubernetes writes them: RFC 3339, whole seconds, UTC.
//!
//! Fractions are cut when written. `null` and absent are the same.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, with whole seconds on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoTime(pub Timestamp);

impl From<Timestamp> for GoTime {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl Serialize for GoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl<'de> Deserialize<'de> for GoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_cut_and_offsets_become_utc() {
        for (wire, expected) in [
            (r#""2026-01-02T03:04:05Z""#, r#""2026-01-02T03:04:05Z""#),
            (r#""2026-01-02T03:04:05.999Z""#, r#""2026-01-02T03:04:05Z""#),
            (r#""2026-01-02T03:04:05+02:00""#, r#""2026-01-02T01:04:05Z""#),
        ] {
            let time: GoTime = serde_json::from_str(wire).unwrap();
            assert_eq!(serde_json::to_string(&time).unwrap(), expected);
        }
        assert!(serde_json::from_str::<GoTime>(r#""yesterday""#).is_err());
    }
}
