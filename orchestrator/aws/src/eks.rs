//! Where an EKS cluster's API is, and tokens for it.

mod token;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ports::PortError;

use crate::connection::Aws;
use crate::error::explain;

pub use token::EksToken;

/// What is needed to speak to a cluster, and a little more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EksCluster {
    pub name: String,
    pub arn: String,
    /// `ACTIVE`, `CREATING`, … as AWS says it.
    pub status: String,
    /// `1.33`.
    pub version: String,
    /// `https://…`.
    pub endpoint: String,
    /// The certificate authority, as PEM.
    pub ca: Vec<u8>,
    /// For roles of service accounts; absent where there is no OIDC provider.
    pub oidc_issuer: Option<String>,
    pub vpc_id: Option<String>,
}

impl Aws {
    /// Describes a cluster; one that has no endpoint yet is `Unavailable`.
    pub async fn describe_cluster(&self, name: &str) -> Result<EksCluster, PortError> {
        self.require_region()?;
        let what = format!("describe the EKS cluster {name}");
        let request = aws_sdk_eks::Client::new(self.sdk()).describe_cluster().name(name);
        let answer = request.send().await.map_err(|error| explain(error, &what))?;
        let cluster = answer
            .cluster()
            .ok_or_else(|| PortError::unavailable(format!("failed to {what}: the answer holds no cluster")))?;
        let status = cluster.status().map(|status| status.as_str().to_owned()).unwrap_or_default();
        let pending = || PortError::unavailable(format!("failed to {what}: it has no endpoint yet, being {status}"));
        let endpoint = cluster.endpoint().ok_or_else(pending)?;
        let ca = cluster.certificate_authority().and_then(|authority| authority.data()).ok_or_else(pending)?;
        let ca = STANDARD.decode(ca).map_err(|error| {
            PortError::invalid(format!("failed to {what}: its CA is not base64")).with_source(error)
        })?;
        Ok(EksCluster {
            name: cluster.name().unwrap_or(name).to_owned(),
            arn: cluster.arn().unwrap_or_default().to_owned(),
            status,
            version: cluster.version().unwrap_or_default().to_owned(),
            endpoint: endpoint.to_owned(),
            ca,
            oidc_issuer: cluster.identity().and_then(|id| id.oidc()?.issuer()).map(str::to_owned),
            vpc_id: cluster.resources_vpc_config().and_then(|vpc| vpc.vpc_id()).map(str::to_owned),
        })
    }
}
