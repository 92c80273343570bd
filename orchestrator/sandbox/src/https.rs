//! The few requests a sandbox makes to its own apiserver: is it ready, create a node, is the node ready.
//!
//! One connection at a time, JSON only, small answers. Whoever wants a real client takes the kubeconfig.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::Identity;
use crate::error::SandboxError;

/// The largest answer read; a list of five hundred nodes has two megabytes.
const LARGEST_ANSWER: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct ApiClient {
    address: SocketAddr,
    connector: TlsConnector,
    connection: Option<SendRequest<Full<Bytes>>>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// What the server says went wrong, in at most a few hundred characters.
    pub(crate) fn message(&self) -> String {
        let value = self.json();
        let text =
            value["message"].as_str().map_or_else(|| String::from_utf8_lossy(&self.body).into_owned(), str::to_owned);
        text.chars().take(300).collect()
    }
}

impl ApiClient {
    pub(crate) fn new(address: SocketAddr, authority: &str, identity: &Identity) -> Result<Self, SandboxError> {
        let pem =
            |_| SandboxError::Tls(rustls::Error::General("a certificate of the sandbox cannot be read".to_owned()));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).map_err(pem)?).map_err(SandboxError::Tls)?;
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).map_err(pem)?];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(pem)?;
        // Named, because the process may have installed no default and may hold more than one provider.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
            .map_err(SandboxError::Tls)?;
        Ok(Self { address, connector: TlsConnector::from(Arc::new(config)), connection: None })
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.request(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.request(Method::POST, path, Some(body)).await
    }

    async fn request(&mut self, method: Method, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if answer.is_err() {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, method: Method, path: &str, body: Option<&Value>) -> io::Result<Answer> {
        let body = body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        let connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => self.connect().await?,
        };
        let connection = self.connection.insert(connection);
        connection.ready().await.map_err(io::Error::other)?;
        let response = connection.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.map_err(io::Error::other)?;
        Ok(Answer { status, body: body.to_bytes() })
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(ServerName::from(self.address.ip()), stream).await?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Ends by itself when the sender is dropped.
        tokio::spawn(driver);
        Ok(sender)
    }
}
