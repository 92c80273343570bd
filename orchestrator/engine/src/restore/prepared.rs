//! Makes the whole plan: observes the target, asks `plan` about every item, prepares every body into a spool.
//!
//! One body is in memory at a time. Nothing is written to the target.

mod ahead;
mod entry;
mod facts;
mod preparing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::ports::PortError;
use model::{ApiResource, Catalog, Finding, GroupResource, ItemId, KubernetesVersion, Reason, Severity};
use plan::restore::VolumePlan;
use plan::restore::format::{PLAN_VERSION, PlanFile, TargetSeen};
use plan::restore::order::Wave;
use plan::restore::prepare::{Preparation, restore_labels};
use plan::restore::select::select;
use plan::restore::version::{Choice, Definitions, Versions, extended};
use plan::restore::webhooks::{UnreadyWebhooks, Webhook, in_the_way};

use super::RestoreJob;
use super::gates::{services_up, webhooks};
use super::observe::{ObserveError, all_of, discover, existing};
use super::open::OpenedBackup;
use crate::backup::spool::{Span, SpoolWriter};
use crate::ports::Outside;
use crate::progress::{Progress, Stage};
use facts::{catalog_digest, pod_security, read_definitions, target_of, wanted};
use preparing::Preparing;

/// A plan, and everything that carrying it out needs.
pub struct PlannedRestore {
    pub file: PlanFile,
    /// What is sent, in order.
    pub(crate) work: Vec<Work>,
    pub(crate) resources: Vec<ApiResource>,
    pub(crate) bodies: File,
    /// Services that answer webhooks in the way and are not up.
    pub(crate) backends: BTreeSet<(String, String)>,
    /// What the target served when the plan was made.
    pub(crate) target: Catalog,
}

