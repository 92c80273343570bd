//! Flags that say which cluster is meant, and the connection they make.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use cluster::KubeCluster;
use ports::Cluster;

use crate::failure::Failure;
use crate::settings::Settings;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterFlags {
    /// Kubeconfig file; the default is $KUBECONFIG, then ~/.kube/config, then the pod's own account.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig; the default is its current one.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// A sandbox on this machine, by name.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) sandbox: Option<String>,
}

impl ClusterFlags {
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<Arc<dyn Cluster>, Failure> {
        if let Some(name) = &self.sandbox {
            let name = sandbox::SandboxName::parse(name)?;
            let path = sandbox::kubeconfig(&settings.sandbox()?, &name)?;
            return Ok(Arc::new(KubeCluster::from_kubeconfig_file(&path, None).await?));
        }
        let context = self.context.as_deref();
        match self.kubeconfig.as_ref().or(settings.kubeconfig.as_ref()) {
            Some(path) => Ok(Arc::new(KubeCluster::from_kubeconfig_file(path, context).await?)),
            None => match KubeCluster::in_cluster().await {
                Ok(cluster) => Ok(Arc::new(cluster)),
                Err(error) => Err(Failure::from(anyhow::Error::from(error).context("no cluster is named"))
                    .hint("give --kubeconfig FILE or --sandbox NAME, or set KUBECONFIG")),
            },
        }
    }
}
