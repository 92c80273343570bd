//! From a cluster's handle to a connection: kubeconfig, sandbox, EKS, or what a contract says.

use std::path::Path;
use std::sync::Arc;

use aws::{Aws, Connection, CredentialSource};
use cluster::{Endpoint, KubeCluster, Token};
use infra::contract::format::{self, ConnectionKind};
use ports::{Clock, Cluster, PortError};
use scenario::steps::cluster_connect::SSM_REFUSED;
use scenario::steps::{ClusterHandle, Reach};

use super::Opaque;
use crate::clock::SystemClock;
use crate::settings::Settings;

pub(super) async fn connect(settings: &Settings, handle: &ClusterHandle) -> Result<Arc<dyn Cluster>, PortError> {
    match &handle.reach {
        Reach::Kubeconfig { path, context } => {
            let path = path.as_ref().map(Into::into).or_else(|| settings.kubeconfig.clone());
            let path = path.ok_or_else(|| {
                PortError::invalid("no kubeconfig is named, and there is none in the usual place; set KUBECONFIG")
            })?;
            kubeconfig(&path, context.as_deref()).await
        }
        Reach::Sandbox { folder } => sandbox(settings, folder).await,
        Reach::Eks { cluster, region } => {
            eks(cluster, Some(region.as_str()).filter(|region| !region.is_empty()), handle.proxy.as_deref()).await
        }
        Reach::Contract { contract } => {
            let contract = infra::Contract::from_value(&contract.0)
                .map_err(|error| PortError::invalid("the contract cannot be used").with_source(error))?;
            by_contract(settings, contract.body(), handle).await
        }
    }
}

async fn by_contract(
    settings: &Settings,
    body: &format::DrContract,
    handle: &ClusterHandle,
) -> Result<Arc<dyn Cluster>, PortError> {
    let connection = body.connection.clone().unwrap_or_default();
    // The scenario's own word goes before the contract's.
    let proxy = match (&handle.proxy, connection.kind) {
        (Some(proxy), _) => Some(proxy.clone()),
        (None, Some(ConnectionKind::SsmPortForward)) => return Err(PortError::invalid(SSM_REFUSED)),
        (None, Some(ConnectionKind::HttpsProxy)) => {
            let proxy = connection.proxy_url.clone();
            Some(proxy.ok_or_else(|| PortError::invalid("the contract asks for a proxy and names none"))?)
        }
        (None, Some(ConnectionKind::Direct) | None) => None,
    };
    if let Some(name) = &connection.sandbox {
        return sandbox(settings, name).await;
    }
    if let Some(path) = &connection.kubeconfig {
        return kubeconfig(Path::new(path), connection.context.as_deref()).await;
    }
    let cluster = body.cluster.as_ref();
    let name = cluster
        .and_then(|cluster| cluster.name.as_deref())
        .ok_or_else(|| PortError::invalid("the contract names no cluster"))?;
    eks(name, body.region.as_deref(), proxy.as_deref()).await
}

async fn kubeconfig(path: &Path, context: Option<&str>) -> Result<Arc<dyn Cluster>, PortError> {
    let cluster = KubeCluster::from_kubeconfig_file(path, context).await.map_err(|error| {
        PortError::invalid(format!("no connection can be made with {}", path.display())).with_source(error)
    })?;
    Ok(Arc::new(cluster))
}

/// A sandbox by its name, or by its folder.
async fn sandbox(settings: &Settings, named: &str) -> Result<Arc<dyn Cluster>, PortError> {
    let path = if named.contains('/') {
        Path::new(named).join("kubeconfig")
    } else {
        let broken = |error: anyhow::Error| {
            PortError::unavailable(format!("the sandbox {named} is not there")).with_source(Opaque::of(&error))
        };
        let name = ::sandbox::SandboxName::parse(named)
            .map_err(|error| PortError::invalid("this is no sandbox's name").with_source(error))?;
        ::sandbox::kubeconfig(&settings.sandbox().map_err(broken)?, &name).map_err(|error| broken(error.into()))?
    };
    if !path.is_file() {
        return Err(PortError::unavailable(format!("the sandbox {named} is not there")));
    }
    kubeconfig(&path, None).await
}

/// An EKS cluster: its endpoint asked for, its tokens minted when they are needed.
async fn eks(name: &str, region: Option<&str>, proxy: Option<&str>) -> Result<Arc<dyn Cluster>, PortError> {
    let connection = Connection { region: region.map(str::to_owned), credentials: CredentialSource::Chain, ca: None };
    let aws = Aws::connect(&connection).await?;
    let described = aws.describe_cluster(name).await?;
    let authority = String::from_utf8(described.ca)
        .map_err(|error| PortError::invalid("the cluster's certificate authority is no PEM").with_source(error))?;
    let cluster = described.name;
    let tokens = move || {
        let (aws, cluster) = (aws.clone(), cluster.clone());
        async move {
            let token = aws.eks_token(&cluster, SystemClock.now()).await?;
            Ok(Token { value: token.value, expires: Some(token.expires) })
        }
    };
    let endpoint = Endpoint {
        server: described.endpoint,
        ca_pem: Some(authority),
        tls_server_name: None,
        proxy: proxy.map(str::to_owned),
        tokens: Some(Arc::new(tokens)),
    };
    let connected = KubeCluster::from_endpoint(endpoint, Arc::new(SystemClock)).await;
    let connected = connected.map_err(|error| {
        PortError::invalid(format!("no connection can be made to the EKS cluster {name}")).with_source(error)
    })?;
    Ok(Arc::new(connected))
}
