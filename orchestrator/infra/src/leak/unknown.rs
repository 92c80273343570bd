//! Identifiers that look like AWS's and that nobody in the target knows.
//!
//! A restored object came from the source, so an id that the target does not have is most likely the source's. Regions,
//! accounts and ARNs of third parties are not looked for: they may be meant.

use std::collections::HashSet;
use std::ops::Range;

use super::Leak;
use crate::grammar::{self, RESOURCE_IDS};

/// Ids that are never the source's own: images are published for everybody, prefix lists of AWS's services as well.
const SHARED: &[&str] = &["pl-", "ami-"];

/// Digits of the shortest id.
const DIGITS: usize = 8;

/// `covered` is in order and does not overlap.
pub(super) fn find(
    text: &str,
    covered: &[Range<usize>],
    allowed: &HashSet<String>,
    judges: bool,
    leaks: &mut Vec<Leak>,
) {
    let bytes = text.as_bytes();
    // Every id is a prefix, a dash and at least eight hexadecimal digits: one digit of any eight in a row is looked at.
    // The shortest prefix has two bytes, its dash among them.
    for at in (2 + DIGITS - 1..bytes.len()).step_by(DIGITS) {
        if !grammar::is_digit(bytes[at]) {
            continue;
        }
        let behind = bytes[at - DIGITS..at].iter().rev().take_while(|b| grammar::is_digit(**b)).count();
        let Some(dash) = (at - behind).checked_sub(1).filter(|dash| behind < DIGITS && bytes[*dash] == b'-') else {
            continue;
        };
        let digits = bytes.get(at..dash + 1 + DIGITS);
        if !digits.is_some_and(|digits| digits.iter().all(|b| grammar::is_digit(*b))) {
            continue;
        }
        let before = &bytes[..=dash];
        let last = dash.checked_sub(1).map(|at| bytes[at]);
        // The byte before the dash rules out almost every prefix.
        let candidate = RESOURCE_IDS.iter().filter(|(prefix, _)| prefix.bytes().nth_back(1) == last).find_map(
            |(prefix, lengths)| {
                let start = before.ends_with(prefix.as_bytes()).then(|| before.len() - prefix.len())?;
                Some((*prefix, start, grammar::resource_id_end(text, start, prefix, lengths)?))
            },
        );
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
