//! `<backup>-logs.gz`: text that people read, line by line.
//!
//! Velero's client prints the file as it is; one event is one line, in the shape that Go's logrus gives it.

use std::fmt::Write as _;

use jiff::Timestamp;

/// One line: `time="…" level=info msg="…" key=value`.
pub fn line<'a>(
    at: Timestamp,
    level: &str,
    message: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let mut out = String::with_capacity(128);
    let time = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    // Writing into a string does not fail.
    let _ = write!(out, "time=\"{time}\" level={level} msg={}", value(message));
    for (key, text) in fields {
        let _ = write!(out, " {key}={}", value(text));
    }
    out.push('\n');
    out
}

/// Quoted unless it consists of what needs no quotes.
fn value(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let at = Timestamp::from_second(1_767_323_045).unwrap();
        let fields = [("backup", "velero/b"), ("error", "no\nsuch \"thing\""), ("name", "")];
        assert_eq!(
            line(at, "error", "Error backing up item", fields),
            "time=\"2026-01-02T03:04:05Z\" level=error msg=\"Error backing up item\" backup=velero/b \
             error=\"no\\nsuch \\\"thing\\\"\" name=\"\"\n"
        );
    }
}
