//! `verify.objects`: what is in the cluster is what was in the backup.
//!
//! Plans the restore once more: an object that the plan would keep because it is equal is as it was backed up, after
//! conversion and rewriting. One that the plan would create is missing.

use std::collections::BTreeSet;

use model::{ItemId, Manifest, Severity, Verdict};
use plan::restore::format::PlannedItem;
use plan::restore::owned::is_replaceable;
use plan::restore::prepare::Rewrite;
use scenario::Failure;
use scenario::steps::verify_objects::Params;
use scenario::steps::{Verification, restore_run};

use super::checks::Checks;
use super::restoring::{Restoring, into_cluster, plain};
use super::shown::Shown;
use crate::drill::step::{StepContext, broke};
use crate::restore::OpenedBackup;
use crate::rewriting::Rewriting;

/// Kinds that a living cluster changes all the time.
const FLEETING: [&str; 6] = [
    "events",
    "events.events.k8s.io",
    "leases.coordination.k8s.io",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "namespaces",
];

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    let restore = as_restored(context, params);
    let restoring = Restoring::open(context, &restore).await?;
    let rewrite = restoring.rewriting().map(Rewriting::rewrite);
    let job = restoring.job(rewrite.as_ref().map(|rewrite| rewrite as &dyn Rewrite));
    let planned = crate::restore::plan(&restoring.outside, &job, &restoring.opened, &Shown::new(context)).await;
    let planned = planned.map_err(|error| broke(format!("failed to compare with backup {}", params.backup), &error))?;
    let unknown: Vec<_> =
        planned.file.findings.iter().filter(|finding| finding.reason.code == "existing-unknown").collect();
    let mut checks = Checks::default();
    // What could not be looked at must not pass as equal or missing.
    for finding in &unknown {
        checks.bad(finding.item.as_ref(), &finding.reason.code, finding.reason.message.clone());
    }
    let mut kinds = BTreeSet::new();
    for item in &planned.file.items {
        let kind = item.target.resource.to_string();
        let excepted = [&kind, &item.target.resource.resource].into_iter().any(|name| params.except.contains(name));
        // Namespaces are judged by what is in them; they are created bare.
        if excepted || (FLEETING.contains(&kind.as_str()) && !(kind == "namespaces" && item.verdict == Verdict::Create))
        {
            continue;
        }
        if item.verdict == Verdict::Create && !unknown.is_empty() {
            continue;
        }
        if judge(params, &restoring.opened, item, &mut checks) {
            kinds.insert(kind);
        }
    }
    let bodies = if params.digests { "is there and as backed up" } else { "is there" };
    checks.end(&format!("every object of {} kinds {bodies}", kinds.len()), "objects are not as in the backup")
}

/// Whether the item was checked.
fn judge(params: &Params, opened: &OpenedBackup, item: &PlannedItem, checks: &mut Checks) -> bool {
    let target: Option<&ItemId> = Some(&item.target);
    let reason = item.decisions.last().map(|decision| &decision.reason);
    let code = reason.map(|reason| reason.code.as_str()).unwrap_or_default();
    let message = reason.map(|reason| reason.message.clone()).unwrap_or_default();
    let wrong = match item.verdict {
        // Not there, and nobody misses it.
        Verdict::Keep if code == "owner-decides" => return false,
        Verdict::Keep => None,
        Verdict::Create => Some(("missing", "it is in the backup and not in the cluster".to_owned())),
        Verdict::Update => params.digests.then(|| ("differs", "it differs from the backup".to_owned())),
        Verdict::Blocked => Some(("blocked", message)),
        Verdict::Skip | Verdict::Warn | Verdict::Convert | Verdict::Rewrite => match code {
            "exists-differs" => params.digests.then_some(("differs", message)),
            "owned-by-target" => None,
            _ => {
                checks.note(Severity::Info, target, code, message);
                return false;
            }
        },
    };
    match wrong {
        None => checks.good(),
        Some(_) if is_replaced(opened, item) => return false,
        Some((code, message)) => checks.bad(target, code, message),
    }
    true
}

fn is_replaced(opened: &OpenedBackup, item: &PlannedItem) -> bool {
    let archived = opened.items.iter().find(|archived| archived.id == item.item);
    let Some(body) = archived.and_then(|archived| archived.bodies.first()) else { return false };
    let span = archive::BodySpan { offset: body.offset, length: body.length };
    let body = opened.bodies.read(span).ok().and_then(|body| Manifest::from_slice(&body).ok());
    body.is_some_and(|body| is_replaceable(&body))
}

/// The restore that brought the objects, as far as this run has one; what the step says itself wins.
fn as_restored(context: &StepContext, params: &Params) -> restore_run::Params {
    let restored = into_cluster(context, &params.cluster).filter(|restore| restore.backup == params.backup);
    let mut restore = restored.unwrap_or_else(|| plain(&params.backup, &params.location, &params.cluster));
    restore.location = params.location.clone();
    restore.cluster = params.cluster.clone();
    restore.existing = restore_run::Existing::Keep;
    if !params.include_namespaces.is_empty() {
        restore.include_namespaces = params.include_namespaces.clone();
    }
    if !params.namespace_mapping.is_empty() {
        restore.namespace_mapping = params.namespace_mapping.clone();
    }
    restore
}
