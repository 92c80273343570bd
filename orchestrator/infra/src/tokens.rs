//! All source values in one search: where they stand in a text, and whether they may be replaced there.
//!
//! One pass, leftmost and longest first, whole tokens only. Does not edit anything.

pub mod boundary;
pub mod permit;
pub(crate) mod words;

use crate::class::ValueClass;
use crate::pair::expand::Variant;
use crate::place::Place;

use boundary::Shape;
pub use permit::{Permission, Setting};
pub(crate) use words::{Gate, Words};

/// One meaning of a text: which value it is and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub class: ValueClass,
    pub target: String,
    /// The pair's key and method, for explanations.
    pub because: String,
}

/// A place in a text where a source value stands and may be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'t> {
    pub start: usize,
    pub end: usize,
    /// The text that stands there, as the pair writes it.
    pub source: &'t str,
    pub meaning: &'t Meaning,
    pub permission: Permission,
}

/// What one of the texts may mean.
#[derive(Debug, Clone)]
struct Meanings {
    shape: Shape,
    all: Vec<Meaning>,
}

#[derive(Debug, Clone)]
pub struct Tokens {
    words: Words,
    /// Of each of the words.
    meanings: Vec<Meanings>,
    setting: Setting,
    shortest_token: usize,
}

/// More texts than this are no infrastructure.
const MAX_TOKENS: usize = 1_000_000;

#[derive(Debug, thiserror::Error)]
#[error("{0} values are more than one search takes")]
pub struct TooManyTokens(pub(crate) usize);

impl TooManyTokens {
    pub(crate) fn check(count: usize) -> Result<(), Self> {
        if count > MAX_TOKENS { Err(Self(count)) } else { Ok(()) }
    }
}

impl Tokens {
    pub fn new(variants: Vec<Variant<'_>>) -> Result<Self, TooManyTokens> {
        TooManyTokens::check(variants.len())?;
        let setting = Setting::of(&variants);
        let (mut texts, mut meanings): (Vec<String>, Vec<Meanings>) = (Vec::new(), Vec::new());
        let mut sorted = variants;
        sorted.sort_by(|a, b| a.source.cmp(&b.source));
        for variant in sorted {
            let meaning = Meaning {
                class: variant.class,
                target: variant.target,
                because: format!("{} by {}", variant.pair.key, variant.pair.by),
            };
            match (texts.last(), meanings.last_mut()) {
                (Some(last), Some(known)) if *last == variant.source => known.all.push(meaning),
                _ => {
                    meanings.push(Meanings { shape: Shape::of(&variant.source), all: vec![meaning] });
                    texts.push(variant.source);
                }
            }
        }
        let is_token = |known: &Meanings| known.all.iter().any(|meaning| meaning.class == ValueClass::Token);
        let tokens = texts.iter().zip(&meanings).filter(|(_, known)| is_token(known));
        let shortest_token = tokens.map(|(text, _)| text.len()).min().unwrap_or(usize::MAX);
        let words = Words::new(texts, |at| {
            let is_name = |meaning: &Meaning| matches!(meaning.class, ValueClass::Name(_) | ValueClass::Never);
            if meanings[at].all.iter().all(is_name) { Gate::Names } else { Gate::Always }
        });
        Ok(Self { words, meanings, setting, shortest_token })
    }

    /// Length of the shortest text that could be a token in a map's key.
    pub fn shortest_token(&self) -> usize {
        self.shortest_token
    }

    /// Whether nothing could be found in a word, because it is made of letters and no value is.
    pub(crate) fn passes(&self, text: &str, is_key: bool) -> bool {
        self.words.passes(text, is_key)
    }

    /// Calls `hit` for every replaceable value, left to right, never overlapping. `place` is asked at most once, and
    /// only when something was found.
    pub fn scan<'t>(&'t self, text: &str, place: impl FnOnce() -> Place, mut hit: impl FnMut(Hit<'t>)) {
        let mut place = Lazy::new(place);
        let with_names = self.words.may_hold_names(text) && !place.get().names.is_empty();
        let mut search = self.words.search(text, with_names);
        let mut from = 0;
        while let Some((start, longest)) = search.next(from) {
            let place = place.get();
            let accepted = self.words.chain(longest).find_map(|index| {
                let source = self.words.text(index);
                let end = start + source.len();
                let Meanings { shape, all } = &self.meanings[index];
                all.iter().find_map(|meaning| {
                    let permission = self.setting.permit(meaning.class, text, start..end, *shape, place)?;
                    Some(Hit { start, end, source, meaning, permission })
                })
            });
            from = match accepted {
                Some(accepted) => {
                    let end = accepted.end;
                    hit(accepted);
                    end
                }
                None => start + 1,
            };
        }
    }
}

/// A place that is asked for when it is needed, and once.
pub(crate) struct Lazy<F> {
    ask: Option<F>,
    place: Place,
}

impl<F: FnOnce() -> Place> Lazy<F> {
    pub(crate) fn new(ask: F) -> Self {
        Self { ask: Some(ask), place: Place::default() }
    }

    pub(crate) fn get(&mut self) -> Place {
        if let Some(ask) = self.ask.take() {
            self.place = ask();
        }
        self.place
    }
}
