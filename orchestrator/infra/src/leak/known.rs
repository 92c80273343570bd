//! The values that the source's contract and the pairs name, in one automaton.
//!
//! A region or an account inside a longer identifier makes that identifier a leak, whole.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};

use super::Leak;
use crate::class::{NameKind, ValueClass};
use crate::contract::Contract;
use crate::contract::values::strip_scheme;
use crate::grammar;
use crate::pair::{Confidence, Method};
use crate::pair::{Pair, Pairs, expand};
use crate::place::Place;
use crate::tokens::TooManyTokens;
use crate::tokens::boundary::{is_whole_word, stands_alone};

#[derive(Debug, Clone)]
pub(super) struct Known {
    automaton: Option<AhoCorasick>,
    values: Vec<Value>,
    shortest: usize,
}

#[derive(Debug, Clone)]
struct Value {
    text: String,
    meanings: Vec<(ValueClass, String)>,
    shorter: Vec<usize>,
}

impl Known {
    pub(super) fn new(source: &Contract, allowed: &BTreeSet<String>, pairs: &Pairs) -> Result<Self, TooManyTokens> {
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
        let mut values: Vec<Value> = Vec::new();
        for (text, class, key) in entries {
            match values.last_mut() {
                Some(last) if last.text == text => last.meanings.push((class, key)),
                _ => values.push(Value { text, meanings: vec![(class, key)], shorter: Vec::new() }),
            }
        }
        let mut stack: Vec<usize> = Vec::new();
        for at in 0..values.len() {
            while stack.last().is_some_and(|top| !values[at].text.starts_with(&values[*top].text)) {
                stack.pop();
            }
            values[at].shorter = stack.iter().rev().copied().collect();
            stack.push(at);
        }
        let automaton = if values.is_empty() {
            None
        } else {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest).kind(Some(AhoCorasickKind::ContiguousNFA));
            Some(builder.build(values.iter().map(|value| &value.text)).map_err(TooManyTokens)?)
        };
        let shortest = values.iter().map(|value| value.text.len()).min().unwrap_or(usize::MAX);
        Ok(Self { automaton, values, shortest })
    }

    /// Finds the source's values in a text; `covered` gets their ranges.
    pub(super) fn find(
        &self,
        text: &str,
        place: impl FnOnce() -> Place,
        covered: &mut Vec<std::ops::Range<usize>>,
        leaks: &mut Vec<Leak>,
    ) {
        let Some(automaton) = self.automaton.as_ref().filter(|_| text.len() >= self.shortest) else { return };
        let Some(mut found) = automaton.find(text) else { return };
        let place = place();
        loop {
            let (start, pattern) = (found.start(), found.pattern().as_usize());
            let chain = std::iter::once(pattern).chain(self.values[pattern].shorter.iter().copied());
            let hit = chain.into_iter().find_map(|index| self.judge(&self.values[index], text, start, place));
            let mut next = start + 1;
            if let Some((range, leak)) = hit {
                next = range.end;
                covered.push(range);
                leaks.push(leak);
            }
            match automaton.find(Input::new(text).range(next.min(text.len())..)) {
                Some(again) => found = again,
                None => return,
            }
        }
    }

    fn judge(&self, value: &Value, text: &str, start: usize, place: Place) -> Option<(std::ops::Range<usize>, Leak)> {
        let range = start..start + value.text.len();
        value.meanings.iter().find_map(|(class, key)| {
            let (range, what) = match class {
                ValueClass::Token => {
                    stands_alone(text, &range).then(|| (range.clone(), format!("the source's {key}")))?
                }
                ValueClass::Name(kind) => {
                    let says =
                        (place.names.contains(kind) || is_telling(*kind, &value.text)) && is_whole_word(text, &range);
                    says.then(|| (range.clone(), format!("the source's {key}")))?
                }
                ValueClass::Region | ValueClass::Account | ValueClass::Zone => {
                    if let Some((arn, span)) = grammar::arn_around(text, range.start) {
                        let component = match class {
                            ValueClass::Region => arn.region == value.text,
                            ValueClass::Account => arn.account == value.text,
                            _ => false,
                        };
                        component.then(|| (span, format!("an ARN with the source's {key}")))?
                    } else {
                        let span = grammar::host_around(text, range.start);
                        if grammar::host_kind(&text[span.clone()]).is_some() && is_label(text, &span, &range) {
                            (span, format!("a host with the source's {key}"))
                        } else if *class == ValueClass::Region && !value.text.contains('-') {
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
