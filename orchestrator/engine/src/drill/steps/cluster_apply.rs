//! `cluster.apply`: applies a folder of manifests. Undo deletes the objects that it created.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use ::ports::cluster::{ObjectRef, PatchKind};
use ::ports::retry::{RetryPolicy, retry};
use bytes::Bytes;
use model::request::ExistingPolicy;
use model::{ApiResource, ItemId, Manifest};
use plan::restore::conflict::{Conflict, conflict};
use plan::restore::order::Wave;
use scenario::steps::cluster_apply::{Outputs, Params};
use scenario::{Failure, FailureKind, Period};

use crate::drill::live::{Live, Trying};
use crate::drill::made;
use crate::drill::observer::StepProgress;
use crate::drill::step::{StepContext, StepFailed, TOKEN, disk, failed};
use crate::readiness::condition;

const MAX_FILES: usize = 10_000;
const MAX_BYTES: u64 = 256 << 20;
const MANAGER: &str = "landfall-drill";

/// One object to apply, and what it is in this cluster.
struct Planned {
    manifest: Manifest,
    resource: ApiResource,
    existing: Option<Manifest>,
}

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let folder = context.path(&params.manifests);
    let mut manifests = read(&folder)?;
    if manifests.is_empty() {
        let message = format!("{} holds no manifest", folder.display());
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let total = manifests.len() as u64;
    let mut live = Live::connect(context, &params.cluster).await?;
    let mut counts = Outputs { created: 0, updated: 0, unchanged: 0, namespaces: Vec::new() };
    let mut namespaces = BTreeSet::new();
    // Definitions first: the kinds of the rest may come from them.
    let definitions: Vec<Manifest> = manifests.extract_if(.., |object| is_definition(object)).collect();
    let mut done = 0;
    for group in [definitions, manifests] {
        let names: Vec<String> = group.iter().map(|object| object.name().to_owned()).collect();
        let is_definitions = group.first().is_some_and(is_definition);
        let planned = plan(context, &mut live, params, group).await?;
        let absent = planned.iter().filter(|planned| planned.existing.is_none()).map(|planned| planned.id());
        made::intend(context, absent)?;
        for planned in &planned {
            let text = format!("applying {}", planned.id());
            context.show(StepProgress { text, done, total: Some(total) });
            match apply(context, &live, params, planned).await? {
                Applied::Created => counts.created += 1,
                Applied::Updated => counts.updated += 1,
                Applied::Unchanged => counts.unchanged += 1,
            }
            let id = planned.id();
            namespaces.extend(id.namespace);
            if id.resource.to_string() == "namespaces" {
                namespaces.insert(id.name);
            }
            done += 1;
        }
        if is_definitions {
            established(context, &mut live, &names).await?;
        }
    }
    counts.namespaces = namespaces.into_iter().collect();
    Ok(counts)
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    let token = context.token.clone();
    made::remove(context, &params.cluster, &|object| object.annotation(TOKEN) == Some(token.as_str())).await
}

enum Applied {
    Created,
    Updated,
    Unchanged,
}

async fn plan(
    context: &StepContext,
    live: &mut Live,
    params: &Params,
    manifests: Vec<Manifest>,
) -> Result<Vec<Planned>, Failure> {
    let mut planned = Vec::new();
    for mut manifest in manifests {
        let mut trying = Trying::new(context, Period::minutes(1));
        let resource = loop {
            if let Some(resource) = live.catalog.find_kind(&manifest.gvk()) {
                break resource.clone();
            }
            let message = format!("{} serves no {}", live.cluster.describe(), manifest.gvk());
            trying.again(Failure::new(FailureKind::NotFound, message)).await?;
            live.discover().await?;
        };
        if resource.namespaced && manifest.namespace().is_none() {
            manifest.set("/metadata/namespace", params.namespace.as_deref().unwrap_or("default"));
        } else if !resource.namespaced {
            manifest.remove("/metadata/namespace");
        }
        let found = live.get(&resource, manifest.namespace(), manifest.name()).await;
        let existing = found
            .map_err(|error| failed(format!("failed to look for {} {}", manifest.kind(), manifest.name()), &error))?;
        planned.push(Planned { manifest, resource, existing });
    }
    // The order of the files where the order of the waves leaves it open.
    planned.sort_by_key(|planned| Wave::of(&planned.resource.group_resource()));
    Ok(planned)
}

