//! Looks at the target of a restore: what it serves, which definitions it has, which of the wanted objects exist.
//!
//! Namespaces first: where one does not exist, nothing of it has to be looked for. Bodies of wanted objects go to a
//! spool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::ports::PortError;
use ::ports::cluster::{Discovery, ListEvent, ListQuery};
use ::ports::retry::{RetryPolicy, Tries, retry};
use futures::StreamExt;
use model::{ApiResource, Finding, GroupResource, ItemId, Manifest, Reason, Severity, chain};
use plan::backup::facts::{Keep, Role};
use plan::restore::scopes::scopes;

use super::identity::{Fingerprint, fingerprint, fingerprint_of};
use crate::backup::spool::{Span, SpoolWriter};
use crate::ports::Outside;

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("failed to discover what {server} serves")]
    Discover {
        server: String,
        #[source]
        source: PortError,
    },
    #[error("failed to write to the spool; is the disk full?")]
    Spool(#[source] std::io::Error),
}

/// Objects of the target that the restore means, and where their bodies lie.
pub(crate) struct Existing {
    spans: BTreeMap<Fingerprint, Span>,
    file: std::fs::File,
    pub(crate) findings: Vec<Finding>,
}

pub(crate) async fn discover(outside: &Outside) -> Result<Discovery, ObserveError> {
    let cluster = outside.cluster.as_ref();
    retry(outside.clock.as_ref(), &RetryPolicy::PATIENT, || cluster.discover())
        .await
        .map_err(|source| ObserveError::Discover { server: cluster.describe(), source })
}

/// How often a list that expired is begun anew.
const EXPIRES: u32 = 14;

/// Every object of one kind, parsed; for kinds of which there are few. A list that breaks off or expires begins anew.
pub(crate) async fn all_of(outside: &Outside, resource: &ApiResource) -> Result<Vec<Manifest>, PortError> {
    let (mut tries, mut expired) = (Tries::default(), 0);
    loop {
        let error = match all_once(outside, resource).await {
            Ok(all) => return Ok(all),
            Err(error) => error,
        };
        if error.is_expired() && expired < EXPIRES {
            expired += 1;
            continue;
        }
        match tries.wait(outside.clock.now(), &RetryPolicy::PATIENT, &error) {
            Some(wait) => outside.clock.sleep(wait).await,
            None => return Err(error),
        }
    }
}

async fn all_once(outside: &Outside, resource: &ApiResource) -> Result<Vec<Manifest>, PortError> {
    let mut out = Vec::new();
    let mut token = None;
    loop {
        let query = ListQuery { resource, namespace: None, label_selector: None, limit: 200, continue_token: token };
        let mut stream = outside.cluster.list(&query).await?;
        token = None;
        while let Some(event) = stream.next().await {
            match event? {
                ListEvent::Item(body) => out.extend(Manifest::from_slice(&body).ok().map(|mut manifest| {
                    manifest.set_gvk(&resource.gvk());
                    manifest
                })),
                ListEvent::End { continue_token, .. } => token = continue_token.filter(|t| !t.is_empty()),
            }
        }
        if token.is_none() {
            return Ok(out);
        }
    }
}

/// The objects to look for.
pub(crate) type Wanted = BTreeMap<GroupResource, WantedKind>;

/// Those of one kind.
pub(crate) struct WantedKind {
    resource: ApiResource,
    namespaces: BTreeSet<Option<String>>,
    objects: BTreeSet<Fingerprint>,
}

impl WantedKind {
    pub(crate) fn new(resource: ApiResource) -> Self {
        Self { resource, namespaces: BTreeSet::new(), objects: BTreeSet::new() }
    }

    /// Where they may be, given the namespaces that there are; `None` when nobody knows.
    fn places(&self, known: Option<&BTreeSet<String>>) -> Vec<Option<String>> {
        if !self.resource.namespaced {
            return vec![None];
        }
        let is_there = |namespace: &&Option<String>| match (namespace, known) {
            (Some(name), Some(known)) => known.contains(name),
            (None, _) | (_, None) => true,
        };
        scopes(self.objects.len(), &self.namespaces.iter().filter(is_there).cloned().collect())
    }

    pub(crate) fn add(&mut self, namespace: Option<&str>, name: &str) {
        let namespace = namespace.map(str::to_owned);
        self.objects.insert(fingerprint_of(&self.resource.group_resource(), namespace.as_deref(), name));
        self.namespaces.insert(namespace);
    }
}

/// Looks for the wanted objects of each kind.
pub(crate) async fn existing(outside: &Outside, wanted: &Wanted, folder: &Path) -> Result<Existing, ObserveError> {
    let mut writer = SpoolWriter::create(folder, 0).map_err(ObserveError::Spool)?;
    let mut spans = BTreeMap::new();
    let mut findings = Vec::new();
    let known = namespaces(outside, wanted).await;
    for (kind, wanted) in wanted {
        let WantedKind { resource, objects, .. } = wanted;
        for namespace in wanted.places(known.as_ref()) {
            let task = crate::backup::list::ListTask {
                resource: resource.clone(),
                preferred: true,
                role: Role::Plain,
                namespace,
                selector: None,
                page_size: 500,
                keep: Keep::default(),
                sieve: None,
            };
            let wanted = |namespace: Option<&str>, name: &str| objects.contains(&fingerprint_of(kind, namespace, name));
            let listed = crate::backup::list::list_some(
                outside.cluster.as_ref(),
                outside.clock.as_ref(),
                &task,
                &mut writer,
                &wanted,
            )
            .await;
            match listed {
                Ok(listed) => {
                    for seen in listed.items {
                        let namespace = listed.namespaces.get(seen.namespace as usize).filter(|ns| !ns.is_empty());
                        let namespace = namespace.map(String::as_str);
                        spans.insert(fingerprint_of(kind, namespace, &seen.name), seen.span);
                    }
                }
                Err(crate::backup::list::ListError::Spool(error)) => return Err(ObserveError::Spool(error)),
                Err(error) => findings.push(Finding {
                    severity: Severity::Warning,
                    item: None,
                    pointer: None,
                    reason: Reason::new(
                        "existing-unknown",
                        format!("cannot see which {kind} exist in the target: {}", chain(&error)),
                    ),
                }),
            }
        }
    }
    let (_, path) = writer.finish().map_err(ObserveError::Spool)?;
    Ok(Existing { spans, file: std::fs::File::open(path).map_err(ObserveError::Spool)?, findings })
}

/// The names of all namespaces, where that is worth knowing and may be known.
async fn namespaces(outside: &Outside, wanted: &Wanted) -> Option<BTreeSet<String>> {
    let namespaced = wanted.values().any(|kind| kind.resource.namespaced);
    let kind = wanted.get(&GroupResource::new("namespaces", "")).filter(|_| namespaced)?;
    // Who may not list them may be allowed to list what is in some of them.
    let all = all_of(outside, &kind.resource).await.ok()?;
    Some(all.iter().map(|namespace| namespace.name().to_owned()).collect())
}

impl Existing {
    pub(crate) fn holds(&self, id: &ItemId) -> bool {
        self.spans.contains_key(&fingerprint(id))
    }

    pub(crate) fn read(&self, id: &ItemId) -> Option<Manifest> {
        let span = self.spans.get(&fingerprint(id))?;
        let mut body = vec![0; span.length as usize];
        std::os::unix::fs::FileExt::read_exact_at(&self.file, &mut body, span.offset).ok()?;
        Manifest::from_slice(&body).ok()
    }
}
