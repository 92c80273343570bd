//! HTTP and TCP questions to running applications, behind `ports::Prober`.
//!
//! Asks once, over a connection of its own, and says what came. It follows no redirect, takes no proxy from the
//! environment, keeps no cookie and decides nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ports::PortError;
use ports::prober::{HttpAnswer, HttpProbe, Prober};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

/// Whoever runs a probe may ask for less, never for more.
const BODY_CAP: usize = 64 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("the certificate authority is not PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    #[error("the certificate authority cannot be used")]
    Authority(#[source] rustls::Error),
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// Probes over HTTP/1.1 and TCP.
pub struct HttpProber {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpProber {
    /// Trusts the system's roots and, besides them, certificate authorities given as PEM.
    pub fn new(authorities_pem: &[&str]) -> Result<Self, ProbeError> {
        let mut roots = RootCertStore::empty();
        // A machine without roots can still probe over HTTP, and with authorities of its own.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for pem in authorities_pem {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                roots.add(certificate.map_err(ProbeError::Pem)?).map_err(ProbeError::Authority)?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ProbeError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        // No connection is used twice: an old one says nothing about whether a new one would be taken.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https.wrap_connector(tcp));
        Ok(Self { client })
    }

    /// Posts a JSON body once and gives the answer's status; what is answered is not read.
    pub async fn post_json(&self, url: &str, body: Vec<u8>, timeout: Duration) -> Result<u16, PortError> {
        let probe = HttpProbe {
            url: url.to_owned(),
            method: "POST".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body_cap: 0,
            timeout,
        };
        let mut request = request(&probe)?;
        *request.body_mut() = Full::new(Bytes::from(body));
        let asked = tokio::time::timeout(timeout, self.ask(request, 0));
        Ok(asked.await.map_err(|_| late(timeout))??.0)
    }

    async fn ask(&self, request: Request<Full<Bytes>>, cap: usize) -> Result<(u16, Vec<u8>, bool), PortError> {
        let response = self.client.request(request).await.map_err(|e| failed("no answer", e))?;
        let status = response.status().as_u16();
        let (body, cut) = read(response.into_body(), cap).await?;
        Ok((status, body, cut))
    }
}

#[async_trait]
impl Prober for HttpProber {
    async fn http(&self, probe: &HttpProbe) -> Result<HttpAnswer, PortError> {
        let request = request(probe)?;
        let began = Instant::now();
        let asked = tokio::time::timeout(probe.timeout, self.ask(request, probe.body_cap.min(BODY_CAP)));
        let (status, body, cut) = asked.await.map_err(|_| late(probe.timeout))??;
        Ok(HttpAnswer { status, body, cut, elapsed: began.elapsed() })
    }

    async fn tcp(&self, host: &str, port: u16, timeout: Duration) -> Result<Duration, PortError> {
        let began = Instant::now();
        let connected = tokio::time::timeout(timeout, TcpStream::connect((host, port)));
        connected.await.map_err(|_| late(timeout))?.map_err(|e| failed("no connection", e))?;
        Ok(began.elapsed())
    }
}

fn request(probe: &HttpProbe) -> Result<Request<Full<Bytes>>, PortError> {
    let invalid = |what: &str| PortError::invalid(format!("{what} of the probe cannot be used"));
    let url: Uri = probe.url.parse().map_err(|e| invalid("the URL").with_source(e))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none_or(str::is_empty) {
        return Err(PortError::invalid(format!("{:?} is not an http or https URL", probe.url)));
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(PortError::invalid("the URL holds credentials; put them into a header"));
    }
    let method = Method::from_bytes(probe.method.as_bytes()).map_err(|e| invalid("the method").with_source(e))?;
    if method == Method::CONNECT {
        return Err(invalid("the method"));
    }
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = method;
    *request.uri_mut() = url;
    let agent = HeaderValue::from_static(concat!("landfall/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    for (position, (name, value)) in probe.headers.iter().enumerate() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| invalid("a header's name").with_source(e))?;
        let mut value = HeaderValue::from_str(value).map_err(|e| invalid("a header's value").with_source(e))?;
        value.set_sensitive(true);
        // What the probe says replaces what we say; what it says twice is sent twice.
        if probe.headers[..position].iter().any(|(earlier, _)| earlier.eq_ignore_ascii_case(name.as_str())) {
            request.headers_mut().append(name, value);
        } else {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

async fn read(mut body: Incoming, cap: usize) -> Result<(Vec<u8>, bool), PortError> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| failed("the answer broke off", e))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = cap - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((kept, true));
        }
    }
    Ok((kept, false))
}

/// Anything may be otherwise the next time, a certificate too: a restored application gets its own when it is up.
fn failed(what: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    let error = error.into();
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    let mut certificate = false;
    while let Some(inner) = source {
        certificate |= inner.to_string().contains("invalid peer certificate");
        source = inner.source();
    }
    let refused = if certificate { "the certificate is not accepted" } else { what };
    let wrapped = PortError::unavailable(refused.to_owned()).with_source(error);
    if certificate { wrapped.with_reason("Certificate") } else { wrapped }
}

fn late(timeout: Duration) -> PortError {
    PortError::unavailable(format!("no answer within {timeout:?}")).with_reason("DeadlineExceeded")
}

#[cfg(test)]
mod tests;
