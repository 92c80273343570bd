//! What others stand on: definitions of their kinds, and namespaces. Where one failed, what stands on it fails at once
//! and says so, instead of being refused by the server again and again.

use std::collections::BTreeMap;

use model::{GroupResource, ItemId, Reason};
use plan::restore::order::Wave;

use super::Acted;
use crate::restore::ItemVerdict;
use crate::restore::prepared::{PlannedRestore, Work};

/// What is not there, and why.
#[derive(Debug, Default)]
pub(super) struct Ground {
    definitions: BTreeMap<GroupResource, String>,
    namespaces: BTreeMap<String, String>,
}

impl Ground {
    /// Notes what a wave failed to create.
    pub(super) fn survey(&mut self, planned: &PlannedRestore, wave: &[Work], acted: &Acted) {
        for work in wave.iter().filter(|work| !work.is_patch) {
            let failed = acted.outcomes.verdict(work.planned) == Some(ItemVerdict::Failed);
            let Some(reason) = acted.outcomes.reason(work.planned).filter(|_| failed) else { continue };
            let name = &planned.file.items[work.planned as usize].target.name;
            match work.wave {
                // A definition is named by what it defines.
                Wave::Definitions => {
                    let kind = GroupResource::parse(name);
                    if planned.target.preferred(&kind).is_none() {
                        self.definitions.insert(kind, reason.message.clone());
                    }
                }
                Wave::Namespaces => {
                    self.namespaces.insert(name.clone(), reason.message.clone());
                }
                _ => {}
            }
        }
    }

    /// Why an item cannot be created whatever its body says.
    pub(super) fn lacks(&self, target: &ItemId) -> Option<Reason> {
        if let Some(why) = self.definitions.get(&target.resource) {
            let message = format!("its kind is not served: the definition {} failed: {why}", target.resource);
            return Some(Reason::new("definition-failed", message));
        }
        let namespace = target.namespace.as_deref()?;
        let why = self.namespaces.get(namespace)?;
        Some(Reason::new("namespace-failed", format!("its namespace {namespace} failed: {why}")))
    }
}
