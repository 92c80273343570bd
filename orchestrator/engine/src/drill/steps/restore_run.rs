//! `restore.run`: restores a backup into a cluster. Undo deletes the objects that it created there.

use std::collections::{BTreeMap, BTreeSet};

use archive::format::DecisionsFile;
use model::{Change, Decision, ItemId, Verdict};
use plan::restore::format::{PlanFile, PlannedItem};
use scenario::steps::restore_run::{Conversion, KindCounts, Outputs, Params, Rewrite};
use scenario::steps::to_outputs;
use scenario::{Failure, FailureKind};
use serde_json::Value;

use super::backup;
use super::restoring::Restoring;
use super::shown::Shown;
use crate::drill::made;
use crate::drill::step::{StepContext, StepFailed, broke, disk, failed};
use crate::restore::{ItemVerdict, RestoreOutcome};
use crate::rewriting::Rewriting;
use crate::shelf;

/// Longer examples are cut.
const EXAMPLE: usize = 160;
const LABEL: &str = "velero.io/restore-name";
/// In the step's folder.
const DECISIONS: &str = "decisions.json.gz";

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let restoring = Restoring::open(context, params).await?;
    let rewrite = restoring.rewriting().map(Rewriting::rewrite);
    let job = restoring.job(rewrite.as_ref().map(|rewrite| rewrite as &dyn plan::restore::prepare::Rewrite));
    let (outside, opened) = (&restoring.outside, &restoring.opened);
    let planned = crate::restore::plan(outside, &job, opened, &Shown::new(context)).await;
    let planned = planned.map_err(|error| broke(format!("failed to plan the restore of {}", params.backup), &error))?;
    // On disk before the first write: undoing finds by it what this restore made, whichever attempt made it.
    let absent = |item: &&PlannedItem| item.verdict == Verdict::Create;
    let mine = made::intend(context, planned.file.items.iter().filter(absent).map(|item| ItemId::clone(&item.target)))?;
    let told = Told::of(&planned.file, &opened.kinds);
    keep_decisions(context, &planned.file)?;
    let items: Vec<(ItemId, Verdict)> =
        planned.file.items.iter().map(|item| (ItemId::clone(&item.target), item.verdict)).collect();
    let outcome = crate::restore::act(outside, &job, opened, planned, &Shown::new(context)).await;
    let there = backup::stored(outside.store.as_ref(), &params.location, &params.backup).await?;
    let volumes_without_data = there.map(|there| there.outputs.volumes_without_data).unwrap_or_default();
    let outputs = outputs(&outcome, told, &items, &mine, volumes_without_data);
    judge(params, &outcome, &outputs)?;
    Ok(outputs)
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    let name = context.name();
    let label = model::go_duration::valid_label_value(&name);
    made::remove(context, &params.cluster, &|object| object.label(LABEL) == Some(label.as_str())).await?;
    // The record of the restore lies beside the backup.
    let location = match context.location(&params.location).await {
        Ok(location) => location,
        Err(failure) => {
            return Err(StepFailed { failure, left: vec![format!("restore {name} in {}", params.location)] });
        }
    };
    let deleted = shelf::delete_restore(location.store.as_ref(), &name).await;
    deleted.map(|_| ()).map_err(|error| StepFailed {
        failure: failed(format!("failed to delete the record of restore {name}"), &error),
        left: vec![format!("restore {name} in {}", params.location)],
    })
}

/// Writes every decision into the step's folder: the record beside the backup goes when the step is undone, and a
/// report needs them when the run has ended.
fn keep_decisions(context: &StepContext, file: &PlanFile) -> Result<(), Failure> {
    use std::io::Write;

    let items = file.items.iter().flat_map(|item| item.decisions.iter());
    let decisions: Vec<Decision> = items.chain(&file.skipped).cloned().collect();
    let bytes = archive::format::write(&DecisionsFile::new(&decisions));
    let bytes = bytes.map_err(|error| broke("failed to encode the decisions", &error))?;
    let folder = context.folder()?;
    let path = folder.join(DECISIONS);
    let written = || -> std::io::Result<()> {
        let mut out = tempfile::NamedTempFile::new_in(&folder)?;
        out.write_all(&bytes)?;
        out.persist(&path).map(|_| ()).map_err(|error| error.error)
    };
    written().map_err(|error| disk("write", &path, &error))
}

/// Whether so many failures are still a success.
fn judge(params: &Params, outcome: &RestoreOutcome, outputs: &Outputs) -> Result<(), Failure> {
    let bad = outputs.failed + outputs.blocked;
    let other = outcome.phase != "Completed" && bad == 0 && params.tolerate == 0;
    if bad <= params.tolerate && !other {
        return Ok(());
    }
    let exceptions = outcome.exceptions.iter();
    let worst = exceptions.filter(|item| matches!(item.verdict, ItemVerdict::Failed | ItemVerdict::Blocked));
    let first: Vec<String> = worst.take(3).map(|item| format!("{}: {}", item.item, item.message)).collect();
    let message = format!(
        "restore {} ended as {}: {} failed, {} blocked, {} errors; {}",
        outputs.name,
        outcome.phase,
        outputs.failed,
        outputs.blocked,
        outcome.errors,
        if first.is_empty() { "see its log".to_owned() } else { first.join("; ") },
    );
    let failure = Failure::new(FailureKind::Other, message).details(to_outputs(outputs)?);
    Err(match outputs.blocked {
        0 => failure,
        _ => failure.hint("blocked items wait for a decision: give it under `choices`, or `tolerate` them"),
    })
}

