//! A length of time as people write it in a scenario: `90s`, `60m`, `1h30m`, `14d`.
//!
//! The value is exact and travels as text; it knows nothing of the calendar, so a day is 24 hours.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The `format` under which schemas know a period.
pub const FORMAT: &str = "period";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    pub const fn hours(hours: u64) -> Self {
        Self::seconds(hours * 3600)
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = || format!("invalid period {text:?}; write it like 30s, 10m, 1h30m or 14d");
        let (days, rest) = match text.split_once('d') {
            Some((days, rest)) => (days.parse::<u32>().map_err(|_| fail())?, rest),
            None => (0, text),
        };
        let rest = match rest {
            "" if text.contains('d') => Duration::ZERO,
            rest => model::go_duration::parse(rest).map_err(|_| fail())?,
        };
        let total = Duration::from_secs(u64::from(days) * 86_400).checked_add(rest).ok_or_else(fail)?;
        // What does not fit into a century is a slip, and would overflow a time stamp.
        if total > Duration::from_secs(100 * 366 * 86_400) {
            return Err(fail());
        }
        Ok(Self(total))
    }
}

/// Prints shortly: `14d`, `1h30m`, `250ms`, `0s`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_nanos() != 0 || seconds == 0 {
            return f.write_str(&model::go_duration::format(self.0));
        }
        for (size, unit) in [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')] {
            let count = match unit {
                'd' => seconds / size,
                'h' => seconds % 86_400 / size,
                'm' => seconds % 3600 / size,
                _ => seconds % 60,
            };
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Period {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": FORMAT, "examples": ["90s", "1h30m", "14d"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_print() {
        for (text, printed) in [
            ("60m", "1h"),
            ("1h30m", "1h30m"),
            ("14d", "14d"),
            ("1d12h", "1d12h"),
            ("250ms", "250ms"),
            ("0s", "0s"),
            ("90s", "1m30s"),
        ] {
            let period = Period::parse(text).unwrap();
            assert_eq!(period.to_string(), printed);
            assert_eq!(Period::parse(printed).unwrap(), period);
        }
        for text in ["", "5", "-1m", "d", "1.5d", "99999999999d", "1h d", "4000000000d"] {
            Period::parse(text).unwrap_err();
        }
    }
}
