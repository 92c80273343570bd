//! Reads back what was created: each item must be in a list of its kind.
//!
//! A server's "created" is an answer, not a proof; an object that is gone again is a failure with a name. Only what
//! others in the cluster make and remove by themselves may go: a workload that had started pods of its own before it
//! saw the restored ones gives back those that are too many.

use std::collections::{BTreeMap, BTreeSet};

use ::ports::PortError;
use ::ports::cluster::{ListEvent, ListQuery, ObjectRef};
use ::ports::retry::{RetryPolicy, Tries, retry};
use futures::{StreamExt, TryStreamExt};
use model::{ItemId, Reason, chain};
use plan::backup::facts::{Keep, Role, observe};
use plan::restore::scopes::scopes;

use super::ItemVerdict;
use super::act::Acted;
use super::identity::{Fingerprint, fingerprint, fingerprint_of};
use super::prepared::PlannedRestore;
use crate::log::RunLog;
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

type Left = BTreeSet<Fingerprint>;

/// Objects that are looked at by themselves at once.
const LOOKS: usize = 16;

pub(super) async fn read_back(
    outside: &Outside,
    planned: &PlannedRestore,
    acted: &mut Acted,
    log: &RunLog,
    progress: &dyn Progress,
) {
    progress.begin(Stage::Verify, Some(planned.resources.len() as u64));
    let mut created: BTreeMap<u16, Vec<u32>> = BTreeMap::new();
    let mut replaceable = BTreeSet::new();
    for work in &planned.work {
        if acted.outcomes.verdict(work.planned) == Some(ItemVerdict::Created) {
            created.entry(work.resource).or_default().push(work.planned);
            if work.replaceable {
                replaceable.insert(work.planned);
            }
        }
    }
    for (done, (resource, items)) in created.into_iter().enumerate() {
        let missing = missing(outside, planned, resource, &items).await;
        let now = outside.clock.now();
        match missing {
            Ok(missing) => {
                for at in missing {
                    let target = &planned.file.items[at as usize].target;
                    if replaceable.contains(&at) {
                        let message = "it was created, and its owner has removed it since";
                        log.info_of(now, target, message);
                        acted.outcomes.insert(at, ItemVerdict::Created, Reason::new("replaced", message));
                        continue;
                    }
                    let message = "it was created and is not there any more";
                    log.error(now, Some(target), message);
                    acted.outcomes.insert(at, ItemVerdict::Failed, Reason::new("vanished", message));
                }
            }
            Err(error) => {
                let kind = planned.resources[usize::from(resource)].group_resource();
                log.error(
                    now,
                    None,
                    &format!("{} {kind} were created but could not be read back: {}", items.len(), chain(&error)),
                );
            }
        }
        progress.advance(Stage::Verify, done as u64 + 1);
    }
    progress.end(Stage::Verify);
}

/// Which of the items are not there.
async fn missing(
    outside: &Outside,
    planned: &PlannedRestore,
    resource: u16,
    items: &[u32],
) -> Result<Vec<u32>, PortError> {
    let mut left: Left = items.iter().map(|at| fingerprint(&planned.file.items[*at as usize].target)).collect();
    let api = &planned.resources[usize::from(resource)];
    let namespaces: BTreeSet<Option<String>> =
        items.iter().map(|at| planned.file.items[*at as usize].target.namespace.clone()).collect();
    let label = planned.file.request.name.as_str();
    let selector = format!("velero.io/restore-name={}", model::go_duration::valid_label_value(label));
    for namespace in scopes(items.len(), &namespaces) {
        let (mut tries, mut expired) = (Tries::default(), 0);
        while let Err(error) = remove_listed(outside, api, namespace.as_deref(), &selector, &mut left).await {
            if error.is_expired() && expired < 5 {
                expired += 1;
                continue;
            }
            match tries.wait(outside.clock.now(), &RetryPolicy::PATIENT, &error) {
                Some(wait) => outside.clock.sleep(wait).await,
                None => return Err(error),
            }
        }
    }
    let not_listed = |at: &u32| left.contains(&fingerprint(&planned.file.items[*at as usize].target));
    // Something in the target may have taken the label away: only a look at the object itself tells that it is gone.
    let looks = items.iter().copied().filter(not_listed).map(|at| async move {
        let ItemId { namespace, name, .. } = &*planned.file.items[at as usize].target;
        let object = ObjectRef { resource: api, namespace: namespace.as_deref(), name };
        match retry(outside.clock.as_ref(), &RetryPolicy::PATIENT, || outside.cluster.get(&object)).await {
            Ok(_) => Ok(None),
            Err(error) if error.is_not_found() => Ok(Some(at)),
            Err(error) => Err(error),
        }
    });
    let gone = futures::stream::iter(looks).buffered(LOOKS).try_collect::<Vec<_>>().await?;
    Ok(gone.into_iter().flatten().collect())
}

/// Removes what a list shows; what a list that broke off had shown was there.
async fn remove_listed(
    outside: &Outside,
    resource: &model::ApiResource,
    namespace: Option<&str>,
    selector: &str,
    left: &mut Left,
) -> Result<(), PortError> {
    let kind = resource.group_resource();
    let mut token = None;
    loop {
        let query = ListQuery {
            resource,
            namespace,
            label_selector: Some(selector.to_owned()),
            limit: 500,
            continue_token: token,
        };
        let mut stream = outside.cluster.list(&query).await?;
        token = None;
        while let Some(event) = stream.next().await {
            match event? {
                ListEvent::Item(body) => {
                    if let Ok(seen) = observe(Role::Plain, Keep::default(), &body) {
                        left.remove(&fingerprint_of(&kind, seen.namespace.as_deref(), &seen.name));
                    }
                }
                ListEvent::End { continue_token, .. } => token = continue_token.filter(|token| !token.is_empty()),
            }
        }
        if token.is_none() {
            return Ok(());
        }
    }
}
