//! Identifiers that look like AWS's and that nobody in the target knows.
//!
//! A restored object came from the source, so an id that the target does not have is most likely the source's. Regions,
//! accounts and ARNs of third parties are not looked for: they may be meant.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Leak;
use crate::grammar::{self, RESOURCE_IDS};

/// Ids that are never the source's own: images are published for everybody, prefix lists of AWS's services as well.
const SHARED: &[&str] = &["pl-", "ami-"];

/// `covered` is in order and does not overlap.
pub(super) fn find(
    text: &str,
    covered: &[Range<usize>],
    allowed: &BTreeSet<String>,
    judges: bool,
    leaks: &mut Vec<Leak>,
) {
    // The shortest id has a prefix of two bytes and eight digits.
    if text.len() < 10 {
        return;
    }
    let bytes = text.as_bytes();
    // Every id is a prefix, a dash and hexadecimal digits; a dash followed by eight of them is rare.
    for dash in memchr::memchr_iter(b'-', bytes) {
        let digits = bytes.get(dash + 1..dash + 9).unwrap_or_default();
        if digits.len() < 8 || !digits.iter().all(|b| grammar::is_digit(*b)) {
            continue;
        }
        let before = &bytes[..=dash];
        let candidate = RESOURCE_IDS.iter().find_map(|(prefix, _)| {
            let start = before.ends_with(prefix.as_bytes()).then(|| before.len() - prefix.len())?;
            Some((*prefix, start, grammar::resource_id_at(text, start, prefix)?))
        });
        let Some((prefix, start, end)) = candidate else { continue };
        let id = &text[start..end];
        let is_covered =
            covered.get(covered.partition_point(|range| range.end < end)).is_some_and(|range| range.start <= start);
        if is_covered || allowed.contains(id) {
            continue;
        }
        let what = if judges {
            "an AWS id that the target does not know".to_owned()
        } else {
            "an AWS id; without the target's contract nobody can say whose".to_owned()
        };
        let is_doubtful = !judges || SHARED.contains(&prefix);
        leaks.push(Leak { code: "unknown-identifier", text: id.to_owned(), what, is_doubtful });
    }
}
