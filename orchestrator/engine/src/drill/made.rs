//! What a step is about to make in a cluster, written down before it does, so that its undoing finds it.
//!
//! The list says where to look; whether an object is really the step's own, its mark says. Objects that were there
//! before the step are never on the list.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use model::{GroupResource, ItemId, Manifest};
use scenario::steps::ClusterHandle;
use scenario::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::live::Live;
use super::step::{Ground, StepContext, StepFailed, disk, failed};

const FILE: &str = "made.json";
const VERSION: &str = "1.0";
const POLL: Duration = Duration::from_secs(1);

/// The file in the step's folder.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeFile {
    version: String,
    /// In the order of making.
    objects: Vec<Made>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    /// `deployments.apps`.
    resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    name: String,
}

/// Adds to the list what the step is about to make; durable when this returns. Gives everything on the list, also
/// what an attempt that was lost may have made.
pub(super) fn intend(
    context: &StepContext,
    objects: impl IntoIterator<Item = ItemId>,
) -> Result<BTreeSet<ItemId>, Failure> {
    let folder = context.folder()?;
    let mut file = read(&folder)?.unwrap_or_else(|| MadeFile { version: VERSION.to_owned(), objects: Vec::new() });
    let known: BTreeSet<Made> = file.objects.iter().cloned().collect();
    let wanted = objects.into_iter().map(|id| Made {
        resource: id.resource.to_string(),
        namespace: id.namespace,
        name: id.name,
    });
    file.objects.extend(wanted.filter(|made| !known.contains(made)));
    write(&folder, &file)?;
    Ok(file.objects.into_iter().map(Made::into_id).collect())
}

/// Deletes what the step made, the last thing first. `is_own` knows the step's mark.
pub(super) async fn remove(
    context: &StepContext,
    handle: &ClusterHandle,
    is_own: &(dyn Fn(&Manifest) -> bool + Send + Sync),
) -> Result<(), StepFailed> {
    let folder = context.run_folder().join("steps").join(&context.step);
    let Some(file) = read(&folder)?.filter(|file| !file.objects.is_empty()) else { return Ok(()) };
    let ground = context.ground(handle);
    if ground == Ground::Gone {
        return Ok(());
    }
    let live = match Live::connect_shortly(context, handle).await {
        Ok(live) => live,
        // The stack below the cluster is destroyed next, and this with it.
        Err(failure) if ground == Ground::Ours && is_absence(&failure) => return Ok(()),
        Err(failure) => {
            let left =
                file.objects.iter().map(|made| format!("{} in {}", made.clone().into_id(), handle.name)).collect();
            return Err(StepFailed { failure, left });
        }
    };
    let mut left = Vec::new();
    let mut first = None;
    let mut going = Vec::new();
    for made in file.objects.iter().rev() {
        match delete(&live, made, is_own).await {
            Ok(true) => going.push(made),
            Ok(false) => {}
            Err(failure) => {
                left.push(format!("{} in {}", made.clone().into_id(), handle.name));
                first.get_or_insert(failure);
            }
        }
    }
    if let Some(failure) = first {
        if ground == Ground::Ours && is_absence(&failure) {
            return Ok(());
        }
        return Err(StepFailed { failure, left });
    }
    if ground == Ground::Ours {
        return Ok(());
    }
    for made in going {
        loop {
            context.say(format!("waiting until {} is gone", made.clone().into_id()));
            if !is_there(&live, made, is_own).await? {
                break;
            }
            context.clock.sleep(POLL).await;
        }
    }
    Ok(())
}

/// Whether a failure says that the cluster is not there, or not any more.
pub(super) fn is_absence(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Unavailable | FailureKind::NotFound | FailureKind::Denied)
}

/// Whether the object was the step's own, and is now going.
async fn delete(live: &Live, made: &Made, is_own: &(dyn Fn(&Manifest) -> bool + Send + Sync)) -> Result<bool, Failure> {
    if !is_there(live, made, is_own).await? {
        return Ok(false);
    }
    let Some(resource) = live.catalog.preferred(&GroupResource::parse(&made.resource)) else { return Ok(false) };
    let gone = live.delete(resource, made.namespace.as_deref(), &made.name).await;
    gone.map_err(|error| failed(format!("failed to delete {}", made.clone().into_id()), &error))?;
    Ok(true)
}

async fn is_there(
    live: &Live,
    made: &Made,
    is_own: &(dyn Fn(&Manifest) -> bool + Send + Sync),
) -> Result<bool, Failure> {
    // A kind that is not served any more has no objects.
    let Some(resource) = live.catalog.preferred(&GroupResource::parse(&made.resource)) else { return Ok(false) };
    let found = live.get(resource, made.namespace.as_deref(), &made.name).await;
    let found = found.map_err(|error| failed(format!("failed to look for {}", made.clone().into_id()), &error))?;
    Ok(found.is_some_and(|object| is_own(&object)))
}

fn read(folder: &Path) -> Result<Option<MadeFile>, Failure> {
    let path = folder.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk("read", &path, &error)),
    };
    let damaged = |why: String| Failure::new(FailureKind::Invalid, format!("{} cannot be used: {why}", path.display()));
    let file: MadeFile = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    match file.version.split_once('.') {
        Some(("1", _)) => Ok(Some(file)),
        _ => Err(damaged(format!("it has version {}", file.version))),
    }
}

fn write(folder: &Path, file: &MadeFile) -> Result<(), Failure> {
    use std::io::Write;
    let path = folder.join(FILE);
    let text = serde_json::to_vec(file).map_err(|error| Failure::new(FailureKind::Other, error.to_string()))?;
    let written = || -> std::io::Result<()> {
        let mut out = tempfile::NamedTempFile::new_in(folder)?;
        out.write_all(&text)?;
        out.as_file().sync_all()?;
        out.persist(&path).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    written().map_err(|error| disk("write", &path, &error))
}

impl Made {
    fn into_id(self) -> ItemId {
        ItemId { resource: GroupResource::parse(&self.resource), namespace: self.namespace, name: self.name }
    }
}
