//! Plans one item after another: what becomes of it, and the body that is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::velero::restore::NOT_RESTORABLE;
use model::{
    ApiResource, Catalog, Change, Decision, Finding, GroupResource, ItemId, Manifest, Pass, Reason, Severity, Verdict,
    go_duration,
};
use plan::restore::ArchivedItem;
use plan::restore::conflict::{Conflict, conflict, patch_changes};
use plan::restore::format::{PlanFile, PlannedItem, redacted};
use plan::restore::hooks::ExecAfter;
use plan::restore::order::{Wave, rank};
use plan::restore::prepare::{Preparation, Prepared, Ready, check_identity, prepare_namespace};
use plan::restore::select::{Selection, mapped};
use plan::restore::version::{Choice, refusal};
use sha2::{Digest, Sha256};

use super::ahead::{self, Chosen};
use super::entry::{Entry, alike};
use super::facts::{existing_digest, target_of};
use super::{PlanError, Work};
use crate::backup::spool::{Span, SpoolWriter};
use crate::progress::{Progress, Stage};
use crate::restore::RestoreJob;
use crate::restore::identity::{Fingerprint, fingerprint};
use crate::restore::observe::Existing;
use crate::restore::open::OpenedBackup;

pub(super) struct Preparing<'a> {
    pub(super) job: &'a RestoreJob<'a>,
    pub(super) opened: &'a OpenedBackup,
    pub(super) preparation: Preparation<'a>,
    pub(super) existing: Existing,
    /// What the target serves now.
    pub(super) served: &'a Catalog,
    /// And with the definitions that the backup brings.
    pub(super) catalog: &'a Catalog,
    pub(super) file: PlanFile,
    pub(super) work: Vec<Work>,
    pub(super) resources: Vec<ApiResource>,
    pub(super) numbers: BTreeMap<(String, String, String), u16>,
    /// Identities in the target that the plan has already.
    pub(super) planned: BTreeSet<Fingerprint>,
    /// Kinds whose definition the plan does not create, and why.
    pub(super) undefined: BTreeMap<GroupResource, String>,
    pub(super) spool: SpoolWriter,
}

/// What is sent for an item.
struct Parcel {
    body: Span,
    status: Option<Span>,
    is_patch: bool,
    replaceable: bool,
}

