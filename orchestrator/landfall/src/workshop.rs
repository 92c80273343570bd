//! What a drill works with: the adapters, constructed. Every call is metered, for the report's breakdown of time.
//!
//! Decides nothing; how a cluster is reached is in `reach`, the user's programs in `program`.

mod cluster_meter;
pub(crate) mod meter;
mod program;
mod reach;
mod terraform_meter;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use engine::drill::{CommandAnswer, OpenLocation, UserCommand, Workshop};
use ports::{Clock, Cluster, Infrastructure, PortError, Prober};
use probe::HttpProber;
use scenario::steps::ClusterHandle;
use serde_json::Value;
use terraform::TerraformInfrastructure;

use crate::clock::SystemClock;
use crate::locations;
use crate::settings::Settings;
use meter::{Meter, MeteredClock, What};

pub(crate) struct LocalWorkshop {
    settings: Settings,
    project: PathBuf,
    prober: Arc<HttpProber>,
    meter: Arc<Meter>,
}

impl LocalWorkshop {
    pub(crate) fn new(settings: Settings, project: PathBuf, meter: Arc<Meter>) -> anyhow::Result<Self> {
        Ok(Self { settings, project, prober: Arc::new(HttpProber::new(&[])?), meter })
    }
}

#[async_trait]
impl Workshop for LocalWorkshop {
    async fn cluster(&self, handle: &ClusterHandle) -> Result<Arc<dyn Cluster>, PortError> {
        let _span = self.meter.span(What::Call);
        let cluster = reach::connect(&self.settings, handle).await?;
        Ok(Arc::new(cluster_meter::MeteredCluster::new(cluster, Arc::clone(&self.meter))))
    }

    async fn location(&self, location: &str) -> Result<OpenLocation, PortError> {
        let _span = self.meter.span(What::Call);
        let opened = locations::open_or_create(&self.settings, Some(location)).await;
        let opened = opened.map_err(|failure| {
            let kind = failure.error.chain().find_map(|link| link.downcast_ref::<PortError>()).map(|error| error.kind);
            let message = format!("the location {location:?} cannot be opened");
            PortError::new(kind.unwrap_or(ports::ErrorKind::Invalid), message).with_source(Opaque::of(&failure.error))
        })?;
        Ok(OpenLocation { name: opened.name, store: opened.store })
    }

    fn infrastructure(&self, data: &Path) -> Arc<dyn Infrastructure> {
        let mut settings = terraform::Settings::new(data.join("runs"), Settings::inherited());
        settings.data_dir = Some(data.join("data"));
        let inner = Arc::new(TerraformInfrastructure::new(settings));
        Arc::new(terraform_meter::MeteredInfrastructure::new(inner, Arc::clone(&self.meter)))
    }

    async fn remains(&self, contract: &Value) -> Result<Vec<String>, PortError> {
        let Some(name) = contract.pointer("/connection/sandbox").and_then(Value::as_str) else { return Ok(Vec::new()) };
        let failed = |error: &anyhow::Error| {
            PortError::invalid(format!("nobody can look for the sandbox {name:?}")).with_source(Opaque::of(error))
        };
        let name = sandbox::SandboxName::parse(name).map_err(|error| failed(&error.into()))?;
        let settings = self.settings.sandbox().map_err(|error| failed(&error))?;
        sandbox::remains(&settings, &name).map_err(|error| failed(&error.into()))
    }

    fn prober(&self) -> Arc<dyn Prober> {
        Arc::clone(&self.prober) as Arc<dyn Prober>
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(MeteredClock { inner: SystemClock, meter: Arc::clone(&self.meter) })
    }

    async fn command(&self, command: &UserCommand) -> Result<CommandAnswer, PortError> {
        let _span = self.meter.span(What::Program);
        program::run(&self.settings, command).await
    }

    fn secret(&self) -> Result<[u8; 32], PortError> {
        crate::command::report::secret()
            .map_err(|error| PortError::unavailable("the system gives no random bytes").with_source(error))
    }

    fn project(&self) -> &Path {
        &self.project
    }
}

/// The chain of an error as one text: `anyhow`'s errors are no sources.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Opaque(String);

impl Opaque {
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        Self(model::chain(error.as_ref()))
    }
}
