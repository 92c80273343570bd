//! The benchmark's own client of an apiserver: requests with ready bytes over pooled connections, nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: String,
}

/// An object as it is sent.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

impl Client {
    /// Reads a kubeconfig with embedded certificates, as sandboxes write it.
    pub(crate) fn connect(kubeconfig: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(kubeconfig).with_context(|| format!("failed to read {}", kubeconfig.display()))?;
        let config: Value = serde_saphyr::from_str(&text).context("the kubeconfig is not YAML")?;
        let decoded = |pointer: &str| -> anyhow::Result<Vec<u8>> {
            let text = config.pointer(pointer).and_then(Value::as_str);
            Ok(STANDARD.decode(text.with_context(|| format!("the kubeconfig has no {pointer}"))?)?)
        };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&decoded("/clusters/0/cluster/certificate-authority-data")?)?)?;
        let certificate = CertificateDer::from_pem_slice(&decoded("/users/0/user/client-certificate-data")?)?;
        let key = PrivateKeyDer::from_pem_slice(&decoded("/users/0/user/client-key-data")?)?;
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(tcp);
        let server = config.pointer("/clusters/0/cluster/server").and_then(Value::as_str).context("no server")?;
        Ok(Self { http: Http::builder(TokioExecutor::new()).build(connector), server: server.to_owned() })
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))?;
        let response = self.http.request(request).await.with_context(|| format!("no answer for {path}"))?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Bytes> {
        let (status, body) = self.send(Method::GET, path, Bytes::new()).await?;
        ensure!(status.is_success(), "GET {path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    pub(crate) async fn create(&self, path: &str, object: &Value) -> anyhow::Result<()> {
        self.create_ready(&Ready { path: path.to_owned(), body: serde_json::to_vec(object)?.into() }).await
    }

    async fn create_ready(&self, ready: &Ready) -> anyhow::Result<()> {
        let (status, body) = self.send(Method::POST, &ready.path, ready.body.clone()).await?;
        ensure!(status.is_success(), "POST {}: {status}: {}", ready.path, String::from_utf8_lossy(&body));
        Ok(())
    }

    /// The bare creator: so many requests in flight, until all objects are there.
    pub(crate) async fn create_all(
        &self,
        objects: impl Iterator<Item = Ready>,
        in_flight: usize,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let mut sent = futures::stream::iter(objects)
            .map(|ready| async move { self.create_ready(&ready).await })
            .buffer_unordered(in_flight);
        while let Some(outcome) = sent.next().await {
            outcome?;
        }
        Ok(started.elapsed())
    }

    /// Asks again and again until an answer is what is waited for.
    pub(crate) async fn until(
        &self,
        path: &str,
        patience: Duration,
        mut done: impl FnMut(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let started = Instant::now();
        loop {
            let (status, body) = self.send(Method::GET, path, Bytes::new()).await?;
            let value = serde_json::from_slice::<Value>(&body).unwrap_or_default();
            if status.is_success() && done(&value) {
                return Ok(value);
            }
            if started.elapsed() > patience {
                bail!("{path} is not ready after {patience:?}: {}", value["status"]);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
