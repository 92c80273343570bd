//! Certificates: what is accepted, and what is said about the rest.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

use std::sync::Arc;

use base64::Engine;
use bytes::Bytes;
use cluster::{ConnectError, Endpoint, KubeCluster};
use ports::cluster::Cluster;
use ports::{ErrorKind, PortError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use testkit::FakeClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[tokio::test]
async fn the_given_authority_decides() {
    let (ours, other) = (Authority::new(), Authority::new());
    let server = Server::start(&ours, "127.0.0.1", false).await;
    assert_eq!(server.ask(endpoint(&ours)).await.unwrap(), (200, Bytes::from_static(b"ok")));
    let error = server.ask(endpoint(&other)).await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Denied, Some("Certificate")));
    assert!(error.message.contains("certificate authority"), "{error}");
}

#[tokio::test]
async fn the_name_in_the_certificate_counts_and_can_be_given() {
    let ours = Authority::new();
    let server = Server::start(&ours, "api.example", false).await;
    let error = server.ask(endpoint(&ours)).await.unwrap_err();
    assert!(error.kind == ErrorKind::Denied && error.message.contains("another name"), "{error}");
    let named = Endpoint { tls_server_name: Some("api.example".into()), ..endpoint(&ours) };
    assert_eq!(server.ask(named).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_client_certificate_lets_in_and_its_absence_is_named() {
    let ours = Authority::new();
    let server = Server::start(&ours, "127.0.0.1", true).await;
    let error = server.ask(endpoint(&ours)).await.unwrap_err();
    assert!(error.kind == ErrorKind::Denied && error.message.contains("client certificate"), "{error}");
    let (certificate, key) = ours.issue("admin");
    let kubeconfig = kubeconfig(&server.url, &ours, certificate.as_ref(), &key);
    let cluster = KubeCluster::from_kubeconfig(&kubeconfig, None).await.unwrap();
    assert_eq!(cluster.get_path("/readyz").await.unwrap().0, 200);
    assert_eq!(cluster.describe(), server.url);
}

#[tokio::test]
async fn a_version_1_certificate_is_called_that() {
    let ours = Authority::new();
    let (certificate, key) = ours.issue("admin");
    let old = version_1(certificate.as_ref());
    let kubeconfig = kubeconfig("https://127.0.0.1:1", &ours, &old, &key);
    let error = KubeCluster::from_kubeconfig(&kubeconfig, None).await.err().unwrap();
    assert!(matches!(error, ConnectError::Certificate(..)), "{error:?}");
    assert!(error.to_string().contains("version 1"), "{error:?}");
}

/// A certificate authority that can sign.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a server's name or a client, without extensions where it needs none.
    fn issue(&self, name: &str) -> (CertificateDer<'static>, KeyPair) {
        let names = if name.contains('.') { vec![name.to_owned()] } else { vec![] };
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().der().clone(), key)
    }
}

struct Server {
    url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(authority: &Authority, name: &str, clients: bool) -> Self {
        let (certificate, key) = authority.issue(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not like us is the client's test.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    head.push(byte);
                    if head.ends_with(b"\r\n\r\n") {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                        break;
                    }
                }
                let _ = stream.shutdown().await;
            }
        });
        Self { url, task }
    }

    async fn ask(&self, endpoint: Endpoint) -> Result<(u16, Bytes), PortError> {
        let endpoint = Endpoint { server: self.url.clone(), ..endpoint };
        let cluster = KubeCluster::from_endpoint(endpoint, Arc::new(FakeClock::standing())).await.unwrap();
        cluster.get_path("/readyz").await
    }
}

fn endpoint(authority: &Authority) -> Endpoint {
    Endpoint { ca_pem: Some(authority.0.pem()), ..Endpoint::default() }
}

fn kubeconfig(server: &str, authority: &Authority, certificate: &[u8], key: &KeyPair) -> String {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines = base64(certificate)
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect::<String>();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n");
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: '{server}', certificate-authority-data: {}}}}}]\n\
         users: [{{name: u, user: {{client-certificate-data: {}, client-key-data: {}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n",
        base64(authority.0.pem().as_bytes()),
        base64(pem.as_bytes()),
        base64(key.serialize_pem().as_bytes()),
    )
}

/// The same certificate without its version field, which makes it version 1; its signature no longer fits, which no
/// client looks at in its own certificate.
fn version_1(der: &[u8]) -> Vec<u8> {
    let (certificate, _) = split(der);
    let (to_be_signed, signature) = split(certificate);
    let version = [0xa0, 3, 2, 1, 2];
    let rest = to_be_signed.strip_prefix(&version).unwrap();
    join(&[join(rest), signature.to_vec()].concat())
}

/// The content of a DER sequence, and what follows it.
fn split(der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], 0x30);
    let (length, begin) = match der[1] {
        0x81 => (usize::from(der[2]), 3),
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        short => (usize::from(short), 2),
    };
    (&der[begin..begin + length], &der[begin + length..])
}

fn join(content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match content.len() {
        0..128 => vec![low],
        128..256 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[0x30], length.as_slice(), content].concat()
}
