//! Which volumes a backup leaves out, by name.
//!
//! Objects are saved, data in volumes is not: every claim and every volume that is not a claim's and outlives its pod
//! is named, unless a policy says that it may be skipped.

use std::collections::{BTreeMap, BTreeSet};

use model::{Finding, ItemId, Reason, Severity};

use super::facts::{ClaimFact, FactTable, ItemFact, More, Role, SourceDetails, VolumeFact};
use super::policy::{Action, Policy, Quantity, Subject};

/// A volume whose data is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    pub claim: Option<ItemId>,
    /// The PersistentVolume's name, when bound.
    pub volume: Option<String>,
    pub reclaim_policy: String,
    pub why: String,
    /// The rule of the resource policy that leaves it out on purpose.
    pub skipped_by: Option<String>,
}

/// Sources that hold nothing of their own: configuration that is saved as objects, or scratch space.
const NOT_DATA: [&str; 6] = ["configMap", "secret", "projected", "downwardAPI", "emptyDir", "image"];

pub fn uncovered<'a>(
    items: impl Iterator<Item = &'a ItemFact> + Clone,
    table: &FactTable,
    policy: &Policy,
) -> Vec<Uncovered> {
    let volumes: BTreeMap<&str, &VolumeFact> = table
        .items
        .iter()
        .filter(|item| table.role_of(item) == Role::Volume)
        .filter_map(|item| Some((&*item.name, item.more.as_deref()?.volume.as_ref()?)))
        .collect();
    let volume = |name: &str| volumes.get(name).copied();
    let mut out = Vec::new();
    let mut claimed = BTreeSet::new();
    for item in items.clone().filter(|item| table.role_of(item) == Role::Claim) {
        let claim = item.more.as_deref().and_then(|m| m.claim.as_ref());
        let name = claim.map(|c| c.volume.clone()).filter(|v| !v.is_empty());
        let bound = name.as_deref().and_then(volume);
        claimed.extend(name.clone());
        out.push(Uncovered {
            claim: Some(table.id_of(item)),
            volume: name,
            reclaim_policy: bound.map(|v| v.reclaim_policy.clone()).unwrap_or_default(),
            ..policy.left_out("this claim", &subject(bound, item.more.as_deref()))
        });
    }
    let claims = if policy.volumes.is_empty() { BTreeMap::new() } else { claims(table) };
    for item in items.clone().filter(|item| table.role_of(item) == Role::Volume && !claimed.contains(&*item.name)) {
        let fact = item.more.as_deref().and_then(|m| m.volume.as_ref());
        let claim =
            fact.and_then(|v| v.claim.as_ref()).and_then(|(ns, name)| claims.get(&(ns.as_str(), name.as_str())));
        out.push(Uncovered {
            volume: Some(item.name.to_string()),
            reclaim_policy: fact.map(|v| v.reclaim_policy.clone()).unwrap_or_default(),
            ..policy.left_out("this volume", &subject(fact, claim.copied()))
        });
    }
    for item in items.filter(|item| table.role_of(item) == Role::Pod) {
        let Some(pod) = item.more.as_deref().and_then(|m| m.pod.as_ref()) else { continue };
        for (name, source, claim) in &pod.volumes {
            // Host paths of agents are the node's, not the pod's.
            if claim.is_none() && !NOT_DATA.contains(&source.as_str()) && source != "hostPath" {
                let details = pod.sources.get(name);
                let subject = Subject { source, ..details.map(described).unwrap_or_default() };
                out.push(Uncovered {
                    claim: Some(table.id_of(item)),
                    volume: Some(name.clone()),
                    ..policy.left_out(&format!("this pod's {source} volume"), &subject)
                });
            }
        }
    }
    out
}

impl Policy {
    /// Says of a volume's data why it is not saved.
    fn left_out(&self, what: &str, subject: &Subject<'_>) -> Uncovered {
        let mut out = Uncovered {
            claim: None,
            volume: None,
            reclaim_policy: String::new(),
            why: format!("the data of {what} is not saved"),
            skipped_by: None,
        };
        match self.action_for(subject) {
            None => {}
            Some((at, Action::Skip)) => {
                out.why = format!("the data of {what} is left out by the resource policy, volumePolicies[{at}]");
                out.skipped_by = Some(format!("volumePolicies[{at}]"));
            }
            Some((at, action)) => {
                let name = action.name();
                out.why = format!("the data of {what} is not saved, though volumePolicies[{at}] asks for {name}");
            }
        }
        out
    }
}

/// Claims by namespace and name, whether they are stored or not.
fn claims(table: &FactTable) -> BTreeMap<(&str, &str), &More> {
    let claims = table.items.iter().filter(|item| table.role_of(item) == Role::Claim);
    claims.filter_map(|item| Some(((table.namespace_of(item)?, &*item.name), item.more.as_deref()?))).collect()
}

/// A volume and its claim as a policy sees them; of an unbound claim, only what the claim says.
fn subject<'a>(volume: Option<&'a VolumeFact>, claim: Option<&'a More>) -> Subject<'a> {
    let mut subject = Subject::default();
    if let Some(volume) = volume {
        subject = volume.details.as_deref().map(described).unwrap_or_default();
        subject.capacity = Quantity::parse(&volume.capacity).unwrap_or_default();
        subject.class = &volume.class;
        subject.source = &volume.source;
    }
    if let Some(more) = claim {
        let fact: Option<&ClaimFact> = more.claim.as_ref();
        subject.claim_labels = Some(&more.labels);
        subject.claim_phase = fact.map(|c| c.phase.as_str()).unwrap_or_default();
        if let Some(details) = fact.and_then(|c| c.details.as_deref()) {
            subject.claim_mode = &details.mode;
            subject.claim_access = &details.access;
        }
    }
    subject
}

fn described(details: &SourceDetails) -> Subject<'_> {
    let nfs = details.nfs.as_ref().map(|(server, path)| (server.as_str(), path.as_str()));
    let csi = details.csi_driver.as_deref().map(|driver| (driver, Some(&details.csi_attributes)));
    Subject { nfs, csi, ..Subject::default() }
}

impl Uncovered {
    pub fn finding(&self) -> Finding {
        let volume = self.volume.as_deref().map(|v| format!(" (volume {v})")).unwrap_or_default();
        let name = self.claim.as_ref().map(|c| format!("{c}: ")).unwrap_or_default();
        let code = if self.skipped_by.is_some() { "volume-skipped" } else { "volume-not-covered" };
        Finding {
            // What was asked for is no trouble, only worth a line.
            severity: if self.skipped_by.is_some() { Severity::Info } else { Severity::Warning },
            item: self.claim.clone(),
            pointer: None,
            reason: Reason::new(code, format!("{name}{}{volume}", self.why)),
        }
    }
}