/// What the plan says that the outcome does not.
struct Told {
    conversions: Vec<Conversion>,
    rewrites: Vec<Rewrite>,
}

impl Told {
    fn of(file: &PlanFile, kinds: &BTreeMap<model::GroupResource, String>) -> Self {
        let mut conversions: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        let mut rewrites: BTreeMap<String, Rewrite> = BTreeMap::new();
        // What an attempt that was lost restored is there now, and kept; it was converted and rewritten all the same.
        let counts = |item: &&PlannedItem| matches!(item.verdict, Verdict::Create | Verdict::Update | Verdict::Keep);
        for item in file.items.iter().filter(counts) {
            let kind = kinds.get(&item.item.resource).cloned().unwrap_or_else(|| item.target.resource.to_string());
            for decision in item.decisions.iter().filter(|decision| decision.verdict == Verdict::Convert) {
                if let Some((from, to)) = decision.reason.message.split_once(" becomes ") {
                    *conversions.entry((kind.clone(), from.to_owned(), to.to_owned())).or_default() += 1;
                }
            }
            let mut seen = BTreeSet::new();
            for change in &item.changes {
                // Rewrites name their transform before the colon.
                let Some((transform, _)) = change.because.split_once(": ") else { continue };
                if !plan::transform::TRANSFORMS.iter().any(|known| known.name() == transform) {
                    continue;
                }
                let rewrite = rewrites.entry(transform.to_owned()).or_insert_with(|| Rewrite {
                    transform: transform.to_owned(),
                    items: 0,
                    fields: 0,
                    example: String::new(),
                });
                rewrite.fields += 1;
                rewrite.items += u64::from(seen.insert(transform));
                if rewrite.example.is_empty() && kind != "Secret" {
                    rewrite.example = example(change);
                }
            }
        }
        let conversions = conversions.into_iter().map(|((kind, from, to), items)| Conversion { kind, from, to, items });
        Self { conversions: conversions.collect(), rewrites: rewrites.into_values().collect() }
    }
}

fn example(change: &Change) -> String {
    let text = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "nothing".to_owned(),
    };
    let (before, after) = (text(&change.before), text(&change.after));
    let cut = |text: String| match text.char_indices().nth(EXAMPLE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    format!("{} → {}", cut(before), cut(after))
}

fn outputs(
    outcome: &RestoreOutcome,
    told: Told,
    items: &[(ItemId, Verdict)],
    mine: &BTreeSet<ItemId>,
    volumes_without_data: Vec<String>,
) -> Outputs {
    let mut kinds: BTreeMap<String, KindCounts> = BTreeMap::new();
    for (kind, counts) in &outcome.by_kind {
        let count = |verdict| counts.get(&verdict).copied().unwrap_or(0) as u64;
        kinds.insert(
            kind.clone(),
            KindCounts {
                expected: counts.values().sum::<usize>() as u64,
                created: count(ItemVerdict::Created),
                updated: count(ItemVerdict::Updated),
                skipped: count(ItemVerdict::Unchanged) + count(ItemVerdict::Skipped),
                failed: count(ItemVerdict::Failed) + count(ItemVerdict::Blocked),
            },
        );
    }
    // What an earlier attempt of this very step created is no object that was skipped.
    for (target, _) in items.iter().filter(|(target, verdict)| *verdict == Verdict::Keep && mine.contains(target)) {
        if let Some(counts) = kinds.get_mut(&target.resource.to_string()).filter(|counts| counts.skipped > 0) {
            counts.skipped -= 1;
            counts.created += 1;
        }
    }
    let total = |verdict| outcome.counts.get(&verdict).copied().unwrap_or(0) as u64;
    let sum = |field: fn(&KindCounts) -> u64| kinds.values().map(field).sum::<u64>();
    let created = sum(|counts| counts.created);
    let again = created.saturating_sub(total(ItemVerdict::Created));
    Outputs {
        name: outcome.name.clone(),
        phase: outcome.phase.clone(),
        started_at: outcome.started,
        completed_at: outcome.completed,
        created,
        updated: total(ItemVerdict::Updated),
        skipped: (total(ItemVerdict::Unchanged) + total(ItemVerdict::Skipped)).saturating_sub(again),
        failed: total(ItemVerdict::Failed),
        blocked: total(ItemVerdict::Blocked),
        warnings: outcome.warnings as u64,
        kinds,
        conversions: told.conversions,
        rewrites: told.rewrites,
        volumes_without_data,
    }
}
