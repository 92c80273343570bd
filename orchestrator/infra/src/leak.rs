//! Finds what still points at the source: its known values, and identifiers that nobody in the target knows.
//!
//! Reads and reports; an error in a typed place, a warning in free text. Never edits.

pub mod known;
pub mod unknown;

use std::collections::{BTreeSet, HashSet};

use model::{Finding, ItemId, Manifest, Reason, Severity};

use crate::contract::Contract;
use crate::pair::Pairs;
use crate::place::{self, Path, Place};
use crate::tokens::TooManyTokens;
use crate::walk::{self, Skipped, Text, Visitor};

use known::Known;

/// More findings in one object than this are counted, not listed.
const MAX_FINDINGS: usize = 200;
const MAX_TEXT: usize = 16 * 1024 * 1024;
/// Helm keeps releases below a megabyte compressed; what unpacks to more is not looked into further.
const MAX_RELEASE: u64 = 32 * 1024 * 1024;

/// Knows the source's values and looks for them.
#[derive(Debug, Clone)]
pub struct LeakScanner {
    known: Known,
    allowed: HashSet<String>,
    /// With a target at hand, an identifier that neither side knows is a leak; without one it may be the target's own.
    judges_unknown: bool,
}

/// One thing found in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leak {
    code: &'static str,
    text: String,
    what: String,
    /// Found by its looks in a scan without a target: nobody can say whose it is.
    is_doubtful: bool,
}

impl LeakScanner {
    /// Looks for the values of `source` that are not also values of `target`.
    pub fn new(source: &Contract, target: Option<&Contract>) -> Result<Self, TooManyTokens> {
        Self::with_pairs(source, target, &Pairs::default())
    }

    /// Also looks for the source values of pairs, such as those found in states.
    pub fn with_pairs(source: &Contract, target: Option<&Contract>, pairs: &Pairs) -> Result<Self, TooManyTokens> {
        let mut allowed: HashSet<String> = target.iter().flat_map(|t| t.values()).map(|value| value.value).collect();
        // What a user keeps on purpose, and what takes a value's place, is the target's.
        allowed.extend(pairs.all().iter().map(|pair| pair.target.clone()));
        let known = Known::new(source, &allowed, pairs)?;
        Ok(Self { known, allowed, judges_unknown: target.is_some() })
    }

    /// Accepts an identifier that the target's contract does not list, such as a volume made by this restore.
    pub fn allow(&mut self, identifier: impl Into<String>) {
        self.allowed.insert(identifier.into());
    }

    /// Every remaining identifier, with its place.
    pub fn scan(&self, manifest: &Manifest, item: Option<&ItemId>) -> Vec<Finding> {
        let group = manifest.api_version().split_once('/').map_or("", |(group, _)| group);
        let mut search = Search { scanner: self, group, kind: manifest.kind(), item, findings: Vec::new(), more: 0 };
        walk::walk(manifest, &mut search);
        let Search { mut findings, more, .. } = search;
        if walk::is_helm_release(manifest) {
            self.scan_release(manifest, item, &mut findings);
        }
        if more > 0 {
            let message = format!("{more} more identifiers of the source are not listed");
            findings.push(finding(Severity::Warning, "not-listed", item, None, message));
        }
        findings
    }

    /// The identifiers of the source in one free text.
    pub fn scan_text(&self, text: &str) -> Vec<String> {
        self.leaks(text, Place::default).into_iter().map(|leak| leak.text).collect()
    }

    fn leaks(&self, text: &str, place: impl FnOnce() -> Place) -> Vec<Leak> {
        let mut leaks = Vec::new();
        let mut covered = Vec::new();
        self.known.find(text, place, &mut covered, &mut leaks);
        unknown::find(text, &covered, &self.allowed, self.judges_unknown, &mut leaks);
        leaks
    }

