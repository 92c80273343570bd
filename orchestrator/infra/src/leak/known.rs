//! The values that the source's contract and the pairs name, in one search.
//!
//! A region or an account inside a longer identifier makes that identifier a leak, whole.

use std::collections::{BTreeSet, HashSet};

use super::Leak;
use crate::class::{NameKind, ValueClass};
use crate::contract::Contract;
use crate::contract::values::strip_scheme;
use crate::grammar;
use crate::pair::{Confidence, Method};
use crate::pair::{Pair, Pairs, expand};
use crate::place::Place;
use crate::tokens::boundary::{Shape, is_whole_word, stands_alone};
use crate::tokens::{Gate, Lazy, TooManyTokens, Words};

#[derive(Debug, Clone)]
pub(super) struct Known {
    words: Words,
    /// What each of the words may be: its class and its key in the contract.
    meanings: Vec<Vec<(ValueClass, String)>>,
    shapes: Vec<Shape>,
}

impl Known {
    pub(super) fn new(source: &Contract, allowed: &HashSet<String>, pairs: &Pairs) -> Result<Self, TooManyTokens> {
        // Expanding a value paired with itself gives the ways to write it.
        let own = source.values().into_iter().filter(|value| value.class != ValueClass::Never).map(|value| Pair {
            source: value.value.clone(),
            target: value.value,
            class: value.class,
            key: value.key,
            by: Method::Contract,
            confidence: Confidence::Certain,
        });
        let paired = pairs.all().iter().map(|pair| Pair { target: pair.source.clone(), ..pair.clone() });
        let all = Pairs::unchecked(own.chain(paired));
        let allowed: BTreeSet<&str> = allowed.iter().flat_map(|text| [text.as_str(), strip_scheme(text)]).collect();
        let mut entries: Vec<(String, ValueClass, String)> = expand::variants(&all)
            .into_iter()
            .filter(|v| !allowed.contains(v.source.as_str()) && !allowed.contains(v.pair.source.as_str()))
            .map(|v| (v.source, v.class, v.pair.key.clone()))
            .collect();
        // ElastiCache and others write a region's code into their hosts instead of its name.
        let code =
            source.body().region.as_deref().filter(|region| !allowed.contains(region)).and_then(grammar::region_code);
        entries.extend(code.map(|code| (code, ValueClass::Region, "region".to_owned())));
        entries.sort();
        TooManyTokens::check(entries.len())?;
        let (mut texts, mut meanings): (Vec<String>, Vec<Vec<(ValueClass, String)>>) = (Vec::new(), Vec::new());
        for (text, class, key) in entries {
            match (texts.last(), meanings.last_mut()) {
                (Some(last), Some(known)) if *last == text => known.push((class, key)),
                _ => {
                    texts.push(text);
                    meanings.push(vec![(class, key)]);
                }
            }
        }
        let gates: Vec<Gate> = texts.iter().zip(&meanings).map(|(text, known)| gate(text, known)).collect();
        let shapes = texts.iter().map(|text| Shape::of(text)).collect();
        Ok(Self { words: Words::new(texts, |at| gates[at]), meanings, shapes })
    }

    /// Whether nothing could be found in a word, because it is made of letters and no value is.
    pub(super) fn passes(&self, text: &str, is_key: bool) -> bool {
        self.words.passes(text, is_key)
    }

    /// Finds the source's values in a text; `covered` gets their ranges.
    pub(super) fn find(
        &self,
        text: &str,
        place: impl FnOnce() -> Place,
        covered: &mut Vec<std::ops::Range<usize>>,
        leaks: &mut Vec<Leak>,
    ) {
        let mut place = Lazy::new(place);
        let with_names = self.words.may_hold_names(text) && !place.get().names.is_empty();
        let mut search = self.words.search(text, with_names);
        let mut from = 0;
        while let Some((start, longest)) = search.next(from) {
            let place = place.get();
            from = start + 1;
            if let Some((range, leak)) =
                self.words.chain(longest).find_map(|index| self.judge(index, text, start, place))
            {
                from = range.end;
                covered.push(range);
                leaks.push(leak);
            }
        }
    }

    fn judge(&self, index: usize, text: &str, start: usize, place: Place) -> Option<(std::ops::Range<usize>, Leak)> {
        let value = self.words.text(index);
        let range = start..start + value.len();
        self.meanings[index].iter().find_map(|(class, key)| {
            let (range, what) = match class {
                ValueClass::Token => stands_alone(text, &range, self.shapes[index])
                    .then(|| (range.clone(), format!("the source's {key}")))?,
                ValueClass::Name(kind) => {
                    let says = (place.names.contains(kind) || is_telling(*kind, value)) && is_whole_word(text, &range);
                    says.then(|| (range.clone(), format!("the source's {key}")))?
                }
                ValueClass::Region | ValueClass::Account | ValueClass::Zone => {
                    if let Some((arn, span)) = grammar::arn_around(text, range.start) {
                        let component = match class {
                            ValueClass::Region => arn.region == value,
                            ValueClass::Account => arn.account == value,
                            _ => false,
                        };
                        component.then(|| (span, format!("an ARN with the source's {key}")))?
                    } else {
                        let span = grammar::host_around(text, range.start);
                        if grammar::host_kind(&text[span.clone()]).is_some() && is_label(text, &span, &range) {
                            (span, format!("a host with the source's {key}"))
                        } else if *class == ValueClass::Region && is_code(value) {
                            return None;
                        } else {
                            is_whole_word(text, &range).then(|| (range.clone(), format!("the source's {key}")))?
                        }
                    }
                }
                ValueClass::Never => return None,
            };
            let leak =
                Leak { code: "source-identifier", text: text[range.clone()].to_owned(), what, is_doubtful: false };
            Some((range, leak))
        })
    }
}

/// A region's code, which means something in hosts only.
fn is_code(region: &str) -> bool {
    !region.contains('-')
}

/// When a short value is worth looking for: `judge` would not count it elsewhere.
fn gate(text: &str, meanings: &[(ValueClass, String)]) -> Gate {
    let all = |is: &dyn Fn(ValueClass) -> bool| meanings.iter().all(|(class, _)| is(*class));
    if all(&|class| matches!(class, ValueClass::Name(kind) if !is_telling(kind, text))) {
        Gate::Names
    } else if all(&|class| class == ValueClass::Region && is_code(text)) {
        Gate::Hosts
    } else {
        Gate::Always
    }
}

/// Whether a name cannot be an ordinary word: long, with a digit and a dash, or an alias or a domain.
fn is_telling(kind: NameKind, text: &str) -> bool {
    match kind {
        NameKind::KmsAlias => text.starts_with("alias/"),
        NameKind::Domain => false,
        _ => text.len() >= 12 && text.contains('-') && text.bytes().any(|b| b.is_ascii_digit()),
    }
}

fn is_label(text: &str, host: &std::ops::Range<usize>, range: &std::ops::Range<usize>) -> bool {
    let before = range.start == host.start || matches!(text.as_bytes()[range.start - 1], b'.' | b'-');
    before && text.as_bytes().get(range.end) == Some(&b'.')
}
