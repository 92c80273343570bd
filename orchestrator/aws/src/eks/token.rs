//! Tokens for EKS: a presigned question to STS, which the cluster asks in the bearer's name.
//!
//! Made without asking anybody, unless the credentials have to be fetched.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ports::PortError;

use crate::connection::Aws;

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// The cluster takes a token for fifteen minutes after its signature; one is for the clocks.
const VALID_FOR: SignedDuration = SignedDuration::from_mins(14);
/// How long STS itself would take the URL; what every other maker of tokens writes.
const URL_VALID_FOR: Duration = Duration::from_secs(60);

/// A bearer token of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct EksToken {
    pub value: String,
    pub expires: Timestamp,
}

/// Shows when it expires, never what it is.
impl fmt::Debug for EksToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EksToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl Aws {
    /// A token for a cluster of this connection's region.
    ///
    /// It expires with its credentials, if those expire first.
    pub async fn eks_token(&self, cluster: &str, now: Timestamp) -> Result<EksToken, PortError> {
        let region = self.require_region()?;
        let none = || PortError::denied("no credentials to make an EKS token from").with_reason("NoCredentials");
        let provider = self.sdk().credentials_provider().ok_or_else(none)?;
        let credentials = provider.provide_credentials().await.map_err(|error| none().with_source(error))?;
        token(cluster, region, &credentials, now)
    }
}

fn token(cluster: &str, region: &str, credentials: &Credentials, now: Timestamp) -> Result<EksToken, PortError> {
    let failed = || PortError::invalid(format!("failed to make a token for the EKS cluster {cluster}"));
    if cluster.is_empty() || !cluster.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(PortError::invalid(format!("{cluster:?} is not the name of an EKS cluster")));
    }
    let host = sts_host(region);
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(URL_VALID_FOR);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(SystemTime::from(now))
        .settings(settings)
        .build()
        .map_err(|error| failed().with_source(error))?;
    let headers = [("host", host.as_str()), (CLUSTER_HEADER, cluster)];
    let request = SignableRequest::new("GET", url.as_str(), headers.into_iter(), SignableBody::Bytes(b""))
        .map_err(|error| failed().with_source(error))?;
    let (instructions, _) = sign(request, &params.into()).map_err(|error| failed().with_source(error))?.into_parts();
    let mut query = url::form_urlencoded::Serializer::new(url);
    for (key, value) in instructions.params() {
        query.append_pair(key, value);
    }
    let own = now.checked_add(VALID_FOR).map_err(|error| failed().with_source(error))?;
    let theirs = credentials.expiry().and_then(|expiry| Timestamp::try_from(expiry).ok());
    Ok(EksToken {
        value: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(query.finish())),
        expires: theirs.map_or(own, |theirs| theirs.min(own)),
    })
}

/// STS of a region, which lies under another name in some partitions.
fn sts_host(region: &str) -> String {
    let suffix = match region {
        r if r.starts_with("cn-") => "amazonaws.com.cn",
        r if r.starts_with("us-iso-") => "c2s.ic.gov",
        r if r.starts_with("us-isob-") => "sc2s.sgov.gov",
        r if r.starts_with("us-isof-") => "csp.hci.ic.gov",
        r if r.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        r if r.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("sts.{region}.{suffix}")
}

#[cfg(test)]
mod tests;
