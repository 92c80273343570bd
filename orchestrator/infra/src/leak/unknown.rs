//! Identifiers that look like AWS's and that nobody in the target knows.
//!
//! A restored object came from the source, so an id that the target does not have is most likely the source's. Regions,
//! accounts and ARNs of third parties are not looked for: they may be meant.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::Leak;
use crate::grammar::{self, RESOURCE_IDS};

/// Ids that are never the source's own: images are published for everybody, prefix lists of AWS's services as well.
const SHARED: &[&str] = &["pl-", "ami-"];

static PREFIXES: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(RESOURCE_IDS.iter().map(|(prefix, _)| prefix)).ok());

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
    let Some(prefixes) = PREFIXES.as_ref() else { return };
    for found in prefixes.find_overlapping_iter(text) {
        let (prefix, _) = RESOURCE_IDS[found.pattern().as_usize()];
        let Some(end) = grammar::resource_id_at(text, found.start(), prefix) else { continue };
        let id = &text[found.start()..end];
        let is_covered = covered.iter().any(|range| range.start <= found.start() && end <= range.end);
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