    /// Unpacks a Helm release and reports what it holds; the release itself is left alone.
    fn scan_release(&self, manifest: &Manifest, item: Option<&ItemId>, findings: &mut Vec<Finding>) {
        let Some(release) = manifest.get_str("/data/release") else { return };
        let pointer = Some("/data/release".to_owned());
        let Some(text) = unpack_release(release, manifest.kind() == "Secret") else {
            let message = "the Helm release could not be unpacked, so it was not searched";
            findings.push(finding(Severity::Warning, "helm-release", item, pointer, message.to_owned()));
            return;
        };
        let found: BTreeSet<String> = self.leaks(&text, Place::default).into_iter().map(|leak| leak.text).collect();
        if !found.is_empty() {
            let some: Vec<&str> = found.iter().take(5).map(String::as_str).collect();
            let message = format!(
                "the Helm release holds {} identifiers of the source, such as {}; it is not edited, upgrade it with new values",
                found.len(),
                some.join(", ")
            );
            findings.push(finding(Severity::Warning, "helm-release", item, pointer, message));
        }
    }
}

struct Search<'s, 'm> {
    scanner: &'s LeakScanner,
    group: &'m str,
    kind: &'m str,
    item: Option<&'m ItemId>,
    findings: Vec<Finding>,
    more: usize,
}

impl Visitor for Search<'_, '_> {
    fn text(&mut self, text: Text<'_>, path: &Path<'_>) {
        let (text, is_key) = match text {
            Text::Plain(text) | Text::Decoded(text) => (text, false),
            Text::Key(text) => (text, true),
        };
        // An AWS id is never made of letters alone.
        if self.scanner.known.passes(text, is_key) {
            return;
        }
        if text.len() > MAX_TEXT {
            let message = format!("the text is {} bytes long and was not searched", text.len());
            self.findings.push(finding(Severity::Warning, "too-long", self.item, Some(path.pointer()), message));
            return;
        }
        let place = || if is_key { Place::default() } else { place::place_of(self.group, self.kind, path, text) };
        let leaks = self.scanner.leaks(text, place);
        if leaks.is_empty() {
            return;
        }
        let at = place();
        let pointer = path.pointer();
        let mut seen = BTreeSet::new();
        for leak in leaks {
            if !seen.insert(leak.text.clone()) {
                continue;
            }
            if self.findings.len() >= MAX_FINDINGS {
                self.more += 1;
                continue;
            }
            let severity = match (at.typed, leak.is_doubtful) {
                (true, false) => Severity::Error,
                (false, true) => Severity::Info,
                (true, true) | (false, false) => Severity::Warning,
            };
            let message = format!("{} is {}", leak.text, leak.what);
            self.findings.push(finding(severity, leak.code, self.item, Some(pointer.clone()), message));
        }
    }

    fn skipped(&mut self, what: Skipped, path: &Path<'_>) {
        let (severity, code, message) = match what {
            Skipped::TooDeep => (Severity::Warning, "too-deep", "nested too deeply to be searched"),
            Skipped::NotText => (Severity::Info, "not-text", "not text in base64, so it was not searched"),
        };
        self.findings.push(finding(severity, code, self.item, Some(path.pointer()), message.to_owned()));
    }

    fn shortest_key(&self) -> usize {
        // No identifier that could stand in a key is shorter.
        8
    }
}

fn finding(severity: Severity, code: &str, item: Option<&ItemId>, pointer: Option<String>, message: String) -> Finding {
    Finding { severity, item: item.cloned(), pointer, reason: Reason::new(code, message) }
}

/// Helm stores base64 of gzip of JSON, and a Secret adds one more base64.
fn unpack_release(text: &str, is_secret: bool) -> Option<String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Read;
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=usize::from(is_secret) {
        bytes = STANDARD.decode(&bytes).ok()?;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..]).take(MAX_RELEASE + 1).read_to_end(&mut out).ok()?;
        if out.len() as u64 > MAX_RELEASE {
            return None;
        }
        bytes = out;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
