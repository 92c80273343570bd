//! Makes the whole plan: observes the target, asks `plan` about every item, prepares every body into a spool.
//!
//! One body is in memory at a time. Nothing is written to the target.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::ports::PortError;
use api::velero::restore::NOT_RESTORABLE;
use model::{
    ApiResource, Catalog, Change, Decision, Finding, GroupResource, ItemId, KubernetesVersion, Manifest, Pass, Reason,
    Severity, Verdict,
};
use plan::restore::conflict::{Conflict, conflict};
use plan::restore::format::{PLAN_VERSION, PlanFile, PlannedItem, TargetSeen, redacted};
use plan::restore::hooks::ExecAfter;
use plan::restore::order::{Wave, rank};
use plan::restore::prepare::{Preparation, Prepared, Ready, prepare, prepare_namespace, restore_labels};
use plan::restore::select::{Selection, mapped, select};
use plan::restore::version::{Choice, Definitions, Versions, extended, refusal, source_version};
use plan::restore::webhooks::{UnreadyWebhooks, Webhook, in_the_way};
use plan::restore::{ArchivedItem, VolumePlan};
use sha2::{Digest, Sha256};

use super::RestoreJob;
use super::gates::{services_up, webhooks};
use super::identity::{Fingerprint, fingerprint};
use super::observe::{Existing, ObserveError, Wanted, WantedKind, all_of, discover, existing};
use super::open::OpenedBackup;
use crate::backup::spool::{Span, SpoolWriter};
use crate::ports::Outside;
use crate::progress::{Progress, Stage};

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
        catalog: &catalog,
        file,
        work: Vec::with_capacity(choices.len()),
        resources: Vec::new(),
        numbers: BTreeMap::new(),
        planned: BTreeSet::new(),
        spool: SpoolWriter::create(&folder_for(job.folder)?, 0).map_err(PlanError::Spool)?,
        hooks: Vec::new(),
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
        let at = self.file.items.iter().position(|planned| planned.target == *item || planned.item == *item)?;
        let work = self.work.iter().find(|work| work.planned as usize == at)?;
        self.read(work.body).ok()
    }
}

fn folder_for(folder: &Path) -> Result<std::path::PathBuf, PlanError> {
    let path = folder.join("prepared");
    std::fs::create_dir_all(&path).map_err(PlanError::Spool)?;
    Ok(path)
}

struct Preparing<'a> {
    job: &'a RestoreJob<'a>,
    opened: &'a OpenedBackup,
    preparation: Preparation<'a>,
    existing: Existing,
    catalog: &'a Catalog,
    file: PlanFile,
    work: Vec<Work>,
    resources: Vec<ApiResource>,
    numbers: BTreeMap<(String, String, String), u16>,
    /// Identities in the target that the plan has already.
    planned: BTreeSet<Fingerprint>,
    spool: SpoolWriter,
    /// Of the item that is about to be planned.
    hooks: Vec<ExecAfter>,
}

