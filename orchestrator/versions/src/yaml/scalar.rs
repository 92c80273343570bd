//! Scalars as kubectl reads them, and scalars that every reader takes for what they are.
//!
//! kubectl reads YAML 1.1: `yes` is true and `0644` is 420. Readers of YAML 1.2 disagree, so whatever one of them would
//! take for something else than the string it is, is written in quotes.

use serde_json::{Number, Value};

/// How a string stood in the text, for writing its successor alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Single,
    Double,
}

/// What a plain scalar means.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return true.into(),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return false.into(),
        _ => {}
    }
    number(text).map_or_else(|| text.into(), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if let Some(magnitude) = integer(digits) {
        return if negative {
            0i64.checked_sub_unsigned(magnitude).map(Number::from)
        } else {
            Some(Number::from(magnitude))
        };
    }
    if !is_float(digits) {
        return None;
    }
    let value: f64 = plain.parse().ok()?;
    // JSON of Go has no point where the value is whole.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

fn integer(digits: &str) -> Option<u64> {
    let radix = |text: &str, radix| {
        let valid = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
        if valid { u64::from_str_radix(text, radix).ok() } else { None }
    };
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => radix(&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => radix(&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => radix(&digits[2..], 2),
        [b'0', _, ..] => radix(&digits[1..], 8),
        _ => radix(digits, 10),
    }
}

/// Digits with at most one point and an exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_number = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_is_number
}

/// A scalar on one line, in the quotes that its predecessor had where they serve. Containers are not scalars and are
/// written as JSON.
pub(super) fn render(value: &Value, quotes: Quotes) -> String {
    let Value::String(text) = value else { return value.to_string() };
    match quotes {
        Quotes::None if is_plain(text) => text.clone(),
        Quotes::Single | Quotes::None if is_printable(text) && (quotes == Quotes::Single || text.contains('"')) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        Quotes::None | Quotes::Single | Quotes::Double => double_quoted(text),
    }
}

/// JSON strings are double-quoted scalars; what YAML does not print is escaped besides.
pub(super) fn double_quoted(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    let odd =
        |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    if !quoted.contains(odd) {
        return quoted;
    }
    quoted.chars().fold(String::new(), |mut out, c| {
        if odd(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)))
        } else {
            out.push(c)
        }
        out
    })
}

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}') && !matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Whether the text can stand without quotes, in block and in flow, for readers of either version.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || " _-./:@%+=*$()<>~!&|;?^".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_'))
        && text.chars().all(inner)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && resolve(text).is_string()
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off")
}

/// Whether a string of several lines can be a literal block: readable lines, and nothing that the block would lose.
pub(super) fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.lines().all(|line| !line.ends_with([' ', '\t']) && line.chars().all(|c| c == '\t' || is_block_char(c)))
        && !text.contains('\r')
}

fn is_block_char(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}') && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{85}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_mean_what_kubectl_reads() {
        for (text, value) in [
            ("0644", json!(420)),
            ("0x1F", json!(31)),
            ("08", json!(8)),
            ("1_000", json!(1000)),
            ("-7", json!(-7)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000)),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("~", json!(null)),
            ("1.2.3", json!("1.2.3")),
            ("2024-01-01", json!("2024-01-01")),
            ("10Gi", json!("10Gi")),
            ("-", json!("-")),
            (".", json!(".")),
            ("v1", json!("v1")),
            ("18446744073709551615", json!(18446744073709551615u64)),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    #[test]
    fn strings_that_look_like_something_else_are_quoted() {
        for text in [
            "yes",
            "Null",
            "0644",
            "1.5",
            "25%",
            "a: b",
            "a #b",
            "- x",
            "",
            " x",
            "true",
            "TRUE",
            "2024-01-01",
            "{a}",
            "[x",
            "a,b",
            "x:",
        ] {
            let rendered = render(&json!(text), Quotes::None);
            assert!(rendered.starts_with(['"', '\'']), "{text} -> {rendered}");
        }
        for text in ["apps/v1", "networking.k8s.io/v1", "ImplementationSpecific", "/cart", "a.b/c-d_e", "Etc/UTC"] {
            assert_eq!(render(&json!(text), Quotes::None), text);
        }
        assert_eq!(render(&json!("{\"a\":'b'}"), Quotes::None), "'{\"a\":''b''}'");
    }
}
