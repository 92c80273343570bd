//! All source values in one automaton: where they stand in a text, and whether they may be replaced there.
//!
//! One pass, leftmost and longest first, whole tokens only. Does not edit anything.

pub mod boundary;
pub mod permit;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use crate::class::ValueClass;
use crate::pair::expand::Variant;
use crate::place::Place;

pub use permit::{Permission, Setting};

/// One meaning of a text: which value it is and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub class: ValueClass,
    pub target: String,
    /// The pair's key and method, for explanations.
    pub key: String,
    pub by: String,
}

/// A place in a text where a source value stands and may be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'t> {
    pub start: usize,
    pub end: usize,
    pub meaning: &'t Meaning,
    pub permission: Permission,
}

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    meanings: Vec<Meaning>,
    /// Patterns that this one begins with, longest first: they get their chance when this one does not stand alone.
    shorter: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Tokens {
    patterns: Vec<Pattern>,
    automaton: Option<AhoCorasick>,
    setting: Setting,
    shortest: usize,
    shortest_token: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("the pairs do not fit into one search")]
pub struct TooManyTokens(#[source] pub(crate) aho_corasick::BuildError);

impl Tokens {
    pub fn new(variants: Vec<Variant<'_>>) -> Result<Self, TooManyTokens> {
        let setting = Setting::of(&variants);
        let mut patterns: Vec<Pattern> = Vec::new();
        let mut sorted = variants;
        sorted.sort_by(|a, b| a.source.cmp(&b.source));
        for variant in sorted {
            let meaning = Meaning {
                class: variant.class,
                target: variant.target,
                key: variant.pair.key.clone(),
                by: variant.pair.by.to_string(),
            };
            match patterns.last_mut() {
                Some(last) if last.text == variant.source => last.meanings.push(meaning),
                _ => patterns.push(Pattern { text: variant.source, meanings: vec![meaning], shorter: Vec::new() }),
            }
        }
        link(&mut patterns);
        let lengths = |only_tokens: bool| {
            let is_wanted = move |p: &&Pattern| !only_tokens || p.meanings.iter().any(|m| m.class == ValueClass::Token);
            patterns.iter().filter(is_wanted).map(|p| p.text.len()).min().unwrap_or(usize::MAX)
        };
        let (shortest, shortest_token) = (lengths(false), lengths(true));
        let automaton = if patterns.is_empty() {
            None
        } else {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest);
            // A full table is faster but costs megabytes when there are many long values.
            if patterns.iter().map(|p| p.text.len()).sum::<usize>() > 8 * 1024 {
                builder.kind(Some(AhoCorasickKind::ContiguousNFA));
            }
            Some(builder.build(patterns.iter().map(|p| p.text.as_str())).map_err(TooManyTokens)?)
        };
        Ok(Self { patterns, automaton, setting, shortest, shortest_token })
    }

    /// Length of the shortest text that could be a token in a map's key.
    pub fn shortest_token(&self) -> usize {
        self.shortest_token
    }

    /// Calls `hit` for every replaceable value, left to right, never overlapping. `place` is asked at most once, and
    /// only when something was found.
    pub fn scan<'t>(&'t self, text: &str, place: impl FnOnce() -> Place, mut hit: impl FnMut(Hit<'t>)) {
        let Some(automaton) = self.automaton.as_ref().filter(|_| text.len() >= self.shortest) else { return };
        let Some(mut found) = automaton.find(text) else { return };
        let place = place();
        loop {
            let start = found.start();
            let pattern = &self.patterns[found.pattern().as_usize()];
            let chain = std::iter::once(pattern).chain(pattern.shorter.iter().map(|at| &self.patterns[*at]));
            let accepted = chain.into_iter().find_map(|pattern| {
                let end = start + pattern.text.len();
                pattern.meanings.iter().find_map(|meaning| {
                    let permission = self.setting.permit(meaning.class, text, start..end, place)?;
                    Some(Hit { start, end, meaning, permission })
                })
            });
            let next = match accepted {
                Some(accepted) => {
                    let end = accepted.end;
                    hit(accepted);
                    end
                }
                None => start + 1,
            };
            match automaton.find(Input::new(text).range(next.min(text.len())..)) {
                Some(again) => found = again,
                None => return,
            }
        }
    }
}

/// Sorted patterns: those that begin another stand before it, on a stack.
fn link(patterns: &mut [Pattern]) {
    let mut stack: Vec<usize> = Vec::new();
    for at in 0..patterns.len() {
        while let Some(top) = stack.last() {
            if patterns[at].text.starts_with(&patterns[*top].text) {
                break;
            }
            stack.pop();
        }
        patterns[at].shorter = stack.iter().rev().copied().collect();
        stack.push(at);
    }
}
