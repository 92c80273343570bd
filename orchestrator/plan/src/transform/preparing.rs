//! The transforms as a restore's preparation takes them: the user's rules, then every transform, then the leak scan.
//!
//! Adds no decision of its own; an object that is held back or blocked is not searched for leaks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use infra::{InfraPair, RuleUsage, Rules};
use model::{Blocked, Finding, ItemId, Manifest};

use super::{Facts, TransformOutcome, apply_all, may_rename};
use crate::restore::prepare::{Rewrite, Rewritten};

/// Prepares bodies for the target's infrastructure.
pub struct InfraRewrite<'a> {
    infra: &'a InfraPair,
    rules: Option<&'a Rules>,
    usage: Mutex<RuleUsage>,
    /// Who has which name in the target, of the objects that may get another one.
    names: Mutex<BTreeMap<ItemId, ItemId>>,
}

impl<'a> InfraRewrite<'a> {
    pub fn new(infra: &'a InfraPair, rules: Option<&'a Rules>) -> Self {
        Self { infra, rules, usage: Mutex::default(), names: Mutex::default() }
    }

    /// Takes a name in the target, unless another object of the backup took it. Preparing an object again is no conflict.
    fn take_name(&self, item: &ItemId, manifest: &Manifest) -> Option<Blocked> {
        if !may_rename(&Facts::of(manifest)) {
            return None;
        }
        let target = ItemId {
            resource: item.resource.clone(),
            namespace: item.namespace.as_deref().map(|namespace| self.infra.target_namespace(namespace).to_owned()),
            name: manifest.name().to_owned(),
        };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let first = names.entry(target.clone()).or_insert_with(|| item.clone());
        if first == item {
            return None;
        }
        let message = format!("{first} and {item} would both be {target}");
        Some(Blocked::new("name-collision", message, "map one of them to another name, or leave one of them out"))
    }

    /// A warning for every rule that matched no object so far; ask when all objects are prepared.
    pub fn unmatched_rules(&self) -> Vec<Finding> {
        let usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        self.rules.map(|rules| rules.unmatched(&usage)).unwrap_or_default()
    }
}

impl Rewrite for InfraRewrite<'_> {
    fn rewrite(&self, item: &ItemId, manifest: &mut Manifest) -> Rewritten {
        let mut out = Rewritten::default();
        if let Some(rules) = self.rules {
            let outcome = rules.apply(manifest);
            self.usage.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome);
            out.changes = outcome.changes;
            out.leaks.extend(outcome.findings.into_iter().map(|finding| of_item(item, finding)));
        }
        let TransformOutcome { changes, blocked, held_back, findings } = apply_all(manifest, self.infra);
        for (transform, changes) in changes {
            out.changes.extend(changes.into_iter().map(|mut change| {
                change.because = format!("{transform}: {}", change.because);
                change
            }));
        }
        out.leaks.extend(findings.into_iter().map(|finding| of_item(item, finding)));
        out.held_back = held_back.map(|(_, reason)| reason);
        out.blocked = blocked.into_iter().next().map(|(_, blocked)| blocked);
        if out.held_back.is_none() && out.blocked.is_none() {
            out.blocked = self.take_name(item, manifest);
        }
        if out.held_back.is_none() && out.blocked.is_none() {
            out.leaks.extend(self.infra.leaks(manifest, Some(item)));
        }
        out
    }
}

fn of_item(item: &ItemId, finding: Finding) -> Finding {
    Finding { item: Some(item.clone()), ..finding }
}
