//! `backup.pick`: chooses an existing backup. Changes nothing.

use jiff::Timestamp;
use scenario::steps::backup_pick::{Params, Pick};
use scenario::steps::backup_run::Outputs;
use scenario::{Failure, FailureKind};
use sha2::{Digest, Sha256};

use super::backup::{Stored, stored};
use crate::drill::step::{StepContext, failed};
use crate::shelf::{self, BackupEntry};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let location = context.location(&params.location).await?;
    let store = location.store.as_ref();
    let missing = |why: String| Failure::new(FailureKind::NotFound, why);
    if params.pick == Pick::Named {
        let name = params.name.as_deref().unwrap_or_default();
        let found = stored(store, &params.location, name).await?;
        let found = found.ok_or_else(|| missing(format!("there is no backup {name:?} in {}", params.location)))?;
        return fits(context, params, &found)
            .map_or(Ok(found.outputs), |why| Err(missing(format!("backup {name} {why}"))));
    }
    let listed = shelf::backups(store).await;
    let mut listed = listed.map_err(|error| failed(format!("failed to list {}", params.location), &error))?;
    listed.retain(|entry| entry.trouble.is_none());
    // The same order in every attempt: what completed last comes first.
    listed.sort_by(|a, b| (b.facts.completed, &b.name).cmp(&(a.facts.completed, &a.name)));
    if params.pick == Pick::Random {
        // Backups made since the step began would change the draw when the run is resumed.
        let began = context.saga.state(&context.step).and_then(|state| state.began);
        listed.retain(|entry| entry.facts.completed <= began);
        shuffle(&mut listed, &context.token);
    }
    let total = listed.len();
    let mut reasons: Vec<String> = Vec::new();
    for entry in listed {
        let Some(found) = stored(store, &params.location, &entry.name).await? else { continue };
        match fits(context, params, &found) {
            None => return Ok(found.outputs),
            Some(why) => reasons.push(format!("{} {why}", entry.name)),
        }
    }
    reasons.truncate(3);
    Err(missing(format!("none of the {total} backups in {} will do: {}", params.location, reasons.join("; "))))
}

/// Why a backup is not picked.
fn fits(context: &StepContext, params: &Params, found: &Stored) -> Option<String> {
    // Warnings name what a backup does not hold, such as the data of a volume; the run's report names it again.
    let good = found.phase == "Completed" || params.allow_partial && found.phase == "PartiallyFailed";
    if !good {
        return Some(format!(
            "ended as {} with {} errors and {} warnings",
            found.phase, found.errors, found.outputs.warnings
        ));
    }
    if let Some(schedule) = &params.schedule
        && found.schedule.as_ref() != Some(schedule)
    {
        return Some(format!("is not of the schedule {schedule}"));
    }
    if let Some(within) = params.within {
        // Counted from the step's first start, so that a resumed run picks the same.
        let began = context.saga.state(&context.step).and_then(|state| state.began);
        let since = began.unwrap_or_else(|| context.clock.now()).checked_sub(within.0).unwrap_or(Timestamp::MIN);
        if found.outputs.started_at < since {
            return Some(format!("is older than {within}"));
        }
    }
    None
}

/// An order that the token alone decides.
fn shuffle(entries: &mut [BackupEntry], token: &str) {
    entries.sort_by_key(|entry| Sha256::digest(format!("{token}/{}", entry.name).as_bytes()).to_vec());
}
