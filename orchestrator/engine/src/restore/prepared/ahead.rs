//! Prepares bodies ahead of the plan, on every processor: the target waits meanwhile, and so would the processors.
//!
//! A batch at a time, and no batch is large, so that few bodies are in memory at once. Decides nothing: what becomes of
//! each item is decided afterwards, in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Manifest;
use plan::restore::ArchivedItem;
use plan::restore::prepare::{Preparation, Prepared, prepare};
use plan::restore::version::{Choice, source_version};

use super::facts::target_of;
use crate::restore::open::OpenedBackup;

/// Of one batch, at the most; a single body may be larger.
const ITEMS: usize = 256;
const BYTES: u64 = 1 << 20;
/// More threads would only wait for the one that decides.
const THREADS: usize = 4;

/// An item with the version that it goes to.
pub(super) type Chosen<'a> = (&'a ArchivedItem, Arc<Choice>);

/// How many of the next items are prepared together.
pub(super) fn batch(items: &[Chosen<'_>]) -> usize {
    let mut bytes = 0;
    let weigh = |(item, _): &&Chosen<'_>| {
        bytes += item.bodies.iter().map(|body| u64::from(body.length)).max().unwrap_or(0);
        bytes <= BYTES
    };
    items.iter().take(ITEMS).take_while(weigh).count().max(1)
}

/// Prepares a batch; the answers are in the batch's order. There is none for an item that goes nowhere, or has no body
/// that reads as an object.
pub(super) fn prepare_all(
    opened: &OpenedBackup,
    preparation: &Preparation<'_>,
    batch: &[Chosen<'_>],
) -> io::Result<Vec<Option<Prepared>>> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = processors.min(THREADS).min(batch.len());
    if threads < 2 {
        return batch.iter().map(|chosen| prepare_one(opened, preparation, chosen)).collect();
    }
    // Each takes the next item that nobody has: bodies differ in weight.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::with_capacity(batch.len() / threads + 1);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(chosen) = batch.get(at) else { return done };
            done.push((at, prepare_one(opened, preparation, chosen)));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for helper in helpers {
            match helper.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, prepared)| prepared).collect()
}

fn prepare_one(
    opened: &OpenedBackup,
    preparation: &Preparation<'_>,
    (item, choice): &Chosen<'_>,
) -> io::Result<Option<Prepared>> {
    let Some(resource) = target_of(choice) else { return Ok(None) };
    let manifest = manifest(opened, item, source_version(choice, item))?;
    Ok(manifest.map(|manifest| prepare(preparation, &item.id, resource, manifest)))
}

/// A body of an item, the one of that version if there is one; `None` when it does not read as an object.
pub(super) fn manifest(
    opened: &OpenedBackup,
    item: &ArchivedItem,
    version: Option<&str>,
) -> io::Result<Option<Manifest>> {
    let body = version.and_then(|version| item.body(version)).or_else(|| item.bodies.first());
    let Some(body) = body else { return Ok(None) };
    let span = archive::BodySpan { offset: body.offset, length: body.length };
    Ok(Manifest::from_slice(&opened.bodies.read(span)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GroupResource, ItemId};
    use plan::restore::ArchivedBody;

    #[test]
    fn batches_are_bounded_in_number_and_weight_and_never_empty() {
        let item = |length| ArchivedItem {
            id: Arc::new(ItemId::cluster(GroupResource::new("nodes", ""), "a")),
            bodies: vec![ArchivedBody { version: "v1".into(), preferred: true, offset: 0, length }],
            labels: std::collections::BTreeMap::new(),
            more: None,
        };
        let sizes = |lengths: &[u32]| {
            let items: Vec<ArchivedItem> = lengths.iter().copied().map(item).collect();
            let reason = || model::Reason::new("unknown", "nobody knows");
            let blocked = || Arc::new(Choice::Blocked(model::Blocked { reason: reason(), hint: String::new() }));
            let chosen: Vec<Chosen<'_>> = items.iter().map(|item| (item, blocked())).collect();
            batch(&chosen)
        };
        assert_eq!(sizes(&[10; 1000]), ITEMS);
        assert_eq!(sizes(&[400_000; 10]), 2);
        assert_eq!(sizes(&[5_000_000, 10]), 1);
        assert_eq!(sizes(&[10, 5_000_000]), 1);
        assert_eq!(sizes(&[10, 10]), 2);
    }
}
