//! What the steps share that restore, plan a restore, or compare with one: the job, made from parameters.

use std::collections::BTreeMap;

use api::velero::RestoreSpec;
use infra::Options;
use infra::infra_pair::Purpose;
use model::request::RestoreRequest;
use plan::restore::prepare::Rewrite;
use scenario::steps::{ClusterHandle, Contract, restore_plan, restore_run};
use scenario::{Failure, FailureKind, RunKind, Uses};

use super::shown::Shown;
use crate::drill::step::{StepContext, broke, contract_of, disk, read_contract};
use crate::ports::Outside;
use crate::restore::{OpenedBackup, RestoreJob};
use crate::rewriting::{Given, Rewriting};

const RULES: u64 = 4 << 20;

/// Everything that planning a restore needs, opened.
pub(super) struct Restoring {
    pub(super) outside: Outside,
    pub(super) opened: OpenedBackup,
    pub(super) request: RestoreRequest,
    spec: RestoreSpec,
    conversions: versions::Options,
    rewriting: Option<Rewriting>,
    settings: BTreeMap<String, String>,
    folder: tempfile::TempDir,
    uid: String,
}

impl Restoring {
    pub(super) async fn open(context: &StepContext, params: &restore_run::Params) -> Result<Self, Failure> {
        let name = context.name();
        let spec = spec(params);
        let invalid = |message: String| Failure::new(FailureKind::Invalid, message);
        let request = spec.request(&name).map_err(|error| invalid(model::chain(&error)))?;
        let mut conversions = versions::Options::default();
        for (flag, value) in &params.choices {
            let chosen = conversions.choose(&format!("{flag}={value}"));
            chosen.map_err(|error| invalid(format!("choices: {}", model::chain(&error))))?;
        }
        let location = context.location(&params.location).await?;
        let cluster = context.cluster(&params.cluster).await?;
        let outside = Outside { cluster, store: location.store, clock: context.clock.clone() };
        let folder = context.scratch()?;
        let opened =
            crate::restore::open(&outside, &params.backup, &request.labels, folder.path(), &Shown::new(context)).await;
        let opened = opened.map_err(|error| match error {
            crate::restore::OpenError::Missing { .. } => Failure::new(FailureKind::NotFound, model::chain(&error)),
            error => broke(format!("failed to open backup {}", params.backup), &error),
        })?;
        let rewriting = rewriting(context, params, &request, &opened)?;
        let mut settings: BTreeMap<String, String> = params.choices.clone();
        settings.insert(
            "infrastructure".to_owned(),
            match &rewriting {
                Some(rewriting) => format!("{} pairs", rewriting.pairs().all().len()),
                None => "not rewritten: source or target is not known".to_owned(),
            },
        );
        Ok(Self { outside, opened, request, spec, conversions, rewriting, settings, folder, uid: context.uid() })
    }

    pub(super) fn rewriting(&self) -> Option<&Rewriting> {
        self.rewriting.as_ref()
    }

    pub(super) fn job<'a>(&'a self, rewrite: Option<&'a dyn Rewrite>) -> RestoreJob<'a> {
        RestoreJob {
            request: &self.request,
            spec: &self.spec,
            conversions: &self.conversions,
            modifiers: &[],
            rewrite,
            settings: self.settings.clone(),
            uid: &self.uid,
            folder: self.folder.path(),
            wait_available: None,
            webhooks: plan::restore::webhooks::UnreadyWebhooks::WorkloadsFirst,
            digests: false,
        }
    }
}