/// One request to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Position in the plan's items.
    pub(crate) planned: u32,
    /// Position in the plan's resources.
    pub(crate) resource: u16,
    pub(crate) wave: Wave,
    pub(crate) body: Span,
    pub(crate) status: Option<Span>,
    /// The body is a merge patch for what exists.
    pub(crate) is_patch: bool,
    /// Something in the target may remove it again, and that is no loss.
    pub(crate) replaceable: bool,
    /// Sent only when the backends of webhooks in the way are up.
    pub(crate) late: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("failed to look at the target")]
    Observe(#[from] ObserveError),
    #[error("failed to list the custom resource definitions of the target")]
    Definitions(#[source] PortError),
    #[error("webhooks of the target would refuse the restore: {0}")]
    Webhooks(String),
    #[error("failed to read the spool")]
    Spool(#[source] std::io::Error),
}

pub(super) async fn plan(
    outside: &Outside,
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    progress: &dyn Progress,
) -> Result<PlannedRestore, PlanError> {
    progress.begin(Stage::Prepare, None);
    let discovery = discover(outside).await?;
    let target = discovery.catalog;
    let selection = select(job.request, &opened.items, &target);
    let mut definitions = Definitions::default();
    let brought = read_definitions(opened, &selection)?;
    brought.iter().for_each(|definition| definitions.add_archived(definition));
    let kind = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    let needs_definitions = opened.kinds.keys().any(|kind| kind.group.contains('.'));
    if let Some(resource) = target.preferred(&kind).filter(|_| needs_definitions) {
        let there = all_of(outside, resource).await.map_err(PlanError::Definitions)?;
        there.iter().for_each(|definition| definitions.add_target(definition));
    }
    let catalog = extended(&target, &brought);
    let mut versions = Versions::new(&catalog, &definitions, job.conversions, &opened.kinds);
    let choices: Vec<(u32, Arc<Choice>)> =
        selection.items.iter().map(|at| (*at, versions.of(&opened.items[*at as usize]))).collect();
    drop(versions);
    let folder = job.folder.join("existing");
    std::fs::create_dir_all(&folder).map_err(PlanError::Spool)?;
    let existing = existing(outside, &wanted(job, opened, &selection, &choices, &target), &folder).await?;

    let webhooks = webhooks(outside, &target).await;
    let services: BTreeSet<(String, String)> = webhooks.iter().map(|webhook| webhook.service.clone()).collect();
    let up = services_up(outside, &target, &services).await;
    let kinds = choices.iter().filter_map(|(_, choice)| target_of(choice)).map(ApiResource::group_resource).collect();
    let gates: Vec<Webhook> = in_the_way(&webhooks, &up, &kinds).into_iter().cloned().collect();
    if job.webhooks == UnreadyWebhooks::Fail && !gates.is_empty() {
        let all: Vec<String> = gates.iter().map(Webhook::describe).collect();
        return Err(PlanError::Webhooks(all.join("; ")));
    }

    let volumes = VolumePlan::plan(job.request, &opened.items, &selection.items, &opened.volumes);
    let preparation = Preparation {
        request: job.request,
        conversions: job.conversions,
        modifiers: job.modifiers,
        volumes: &volumes,
        rewrite: job.rewrite,
        labels: restore_labels(job.request),
        pod_security: pod_security(job, opened, &target)?,
        release: KubernetesVersion::parse(&discovery.version).ok(),
    };
    let mut findings = opened.findings.clone();
    findings.extend(existing.findings.iter().cloned());
    findings.extend(discovery.failures.iter().map(|(group_version, error)| Finding {
        severity: Severity::Warning,
        item: None,
        pointer: None,
        reason: Reason::new("api-unavailable", format!("{group_version} does not answer: {}", model::chain(error))),
    }));
    findings.extend(gates.iter().map(|webhook| Finding {
        severity: Severity::Warning,
        item: None,
        pointer: None,
        reason: Reason::new("webhook-backend-down", webhook.describe()),
    }));
    let file = PlanFile {
        version: PLAN_VERSION.to_owned(),
        request: job.request.clone(),
        spec: serde_json::to_value(job.spec).ok(),
        backup_digest: opened.digest.clone(),
        location: outside.store.describe(),
        target: TargetSeen {
            server: outside.cluster.describe(),
            version: discovery.version,
            catalog_digest: catalog_digest(&target),
        },
        settings: job.settings.clone(),
        items: Vec::with_capacity(choices.len()),
        skipped: selection.decisions.clone(),
        findings,
    };
    let mut preparing = Preparing {
        job,
        opened,
        preparation,
        existing,
        served: &target,
        catalog: &catalog,
        file,
        work: Vec::with_capacity(choices.len()),
        resources: Vec::new(),
        numbers: BTreeMap::new(),
        planned: BTreeSet::new(),
        undefined: BTreeMap::new(),
        spool: SpoolWriter::create(&folder_for(job.folder)?, 0).map_err(PlanError::Spool)?,
    };
    tokio::task::block_in_place(|| preparing.run(&selection, choices, progress))?;
    let Preparing { file, mut work, resources, spool, .. } = preparing;
    let (_, path) = spool.finish().map_err(PlanError::Spool)?;
    let backends: BTreeSet<(String, String)> = gates.iter().map(|webhook| webhook.service.clone()).collect();
    if job.webhooks == UnreadyWebhooks::WorkloadsFirst && !backends.is_empty() {
        for work in &mut work {
            let namespace = file.items[work.planned as usize].target.namespace.as_deref();
            work.late = namespace.is_some_and(|ns| !backends.iter().any(|(backend, _)| backend == ns));
        }
    }
    // Bodies were prepared in order; a stable sort keeps favoured namespaces first inside a wave.
    work.sort_by_key(|work| (work.late, work.wave));
    progress.end(Stage::Prepare);
    let bodies = File::open(path).map_err(PlanError::Spool)?;
    Ok(PlannedRestore { file, work, resources, bodies, backends, target })
}

impl PlannedRestore {
    pub(crate) fn read(&self, span: Span) -> std::io::Result<Vec<u8>> {
        let mut body = vec![0; span.length as usize];
        std::os::unix::fs::FileExt::read_exact_at(&self.bodies, &mut body, span.offset)?;
        Ok(body)
    }

    /// The body that would be sent for an item, for people who ask to see it.
    pub fn body_of(&self, item: &ItemId) -> Option<Vec<u8>> {
        let at = self.file.items.iter().position(|planned| *planned.target == *item || *planned.item == *item)?;
        let work = self.work.iter().find(|work| work.planned as usize == at)?;
        self.read(work.body).ok()
    }
}

fn folder_for(folder: &Path) -> Result<std::path::PathBuf, PlanError> {
    let path = folder.join("prepared");
    std::fs::create_dir_all(&path).map_err(PlanError::Spool)?;
    Ok(path)
}
