//! Many texts looked for at once: where each of them could begin, leftmost and longest first.
//!
//! Most texts hold none of them, so that looking is made of [`sieve`]s, which pass over several bytes at a time. Knows
//! nothing about meanings and boundaries.

mod sieve;

use sieve::Sieve;

/// Texts shorter than this are sieved apart: the shortest text decides how many bytes a sieve can pass over.
const LONG: usize = 8;

/// When a short text is worth looking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Always,
    /// Only where a name is expected.
    Names,
    /// Only in texts that hold a host of AWS.
    Hosts,
}

/// The texts to look for, in order and each once.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    texts: Vec<String>,
    /// The first eight bytes of each text as a number, in the order of the texts.
    heads: Vec<u64>,
    /// The longest other text that each text begins with.
    shorter: Vec<Option<usize>>,
    sieves: Vec<(Gate, Sieve)>,
    /// Whether there are texts made of letters alone, apart from short names.
    has_words: bool,
    has_names: bool,
}

impl Words {
    /// Texts must be sorted and not repeat; `gate` is asked for the short ones.
    pub(crate) fn new(texts: Vec<String>, gate: impl Fn(usize) -> Gate) -> Self {
        let mut shorter = vec![None; texts.len()];
        let mut stack: Vec<usize> = Vec::new();
        for at in (0..texts.len()).filter(|at| !texts[*at].is_empty()) {
            while stack.last().is_some_and(|top| !texts[at].starts_with(&texts[*top])) {
                stack.pop();
            }
            shorter[at] = stack.last().copied();
            stack.push(at);
        }
        let of = |wanted: Option<Gate>| {
            let all = texts.iter().enumerate().filter(|(_, text)| !text.is_empty());
            let chosen = all.filter(|(at, text)| match wanted {
                None => text.len() >= LONG,
                Some(wanted) => text.len() < LONG && gate(*at) == wanted,
            });
            Sieve::new(&chosen.map(|(_, text)| text.as_bytes()).collect::<Vec<_>>())
        };
        let kinds = [None, Some(Gate::Always), Some(Gate::Names), Some(Gate::Hosts)];
        let sieve = |kind: Option<Gate>| Some((kind.unwrap_or(Gate::Always), of(kind)?));
        let sieves: Vec<(Gate, Sieve)> = kinds.into_iter().filter_map(sieve).collect();
        let is_word = |(at, text): (usize, &String)| {
            text.bytes().all(|byte| byte.is_ascii_alphabetic()) && (text.len() >= LONG || gate(at) != Gate::Names)
        };
        let has_words = texts.iter().enumerate().any(is_word);
        let has_names = sieves.iter().any(|(gate, _)| *gate == Gate::Names);
        let heads = texts.iter().map(|text| head(text.as_bytes())).collect();
        Self { texts, heads, shorter, sieves, has_words, has_names }
    }

    /// Whether a word such as `containers` may be passed over: no text is made of letters alone, unless it is a name.
    pub(crate) fn passes(&self, text: &str, is_key: bool) -> bool {
        !self.has_words && (is_key || !self.has_names) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
    }

    pub(crate) fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    /// Whether a text could hold short names, so that its place has to be known.
    pub(crate) fn may_hold_names(&self, text: &str) -> bool {
        // Finding out about a place costs as much as looking through a line.
        let names = |(gate, sieve): &(Gate, Sieve)| {
            *gate == Gate::Names && (text.len() > 96 || sieve.next(text.as_bytes(), 0).is_some())
        };
        self.sieves.iter().any(names)
    }

    /// Looks through a text; `with_names` says whether short names count.
    pub(crate) fn search<'w, 't>(&'w self, text: &'t str, with_names: bool) -> Search<'w, 't> {
        Search { words: self, text, with_names, has_host: None, next: [None; 4] }
    }

    /// `index` and the texts that it begins with, longest first.
    pub(crate) fn chain(&self, index: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(index), |at| self.shorter[*at])
    }

    /// The longest of the texts that `rest` begins with.
    fn longest(&self, rest: &[u8]) -> Option<usize> {
        let head = head(rest);
        let first = self.heads.partition_point(|known| *known < head);
        let same = self.heads[first..].iter().take_while(|known| **known == head).count();
        // The last text that is not greater than `rest` is the one looked for, or begins with it.
        let not_greater = self.texts[first..first + same].partition_point(|text| text.as_bytes() <= rest);
        let last = (first + not_greater).checked_sub(1)?;
        self.chain(last).find(|at| !self.texts[*at].is_empty() && rest.starts_with(self.texts[*at].as_bytes()))
    }
}