fn rewriting(
    context: &StepContext,
    params: &restore_run::Params,
    request: &RestoreRequest,
    opened: &OpenedBackup,
) -> Result<Option<Rewriting>, Failure> {
    let source = params.source.as_ref().map(|contract| &contract.0).or(opened.contract.as_ref());
    let target = params.target.as_ref().or_else(|| contract_of(&params.cluster)).map(|contract| &contract.0);
    let (Some(source), Some(target)) = (source, target) else {
        if params.rules.is_some() || (params.source.is_some() && target.is_none()) {
            let message = "the restore is to rewrite, but source or target has no contract";
            return Err(Failure::new(FailureKind::Invalid, message)
                .hint("give `source` and `target`, or connect to the cluster by its contract"));
        }
        return Ok(None);
    };
    let (source, target) = (read_contract(source, "the source's")?, read_contract(target, "the target's")?);
    let rules = match &params.rules {
        Some(file) => {
            let path = context.path(file);
            let size = std::fs::metadata(&path).map_err(|error| disk("read", &path, &error))?.len();
            if size > RULES {
                let message = format!("{} is too large for rules", path.display());
                return Err(Failure::new(FailureKind::Invalid, message));
            }
            Some(std::fs::read_to_string(&path).map_err(|error| disk("read", &path, &error))?)
        }
        None => None,
    };
    let purpose = match context.saga.kind() {
        RunKind::Drill => Purpose::Drill,
        RunKind::Recovery => Purpose::Recovery,
    };
    let given = Given {
        map: None,
        rules: rules.as_deref(),
        accept_inferred: params.accept_inferred,
        options: Options { purpose, ..Options::default() },
        namespaces: request.namespace_mapping.clone(),
    };
    Rewriting::new(source, target, given)
        .map(Some)
        .map_err(|error| Failure::new(FailureKind::Invalid, model::chain(&error)))
}

fn spec(params: &restore_run::Params) -> RestoreSpec {
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let existing = match params.existing {
        restore_run::Existing::Keep => None,
        restore_run::Existing::Update => Some("update".to_owned()),
    };
    RestoreSpec {
        backup_name: params.backup.clone(),
        included_namespaces: some(&params.include_namespaces),
        excluded_namespaces: some(&params.exclude_namespaces),
        included_resources: some(&params.include_resources),
        excluded_resources: some(&params.exclude_resources),
        include_cluster_resources: params.cluster_resources,
        namespace_mapping: params.namespace_mapping.clone(),
        existing_resource_policy: existing,
        ..RestoreSpec::default()
    }
}

/// The parameters of a plan, as those of the restore that it plans.
pub(super) fn of_plan(params: &restore_plan::Params) -> restore_run::Params {
    restore_run::Params {
        include_namespaces: params.include_namespaces.clone(),
        exclude_namespaces: params.exclude_namespaces.clone(),
        namespace_mapping: params.namespace_mapping.clone(),
        source: params.source.clone(),
        target: params.target.clone(),
        choices: params.choices.clone(),
        rules: params.rules.clone(),
        ..plain(&params.backup, &params.location, &params.cluster)
    }
}

/// A restore of everything, without wishes.
pub(super) fn plain(backup: &str, location: &str, cluster: &ClusterHandle) -> restore_run::Params {
    restore_run::Params {
        backup: backup.to_owned(),
        location: location.to_owned(),
        cluster: cluster.clone(),
        include_namespaces: Vec::new(),
        exclude_namespaces: Vec::new(),
        include_resources: Vec::new(),
        exclude_resources: Vec::new(),
        cluster_resources: None,
        namespace_mapping: BTreeMap::new(),
        existing: restore_run::Existing::Keep,
        source: None,
        target: None,
        choices: BTreeMap::new(),
        rules: None,
        accept_inferred: false,
        tolerate: 0,
    }
}

/// The last restore of this run into a cluster, with what it gave.
pub(super) fn into_cluster(context: &StepContext, cluster: &ClusterHandle) -> Option<restore_run::Params> {
    let same = |handle: &ClusterHandle| handle.reach == cluster.reach;
    context.settled().into_iter().filter(|(step, _)| step.uses == Uses::RestoreRun).find_map(|(step, _)| match context
        .saga
        .params(&step.id)?
    {
        scenario::StepKind::RestoreRun(params) if same(&params.cluster) => Some(params),
        _ => None,
    })
}

/// The namespaces that a restore filled, by their names in the target; globs where the scenario has globs.
pub(super) fn namespaces_of(params: &restore_run::Params) -> Vec<String> {
    let mapped = |name: &String| params.namespace_mapping.get(name).unwrap_or(name).clone();
    params.include_namespaces.iter().map(mapped).collect()
}

/// The contract of a restore's source, as far as the parameters say it.
pub(super) fn source_of(params: &restore_run::Params) -> Option<&Contract> {
    params.source.as_ref()
}
