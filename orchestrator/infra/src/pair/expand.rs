//! The other ways to write a paired value: without its scheme, without its port, as `s3://`, inside a tag's key.
//!
//! A variant is only made when it is as unmistakable as the value itself, or when its place makes it so.

use std::collections::BTreeMap;

use super::{Pair, Pairs};
use crate::class::{NameKind, ValueClass};
use crate::contract::values::strip_scheme;
use crate::grammar;

/// Largest number of members of a comma list that is also known in every other order.
const MAX_SHUFFLED: usize = 4;

/// One text to look for, made from one pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant<'a> {
    pub source: String,
    pub target: String,
    pub class: ValueClass,
    pub pair: &'a Pair,
}

/// Every text that stands for a paired value. A derived text with two different targets is left out.
pub fn variants(pairs: &Pairs) -> Vec<Variant<'_>> {
    let context = Context::of(pairs);
    let mut exact = BTreeMap::new();
    for pair in pairs.all() {
        let key = (pair.source.clone(), pair.class);
        exact
            .insert(key, Variant { source: pair.source.clone(), target: pair.target.clone(), class: pair.class, pair });
    }
    let mut derived: BTreeMap<(String, ValueClass), Option<Variant>> = BTreeMap::new();
    for pair in pairs.all() {
        for (source, target, class) in of_pair(pair, &context) {
            let key = (source.clone(), class);
            if exact.contains_key(&key) {
                continue;
            }
            let variant = Variant { source, target, class, pair };
            derived
                .entry(key)
                .and_modify(|known| *known = known.take().filter(|known| known.target == variant.target))
                .or_insert_with(|| Some(variant.clone()));
        }
    }
    exact.into_values().chain(derived.into_values().flatten()).collect()
}

/// Regions and accounts that appear inside other identifiers.
struct Context<'a> {
    regions: Vec<&'a Pair>,
    accounts: Vec<&'a Pair>,
}

impl<'a> Context<'a> {
    fn of(pairs: &'a Pairs) -> Self {
        let of = |class| pairs.all().iter().filter(move |pair| pair.class == class).collect();
        Self { regions: of(ValueClass::Region), accounts: of(ValueClass::Account) }
    }
}

type Text = (String, String, ValueClass);

fn of_pair(pair: &Pair, context: &Context) -> Vec<Text> {
    let mut out = Vec::new();
    let (source, target) = (pair.source.as_str(), pair.target.as_str());
    let mut token = |source: String, target: String| out.push((source, target, ValueClass::Token));
    match pair.class {
        ValueClass::Token => {
            let (bare_source, bare_target) = (strip_scheme(source), strip_scheme(target));
            if bare_source.len() != source.len() && bare_target.len() != target.len() {
                token(bare_source.to_owned(), bare_target.to_owned());
            }
            if let (Some(s), Some(t)) = (hidden_id(bare_source), hidden_id(bare_target)) {
                token(s.to_owned(), t.to_owned());
            }
            if let (Some(s), Some(t)) = (host_of(bare_source), host_of(bare_target)) {
                token(s.to_owned(), t.to_owned());
            }
            if source.starts_with("fs-") && target.starts_with("fs-") && grammar::is_resource_id(source) {
                for service in ["efs", "fsx"] {
                    for region in &context.regions {
                        let name = |id: &str, region: &str| format!("{id}.{service}.{region}.amazonaws.com");
                        token(name(source, &region.source), name(target, &region.target));
                    }
                }
            }
            for (s, t) in lists(source, target) {
                token(s, t);
            }
            // Some fields want a role's name and not its ARN.
            if let (Some(s), Some(t)) = (role_name(source), role_name(target)) {
                out.push((s.to_owned(), t.to_owned(), ValueClass::Name(NameKind::Role)));
            }
        }
        ValueClass::Name(NameKind::Bucket) => {
            token(format!("s3://{source}"), format!("s3://{target}"));
            token(format!("s3a://{source}"), format!("s3a://{target}"));
            token(format!("arn:aws:s3:::{source}"), format!("arn:aws:s3:::{target}"));
            token(format!("{source}.s3.amazonaws.com"), format!("{target}.s3.amazonaws.com"));
            for region in &context.regions {
                for infix in [".s3.", ".s3-"] {
                    let name = |bucket: &str, region: &str| format!("{bucket}{infix}{region}.amazonaws.com");
                    token(name(source, &region.source), name(target, &region.target));
                }
            }
        }
        ValueClass::Name(NameKind::Cluster) => {
            for prefix in ["kubernetes.io/cluster/", "k8s.io/cluster-autoscaler/", "k8s.io/cluster/"] {
                token(format!("{prefix}{source}"), format!("{prefix}{target}"));
            }
        }
        ValueClass::Name(NameKind::Role) => {
            for account in &context.accounts {
                for kind in ["role", "instance-profile"] {
                    let name = |role: &str, account: &str| format!("arn:aws:iam::{account}:{kind}/{role}");
                    token(name(source, &account.source), name(target, &account.target));
                }
            }
        }
        ValueClass::Name(NameKind::KmsAlias) if source.starts_with("alias/") => {
            token(source.to_owned(), target.to_owned());
        }
        ValueClass::Name(_) | ValueClass::Region | ValueClass::Account | ValueClass::Zone | ValueClass::Never => {}
    }
    out.retain(|(s, t, _)| !s.is_empty() && !t.is_empty());
    out
}

