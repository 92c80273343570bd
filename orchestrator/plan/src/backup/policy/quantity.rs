//! Kubernetes quantities, compared exactly: `10Gi`, `1.5G`, `500m`, `12e6`.
//!
//! Held in billionths, rounded up like the apiserver does, and capped where it caps.

/// A quantity in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Quantity(i128);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a quantity like 10Gi, 1.5G or 500m")]
pub struct QuantityError(pub String);

/// The apiserver's largest whole number, in billionths.
const MAX: i128 = (i64::MAX as i128) * NANO;
const NANO: i128 = 1_000_000_000;
const LONGEST: usize = 128;

impl Quantity {
    pub const ZERO: Self = Self(0);

    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let fail = || QuantityError(text.to_owned());
        if text.len() > LONGEST {
            return Err(fail());
        }
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || fraction.contains('.') {
            return Err(fail());
        }
        let (two, ten) = suffix_power(suffix).ok_or_else(fail)?;
        let value = scale(whole, fraction, two, ten);
        Ok(Self(if negative { -value } else { value }))
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// The powers of two and of ten that a suffix stands for.
fn suffix_power(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (0, exponent.parse().ok()?)
        }
    })
}

/// `whole.fraction` × 2^two × 10^ten in billionths, rounded up, capped.
fn scale(whole: &str, fraction: &str, two: u32, ten: i32) -> i128 {
    let digits: String = whole.chars().chain(fraction.chars()).collect();
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return 0;
    }
    // Nine places for billionths, less what stands behind the point.
    let places = i64::from(ten) + 9 - i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    if length + places > 29 {
        return MAX;
    }
    // At the most 29 digits stay; what is cut off counts as "a little more".
    let kept = usize::try_from((length + places.min(0)).clamp(0, 29)).unwrap_or(0);
    if two == 0 || places >= 0 {
        let cut = places < 0 && digits[kept..].bytes().any(|b| b != b'0');
        let number: i128 = if kept == 0 { 0 } else { digits[..kept].parse().unwrap_or(MAX) };
        let power = u32::try_from(places.max(0)).unwrap_or(0);
        let value = 10i128.checked_pow(power).and_then(|p| number.checked_mul(p)).and_then(|v| v.checked_mul(1 << two));
        return value.and_then(|v| v.checked_add(i128::from(cut))).map_or(MAX, |v| v.min(MAX));
    }
    // A binary suffix on a fraction: multiply first, then cut.
    let places = u32::try_from(-places).unwrap_or(u32::MAX);
    let digits = &digits[..digits.len().min(36)];
    let dropped = length - i64::try_from(digits.len()).unwrap_or(0);
    let places = places.saturating_sub(u32::try_from(dropped).unwrap_or(u32::MAX));
    let number: u128 = digits.parse().unwrap_or(u128::MAX);
    let (Some(power), true) = (10u128.checked_pow(places), places < 38) else { return 1 };
    // number × 2^two / power without overflow: the whole part, then the rest bit by bit.
    let (mut value, mut rest) = (number / power, number % power);
    for _ in 0..two {
        rest <<= 1;
        value = value.saturating_mul(2).saturating_add(rest / power);
        rest %= power;
    }
    let value = value.saturating_add(u128::from(rest > 0));
    i128::try_from(value).map_or(MAX, |v| v.min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn equal_amounts_are_equal_however_written() {
        for (a, b) in [
            ("1Ki", "1024"),
            ("1k", "1000"),
            ("1.5Gi", "1536Mi"),
            ("0.1Gi", "107374182400m"),
            ("12e6", "12M"),
            ("12E6", "12M"),
            ("1E", "1000P"),
            ("1Ei", "1024Pi"),
            ("500m", "0.5"),
            (".5", "500m"),
            ("5.", "5"),
            ("+1", "1"),
            ("-1", "-1000m"),
            ("1e-3", "1m"),
            ("0.0000000001", "1n"),
            ("1e-30", "1n"),
            ("0e99", "0"),
            ("9223372036854775807", "99E"),
            ("100Ei", "1e90"),
            ("000010Gi", "10Gi"),
            ("1.00000000000000000000000000000000000000000000Gi", "1Gi"),
        ] {
            assert_eq!(q(a), q(b), "{a} and {b}");
        }
    }

    #[test]
    fn order_is_exact() {
        let sorted =
            ["-1Gi", "0", "1n", "1m", "999m", "1", "1k", "1Ki", "1M", "1Mi", "10G", "10Gi", "10.0000001Gi", "1Ei"];
        for pair in sorted.windows(2) {
            assert!(q(pair[0]) < q(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in
            ["", ".", "-", "Gi", "1gi", "1 Gi", "1.2.3", "1e", "1e+", "1ee5", "0x10", "1KiB", "١", "1e99999999999"]
        {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
        assert!(Quantity::parse(&"1".repeat(200)).is_err());
    }
}