/// Numbers that are ordered like the texts they begin.
fn head(text: &[u8]) -> u64 {
    match text.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            let mut head = [0; 8];
            head[..text.len()].copy_from_slice(text);
            u64::from_be_bytes(head)
        }
    }
}

/// Whether a text could hold a host of AWS: there is `aws` in the name of each.
fn may_hold_host(text: &[u8]) -> bool {
    // `use1.on.aws` is the shortest.
    text.len() > 10
        && memchr::memchr_iter(b'w', text).any(|at| at > 0 && text[at - 1] == b'a' && text.get(at + 1) == Some(&b's'))
}

/// One text being looked through.
pub(crate) struct Search<'w, 't> {
    words: &'w Words,
    text: &'t str,
    with_names: bool,
    has_host: Option<bool>,
    /// Where each sieve has something next; the length of the text when it has nothing more.
    next: [Option<usize>; 4],
}

impl Search<'_, '_> {
    /// The first place at or after `from` where one of the texts stands, and the longest that stands there.
    pub(crate) fn next(&mut self, mut from: usize) -> Option<(usize, usize)> {
        let bytes = self.text.as_bytes();
        loop {
            let mut first = bytes.len();
            for (at, (gate, sieve)) in self.words.sieves.iter().enumerate() {
                let is_known = self.next[at].is_some_and(|next| next >= from);
                if !is_known {
                    let open = match gate {
                        Gate::Always => true,
                        Gate::Names => self.with_names,
                        Gate::Hosts => *self.has_host.get_or_insert_with(|| may_hold_host(bytes)),
                    };
                    let found = if open { sieve.next(bytes, from) } else { None };
                    self.next[at] = Some(found.unwrap_or(bytes.len()));
                }
                first = first.min(self.next[at].unwrap_or(bytes.len()));
            }
            if first >= bytes.len() {
                return None;
            }
            if let Some(index) = self.words.longest(&bytes[first..]) {
                return Some((first, index));
            }
            from = first + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All hits as an obvious search finds them.
    fn plainly(texts: &[String], text: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let here = texts.iter().filter(|t| text.as_bytes()[at..].starts_with(t.as_bytes()));
            match here.max_by_key(|t| t.len()) {
                Some(longest) => {
                    found.push((at, longest.clone()));
                    at += longest.len();
                }
                None => at += 1,
            }
        }
        found
    }

    fn quickly(texts: &[String], text: &str) -> Vec<(usize, String)> {
        let words = Words::new(texts.to_vec(), |_| Gate::Always);
        let mut search = words.search(text, true);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((start, index)) = search.next(from) {
            from = start + words.text(index).len();
            found.push((start, words.text(index).to_owned()));
        }
        found
    }

    fn sorted(mut texts: Vec<String>) -> Vec<String> {
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn short_names_and_hosts_are_only_looked_for_where_they_count() {
        let texts = sorted(["prod", "use1", "sg-0a1b2c3d"].map(str::to_owned).to_vec());
        let words = Words::new(texts, |at| if at == 0 { Gate::Names } else { Gate::Hosts });
        let first = |text: &str, with_names| {
            words.search(text, with_names).next(0).map(|(_, index)| words.text(index).to_owned())
        };
        assert_eq!(first("prod use1", false), None);
        assert_eq!(first("prod use1", true).as_deref(), Some("prod"));
        assert_eq!(first("x.use1.cache.amazonaws.com", false).as_deref(), Some("use1"));
        assert_eq!(first("prod sg-0a1b2c3d", false).as_deref(), Some("sg-0a1b2c3d"));
        assert!(words.may_hold_names("a prod") && !words.may_hold_names("a"));
        assert!(words.passes("production", true) && !words.passes("prod", false) && !words.passes("a-b", true));
    }

    proptest! {
        #[test]
        fn every_text_is_found_where_it_stands(
            texts in prop::collection::vec("[ab]{1,12}|[a-c]{1,4}é?|sg-0[0-9a-f]{4,8}", 1..12),
            text in "([ab]{0,14}|[a-cé]{0,6}|sg-0[0-9a-f]{4,8}|é| ){0,12}",
        ) {
            let texts = sorted(texts);
            prop_assert_eq!(quickly(&texts, &text), plainly(&texts, &text));
        }

        #[test]
        fn texts_planted_anywhere_are_found(
            texts in prop::collection::vec("[a-z0-9.-]{8,20}", 1..40),
            picks in prop::collection::vec((any::<prop::sample::Index>(), "[a-z ]{0,17}"), 0..12),
        ) {
            let texts = sorted(texts);
            let text: String = picks.iter().map(|(index, filler)| format!("{filler}{}", index.get(&texts))).collect();
            prop_assert_eq!(quickly(&texts, &text), plainly(&texts, &text));
        }
    }
}