async fn apply(context: &StepContext, live: &Live, params: &Params, planned: &Planned) -> Result<Applied, Failure> {
    let Planned { manifest, resource, existing } = planned;
    let broke = |error| failed(format!("failed to apply {}", planned.id()), &error);
    let mut marked = manifest.clone();
    marked.set_annotation(TOKEN, &context.token);
    let existing = match existing {
        Some(existing) => existing.clone(),
        None => {
            if live.create(resource, &marked).await.map_err(broke)? {
                return Ok(Applied::Created);
            }
            // Somebody was faster, or an answer was lost; a look tells which.
            match live.get(resource, manifest.namespace(), manifest.name()).await.map_err(broke)? {
                Some(existing) => existing,
                None => {
                    let message = format!("{} was created and deleted again by somebody", planned.id());
                    return Err(Failure::new(FailureKind::Conflict, message));
                }
            }
        }
    };
    let own = existing.annotation(TOKEN) == Some(context.token.as_str());
    match conflict(manifest, &existing, ExistingPolicy::None) {
        Conflict::Equal | Conflict::OwnedByTarget(_) => return Ok(Applied::Unchanged),
        Conflict::Differs(pointer) if !own && !params.force => {
            let message = format!("{} is there already, and differs at {pointer}", planned.id());
            return Err(Failure::new(FailureKind::Conflict, message).hint("`force: true` takes it over"));
        }
        Conflict::Differs(_) | Conflict::Patch(_) => {}
    }
    // Only what the step made carries its mark; what it takes over is not its to delete.
    let body = if own { marked } else { manifest.clone() };
    let target = ObjectRef { resource, namespace: manifest.namespace(), name: manifest.name() };
    let patch = || {
        let body = Bytes::from(body.to_vec());
        live.cluster.patch(&target, PatchKind::Apply { field_manager: MANAGER }, body)
    };
    retry(live.clock.as_ref(), &RetryPolicy::PATIENT, patch).await.map_err(broke)?;
    Ok(Applied::Updated)
}

/// Waits until the definitions are established and their kinds are served.
async fn established(context: &StepContext, live: &mut Live, names: &[String]) -> Result<(), Failure> {
    let mut trying = Trying::new(context, Period::minutes(2));
    'again: loop {
        let resource = live.resource("customresourcedefinitions.apiextensions.k8s.io")?.clone();
        for name in names {
            let found = live.get(&resource, None, name).await;
            let found = found.map_err(|error| failed(format!("failed to look at the definition {name}"), &error))?;
            if found.as_ref().and_then(|found| condition(found, "Established")) != Some("True") {
                let message = format!("the definition {name} is not established");
                trying.again(Failure::new(FailureKind::Unavailable, message)).await?;
                continue 'again;
            }
        }
        return live.discover().await;
    }
}

fn is_definition(object: &Manifest) -> bool {
    object.kind() == "CustomResourceDefinition"
}

/// Every object of every YAML and JSON file of a folder, in the order of the files' names.
fn read(folder: &Path) -> Result<Vec<Manifest>, Failure> {
    let mut files = files(folder)?;
    files.sort();
    let mut manifests = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|error| disk("read", &path, &error))?;
        for (line, objects) in versions::yaml::read_all(&text) {
            let invalid = |why: &str| Failure::new(FailureKind::Invalid, format!("{}:{line} {why}", path.display()));
            for object in objects.map_err(|_| invalid("is not YAML that says an object"))? {
                if object.kind().is_empty() || object.api_version().is_empty() || object.name().is_empty() {
                    return Err(invalid("is no Kubernetes object: apiVersion, kind or name is missing"));
                }
                manifests.push(object);
            }
        }
    }
    Ok(manifests)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut open = VecDeque::from([folder.to_owned()]);
    while let Some(folder) = open.pop_front() {
        let broke = |error: std::io::Error| disk("read", &folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(broke)? {
            let entry = entry.map_err(broke)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(broke)?);
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                open.push_back(path);
                continue;
            }
            let wanted = [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
            // kustomize's own file is no manifest.
            if !wanted || matches!(name.as_str(), "kustomization.yaml" | "kustomization.yml") {
                continue;
            }
            bytes += std::fs::metadata(&path).map_err(broke)?.len();
            found.push(path);
            if found.len() > MAX_FILES || bytes > MAX_BYTES {
                let message =
                    format!("{} holds more than {MAX_FILES} files or {} MiB", folder.display(), MAX_BYTES >> 20);
                return Err(Failure::new(FailureKind::Invalid, message));
            }
        }
    }
    Ok(found)
}

impl Planned {
    fn id(&self) -> ItemId {
        ItemId {
            resource: self.resource.group_resource(),
            namespace: self.manifest.namespace().map(str::to_owned),
            name: self.manifest.name().to_owned(),
        }
    }
}
