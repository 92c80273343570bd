//! Region, credentials and trusted certificates, turned into the SDK's configuration once.
//!
//! Talks HTTPS through rustls with ring, also where the SDK fetches credentials. Proxies are taken from the usual
//! variables. Credentials are never part of a message.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use ports::PortError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// How to reach AWS, or something that speaks like it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// Absent: what the environment or the profile says.
    pub region: Option<String>,
    pub credentials: CredentialSource,
    /// A file of PEM certificates to trust, beside the system's.
    pub ca: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq, Default)]
pub enum CredentialSource {
    /// Environment, profile, web identity, container, instance: the SDK's own order.
    #[default]
    Chain,
    /// A profile of the shared files and of nothing else, also where the environment holds credentials.
    Profile {
        /// Absent: `AWS_PROFILE`, or `default`.
        name: Option<String>,
        /// Each is read as configuration and as credentials; empty for the usual places.
        files: Vec<PathBuf>,
    },
    Static {
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    },
    /// A role assumed with a token from a file, as for service accounts with a role.
    WebIdentity {
        role_arn: String,
        token_file: PathBuf,
        session_name: String,
    },
    /// The endpoint that `AWS_CONTAINER_CREDENTIALS_…` names: EKS Pod Identity, ECS tasks.
    Container,
}

/// A configuration that is ready for use; cheap to clone.
#[derive(Clone)]
pub struct Aws {
    sdk: SdkConfig,
}

impl Aws {
    /// Reads files and, through the chain, the environment; asks no server.
    pub async fn connect(connection: &Connection) -> Result<Self, PortError> {
        let http_client = http_client(connection.ca.as_deref())?;
        let provider_config = ProviderConfig::default().with_http_client(http_client.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client)
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(10))
                    // Until the first byte of an answer, and so for a whole part on its way up a slow line.
                    .read_timeout(Duration::from_secs(180))
                    .build(),
            );
        let mut profile_files = None;
        if let CredentialSource::Profile { name, files } = &connection.credentials {
            if let Some(name) = name {
                loader = loader.profile_name(name);
            }
            profile_files = files_of_profile(files)?;
            if let Some(files) = &profile_files {
                loader = loader.profile_files(files.clone());
            }
        }
        if let Some(region) = &connection.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let sdk = loader.load().await;
        // Credentials that are made by asking STS need to know the region, which is only known now.
        let provider_config = provider_config.with_region(sdk.region().cloned());
        let sdk = match credentials(&connection.credentials, &provider_config, profile_files) {
            Some(credentials) => sdk.into_builder().credentials_provider(credentials).build(),
            None => sdk,
        };
        Ok(Self { sdk })
    }

    pub fn region(&self) -> Option<&str> {
        self.sdk.region().map(AsRef::as_ref)
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The region, or an error that says how to name one.
    pub(crate) fn require_region(&self) -> Result<&str, PortError> {
        self.region().ok_or_else(|| {
            PortError::invalid("no region is known: name one in the location, in AWS_REGION or in the profile")
                .with_reason("MissingRegion")
        })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

/// Shows where credentials come from, never what they are.
impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("Chain"),
            Self::Profile { name, files } => {
                f.debug_struct("Profile").field("name", name).field("files", files).finish()
            }
            Self::Static { access_key_id, .. } => {
                f.debug_struct("Static").field("access_key_id", access_key_id).finish_non_exhaustive()
            }
            Self::WebIdentity { role_arn, token_file, .. } => f
                .debug_struct("WebIdentity")
                .field("role_arn", role_arn)
                .field("token_file", token_file)
                .finish_non_exhaustive(),
            Self::Container => f.write_str("Container"),
        }
    }
}

