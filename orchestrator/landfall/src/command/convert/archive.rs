//! The archive of a backup, converted into YAML files: one for each object, in the best version that is held.
//!
//! Objects that have no form in the release are reported and not written. What belongs to the old cluster (uids,
//! status) is kept: taking it off is a restore's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use anyhow::Context as _;
use archive::{Caps, Spool, SpoolReader, Trouble};
use model::{GroupResource, ItemId, Manifest};
use plan::restore::version::{Definitions, Versions, source_version};
use plan::restore::{ArchivedBody, ArchivedItem};
use versions::Outcome;

use super::report::{FileReport, Report};
use super::sink::Sink;
use super::{Conversion, input};
use crate::failure::Failure;

pub(super) fn convert(
    reader: impl Read,
    folder: &Path,
    mut conversion: Conversion,
    sink: &mut Sink,
    report: &mut Report,
) -> Result<(), Failure> {
    sink.expect_several();
    let path = folder.join("spool");
    let out = File::create(&path).context("failed to create a temporary file")?;
    let mut kinds: BTreeMap<GroupResource, String> = BTreeMap::new();
    let spool = Spool::unpack(BufReader::new(reader), BufWriter::new(out), Caps::default(), |entry, facts, _| {
        kinds.entry(entry.path.item.resource.clone()).or_insert_with(|| facts.kind.clone());
    })
    .context("the archive cannot be read")?;
    let bodies = SpoolReader::new(File::open(&path).context("failed to open a temporary file")?);
    let forged = troubles(&spool, report);
    let mut definitions = Definitions::default();
    let crds = GroupResource::new("customresourcedefinitions", "apiextensions.k8s.io");
    for (_, stored) in spool.items.iter().filter(|(id, _)| id.resource == crds) {
        for body in &stored.bodies {
            let bytes = bodies.read(body.span).context("failed to read a temporary file")?;
            if let Ok(definition) = Manifest::from_slice(&bytes) {
                conversion.target.define(&definition);
                definitions.add_archived(&definition);
            }
        }
    }
    let catalog = conversion.target.catalog.clone();
    let mut versions = Versions::new(&catalog, &definitions, &conversion.options, &kinds);
    for (id, stored) in &spool.items {
        if forged.contains(id) || stored.bodies.is_empty() {
            continue;
        }
        let item = ArchivedItem {
            id: id.clone().into(),
            bodies: stored
                .bodies
                .iter()
                .map(|body| ArchivedBody {
                    version: body.version.as_str().into(),
                    preferred: body.preferred,
                    offset: body.span.offset,
                    length: body.span.length,
                })
                .collect(),
            labels: BTreeMap::new(),
            more: None,
        };
        let choice = versions.of(&item);
        let version = source_version(&choice, &item);
        let body = version.and_then(|version| stored.in_version(version)).or_else(|| stored.best());
        let Some(body) = body else { continue };
        let bytes = bodies.read(body.span).context("failed to read a temporary file")?;
        let name = name(id);
        report.add(one(&name, &bytes, &conversion, sink).unwrap_or_else(|trouble| FileReport::failed(&name, trouble)));
    }
    Ok(())
}

fn one(name: &str, bytes: &[u8], conversion: &Conversion, sink: &mut Sink) -> Result<FileReport, input::Trouble> {
    let mut value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| input::Trouble::Content(format!("the body is not an object: {error}")))?;
    let document = versions::convert_object(&mut value, &conversion.target, &conversion.options);
    let mut file = FileReport::named(name);
    file.object(&document);
    match document.outcome {
        Outcome::Blocked | Outcome::Unreadable | Outcome::NotAnObject | Outcome::Empty => {}
        Outcome::Unchanged | Outcome::Unknown | Outcome::Converted | Outcome::Upgraded => {
            let changed = document.outcome.is_change();
            sink.write(name, &versions::to_yaml(&value), changed, &mut file)?;
        }
    }
    Ok(file)
}

/// Reports what is odd about the archive; the items whose body speaks of another object are not converted.
fn troubles<'s>(spool: &'s Spool, report: &mut Report) -> BTreeSet<&'s ItemId> {
    let mut forged = BTreeSet::new();
    for trouble in &spool.troubles {
        let message = trouble.to_string();
        match trouble {
            Trouble::UnknownFile { path } => {
                report.add(FileReport::passed_over(path, "it is not an object".to_owned()))
            }
            Trouble::CopiesDiffer { item } => report.add(FileReport::passed_over(&name(item), message)),
            Trouble::BadBody { item, .. } => report.add(FileReport::needs_person(&name(item), message)),
            Trouble::OtherIdentity { item, .. } => {
                report.add(FileReport::needs_person(&name(item), message));
                forged.insert(item);
            }
        }
    }
    forged
}

/// As in the archive, with another ending.
fn name(id: &ItemId) -> String {
    match &id.namespace {
        Some(namespace) => format!("resources/{}/namespaces/{namespace}/{}.yaml", id.resource, id.name),
        None => format!("resources/{}/cluster/{}.yaml", id.resource, id.name),
    }
}
