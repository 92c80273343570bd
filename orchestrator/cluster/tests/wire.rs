//! What comes over the wire and what it becomes, against servers on the loopback that answer as told.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cluster::{ConnectError, Endpoint, KubeCluster, Token};
use futures::{SinkExt, StreamExt};
use model::ApiResource;
use ports::cluster::{Cluster, ExecExit, ExecRequest, ListEvent, ListQuery, ObjectRef, PatchKind};
use ports::{Clock, ErrorKind, PortError};
use testkit::FakeClock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error_and_never_short() {
    let whole = r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[{"a":1},{"b":2}]}"#;
    for length in 0..whole.len() {
        // Without a length and without chunks, the end of the connection is the end of the answer.
        let server = Server::answering(vec![format!("HTTP/1.1 200 OK\r\n\r\n{}", &whole[..length])]).await;
        let (items, outcome) = server.list().await;
        assert!(items.len() <= 2 && outcome.is_err_and(|error| error.is_retryable()), "cut after {length}");
    }
    for head in ["content-length: 2000", "transfer-encoding: chunked"] {
        let chunk =
            if head.ends_with("chunked") { format!("{:x}\r\n{whole}\r\n", whole.len()) } else { whole.to_owned() };
        let server = Server::answering(vec![format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{chunk}")]).await;
        let (items, outcome) = server.list().await;
        assert!(items.len() == 2 && outcome.is_err_and(|error| error.is_retryable()), "{head}");
    }
    let server = Server::answering(vec![ok(whole)]).await;
    let (items, outcome) = server.list().await;
    assert_eq!(
        (items, outcome.unwrap()),
        (vec![r#"{"a":1}"#.to_owned(), r#"{"b":2}"#.to_owned()], (None, "9".to_owned()))
    );
}

#[tokio::test]
async fn an_item_is_there_before_the_rest_of_its_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = connect(&listener, Endpoint::default()).await;
    let (go_on, mut asked_to_go_on) = mpsc::channel::<()>(1);
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let begin = b"HTTP/1.1 200 OK\r\n\r\n{\"items\":[{\"a\":1},";
        stream.write_all(begin).await.unwrap();
        asked_to_go_on.recv().await.unwrap();
        stream.write_all(b"{\"b\":2}],\"metadata\":{\"continue\":\"t\"}}").await.unwrap();
    });
    let maps = config_maps();
    let mut events = server.list(&query(&maps)).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(ListEvent::Item(item))) if item == r#"{"a":1}"#));
    go_on.send(()).await.unwrap();
    assert!(matches!(events.next().await, Some(Ok(ListEvent::Item(item))) if item == r#"{"b":2}"#));
    let Some(Ok(ListEvent::End { continue_token, .. })) = events.next().await else { panic!("no end") };
    assert_eq!(continue_token.as_deref(), Some("t"));
    assert!(events.next().await.is_none());
    task.await.unwrap();
}

#[tokio::test]
async fn refusals_keep_their_reason_and_their_wait() {
    let status = |code: u16, reason: &str| {
        let body =
            format!(r#"{{"kind":"Status","status":"Failure","reason":"{reason}","message":"no","code":{code}}}"#);
        format!("HTTP/1.1 {code} X\r\nretry-after: 4\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let server = Server::answering(vec![status(410, "Expired")]).await;
    assert!(server.list().await.1.unwrap_err().is_expired());
    let server = Server::answering(vec![status(429, "TooManyRequests")]).await;
    let error = server.list().await.1.unwrap_err();
    assert_eq!((error.kind, error.retry_after), (ErrorKind::Throttled, Some(Duration::from_secs(4))));
    let server = Server::answering(vec!["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned()]).await;
    assert_eq!(server.list().await.1.unwrap_err().kind, ErrorKind::Invalid);
    let server =
        Server::answering(vec!["HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n".to_owned()]).await;
    assert_eq!(server.list().await.1.unwrap_err().kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn writes_go_where_they_belong_and_only_once() {
    let maps = config_maps();
    let object = ObjectRef { resource: &maps, namespace: Some("shop"), name: "a" };
    let apply = PatchKind::Apply { field_manager: "drill" };
    let asked = async |server: Server, outcome: Result<Bytes, PortError>| {
        assert_eq!(outcome.unwrap(), "{}");
        server.task.await.unwrap().remove(0)
    };
    let body = || Bytes::from_static(b"{\"x\":1}");
    let server = Server::answering(vec![ok("{}")]).await;
    let outcome = server.cluster.create(&object, body(), true).await;
    let head = asked(server, outcome).await;
    assert!(
        head.starts_with("POST /api/v1/namespaces/shop/configmaps?fieldManager=landfall&dryRun=All HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json\r\n") && head.contains("content-length: 7\r\n"));
    assert!(head.contains("user-agent: landfall/") && !head.contains("accept-encoding"), "{head}");
    let server = Server::answering(vec![ok("{}")]).await;
    let outcome = server.cluster.patch(&object, apply, body()).await;
    let head = asked(server, outcome).await;
    assert!(head.starts_with("PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=drill&force=true "), "{head}");
    assert!(head.contains("content-type: application/apply-patch+yaml\r\n"));
    let server = Server::answering(vec![ok("{}")]).await;
    let outcome = server.cluster.replace_subresource(&object, "eviction", body()).await;
    let head = asked(server, outcome).await;
    assert!(head.starts_with("POST /api/v1/namespaces/shop/configmaps/a/eviction?"), "{head}");
    // The connection ends after the request was read: nobody knows whether it was done, so it is not repeated.
    let server = Server::answering(vec![String::new(), ok("{}")]).await;
    let error = server.cluster.create(&object, body(), false).await.unwrap_err();
    assert!(error.is_retryable());
    server.cluster.get(&object).await.unwrap();
    let asked = server.task.await.unwrap();
    assert!(asked[0].starts_with("POST") && asked[1].starts_with("GET"), "{asked:?}");
}

#[tokio::test]
async fn tokens_are_fetched_once_and_again_before_they_expire_or_when_refused() {
    let clock = Arc::new(FakeClock::standing());
    let fetched = Arc::new(AtomicUsize::new(0));
    let (count, time) = (Arc::clone(&fetched), Arc::clone(&clock));
    let tokens = move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let expires = time.now() + Duration::from_secs(900);
        std::future::ready(Ok(Token { value: format!("t{number}"), expires: Some(expires) }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint { tokens: Some(Arc::new(tokens)), server: url(&listener), ..Endpoint::default() };
    let cluster = KubeCluster::from_endpoint(endpoint, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
    let unauthorized = "HTTP/1.1 401 X\r\ncontent-length: 41\r\n\r\n{\"kind\":\"Status\",\"reason\":\"Unauthorized\"}";
    let task = serve(listener, vec![ok("{}"), ok("{}"), ok("{}"), unauthorized.to_owned(), ok("{}")]);
    let maps = config_maps();
    let object = ObjectRef { resource: &maps, namespace: Some("shop"), name: "a" };
    cluster.get(&object).await.unwrap();
    cluster.get(&object).await.unwrap();
    clock.advance(Duration::from_secs(850));
    cluster.get(&object).await.unwrap();
    assert_eq!(cluster.get(&object).await.unwrap_err().kind, ErrorKind::Denied);
    cluster.get(&object).await.unwrap();
    let heads = task.await.unwrap();
    let sent: Vec<&str> =
        heads.iter().filter_map(|head| head.split("authorization: Bearer ").nth(1)?.get(..2)).collect();
    assert_eq!((sent, fetched.load(Ordering::SeqCst)), (vec!["t0", "t0", "t1", "t1", "t2"], 3));
}

#[tokio::test]
async fn a_token_that_cannot_be_had_says_why() {
    let tokens = || std::future::ready(Err(PortError::denied("no such role").with_reason("AccessDenied")));
    let endpoint =
        Endpoint { tokens: Some(Arc::new(tokens)), server: "http://127.0.0.1:9".into(), ..Endpoint::default() };
    let cluster = KubeCluster::from_endpoint(endpoint, Arc::new(FakeClock::standing())).await.unwrap();
    let error = cluster.get_path("/readyz").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Denied, "no such role"));
}

#[tokio::test]
async fn a_kubeconfig_chooses_by_context_and_runs_its_plugin() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let credential = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
        "status":{"token":"from-plugin","expirationTimestamp":"2999-01-01T00:00:00Z"}}"#;
    let config = |script: &str| {
        let config = serde_json::json!({"apiVersion": "v1", "kind": "Config", "current-context": "elsewhere",
            "clusters": [{"name": "here", "cluster": {"server": url(&listener)}},
                {"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:1"}}],
            "users": [{"name": "u", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                "command": "sh", "args": ["-c", script], "interactiveMode": "Never"}}}, {"name": "nobody", "user": {}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "u"}},
                {"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "nobody"}}]});
        config.to_string()
    };
    let script = format!("echo '{credential}'");
    let current = KubeCluster::from_kubeconfig(&config(&script), None).await.unwrap();
    assert_eq!(current.describe(), "http://127.0.0.1:1");
    let outcome = KubeCluster::from_kubeconfig(&config("exit 3"), Some("here")).await;
    assert!(matches!(outcome.err(), Some(ConnectError::Credentials(_))));
    let here = KubeCluster::from_kubeconfig(&config(&script), Some("here")).await.unwrap();
    let task = serve(listener, vec![ok("ok")]);
    here.get_path("/readyz").await.unwrap();
    assert!(task.await.unwrap()[0].contains("authorization: Bearer from-plugin\r\n"));
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://me:p%40ss@{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let connect = read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let request = read_head(&mut stream).await;
        stream.write_all(ok("ok").as_bytes()).await.unwrap();
        (connect, request)
    });
    let endpoint =
        Endpoint { server: "http://api.example:80/prefix".into(), proxy: Some(proxy), ..Endpoint::default() };
    let cluster = KubeCluster::from_endpoint(endpoint, Arc::new(FakeClock::standing())).await.unwrap();
    assert_eq!(cluster.get_path("/readyz").await.unwrap(), (200, Bytes::from_static(b"ok")));
    let (connect, request) = task.await.unwrap();
    assert!(connect.starts_with("CONNECT api.example:80 HTTP/1.1\r\n"), "{connect}");
    assert!(connect.to_ascii_lowercase().contains("proxy-authorization: basic bwu6cebzcw==\r\n"), "{connect}");
    assert!(request.starts_with("GET /prefix/readyz HTTP/1.1\r\n"), "{request}");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = connect(&listener, Endpoint::default()).await;
    drop(listener);
    let error = cluster.discover().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn endpoints_that_make_no_sense_are_refused() {
    let with = |endpoint: Endpoint| KubeCluster::from_endpoint(endpoint, Arc::new(FakeClock::standing()));
    let server = || "https://127.0.0.1:1".to_owned();
    for text in ["", "127.0.0.1", "/api", "https://"] {
        let outcome = with(Endpoint { server: text.into(), ..Endpoint::default() }).await;
        assert!(matches!(outcome.err(), Some(ConnectError::Url(_))), "{text:?}");
    }
    let outcome = with(Endpoint { server: server(), ca_pem: Some("nothing".into()), ..Endpoint::default() }).await;
    assert!(matches!(outcome.err(), Some(ConnectError::NoCertificateAuthority)));
    let outcome = with(Endpoint { server: server(), proxy: Some("ftp://proxy".into()), ..Endpoint::default() }).await;
    assert!(matches!(outcome.err(), Some(ConnectError::Proxy(_))));
    assert!(KubeCluster::from_kubeconfig("{", None).await.is_err());
    assert!(KubeCluster::from_kubeconfig("apiVersion: v1\nkind: Config\n", Some("nowhere")).await.is_err());
}

#[tokio::test]
async fn exec_tells_output_and_exit_code() {
    let success = r#"{"metadata":{},"status":"Success"}"#;
    let failed = r#"{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: 3",
        "reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}"#;
    let broken = r#"{"metadata":{},"status":"Failure","reason":"InternalError","message":"no such file"}"#;
    for (status, exit) in [
        (Some(success), ExecExit::Code(0)),
        (Some(failed), ExecExit::Code(3)),
        (Some(broken), ExecExit::Failed("no such file".into())),
        (None, ExecExit::Failed("the connection ended before the command did".into())),
    ] {
        for protocol in ["v4.channel.k8s.io", "v5.channel.k8s.io"] {
            let large = "x".repeat(3 << 20);
            let messages = [(1, "out"), (2, "err"), (1, "put"), (2, &large)];
            let (outcome, path) = run(protocol, &messages, status, Duration::from_secs(60)).await;
            let outcome = outcome.unwrap();
            assert_eq!((outcome.stdout.as_str(), &outcome.exit), ("output", &exit), "{protocol}");
            assert_eq!(outcome.stderr.len(), 1 << 20, "output is capped and still read to its end");
            assert!(path.starts_with("/api/v1/namespaces/shop/pods/web-0/exec?"), "{path}");
            for part in ["container=main", "command=sh", "command=-c", "stdout=true", "stderr=true"] {
                assert!(path.contains(part), "{part} in {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_left_alone() {
    let (outcome, _) = run("v5.channel.k8s.io", &[(1, "so far")], Some("never"), Duration::from_millis(200)).await;
    assert_eq!(outcome.unwrap().exit, ExecExit::TimedOut);
}

/// Runs a command against a server that says these things; a status of "never" leaves the connection open.
async fn run(
    protocol: &'static str,
    messages: &[(u8, &str)],
    status: Option<&str>,
    timeout: Duration,
) -> (Result<ports::cluster::ExecOutcome, PortError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = connect(&listener, Endpoint::default()).await;
    let frame = |channel: u8, text: &str| Message::binary([&[channel], text.as_bytes()].concat());
    let never = status == Some("never");
    let mut frames: Vec<Message> = messages.iter().map(|(channel, text)| frame(*channel, text)).collect();
    frames.extend(status.filter(|_| !never).map(|status| frame(3, status)));
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut path = String::new();
        #[expect(clippy::result_large_err, reason = "the callback's type is not ours")]
        let upgrade = |request: &Request, mut response: Response| {
            path = request.uri().to_string();
            response.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, upgrade).await.unwrap();
        for frame in frames {
            socket.send(frame).await.unwrap();
        }
        if never {
            // Until the client has had enough.
            while let Some(Ok(_)) = socket.next().await {}
        } else {
            let _ = socket.close(None).await;
        }
        path
    });
    let request = ExecRequest {
        namespace: "shop".into(),
        pod: "web-0".into(),
        container: "main".into(),
        command: vec!["sh".into(), "-c".into(), "true".into()],
        timeout,
    };
    let outcome = cluster.exec(&request).await;
    (outcome, task.await.unwrap())
}

/// Answers one connection after the other; an answer without a length ends with its connection.
struct Server {
    cluster: KubeCluster,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Server {
    async fn answering(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cluster = connect(&listener, Endpoint::default()).await;
        Self { cluster, task: serve(listener, answers) }
    }

    async fn list(&self) -> (Vec<String>, Result<(Option<String>, String), PortError>) {
        let (maps, mut items) = (config_maps(), Vec::new());
        let mut events = match self.cluster.list(&query(&maps)).await {
            Ok(events) => events,
            Err(error) => return (items, Err(error)),
        };
        while let Some(event) = events.next().await {
            match event {
                Ok(ListEvent::Item(item)) => items.push(String::from_utf8(item.to_vec()).unwrap()),
                Ok(ListEvent::End { continue_token, resource_version }) => {
                    assert!(events.next().await.is_none());
                    return (items, Ok((continue_token, resource_version)));
                }
                Err(error) => return (items, Err(error)),
            }
        }
        panic!("the list has no end");
    }
}

fn serve(listener: TcpListener, answers: Vec<String>) -> tokio::task::JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            asked.push(read_head(&mut stream).await);
            let closing = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            stream.write_all(closing.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            // What is left of the request is taken, lest the answer be lost to a reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        asked
    })
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn connect(listener: &TcpListener, endpoint: Endpoint) -> KubeCluster {
    let endpoint = Endpoint { server: url(listener), ..endpoint };
    KubeCluster::from_endpoint(endpoint, Arc::new(FakeClock::standing())).await.unwrap()
}

fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn query(resource: &ApiResource) -> ListQuery<'_> {
    ListQuery { resource, namespace: None, label_selector: None, limit: 0, continue_token: None }
}

fn config_maps() -> ApiResource {
    ApiResource {
        group: String::new(),
        version: "v1".into(),
        resource: "configmaps".into(),
        singular: "configmap".into(),
        kind: "ConfigMap".into(),
        short_names: vec![],
        namespaced: true,
        verbs: BTreeSet::new(),
        subresources: BTreeSet::new(),
    }
}
