//! What planning asks of the backup and the target before it looks at single items.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ApiResource, Catalog, GroupResource, Manifest};
use plan::restore::pod_security::PodSecurity;
use plan::restore::prepare::check_identity;
use plan::restore::select::{Selection, mapped};
use plan::restore::version::Choice;
use sha2::{Digest, Sha256};
use versions::PodSecurityLevel;

use super::PlanError;
use crate::restore::RestoreJob;
use crate::restore::observe::{Wanted, WantedKind};
use crate::restore::open::OpenedBackup;

/// Which objects of the target have to be looked at. Kinds that the target does not serve yet have none.
pub(super) fn wanted(
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

pub(super) fn target_of(choice: &Choice) -> Option<&ApiResource> {
    match choice {
        Choice::AsIs { to } | Choice::Convert { to, .. } | Choice::Rename { to, .. } => Some(to),
        Choice::Skip { .. } | Choice::Blocked(_) => None,
    }
}

pub(super) fn read_definitions(opened: &OpenedBackup, selection: &Selection) -> Result<Vec<Manifest>, PlanError> {
    let kind = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    let mut out = Vec::new();
    for item in selection.items.iter().map(|at| &opened.items[*at as usize]).filter(|item| item.id.resource == kind) {
        let Some(body) = item.bodies.first() else { continue };
        let span = archive::BodySpan { offset: body.offset, length: body.length };
        let bytes = opened.bodies.read(span).map_err(PlanError::Spool)?;
        // A definition that claims to be another one must not make kinds known that nobody defines.
        let sound = |definition: &Manifest| check_identity(&item.id, "CustomResourceDefinition", definition).is_ok();
        out.extend(Manifest::from_slice(&bytes).ok().filter(sound));
    }
    Ok(out)
}

pub(super) fn catalog_digest(catalog: &Catalog) -> String {
    let mut hash = Sha256::new();
    for resource in catalog.resources() {
        hash.update(format!("{} {}\n", resource.group_version(), resource.resource));
    }
    hex::encode(hash.finalize())
}

/// Over what a change of intent would change: not over status, nor what the server counts.
pub(super) fn existing_digest(manifest: &Manifest) -> String {
    let mut manifest = manifest.clone();
    for pointer in ["/status", "/metadata/resourceVersion", "/metadata/managedFields", "/metadata/generation"] {
        manifest.remove(pointer);
    }
    hex::encode(Sha256::digest(manifest.to_vec()))
}

/// The Pod Security level of each namespace, when the restore is to label namespaces in place of policies.
pub(super) fn pod_security(
    job: &RestoreJob<'_>,
    opened: &OpenedBackup,
    target: &Catalog,
) -> Result<BTreeMap<String, PodSecurityLevel>, PlanError> {
    let served = target.preferred(&GroupResource::new("podsecuritypolicies", "policy")).is_some();
    if served || job.conversions.value("pod-security-policy") != "label-namespaces" {
        return Ok(BTreeMap::new());
    }
    let mut security = PodSecurity::default();
    for item in &opened.items {
        if let Some(namespace) = &item.id.namespace {
            security.namespaces.insert(namespace);
        }
        let kind = (item.id.resource.resource.as_str(), item.id.resource.group.as_str());
        let list = match kind {
            ("podsecuritypolicies", "policy" | "extensions") => &mut security.policies,
            ("roles" | "clusterroles", "rbac.authorization.k8s.io") => &mut security.roles,
            ("rolebindings" | "clusterrolebindings", "rbac.authorization.k8s.io") => &mut security.bindings,
            ("namespaces", "") => {
                security.namespaces.insert(&item.id.name);
                continue;
            }
            _ => continue,
        };
        let Some(body) = item.bodies.first() else { continue };
        let span = archive::BodySpan { offset: body.offset, length: body.length };
        let bytes = opened.bodies.read(span).map_err(PlanError::Spool)?;
        let same = |manifest: &Manifest| {
            manifest.name() == item.id.name && manifest.namespace() == item.id.namespace.as_deref()
        };
        list.extend(Manifest::from_slice(&bytes).ok().filter(same));
    }
    Ok(security.levels())
}