impl Preparing<'_> {
    fn run(
        &mut self,
        selection: &Selection,
        choices: Vec<(u32, Arc<Choice>)>,
        progress: &dyn Progress,
    ) -> Result<(), PlanError> {
        progress.begin(Stage::Prepare, Some(choices.len() as u64));
        self.namespaces(selection)?;
        let mut order: Vec<(Wave, usize, u32, Arc<Choice>)> = choices
            .into_iter()
            .map(|(at, choice)| {
                let item = &self.opened.items[at as usize];
                let kind = target_of(&choice).map_or_else(|| item.id.resource.clone(), ApiResource::group_resource);
                (Wave::of(&kind), rank(&self.job.request.first, item.id.namespace.as_deref()), at, choice)
            })
            .collect();
        order.sort_by_key(|(wave, rank, at, choice)| (*wave, *rank, !matches!(**choice, Choice::AsIs { .. }), *at));
        for (done, (wave, _, at, choice)) in order.into_iter().enumerate() {
            let opened = self.opened;
            self.item(&opened.items[at as usize], wave, &choice)?;
            if done.is_multiple_of(256) {
                progress.advance(Stage::Prepare, done as u64);
            }
        }
        Ok(())
    }

    fn namespaces(&mut self, selection: &Selection) -> Result<(), PlanError> {
        let kind = GroupResource::new("namespaces", "");
        let Some(resource) = self.catalog.preferred(&kind).cloned() else { return Ok(()) };
        for (name, archived) in &selection.namespaces {
            let target = ItemId::cluster(kind.clone(), name);
            let item = archived.map_or_else(|| target.clone(), |at| self.opened.items[at as usize].id.clone());
            if self.existing.holds(&target) {
                let reason = Reason::new("exists", "the namespace exists and is left as it is");
                self.keep(item, target, &resource, Wave::Namespaces, Verdict::Keep, reason, Vec::new(), Vec::new());
                continue;
            }
            let manifest = match archived {
                Some(at) => self.manifest(&self.opened.items[*at as usize], None)?,
                None => None,
            };
            let ready = Ready {
                manifest: prepare_namespace(&self.preparation, name, manifest.as_ref()),
                target,
                status: None,
                decisions: Vec::new(),
                changes: Vec::new(),
                findings: Vec::new(),
                hooks: Vec::new(),
            };
            self.ready(item, &resource, Wave::Namespaces, ready)?;
        }
        Ok(())
    }

    fn item(&mut self, item: &ArchivedItem, wave: Wave, choice: &Choice) -> Result<(), PlanError> {
        let namespace = item.id.namespace.as_deref().map(|ns| mapped(self.job.request, ns).to_owned());
        let Some(resource) = target_of(choice).cloned() else {
            let (reason, hint) =
                refusal(choice).unwrap_or_else(|| (Reason::new("no-version", "no version"), String::new()));
            let target = ItemId { namespace, ..item.id.clone() };
            let verdict = if matches!(choice, Choice::Skip { .. }) { Verdict::Skip } else { Verdict::Blocked };
            self.refused(&item.id, target, wave, Pass::Version, verdict, reason, &hint);
            return Ok(());
        };
        let target = ItemId { resource: resource.group_resource(), namespace, name: item.id.name.clone() };
        if NOT_RESTORABLE.contains(&target.resource.to_string().as_str()) {
            return Ok(());
        }
        if self.planned.contains(&fingerprint(&target)) {
            let reason = Reason::new("same-object", format!("the backup holds {target} under another group too"));
            let decision = Decision { item: item.id.clone(), pass: Pass::Version, verdict: Verdict::Skip, reason };
            self.file.skipped.push(decision);
            return Ok(());
        }
        let manifest = match self.manifest(item, source_version(choice, item))? {
            Some(manifest) => manifest,
            None => {
                let reason = Reason::new("unreadable-body", "the body in the archive is not an object");
                self.refused(&item.id, target, wave, Pass::Select, Verdict::Blocked, reason, "take the backup again");
                return Ok(());
            }
        };
        match prepare(&self.preparation, &item.id, &resource, manifest) {
            Prepared::Skip(decision) => self.file.skipped.push(decision),
            Prepared::Blocked { decision, hint } => {
                self.refused(&item.id, target, wave, decision.pass, Verdict::Blocked, decision.reason, &hint);
            }
            Prepared::Ready(mut ready) => {
                if let Choice::Rename { because, .. } = choice {
                    let reason = Reason::new("renamed", because.clone());
                    ready.decisions.push(Decision {
                        item: item.id.clone(),
                        pass: Pass::Version,
                        verdict: Verdict::Convert,
                        reason,
                    });
                }
                self.ready(item.id.clone(), &resource, wave, *ready)?;
            }
        }
        Ok(())
    }

    /// Decides about a prepared body: create it, or what to do about the one that exists.
    fn ready(&mut self, item: ItemId, resource: &ApiResource, wave: Wave, ready: Ready) -> Result<(), PlanError> {
        let Ready { manifest, target, status, mut decisions, changes, findings, hooks } = ready;
        self.file.findings.extend(findings);
        let changes: Vec<Change> = changes.into_iter().map(|change| redacted(&manifest, change)).collect();
        let digest = self.job.digests.then(|| hex::encode(Sha256::digest(manifest.to_vec())));
        let Some(there) = self.existing.read(&target) else {
            let body = self.append(&manifest.to_vec())?;
            self.hooks = hooks;
            let status = status.map(|status| self.append(status.to_string().as_bytes())).transpose()?;
            self.send(
                item,
                target,
                resource,
                wave,
                Verdict::Create,
                (body, status, false),
                digest,
                None,
                decisions,
                changes,
            );
            return Ok(());
        };
        let seen = self.job.digests.then(|| existing_digest(&there));
        let decide = |verdict, reason| Decision { item: item.clone(), pass: Pass::Conflict, verdict, reason };
        match conflict(&manifest, &there, self.job.request.existing) {
            Conflict::Patch(patch) => {
                decisions.push(decide(
                    Verdict::Update,
                    Reason::new("differs", "it exists and is brought to what the backup holds"),
                ));
                let body = self.append(patch.to_string().as_bytes())?;
                self.send(
                    item,
                    target,
                    resource,
                    wave,
                    Verdict::Update,
                    (body, None, true),
                    digest,
                    seen,
                    decisions,
                    changes,
                );
            }
            Conflict::Equal => {
                let reason = Reason::new("equal", "the target holds it already");
                self.keep(item, target, resource, wave, Verdict::Keep, reason, decisions, Vec::new());
            }
            Conflict::OwnedByTarget(why) => {
                self.keep(
                    item,
                    target,
                    resource,
                    wave,
                    Verdict::Keep,
                    Reason::new("owned-by-target", why),
                    decisions,
                    Vec::new(),
                );
            }
            Conflict::Differs(pointer) => {
                let message = format!("it exists in the target and differs at {pointer}; it is left as it is");
                self.keep(
                    item,
                    target,
                    resource,
                    wave,
                    Verdict::Warn,
                    Reason::new("exists-differs", message),
                    decisions,
                    Vec::new(),
                );
            }
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one planned item, field by field")]
    fn send(
        &mut self,
        item: ItemId,
        target: ItemId,
        resource: &ApiResource,
        wave: Wave,
        verdict: Verdict,
        (body, status, is_patch): (Span, Option<Span>, bool),
        digest: Option<String>,
        existing: Option<String>,
        decisions: Vec<Decision>,
        changes: Vec<Change>,
    ) {
        let planned = u32::try_from(self.file.items.len()).unwrap_or(u32::MAX);
        let hooks = std::mem::take(&mut self.hooks);
        let resource_number = self.number(resource);
        self.work.push(Work { planned, resource: resource_number, wave, body, status, is_patch, late: false });
        self.planned.insert(fingerprint(&target));
        let api_version = resource.group_version().to_string();
        self.file.items.push(PlannedItem {
            item,
            target,
            api_version,
            wave,
            verdict,
            digest,
            existing,
            decisions,
            changes,
            hooks,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "one planned item, field by field")]
    fn keep(
        &mut self,
        item: ItemId,
        target: ItemId,
        resource: &ApiResource,
        wave: Wave,
        verdict: Verdict,
        reason: Reason,
        mut decisions: Vec<Decision>,
        changes: Vec<Change>,
    ) {
        decisions.push(Decision { item: item.clone(), pass: Pass::Conflict, verdict, reason });
        self.planned.insert(fingerprint(&target));
        let api_version = resource.group_version().to_string();
        self.file.items.push(PlannedItem {
            item,
            target,
            api_version,
            wave,
            verdict,
            digest: None,
            existing: None,
            decisions,
            changes,
            hooks: Vec::new(),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "one planned item, field by field")]
    fn refused(
        &mut self,
        item: &ItemId,
        target: ItemId,
        wave: Wave,
        pass: Pass,
        verdict: Verdict,
        mut reason: Reason,
        hint: &str,
    ) {
        if !hint.is_empty() {
            reason.message = format!("{}; {hint}", reason.message);
        }
        self.planned.insert(fingerprint(&target));
        self.file.items.push(PlannedItem {
            item: item.clone(),
            target,
            api_version: String::new(),
            wave,
            verdict,
            digest: None,
            existing: None,
            decisions: vec![Decision { item: item.clone(), pass, verdict, reason }],
            changes: Vec::new(),
            hooks: Vec::new(),
        });
    }

    fn append(&mut self, body: &[u8]) -> Result<Span, PlanError> {
        self.spool.append(&[body]).map_err(PlanError::Spool)
    }

    fn number(&mut self, resource: &ApiResource) -> u16 {
        let key = (resource.group.clone(), resource.version.clone(), resource.resource.clone());
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let number = u16::try_from(self.resources.len()).unwrap_or(u16::MAX);
        self.resources.push(resource.clone());
        self.numbers.insert(key, number);
        number
    }

    fn manifest(&self, item: &ArchivedItem, version: Option<&str>) -> Result<Option<Manifest>, PlanError> {
        let body = version.and_then(|version| item.body(version)).or_else(|| item.bodies.first());
        let Some(body) = body else { return Ok(None) };
        let span = archive::BodySpan { offset: body.offset, length: body.length };
        let bytes = self.opened.bodies.read(span).map_err(PlanError::Spool)?;
        Ok(Manifest::from_slice(&bytes).ok())
    }
}

/// Which objects of the target have to be looked at. Kinds that the target does not serve yet have none.
fn wanted(
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    selection: &Selection,
    choices: &[(u32, Arc<Choice>)],
    target: &Catalog,
) -> Wanted {
    let mut wanted = Wanted::new();
    for (at, choice) in choices {
        let Some(resource) = target_of(choice) else { continue };
        if target.find(&resource.group_resource(), &resource.version).is_none() {
            continue;
        }
        let item = &opened.items[*at as usize];
        let namespace = item.id.namespace.as_deref().map(|ns| mapped(job.request, ns));
        let entry = wanted.entry(resource.group_resource()).or_insert_with(|| WantedKind::new(resource.clone()));
        entry.add(namespace, &item.id.name);
    }
    let namespaces = GroupResource::new("namespaces", "");
    if let Some(resource) = target.preferred(&namespaces) {
        let mut all = WantedKind::new(resource.clone());
        selection.namespaces.keys().for_each(|name| all.add(None, name));
        wanted.insert(namespaces, all);
    }
    wanted
}

fn target_of(choice: &Choice) -> Option<&ApiResource> {
    match choice {
        Choice::AsIs { to } | Choice::Convert { to, .. } | Choice::Rename { to, .. } => Some(to),
        Choice::Skip { .. } | Choice::Blocked(_) => None,
    }
}

fn read_definitions(opened: &OpenedBackup, selection: &Selection) -> Result<Vec<Manifest>, PlanError> {
    let kind = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    let mut out = Vec::new();
    for item in selection.items.iter().map(|at| &opened.items[*at as usize]).filter(|item| item.id.resource == kind) {
        let Some(body) = item.bodies.first() else { continue };
        let span = archive::BodySpan { offset: body.offset, length: body.length };
        let bytes = opened.bodies.read(span).map_err(PlanError::Spool)?;
        out.extend(Manifest::from_slice(&bytes).ok());
    }
    Ok(out)
}

fn catalog_digest(catalog: &Catalog) -> String {
    let mut hash = Sha256::new();
    for resource in catalog.resources() {
        hash.update(format!("{} {}\n", resource.group_version(), resource.resource));
    }
    hex::encode(hash.finalize())
}

/// Over what a change of intent would change: not over status, nor what the server counts.
fn existing_digest(manifest: &Manifest) -> String {
    let mut manifest = manifest.clone();
    for pointer in ["/status", "/metadata/resourceVersion", "/metadata/managedFields", "/metadata/generation"] {
        manifest.remove(pointer);
    }
    hex::encode(Sha256::digest(manifest.to_vec()))
}
