//! Ways to reach a cluster: a kubeconfig, the service account of the pod we run in, or an explicit endpoint.
//!
//! Reads no environment of its own and decides nothing about which cluster is the right one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, Client, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Config, Error as KubeError};
use percent_encoding::percent_decode_str;
use ports::Clock;
use tower::filter::AsyncFilterLayer;
use tower::util::option_layer;
use tower::{BoxError, Layer, ServiceExt};

use crate::KubeCluster;
use crate::status::{VERSION_1, VERSION_1_HINT, chain_of};
use crate::token::{TokenCache, TokenSource};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that vanished without a word is noticed after about a minute.
const KEEPALIVE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the kubeconfig cannot be used")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    #[error("this is not a pod with a service account")]
    InCluster(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0:?} is not a URL of a server")]
    Url(String),
    #[error("the certificate authority is not PEM")]
    CertificateAuthority(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the certificate authority holds no certificate")]
    NoCertificateAuthority,
    #[error("{0}")]
    Certificate(&'static str, #[source] Box<KubeError>),
    #[error("proxies of type {0:?} are not supported; use http or https")]
    Proxy(String),
    #[error("the credentials cannot be used")]
    Credentials(#[source] Box<KubeError>),
    #[error("a helper task ended early")]
    Task(#[source] tokio::task::JoinError),
}

/// A server named directly, as an infrastructure contract names it.
#[derive(Clone, Default)]
pub struct Endpoint {
    /// `https://…`, with a path where a gateway wants one.
    pub server: String,
    /// PEM; without it the system's roots count.
    pub ca_pem: Option<String>,
    /// The name in the server's certificate, where it is not the URL's host.
    pub tls_server_name: Option<String>,
    /// `http://[user:password@]host:port` of a proxy that understands CONNECT.
    pub proxy: Option<String>,
    pub tokens: Option<Arc<dyn TokenSource>>,
}

impl KubeCluster {
    /// Reads a kubeconfig file; paths in it are relative to it. Without a context, the current one counts.
    pub async fn from_kubeconfig_file(path: &Path, context: Option<&str>) -> Result<Self, ConnectError> {
        let path = path.to_owned();
        let read =
            tokio::task::spawn_blocking(move || Kubeconfig::read_from(path)).await.map_err(ConnectError::Task)?;
        Self::from_parsed(read.map_err(|e| ConnectError::Kubeconfig(Box::new(e)))?, context).await
    }

    /// Takes a kubeconfig's text; paths in it should be absolute.
    pub async fn from_kubeconfig(text: &str, context: Option<&str>) -> Result<Self, ConnectError> {
        let parsed = Kubeconfig::from_yaml(text).map_err(|e| ConnectError::Kubeconfig(Box::new(e)))?;
        Self::from_parsed(parsed, context).await
    }

    /// Uses the service account of the pod that this process runs in.
    pub async fn in_cluster() -> Result<Self, ConnectError> {
        let config = Config::incluster().map_err(|e| ConnectError::InCluster(Box::new(e)))?;
        Self::from_config(config, None).await
    }

    /// Uses an explicit endpoint. The clock decides when a token is about to expire.
    pub async fn from_endpoint(endpoint: Endpoint, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let mut config = Config::new(server_url(&endpoint.server)?);
        config.tls_server_name = endpoint.tls_server_name;
        config.proxy_url = endpoint.proxy.as_deref().map(server_url).transpose()?;
        config.root_cert = endpoint.ca_pem.as_deref().map(certificates).transpose()?;
        Self::from_config(config, endpoint.tokens.map(|source| TokenCache::new(source, clock))).await
    }

    async fn from_parsed(kubeconfig: Kubeconfig, context: Option<&str>) -> Result<Self, ConnectError> {
        let own_proxy = proxy_in(&kubeconfig, context);
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
        let loaded = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = loaded.map_err(|e| ConnectError::Kubeconfig(Box::new(e)))?;
        // kube falls back to the environment's proxy and asks NO_PROXY about the proxy, not about the server.
        if !own_proxy && is_loopback(config.cluster_url.host().unwrap_or_default()) {
            config.proxy_url = None;
        }
        Self::from_config(config, None).await
    }

    async fn from_config(mut config: Config, tokens: Option<Arc<TokenCache>>) -> Result<Self, ConnectError> {
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let agent = http::HeaderValue::from_static(concat!("landfall/", env!("CARGO_PKG_VERSION")));
        config.headers.push((http::header::USER_AGENT, agent));
        let for_client = tokens.clone();
        // Credential plugins are run while the client is built, and they block. Its queue needs the runtime.
        let runtime = tokio::runtime::Handle::current();
        let built = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            client(config, for_client)
        });
        Ok(Self { client: built.await.map_err(ConnectError::Task)??, server, tokens })
    }
}

/// kube's own stack without its retries, and without its log line at error level for every refusal.
fn client(config: Config, tokens: Option<Arc<TokenCache>>) -> Result<Client, ConnectError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE / 3));
    tcp.set_keepalive_retries(Some(3));
    let Some(proxy) = config.proxy_url.clone() else { return stack(config, tcp, tokens) };
    match proxy.scheme_str() {
        Some("http") => stack(config, tunnel(proxy, tcp), tokens),
        Some("https") => {
            let to_proxy = config.rustls_https_connector_with_connector(tcp).map_err(unusable)?;
            stack(config, tunnel(proxy, to_proxy), tokens)
        }
        other => Err(ConnectError::Proxy(other.unwrap_or_default().to_owned())),
    }
}

