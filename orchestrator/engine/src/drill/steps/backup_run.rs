//! `backup.run`: backs a cluster up. Undo deletes the backup, unless it is to be kept.

use api::velero::BackupSpec;
use model::selector::LabelSelector;
use scenario::steps::backup_run::{Outputs, Params};
use scenario::steps::to_outputs;
use scenario::{Failure, FailureKind};
use serde_json::Map;

use super::backup::{Stored, stored};
use super::shown::Shown;
use crate::backup::{BackupError, BackupJob};
use crate::drill::step::{StepContext, StepFailed, TOKEN, broke, contract_of, failed};
use crate::ports::Outside;
use crate::shelf;

const NAMESPACE: &str = "velero";

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Outputs, Failure> {
    let name = name(context, params);
    let location = context.location(&params.location).await?;
    if let Some(there) = stored(location.store.as_ref(), &params.location, &name).await? {
        if there.token.as_deref() != Some(context.token.as_str()) {
            let message = format!("backup {name} is there already in {}, made by somebody else", params.location);
            return Err(Failure::new(FailureKind::Conflict, message).hint("give the step another `name`"));
        }
        if there.phase == "Completed" {
            return Ok(there.outputs);
        }
        // Made by an attempt that failed: this one makes it anew.
        delete(context, params, &name).await?;
    }
    let spec = spec(params)?;
    let invalid = |error: &dyn std::fmt::Display| Failure::new(FailureKind::Invalid, error.to_string());
    let request = spec.request(&name).map_err(|error| invalid(&error))?;
    let spec = spec.defaulted(&location.name);
    let contract = params.contract.as_ref().or_else(|| contract_of(&params.cluster));
    let scratch = context.scratch()?;
    let cluster = context.cluster(&params.cluster).await?;
    let outside = Outside { cluster, store: location.store.clone(), clock: context.clock.clone() };
    let uid = context.uid();
    let job = BackupJob {
        request: &request,
        spec: &spec,
        namespace: NAMESPACE,
        labels: Map::new(),
        annotations: Map::from_iter([(TOKEN.to_owned(), context.token.clone().into())]),
        uid: &uid,
        contract: contract.map(|contract| &contract.0),
        folder: scratch.path(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let made = crate::backup::run(&outside, &job, &Shown::new(context)).await;
    let outcome = made.map_err(|error| match &error {
        BackupError::Exists(_) => Failure::new(FailureKind::Conflict, model::chain(&error)),
        error => broke(format!("failed to make backup {name}"), error),
    })?;
    let Some(Stored { outputs, phase, errors, .. }) = stored(location.store.as_ref(), &params.location, &name).await?
    else {
        let message = format!("backup {name} was made, and is not in {}", params.location);
        return Err(Failure::new(FailureKind::NotVerified, message));
    };
    if phase != "Completed" {
        let first = outcome.messages.iter().find(|message| !message.is_empty()).cloned().unwrap_or_default();
        let message = format!("backup {name} ended as {phase} with {errors} errors: {first}");
        let details = to_outputs(&outputs).unwrap_or_default();
        return Err(Failure::new(FailureKind::Other, message).details(details));
    }
    if outputs.items == 0 {
        let message = format!("backup {name} holds nothing: the filters admit no object of {}", params.cluster.name);
        return Err(Failure::new(FailureKind::NotVerified, message));
    }
    Ok(outputs)
}

pub(super) async fn undo(context: &StepContext, params: &Params) -> Result<(), StepFailed> {
    if params.keep {
        return Ok(());
    }
    let name = name(context, params);
    let undone = delete(context, params, &name).await;
    undone.map_err(|failure| StepFailed { failure, left: vec![format!("backup {name} in {}", params.location)] })
}

/// Deletes the backup if this step made it, or began to.
async fn delete(context: &StepContext, params: &Params, name: &str) -> Result<(), Failure> {
    let location = context.location(&params.location).await?;
    let store = location.store.as_ref();
    let there = stored(store, &params.location, name).await?;
    let own = match &there {
        Some(there) => there.token.as_deref() == Some(context.token.as_str()),
        // Files without the one that makes them a backup: only a name of this run's own is surely ours.
        None => params.name.is_none(),
    };
    if own {
        let deleted = shelf::delete_backup(store, name).await;
        deleted.map_err(|error| failed(format!("failed to delete backup {name} in {}", params.location), &error))?;
    }
    Ok(())
}

fn name(context: &StepContext, params: &Params) -> String {
    params.name.clone().unwrap_or_else(|| context.name())
}

fn spec(params: &Params) -> Result<BackupSpec, Failure> {
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let selector = params.selector.as_deref().map(LabelSelector::parse).transpose();
    let label_selector = selector.map_err(|error| {
        Failure::new(FailureKind::Invalid, format!("the selector cannot be used: {}", model::chain(&error)))
    })?;
    Ok(BackupSpec {
        included_namespaces: some(&params.include_namespaces),
        excluded_namespaces: some(&params.exclude_namespaces),
        included_resources: some(&params.include_resources),
        excluded_resources: some(&params.exclude_resources),
        include_cluster_resources: params.cluster_resources,
        snapshot_volumes: params.volumes,
        label_selector,
        ..BackupSpec::default()
    })
}