impl Preparing<'_> {
    pub(super) fn run(
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
        let opened = self.opened;
        let chosen = |(wave, _, at, choice)| (wave, (&opened.items[at as usize], choice));
        let (waves, chosen): (Vec<Wave>, Vec<Chosen<'_>>) = order.into_iter().map(chosen).unzip();
        let mut done = 0;
        while done < chosen.len() {
            let batch = &chosen[done..done + ahead::batch(&chosen[done..])];
            let prepared = ahead::prepare_all(opened, &self.preparation, batch).map_err(PlanError::Spool)?;
            for ((wave, (item, choice)), prepared) in waves[done..].iter().zip(batch).zip(prepared) {
                self.item(item, *wave, choice, prepared)?;
            }
            done += batch.len();
            progress.advance(Stage::Prepare, done as u64);
        }
        Ok(())
    }

    fn namespaces(&mut self, selection: &Selection) -> Result<(), PlanError> {
        let kind = GroupResource::new("namespaces", "");
        let Some(resource) = self.catalog.preferred(&kind).cloned() else { return Ok(()) };
        for (name, archived) in &selection.namespaces {
            let target = Arc::new(ItemId::cluster(kind.clone(), name));
            let archived = archived.map(|at| &self.opened.items[at as usize]);
            let item = archived.map_or_else(|| Arc::clone(&target), |item| Arc::clone(&item.id));
            let mut entry =
                Entry { item, target, wave: Wave::Namespaces, resource: Some(&resource), decisions: Vec::new() };
            if self.existing.holds(&entry.target) {
                if let Some(level) = self.preparation.pod_security.get(&entry.item.name) {
                    let message =
                        format!("the namespace exists, so nobody labels it with the Pod Security level {level}");
                    let reason = Reason::new("pod-security-policy", message);
                    let item = Some(ItemId::clone(&entry.item));
                    self.file.findings.push(Finding { severity: Severity::Warning, item, pointer: None, reason });
                }
                let reason = Reason::new("exists", "the namespace exists and is left as it is");
                self.keep(entry, Verdict::Keep, reason);
                continue;
            }
            let manifest = match archived {
                Some(item) => self.namespace_body(item)?,
                None => None,
            };
            if let (Some(_), None) = (archived, &manifest) {
                // What is in it must not suffer; that something is missing is an error all the same.
                let reason = self.unreadable(&entry.item);
                entry.decisions.push(entry.decide(Pass::Select, Verdict::Warn, reason.clone()));
                let finding = Finding {
                    severity: Severity::Error,
                    item: Some(ItemId::clone(&entry.item)),
                    pointer: None,
                    reason,
                };
                self.file.findings.push(finding);
            }
            let original = entry.item.name.clone();
            let body = prepare_namespace(&self.preparation, name, &original, manifest.as_ref());
            if let Some(level) = self.preparation.pod_security.get(&original) {
                let message =
                    format!("its pods are held to the level {level}, as the policies that held before allowed");
                let reason = Reason::new("pod-security-policy", message);
                entry.decisions.push(entry.decide(Pass::Convert, Verdict::Warn, reason));
            }
            let status = None;
            let (decisions, changes, findings, hooks) =
                (std::mem::take(&mut entry.decisions), Vec::new(), Vec::new(), Vec::new());
            let target = ItemId::clone(&entry.target);
            let (replaceable, maker) = (false, None);
            let ready =
                Ready { manifest: body, target, status, decisions, changes, findings, hooks, replaceable, maker };
            self.ready(entry, ready)?;
        }
        Ok(())
    }

    /// The archive's namespace, when it is the one that its path says.
    fn namespace_body(&self, item: &ArchivedItem) -> Result<Option<Manifest>, PlanError> {
        let body = ahead::manifest(self.opened, item, None).map_err(PlanError::Spool)?;
        Ok(body.filter(|body| check_identity(&item.id, "Namespace", body).is_ok()))
    }

    fn item(
        &mut self,
        item: &ArchivedItem,
        wave: Wave,
        choice: &Choice,
        prepared: Option<Prepared>,
    ) -> Result<(), PlanError> {
        let namespace = item.id.namespace.as_deref().map(|ns| mapped(self.job.request, ns).to_owned());
        let archived = |namespace| Entry {
            item: Arc::clone(&item.id),
            target: alike(&item.id, ItemId { namespace, ..ItemId::clone(&item.id) }),
            wave,
            resource: None,
            decisions: Vec::new(),
        };
        if item.bodies.is_empty() {
            let reason = self.unreadable(&item.id);
            self.refused(archived(namespace), Pass::Select, Verdict::Blocked, reason, "take the backup again");
            return Ok(());
        }
        let Some(resource) = target_of(choice).cloned() else {
            let (reason, hint) =
                refusal(choice).unwrap_or_else(|| (Reason::new("no-version", "no version"), String::new()));
            let verdict = if matches!(choice, Choice::Skip { .. }) { Verdict::Skip } else { Verdict::Blocked };
            let mut reason = reason;
            if reason.code == "pod-security-policy"
                && let Some(policy) = ahead::manifest(self.opened, item, None).map_err(PlanError::Spool)?
            {
                let level = versions::pod_security_level(&policy);
                reason.message = format!("{}; what it allows comes closest to the level {level}", reason.message);
            }
            self.refused(archived(namespace), Pass::Version, verdict, reason, &hint);
            return Ok(());
        };
        let target = ItemId { resource: resource.group_resource(), namespace, name: item.id.name.clone() };
        if NOT_RESTORABLE.contains(&target.resource.to_string().as_str()) {
            return Ok(());
        }
        if self.planned.contains(&fingerprint(&target)) {
            let reason = Reason::new("same-object", format!("the backup holds {target} under another group too"));
            let item = ItemId::clone(&item.id);
            let decision = Decision { item, pass: Pass::Version, verdict: Verdict::Skip, reason };
            self.file.skipped.push(decision);
            return Ok(());
        }
        let mut entry = Entry {
            item: Arc::clone(&item.id),
            target: alike(&item.id, target),
            wave,
            resource: Some(&resource),
            decisions: Vec::new(),
        };
        if let Some(why) = self.undefined.get(&entry.target.resource) {
            let message = format!("its definition {} is not restored: {why}", entry.target.resource);
            let reason = Reason::new("definition-blocked", message);
            entry.resource = None;
            self.refused(entry, Pass::Version, Verdict::Blocked, reason, "bring the definition by other means");
            return Ok(());
        }
        let Some(prepared) = prepared else {
            let reason = self.unreadable(&item.id);
            entry.resource = None;
            self.refused(entry, Pass::Select, Verdict::Blocked, reason, "take the backup again");
            return Ok(());
        };
        match prepared {
            Prepared::Skip(decision) => self.file.skipped.push(decision),
            Prepared::Blocked { decision, hint } => {
                entry.resource = None;
                self.refused(entry, decision.pass, Verdict::Blocked, decision.reason, &hint);
            }
            Prepared::Ready(mut ready) => {
                if let Choice::Rename { because, .. } = choice {
                    let reason = Reason::new("renamed", because.clone());
                    ready.decisions.push(entry.decide(Pass::Version, Verdict::Convert, reason));
                }
                self.ready(entry, *ready)?;
            }
        }
        Ok(())
    }

    /// Decides about a prepared body: create it, or what to do about the one that exists.
    fn ready(&mut self, mut entry: Entry<'_>, ready: Ready) -> Result<(), PlanError> {
        let Ready { manifest, target, status, decisions, changes, findings, hooks, replaceable, maker } = ready;
        if *entry.target != target {
            entry.target = Arc::new(target);
        }
        entry.decisions = decisions;
        self.file.findings.extend(findings);
        let mut changes: Vec<Change> = changes.into_iter().map(|change| redacted(&manifest, change)).collect();
        let digest = self.job.digests.then(|| hex::encode(Sha256::digest(manifest.to_vec())));
        let Some(there) = self.existing.read(&entry.target) else {
            // Commands for a pod need that very pod.
            if let Some(maker) = maker.filter(|maker| hooks.is_empty() && self.existing.holds(maker)) {
                let message = format!("{maker} is in the target and makes what it needs");
                self.keep(entry, Verdict::Keep, Reason::new("owner-decides", message));
                return Ok(());
            }
            let body = self.append(&manifest.to_vec())?;
            let status = status.map(|status| self.append(status.to_string().as_bytes())).transpose()?;
            let planned = PlannedItem { digest, changes, hooks, ..entry.planned(Verdict::Create) };
            self.send(entry, planned, Parcel { body, status, is_patch: false, replaceable });
            return Ok(());
        };
        let hooks = self.still_to_run(&entry, &there, hooks);
        match conflict(&manifest, &there, self.job.request.existing) {
            Conflict::Patch(patch) => {
                let reason = Reason::new("differs", "it exists and is brought to what the backup holds");
                entry.decisions.push(entry.decide(Pass::Conflict, Verdict::Update, reason));
                changes.extend(patch_changes(&patch, &there).into_iter().map(|change| redacted(&manifest, change)));
                let body = self.append(patch.to_string().as_bytes())?;
                let existing = self.job.digests.then(|| existing_digest(&there));
                let planned = PlannedItem { digest, existing, changes, ..entry.planned(Verdict::Update) };
                self.send(entry, planned, Parcel { body, status: None, is_patch: true, replaceable });
            }
            Conflict::Equal => {
                self.keep(entry, Verdict::Keep, Reason::new("equal", "the target holds it already"));
            }
            Conflict::OwnedByTarget(why) => self.keep(entry, Verdict::Keep, Reason::new("owned-by-target", why)),
            Conflict::Differs(pointer) => {
                let message = format!("it exists in the target and differs at {pointer}; it is left as it is");
                self.keep(entry, Verdict::Warn, Reason::new("exists-differs", message));
            }
        }
        if let Some(item) = self.file.items.last_mut() {
            item.hooks = hooks;
        }
        Ok(())
    }

    /// The commands of a pod that an earlier run of this restore created, and that may not have run: that run may have
    /// been killed. Whether it ended well is seen in the location, when it comes to running them.
    fn still_to_run(&mut self, entry: &Entry<'_>, there: &Manifest, hooks: Vec<ExecAfter>) -> Vec<ExecAfter> {
        let name = go_duration::valid_label_value(&self.job.request.name);
        if hooks.is_empty() || there.label("velero.io/restore-name") != Some(name.as_str()) {
            return Vec::new();
        }
        if let Some(resource) = entry.resource {
            self.number(resource);
        }
        hooks
    }

    fn send(&mut self, mut entry: Entry<'_>, mut item: PlannedItem, parcel: Parcel) {
        let Some(resource) = entry.resource else { return };
        let planned = u32::try_from(self.file.items.len()).unwrap_or(u32::MAX);
        let resource = self.number(resource);
        let Parcel { body, status, is_patch, replaceable } = parcel;
        let (wave, late) = (entry.wave, false);
        self.work.push(Work { planned, resource, wave, body, status, is_patch, replaceable, late });
        item.decisions = std::mem::take(&mut entry.decisions);
        self.push(item);
    }

    fn keep(&mut self, mut entry: Entry<'_>, verdict: Verdict, reason: Reason) {
        let mut item = entry.planned(verdict);
        entry.decisions.push(entry.decide(Pass::Conflict, verdict, reason));
        item.decisions = entry.decisions;
        self.push(item);
    }

    fn refused(&mut self, entry: Entry<'_>, pass: Pass, verdict: Verdict, mut reason: Reason, hint: &str) {
        if entry.wave == Wave::Definitions {
            let kind = GroupResource::parse(&entry.item.name);
            if self.served.preferred(&kind).is_none() {
                self.undefined.insert(kind, reason.message.clone());
            }
        }
        if !hint.is_empty() {
            reason.message = format!("{}; {hint}", reason.message);
        }
        let mut item = entry.planned(verdict);
        item.decisions = vec![entry.decide(pass, verdict, reason)];
        self.push(item);
    }

    fn push(&mut self, item: PlannedItem) {
        self.planned.insert(fingerprint(&item.target));
        self.file.items.push(item);
    }

    /// Why an item of the archive has no body, or not its own.
    fn unreadable(&self, item: &ItemId) -> Reason {
        match self.opened.unreadable.get(item) {
            Some(why) => Reason::new("unreadable-body", format!("its body in the archive is no object: {why}")),
            None => Reason::new("forged-identity", "its body in the archive is not the object that its path names"),
        }
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
}
