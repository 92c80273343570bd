//! Durations and label values as Go and Velero write them.
//!
//! Durations are whole nanoseconds in an `i64`-like range; what does not fit is an error, never a wrap.

use std::time::Duration;

use sha2::{Digest, Sha256};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid duration {text:?}; write it like 30s, 10m or 720h0m0s")]
pub struct DurationError {
    pub text: String,
}

/// Reads `1h30m`, `720h0m0s`, `1.5s`, `100ms`, `0`. Negative ones are refused.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let fail = || DurationError { text: text.to_owned() };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(fail());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let number: f64 = rest[..digits].parse().map_err(|_| fail())?;
        rest = &rest[digits..];
        let unit_len = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit_len] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(fail()),
        };
        total += number * seconds;
        rest = &rest[unit_len..];
    }
    // Go keeps durations in 63 bits of nanoseconds, about 292 years.
    if !total.is_finite() || total > 9.2e9 {
        return Err(fail());
    }
    Duration::try_from_secs_f64(total).map_err(|_| fail())
}

/// Prints as Go's `time.Duration.String`: `720h0m0s`, `1m30s`, `1.5s`, `0s`, `100ms`.
pub fn format(duration: Duration) -> String {
    let nanos = duration.subsec_nanos();
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            n if n >= 1_000_000 => format!("{}ms", trim_fraction(n, 1_000_000, 6)),
            n if n >= 1_000 => format!("{}µs", trim_fraction(n, 1_000, 3)),
            n => format!("{n}ns"),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let fraction = if nanos == 0 { String::new() } else { format!(".{}", format!("{nanos:09}").trim_end_matches('0')) };
    let tail = format!("{}{fraction}s", seconds % 60);
    match (hours, minutes) {
        (0, 0) => tail,
        (0, m) => format!("{m}m{tail}"),
        (h, m) => format!("{h}h{m}m{tail}"),
    }
}

/// A label value for any name: names over 63 characters become 57 characters and six hex digits of their SHA-256.
/// Velero: pkg/label/label.go.
pub fn valid_label_value(name: &str) -> String {
    if name.len() <= 63 {
        return name.to_owned();
    }
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    let head: String = name.chars().take(57).collect();
    format!("{head}{}", &digest[..6])
}

fn trim_fraction(nanos: u32, unit: u32, width: usize) -> String {
    let (whole, fraction) = (nanos / unit, nanos % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{}", format!("{fraction:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_go_does() {
        for (text, printed) in [
            ("720h", "720h0m0s"),
            ("90s", "1m30s"),
            ("1.5s", "1.5s"),
            ("100ms", "100ms"),
            ("0", "0s"),
            ("1h0m0s", "1h0m0s"),
        ] {
            assert_eq!(format(parse(text).unwrap()), printed, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "h", "-1s", "1x", "1h2", "99999999999999h", "1..5s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_names_become_label_values() {
        let name = "a".repeat(70);
        let label = valid_label_value(&name);
        assert_eq!(label.len(), 63);
        assert!(label.starts_with(&"a".repeat(57)));
        assert_eq!(valid_label_value("short"), "short");
    }
}
