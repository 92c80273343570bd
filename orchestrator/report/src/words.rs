//! Times and lengths of time as reports write them.

use jiff::Timestamp;

/// `1 h 5 min`, `12 min 3 s`, `4.2 s`, `250 ms`: two units at most.
pub fn length(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s").replace(".0 s", " s");
    }
    let whole = seconds.round() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    let parts = match (days, hours, minutes) {
        (0, 0, 0) => [(rest, "s"), (0, "")],
        (0, 0, _) => [(minutes, "min"), (rest, "s")],
        (0, ..) => [(hours, "h"), (minutes, "min")],
        _ => [(days, "d"), (hours, "h")],
    };
    let words: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    words.join(" ")
}

/// `2026-11-21 10:38:06 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `1 object`, `2 objects`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        for (seconds, text) in [
            (0.25, "250 ms"),
            (4.2, "4.2 s"),
            (9.0, "9 s"),
            (59.6, "1 min"),
            (723.0, "12 min 3 s"),
            (3900.0, "1 h 5 min"),
            (3600.0, "1 h"),
            (100_000.0, "1 d 3 h"),
            (f64::NAN, "unknown"),
            (-1.0, "unknown"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }
}
