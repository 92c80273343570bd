//! Against servers on the loopback that answer as told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn status_and_body_come_back_whatever_they_are() {
    for (head, status, body) in [
        ("200 OK\r\ncontent-length: 5", 200, "hello"),
        ("503 Service Unavailable\r\ncontent-length: 4", 503, "busy"),
        ("204 No Content", 204, ""),
        ("200 OK\r\ntransfer-encoding: chunked", 200, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
    ] {
        let server = Server::answering(&format!("HTTP/1.1 {head}\r\n\r\n{body}")).await;
        let answer = prober().http(&server.probe("/")).await.unwrap();
        let expected = if body.starts_with("5\r\n") { "hello world" } else { body };
        assert_eq!((answer.status, answer.body.as_slice(), answer.cut), (status, expected.as_bytes(), false));
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_not_a_way() {
    let server =
        Server::answering("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(prober().http(&server.probe("/")).await.unwrap().status, 302);
}

#[tokio::test]
async fn method_and_headers_are_sent_as_given() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let mut probe = server.probe("/a?b=c");
    probe.method = "HEAD".into();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    probe.headers =
        vec![header("Host", "shop.example"), header("X-A", "1"), header("x-a", "2"), header("User-Agent", "me")];
    prober().http(&probe).await.unwrap();
    let asked = server.task.await.unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("head /a?b=c http/1.1\r\n"), "{asked}");
    for line in ["host: shop.example\r\n", "x-a: 1\r\n", "x-a: 2\r\n", "user-agent: me\r\n"] {
        assert_eq!(asked.matches(line).count(), 1, "{line} in {asked}");
    }
}

#[tokio::test]
async fn a_long_body_is_cut_at_the_cap() {
    let text = format!("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{}", "x".repeat(100_000));
    for (cap, cut) in [(10, true), (99_999, true), (100_000, false), (0, true)] {
        let server = Server::answering(&text).await;
        let answer = prober().http(&HttpProbe { body_cap: cap, ..server.probe("/") }).await.unwrap();
        assert_eq!((answer.body.len(), answer.cut), (cap, cut));
    }
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "nonsense\r\n\r\n"] {
        let server = Server::answering(text).await;
        let error = prober().http(&server.probe("/")).await.unwrap_err();
        assert!(error.is_retryable(), "{text:?}: {error}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let probe = HttpProbe { timeout: Duration::from_millis(50), ..probe(url) };
    assert_eq!(prober().http(&probe).await.unwrap_err().reason.as_deref(), Some("DeadlineExceeded"));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    prober().tcp("127.0.0.1", address.port(), PATIENCE).await.unwrap();
    drop(listener);
    assert!(prober().tcp("127.0.0.1", address.port(), PATIENCE).await.unwrap_err().is_retryable());
    assert!(prober().http(&probe(format!("http://{address}/"))).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn what_cannot_be_asked_is_invalid() {
    let good = probe("http://127.0.0.1:1/".into());
    let with = |change: fn(&mut HttpProbe)| {
        let mut probe = good.clone();
        change(&mut probe);
        probe
    };
    for probe in [
        with(|p| p.url = "ftp://127.0.0.1/".into()),
        with(|p| p.url = "/path".into()),
        with(|p| p.url = "http://".into()),
        with(|p| p.url = "http://user:secret@127.0.0.1/".into()),
        with(|p| p.method = "G E T".into()),
        with(|p| p.method = "CONNECT".into()),
        with(|p| p.headers = vec![("a b".into(), "c".into())]),
        with(|p| p.headers = vec![("a".into(), "b\r\nc: d".into())]),
    ] {
        assert_eq!(prober().http(&probe).await.unwrap_err().kind, ports::ErrorKind::Invalid, "{probe:?}");
    }
}

#[tokio::test]
async fn certificates_are_checked_against_the_given_authority() {
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        // The first who comes does not trust us.
        let (stranger, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stranger).await.is_err());
        let (friend, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(friend).await.unwrap();
        converse(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    });
    let error = prober().http(&probe(url.clone())).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("Certificate"));
    let trusting = HttpProber::new(&[&issued.cert.pem()]).unwrap();
    assert_eq!(trusting.http(&probe(url)).await.unwrap().body, b"ok");
    task.await.unwrap();
}

/// Takes one connection, answers and closes it; the task gives what was asked.
struct Server {
    address: SocketAddr,
    task: JoinHandle<String>,
}

impl Server {
    async fn answering(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = text.to_owned();
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            converse(stream, &text).await
        });
        Self { address, task }
    }

    fn probe(&self, path: &str) -> HttpProbe {
        probe(format!("http://{}{path}", self.address))
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) -> String {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        asked.push(byte[0]);
    }
    // Whoever has had enough hangs up early.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8(asked).unwrap()
}

fn prober() -> HttpProber {
    HttpProber::new(&[]).unwrap()
}

fn probe(url: String) -> HttpProbe {
    HttpProbe { url, method: "GET".into(), headers: vec![], body_cap: 1 << 20, timeout: PATIENCE }
}