fn role_name(arn: &str) -> Option<&str> {
    let arn = grammar::parse_arn(arn).filter(|arn| arn.service == "iam")?;
    arn.resource.strip_prefix("role/")?.rsplit('/').next().filter(|name| !name.is_empty())
}

/// The long hexadecimal id at the end of a path, as an OIDC issuer has.
fn hidden_id(text: &str) -> Option<&str> {
    let (_, id) = text.split_once("/id/")?;
    (id.len() >= 20 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

/// The host of `host:port`.
fn host_of(text: &str) -> Option<&str> {
    let (host, port) = text.split_once(':')?;
    let is_host = host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_host && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())).then_some(host)
}

/// A comma list, such as Kafka's bootstrap brokers, means the same in any order.
fn lists(source: &str, target: &str) -> Vec<(String, String)> {
    let (from, to): (Vec<&str>, Vec<&str>) = (source.split(',').collect(), target.split(',').collect());
    if from.len() < 2 {
        return Vec::new();
    }
    let mut out = Vec::new();
    // `b-1.…` and `b-1.…` are the same broker's name on both sides.
    let label = |text: &str| text.split('.').next().map(str::to_owned);
    for member in &from {
        let same: Vec<&&str> = to.iter().filter(|other| label(other) == label(member)).collect();
        let unique = from.iter().filter(|other| label(other) == label(member)).count() == 1;
        if let ([other], true) = (&same[..], unique) {
            out.push(((*member).to_owned(), (**other).to_owned()));
            if let (Some(s), Some(t)) = (host_of(member), host_of(other)) {
                out.push((s.to_owned(), t.to_owned()));
            }
        }
    }
    if from.len() <= MAX_SHUFFLED {
        permute(&mut from.clone(), 0, &mut |order| out.push((order.join(","), target.to_owned())));
    }
    out
}

fn permute<'a>(items: &mut Vec<&'a str>, from: usize, visit: &mut impl FnMut(&[&'a str])) {
    if from + 1 >= items.len() {
        visit(items);
        return;
    }
    for at in from..items.len() {
        items.swap(from, at);
        permute(items, from + 1, visit);
        items.swap(from, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::{Confidence, Method};

    #[test]
    fn an_issuer_is_also_known_without_scheme_and_by_its_id() {
        let texts = texts(
            "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
            "https://oidc.eks.us-west-2.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210",
            ValueClass::Token,
        );
        assert!(
            texts.contains(&("0123456789ABCDEF0123456789ABCDEF".into(), "FEDCBA9876543210FEDCBA9876543210".into()))
        );
        assert!(texts.iter().any(|(s, _)| s.starts_with("oidc.eks.us-east-1")));
    }

    #[test]
    fn brokers_are_known_in_any_order_and_one_by_one() {
        let texts = texts("b-1.a:9,b-2.a:9", "b-2.z:9,b-1.z:9", ValueClass::Token);
        assert!(texts.contains(&("b-2.a:9,b-1.a:9".into(), "b-2.z:9,b-1.z:9".into())));
        assert!(texts.contains(&("b-1.a:9".into(), "b-1.z:9".into())));
    }

    #[test]
    fn a_bucket_is_known_by_its_urls_but_not_by_a_bare_word() {
        let texts = texts("assets", "assets-dr", ValueClass::Name(NameKind::Bucket));
        assert!(texts.contains(&("s3://assets".into(), "s3://assets-dr".into())));
        assert!(texts.iter().all(|(source, _)| source != "assets" || source.contains('/')));
    }

    fn texts(source: &str, target: &str, class: ValueClass) -> Vec<(String, String)> {
        let pair = Pair {
            source: source.into(),
            target: target.into(),
            class,
            key: "k".into(),
            by: Method::Map,
            confidence: Confidence::Certain,
        };
        let context = Context { regions: Vec::new(), accounts: Vec::new() };
        of_pair(&pair, &context).into_iter().map(|(s, t, _)| (s, t)).collect()
    }
}