fn tunnel<C>(proxy: Uri, connector: C) -> Tunnel<C> {
    let login = proxy.authority().and_then(|a| a.as_str().rsplit_once('@')).map(|(login, _)| basic(login));
    let tunnel = Tunnel::new(proxy, connector);
    match login.flatten() {
        Some(header) => tunnel.with_auth(header),
        None => tunnel,
    }
}

fn basic(login: &str) -> Option<http::HeaderValue> {
    use base64::Engine;
    let decoded: Vec<u8> = percent_decode_str(login).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(decoded);
    let mut header = http::HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn stack<H>(config: Config, connector: H, tokens: Option<Arc<TokenCache>>) -> Result<Client, ConnectError>
where
    H: tower::Service<Uri> + Clone + Send + Sync + 'static,
    H::Response: hyper::rt::Read + hyper::rt::Write + Connection + Unpin + Send + 'static,
    H::Future: Send + 'static,
    H::Error: Into<BoxError>,
{
    let https = config.rustls_https_connector_with_connector(connector).map_err(unusable)?;
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build::<_, Body>(https);
    let service = http.map_err(BoxError::from);
    let service = config.extra_headers_layer().map_err(unusable)?.layer(service);
    let bearer = tokens.map(|tokens| {
        AsyncFilterLayer::new(move |request: http::Request<Body>| Arc::clone(&tokens).authorize(request))
    });
    let service = option_layer(bearer).layer(service);
    let service = option_layer(config.auth_layer().map_err(unusable)?).layer(service);
    let service = config.base_uri_layer().layer(service);
    Ok(Client::new(service, config.default_namespace))
}

fn unusable(error: KubeError) -> ConnectError {
    let hint = match &error {
        _ if chain_of(&error).contains(VERSION_1) => VERSION_1_HINT,
        KubeError::RustlsTls(_) => "the client certificate, its key or the certificate authority cannot be used",
        _ => return ConnectError::Credentials(Box::new(error)),
    };
    ConnectError::Certificate(hint, Box::new(error))
}

fn server_url(text: &str) -> Result<Uri, ConnectError> {
    let url: Uri = text.parse().map_err(|_| ConnectError::Url(text.to_owned()))?;
    match (url.scheme_str(), url.host()) {
        (Some(_), Some(host)) if !host.is_empty() => Ok(url),
        _ => Err(ConnectError::Url(text.to_owned())),
    }
}

fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, ConnectError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|e| ConnectError::CertificateAuthority(Box::new(e)))?;
    if all.is_empty() {
        return Err(ConnectError::NoCertificateAuthority);
    }
    Ok(all.into_iter().map(|der| der.to_vec()).collect())
}

/// Whether the cluster that will be used names its own proxy.
fn proxy_in(kubeconfig: &Kubeconfig, context: Option<&str>) -> bool {
    let Some(wanted) = context.or(kubeconfig.current_context.as_deref()) else { return false };
    let context = kubeconfig.contexts.iter().find(|c| c.name == wanted).and_then(|c| c.context.as_ref());
    let cluster = context.and_then(|context| kubeconfig.clusters.iter().find(|c| c.name == context.cluster));
    let proxy = cluster.and_then(|c| c.cluster.as_ref()).and_then(|c| c.proxy_url.as_deref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
