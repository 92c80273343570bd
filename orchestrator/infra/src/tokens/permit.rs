//! Whether a source value that was found may be replaced where it stands.
//!
//! The rule per class is the reference's: tokens anywhere, names in their places, regions, accounts and zones in typed
//! places, ARNs and hosts, and as whole words in free text with low confidence.

use std::collections::BTreeSet;
use std::ops::Range;

use super::boundary::{Shape, is_whole_word, stands_alone};
use crate::class::{NameKind, ValueClass};
use crate::grammar::{self, HostKind};
use crate::pair::expand::Variant;
use crate::place::Place;

/// Why a replacement is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// The value is unmistakable, or its place says what it is.
    Certain,
    /// A region or an account inside an identifier that has no pair of its own.
    Component,
    /// A whole word in free text.
    Low,
}

/// What is known of the source as a whole.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    regions: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

/// Services whose resources are known by the names people gave them, so that region and account are all that differs.
const NAMED_BY_PEOPLE: &[&str] =
    &["dynamodb", "ecr", "events", "firehose", "iam", "kinesis", "lambda", "logs", "sns", "sqs", "ssm", "states"];

impl Setting {
    pub(super) fn of(variants: &[Variant<'_>]) -> Self {
        let of = |class| variants.iter().filter(|v| v.class == class).map(|v| v.source.clone()).collect();
        Self { regions: of(ValueClass::Region), accounts: of(ValueClass::Account) }
    }

    pub(super) fn permit(
        &self,
        class: ValueClass,
        text: &str,
        range: Range<usize>,
        shape: Shape,
        place: Place,
    ) -> Option<Permission> {
        match class {
            ValueClass::Token => stands_alone(text, &range, shape).then_some(Permission::Certain),
            ValueClass::Name(kind) => {
                (place.names.contains(&kind) && is_name(kind, text, &range)).then_some(Permission::Certain)
            }
            ValueClass::Region | ValueClass::Account => self.component(class, text, &range, place),
            ValueClass::Zone => zone(text, &range, place),
            ValueClass::Never => None,
        }
    }

    fn component(&self, class: ValueClass, text: &str, range: &Range<usize>, place: Place) -> Option<Permission> {
        if let Some((arn, span)) = grammar::arn_around(text, range.start) {
            return self.in_arn(&arn, range.start - span.start).then_some(Permission::Component);
        }
        let span = grammar::host_around(text, range.start);
        match grammar::host_kind(&text[span.clone()]) {
            Some(HostKind::Regional) => return self.in_host(text, &span, range).then_some(Permission::Component),
            Some(HostKind::Resource) => return None,
            None => {}
        }
        if !is_whole_word(text, range) {
            return None;
        }
        // In a queue's URL the account follows the host.
        let in_url = class == ValueClass::Account && self.after_host(text, range.start);
        Some(if place.typed {
            Permission::Certain
        } else if in_url {
            Permission::Component
        } else {
            Permission::Low
        })
    }

    /// Whether the part of an ARN at `offset` is the source's own region or account, of a service that allows it.
    fn in_arn(&self, arn: &grammar::Arn<'_>, offset: usize) -> bool {
        let region_at = "arn::".len() + arn.partition.len() + arn.service.len() + 1;
        let account_at = region_at + arn.region.len() + 1;
        let ours = (arn.region.is_empty() || self.regions.contains(arn.region))
            && (arn.account.is_empty() || self.accounts.contains(arn.account));
        let named = NAMED_BY_PEOPLE.contains(&arn.service)
            || (arn.service == "kms" && (arn.resource.starts_with("alias/") || arn.resource.starts_with("key/mrk-")));
        ours && named
            && ((offset == region_at && self.regions.contains(arn.region))
                || (offset == account_at && self.accounts.contains(arn.account)))
    }

    /// Whether a label of a regional host is the source's, and the account named beside it as well.
    fn in_host(&self, text: &str, host: &Range<usize>, range: &Range<usize>) -> bool {
        let is_label = (range.start == host.start || text.as_bytes()[range.start - 1] == b'.')
            && text.as_bytes().get(range.end).is_some_and(|b| *b == b'.');
        let first = text[host.clone()].split('.').next().unwrap_or_default();
        let registry_ok = !grammar::is_account(first) || self.accounts.contains(first);
        let path = text[host.end..].strip_prefix('/').unwrap_or_default();
        let path_account = path.get(..12).filter(|part| grammar::is_account(part));
        is_label && registry_ok && path_account.is_none_or(|account| self.accounts.contains(account))
    }

    fn after_host(&self, text: &str, at: usize) -> bool {
        let Some(before) = text[..at].strip_suffix('/') else { return false };
        let Some(last) = before.len().checked_sub(1) else { return false };
        let last = before.floor_char_boundary(last);
        let span = grammar::host_around(before, last);
        grammar::host_kind(&before[span]).is_some()
    }
}

fn zone(text: &str, range: &Range<usize>, place: Place) -> Option<Permission> {
    let span = grammar::host_around(text, range.start);
    // Mount targets have one name per zone: `<zone>.<file system>.efs.<region>.amazonaws.com`.
    let starts_host = span.start == range.start && text.as_bytes().get(range.end) == Some(&b'.');
    if starts_host && grammar::host_kind(&text[span]).is_some() {
        return Some(Permission::Component);
    }
    if grammar::arn_around(text, range.start).is_some() || !is_whole_word(text, range) {
        return None;
    }
    Some(if place.typed { Permission::Certain } else { Permission::Low })
}

/// Names continue through dots and slashes differently: a domain has names under it, a queue's name ends a URL.
fn is_name(kind: NameKind, text: &str, range: &Range<usize>) -> bool {
    if kind == NameKind::Domain {
        let before = text.as_bytes()[..range.start].last();
        return before == Some(&b'.') && !continues_domain(text, range.end) || is_whole_word(text, range);
    }
    if grammar::arn_around(text, range.start).is_some() {
        return false;
    }
    is_whole_word(text, range)
}

fn continues_domain(text: &str, end: usize) -> bool {
    match text.as_bytes().get(end..).unwrap_or_default() {
        [b'.', next, ..] | [next, ..] => grammar::is_word(*next),
        [] => false,
    }
}
