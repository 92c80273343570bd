//! A restore, resolved: from flags, a manifest or a saved plan to what the engine takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::velero::{RestoreSpec, spec_from_yaml};
use engine::Outside;
use engine::restore::{OpenedBackup, PlannedRestore, RestoreError, RestoreJob};
use model::request::RestoreRequest;
use plan::restore::modifier::{self, ModifierRule};
use plan::restore::prepare::Rewrite;
use plan::restore::webhooks::UnreadyWebhooks;
use plan::transform::InfraRewrite;

use super::arguments::{Place, Source};
use super::infrastructure::{Infrastructure, Wanted};
use super::{flags, show};
use crate::clock::SystemClock;
use crate::command::{Context, read_input, temp_folder};
use crate::failure::{Exit, Failure, Outcome};
use crate::locations;
use crate::progress::Bars;

/// A restore, resolved: what, from where, into what, with which settings.
pub(super) struct Resolved {
    pub(super) request: RestoreRequest,
    pub(super) spec: RestoreSpec,
    pub(super) conversions: versions::Options,
    pub(super) modifiers: Vec<ModifierRule>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) outside: Outside,
    pub(super) folder: tempfile::TempDir,
    pub(super) uid: String,
    pub(super) wait: Option<std::time::Duration>,
    pub(super) webhooks: UnreadyWebhooks,
    pub(super) wanted: Wanted,
}

impl Resolved {
    /// What bodies are rewritten with. Roles are looked up where this restore puts things.
    pub(super) fn infrastructure(&self, opened: &OpenedBackup) -> Result<Infrastructure, Failure> {
        let mut infra = self.wanted.prepare(opened.contract.as_ref())?;
        if let Some(pair) = &mut infra.pair {
            pair.namespaces = self.request.namespace_mapping.clone();
        }
        Ok(infra)
    }

    fn job<'a>(&'a self, infra: &Infrastructure, rewrite: Option<&'a dyn Rewrite>, digests: bool) -> RestoreJob<'a> {
        let mut settings = self.settings.clone();
        settings.extend(infra.settings.clone());
        RestoreJob {
            request: &self.request,
            spec: &self.spec,
            conversions: &self.conversions,
            modifiers: &self.modifiers,
            rewrite,
            settings,
            uid: &self.uid,
            folder: self.folder.path(),
            wait_available: self.wait,
            webhooks: self.webhooks,
            digests,
        }
    }

    pub(super) async fn plan(
        &self,
        opened: &OpenedBackup,
        infra: &Infrastructure,
        digests: bool,
        bars: &Bars,
    ) -> Result<PlannedRestore, RestoreError> {
        let rewrite = infra.pair.as_ref().map(|pair| InfraRewrite::new(pair, infra.rules.as_ref()));
        let job = self.job(infra, rewrite.as_ref().map(|rewrite| rewrite as &dyn Rewrite), digests);
        let mut planned = engine::restore::plan(&self.outside, &job, opened, bars).await?;
        let unmatched = rewrite.as_ref().map(InfraRewrite::unmatched_rules).unwrap_or_default();
        infra.complete(&mut planned.file, unmatched);
        Ok(planned)
    }

    pub(super) async fn act(
        &self,
        opened: &OpenedBackup,
        infra: &Infrastructure,
        planned: PlannedRestore,
        bars: &Bars,
        context: &Context,
    ) -> Outcome {
        // Bodies are prepared: nothing is rewritten any more.
        let outcome = engine::restore::act(&self.outside, &self.job(infra, None, false), opened, planned, bars).await;
        context.printer.value(&outcome, show::outcome)?;
        Ok(if outcome.phase == "Completed" { Exit::Good } else { Exit::NotGood })
    }
}

pub(super) async fn resolve(source: &Source, place: &Place, context: &Context) -> Result<Resolved, Failure> {
    let (name, spec) = match &source.from_file {
        Some(path) => {
            if source.selection.any() {
                return Err(Failure::usage("flags that say what to restore cannot be mixed with --from-file"));
            }
            let text = read_input(path)?;
            let written = spec_from_yaml::<RestoreSpec>(&text, "Restore")
                .map_err(|error| Failure::from(error).exit(Exit::Usage))?;
            (source.name.clone().unwrap_or(written.name), written.spec)
        }
        None => {
            let backup = source.backup.clone().unwrap_or_default();
            (source.name.clone().unwrap_or_else(|| backup.clone()), source.selection.spec(backup)?)
        }
    };
    let mut request = spec.request(&name)?;
    source.selection.beyond_velero(&mut request);
    let shaping = flags::Shaping::from_flags(&source.settings)?;
    if spec.resource_modifier.is_some() && shaping.modifiers.is_none() {
        let name = spec.resource_modifier.as_ref().and_then(|modifier| modifier["name"].as_str()).unwrap_or_default();
        let message = format!("the Restore follows the resource modifiers of ConfigMap {name:?}, which are not given");
        let hint = "save it with `kubectl get configmap NAME -n velero -o yaml > modifiers.yaml` and give \
                    --resource-modifier modifiers.yaml";
        return Err(Failure::usage(message).hint(hint));
    }
    let wanted = source.settings.infra.read(place.location.as_deref(), context).await?;
    resolve_with(request, spec, shaping, wanted, place, context).await
}

pub(super) async fn resolve_with(
    mut request: RestoreRequest,
    spec: RestoreSpec,
    shaping: flags::Shaping,
    wanted: Wanted,
    place: &Place,
    context: &Context,
) -> Result<Resolved, Failure> {
    if request.resource_modifiers.is_none() {
        request.resource_modifiers = shaping.modifiers;
    }
    let modifiers = match &request.resource_modifiers {
        Some(text) => modifier::parse(text).map_err(|error| Failure::from(error).exit(Exit::Usage))?,
        None => Vec::new(),
    };
    let location = locations::open(&context.settings, place.location.as_deref()).await?;
    let cluster = place.cluster.connect(&context.settings).await?;
    Ok(Resolved {
        request,
        spec,
        conversions: shaping.conversions,
        modifiers,
        settings: shaping.settings,
        outside: Outside { cluster, store: location.store, clock: Arc::new(SystemClock) },
        folder: temp_folder(place.temp_dir.as_deref())?,
        uid: uuid::Uuid::new_v4().to_string(),
        wait: place.wait_limit()?,
        webhooks: place.unready_webhooks.into(),
        wanted,
    })
}

pub(super) async fn open(resolved: &Resolved, bars: &Bars) -> Result<OpenedBackup, Failure> {
    let Resolved { request, outside, folder, .. } = resolved;
    Ok(engine::restore::open(outside, &request.backup, &request.labels, folder.path(), bars).await?)
}