fn credentials(
    source: &CredentialSource,
    config: &ProviderConfig,
    profile_files: Option<EnvConfigFiles>,
) -> Option<SharedCredentialsProvider> {
    Some(match source {
        CredentialSource::Chain => return None,
        CredentialSource::Profile { name, .. } => {
            let mut provider = ProfileFileCredentialsProvider::builder().configure(config);
            if let Some(name) = name {
                provider = provider.profile_name(name);
            }
            if let Some(files) = profile_files {
                provider = provider.profile_files(files);
            }
            SharedCredentialsProvider::new(provider.build())
        }
        CredentialSource::Static { access_key_id, secret_access_key, session_token } => SharedCredentialsProvider::new(
            Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "landfall"),
        ),
        CredentialSource::WebIdentity { role_arn, token_file, session_name } => {
            let configuration = StaticConfiguration {
                web_identity_token_file: token_file.clone(),
                role_arn: role_arn.clone(),
                session_name: session_name.clone(),
            };
            let provider = WebIdentityTokenCredentialsProvider::builder().configure(config);
            SharedCredentialsProvider::new(provider.static_configuration(configuration).build())
        }
        CredentialSource::Container => {
            SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(config).build())
        }
    })
}

fn files_of_profile(files: &[PathBuf]) -> Result<Option<EnvConfigFiles>, PortError> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut builder = EnvConfigFiles::builder();
    for file in files {
        if let Err(error) = std::fs::File::open(file) {
            let message = format!("failed to read the credentials file {}", file.display());
            return Err(PortError::invalid(message).with_source(error));
        }
        builder = builder.with_file(EnvConfigFileKind::Config, file).with_file(EnvConfigFileKind::Credentials, file);
    }
    Ok(Some(builder.build()))
}

fn http_client(ca: Option<&Path>) -> Result<aws_sdk_s3::config::SharedHttpClient, PortError> {
    let mut trust = TrustStore::default();
    if let Some(path) = ca {
        trust = trust.with_pem_certificate(certificates(path)?);
    }
    let context = TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|error| PortError::invalid("failed to set up TLS").with_source(error))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context.clone()).build()
    }))
}

/// Checked here, because the HTTP client takes a bad file for a broken promise.
fn certificates(path: &Path) -> Result<Vec<u8>, PortError> {
    let bad = |why: &str| PortError::invalid(format!("the CA file {} {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| bad("cannot be read").with_source(error))?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad("is not PEM").with_source(error))?;
        roots.add(certificate).map_err(|error| bad("holds a certificate that is none").with_source(error))?;
    }
    if roots.is_empty() { Err(bad("holds no certificate")) } else { Ok(pem) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        let source = CredentialSource::Static {
            access_key_id: "AKIA".into(),
            secret_access_key: "hunter2".into(),
            session_token: Some("hunter3".into()),
        };
        let shown = format!("{:?}", Connection { credentials: source, ..Connection::default() });
        assert!(shown.contains("AKIA") && !shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn bad_ca_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(http_client(Some(&path)).is_err());
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for content in ["", "not PEM", broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(http_client(Some(&path)).is_err(), "{content:?}");
        }
    }

    #[tokio::test]
    async fn a_profile_of_a_file_is_used_with_its_region() {
        use aws_credential_types::provider::ProvideCredentials;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cloud");
        let text = "[other]\naws_access_key_id=o\naws_secret_access_key=o\n[dr]\naws_access_key_id=AKDR\naws_secret_access_key=s\n";
        std::fs::write(&file, text).unwrap();
        let connection = Connection {
            region: Some("eu-west-1".into()),
            credentials: CredentialSource::Profile { name: Some("dr".into()), files: vec![file] },
            ca: None,
        };
        let aws = Aws::connect(&connection).await.unwrap();
        assert_eq!(aws.require_region().unwrap(), "eu-west-1");
        let provider = aws.sdk().credentials_provider().unwrap();
        assert_eq!(provider.provide_credentials().await.unwrap().access_key_id(), "AKDR");
        let missing = CredentialSource::Profile { name: None, files: vec![directory.path().join("none")] };
        let missing = Connection { credentials: missing, ..connection };
        assert!(Aws::connect(&missing).await.is_err());
    }
}
