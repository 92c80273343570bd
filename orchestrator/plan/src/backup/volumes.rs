//! Which volumes a backup leaves out, by name.
//!
//! Objects are saved, data in volumes is not: every claim and every volume that is not a claim's and outlives its pod
//! is named, unless a policy says that it may be skipped.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, ItemId, Reason, Severity};

use super::facts::{FactTable, ItemFact, Role, VolumeFact};

/// A volume whose data is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    pub claim: Option<ItemId>,
    /// The PersistentVolume's name, when bound.
    pub volume: Option<String>,
    pub reclaim_policy: String,
    pub why: String,
}

/// Sources that hold nothing of their own: configuration that is saved as objects, or scratch space.
const NOT_DATA: [&str; 6] = ["configMap", "secret", "projected", "downwardAPI", "emptyDir", "image"];

pub fn uncovered<'a>(items: impl Iterator<Item = &'a ItemFact> + Clone, table: &FactTable) -> Vec<Uncovered> {
    let volumes: BTreeMap<&str, &VolumeFact> = table
        .items
        .iter()
        .filter(|item| table.role_of(item) == Role::Volume)
        .filter_map(|item| Some((&*item.name, item.more.as_deref()?.volume.as_ref()?)))
        .collect();
    let volume = |name: &str| volumes.get(name);
    let mut out = Vec::new();
    let mut claimed = BTreeSet::new();
    for item in items.clone().filter(|item| table.role_of(item) == Role::Claim) {
        let claim = item.more.as_deref().and_then(|m| m.claim.as_ref());
        let name = claim.map(|c| c.volume.clone()).filter(|v| !v.is_empty());
        let reclaim_policy = name.as_deref().and_then(volume).map(|v| v.reclaim_policy.clone()).unwrap_or_default();
        claimed.extend(name.clone());
        out.push(Uncovered {
            claim: Some(table.id_of(item)),
            volume: name,
            reclaim_policy,
            why: "the data of this claim is not saved".into(),
        });
    }
    for item in items.clone().filter(|item| table.role_of(item) == Role::Volume && !claimed.contains(&*item.name)) {
        let fact = item.more.as_deref().and_then(|m| m.volume.clone()).unwrap_or_default();
        out.push(Uncovered {
            claim: None,
            volume: Some(item.name.to_string()),
            reclaim_policy: fact.reclaim_policy,
            why: "the data of this volume is not saved".into(),
        });
    }
    for item in items.filter(|item| table.role_of(item) == Role::Pod) {
        let Some(pod) = item.more.as_deref().and_then(|m| m.pod.as_ref()) else { continue };
        for (name, source, claim) in &pod.volumes {
            // Host paths of agents are the node's, not the pod's.
            if claim.is_none() && !NOT_DATA.contains(&source.as_str()) && source != "hostPath" {
                out.push(Uncovered {
                    claim: Some(table.id_of(item)),
                    volume: Some(name.clone()),
                    reclaim_policy: String::new(),
                    why: format!("the data of this pod's {source} volume is not saved"),
                });
            }
        }
    }
    out
}

impl Uncovered {
    pub fn finding(&self) -> Finding {
        let volume = self.volume.as_deref().map(|v| format!(" (volume {v})")).unwrap_or_default();
        let name = self.claim.as_ref().map(|c| format!("{c}: ")).unwrap_or_default();
        Finding {
            severity: Severity::Warning,
            item: self.claim.clone(),
            pointer: None,
            reason: Reason::new("volume-not-covered", format!("{name}{}{volume}", self.why)),
        }
    }
}
