//! A node that really runs pods: exec, volumes seen from the host, services, and no trace left.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sandbox::{
    RealNode, Release, Sandbox, SandboxError, SandboxName, Silent, State, UpRequest, down, real_node, status,
};
use serde_json::{Value, json};

use crate::support::{Bench, Owner, get, send, skip, until};

/// True where this machine can have a real node; else says why not.
async fn can_run(bench: &Bench, test: &str) -> bool {
    let missing = real_node::missing();
    if !missing.is_empty() {
        skip(test, &missing.join("; "), true);
        return false;
    }
    for name in ["runc", "busybox", "nft", "conntrack", "ip", "unshare"] {
        let listing = sandbox::component::survey(&bench.settings).await;
        let line = listing.iter().find(|line| line.component.name == name).unwrap();
        if line.found.is_none() {
            skip(test, &format!("{name} is missing: {}", line.remedy.as_deref().unwrap_or("")), false);
            return false;
        }
    }
    true
}

fn wanted(bench: &Bench) -> UpRequest {
    UpRequest { real_node: Some(RealNode::default()), ..bench.request("real") }
}

#[tokio::test]
async fn a_pod_runs_can_be_entered_and_its_volume_is_read_from_the_host() {
    let bench = Bench::alone();
    if !can_run(&bench, "a_pod_runs_can_be_entered_and_its_volume_is_read_from_the_host").await {
        return;
    }
    let before = host();
    let sandbox = bench.up(&wanted(&bench)).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    let server = sandbox.server().to_owned();
    let pod = json!({
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "data", "emptyDir": {}}],
            "containers": [{
                "name": "web",
                "image": real_node::BUSYBOX_IMAGE,
                "command": ["sh", "-c", "echo kept > /data/file; exec httpd -f -p 8080 -h /data"],
                "readinessProbe": {"httpGet": {"path": "/file", "port": 8080}, "periodSeconds": 1},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
        },
    });
    send(&folder, &server, "POST", "/api/v1/namespaces/default/pods", &pod);
    let service = json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    });
    let service = send(&folder, &server, "POST", "/api/v1/namespaces/default/services", &service);
    let address = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let path = "/api/v1/namespaces/default/pods/web";
    until("the pod is ready", || {
        let pod = get(&folder, &server, path);
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    })
    .await;

    assert_eq!(exec(&folder, &server, "web", &["cat", "/data/file"]), "kept\n");
    exec(&folder, &server, "web", &["sh", "-c", "echo changed > /data/file"]);
    let uid = get(&folder, &server, path)["metadata"]["uid"].as_str().unwrap().to_owned();
    let volume = sandbox.kubelet_root().unwrap().join("pods").join(uid).join("volumes/kubernetes.io~empty-dir/data");
    assert_eq!(std::fs::read_to_string(volume.join("file")).unwrap(), "changed\n");
    // Through the service, whose address only kube-proxy on the node knows.
    let fetch = format!("wget -q -O - http://{address}/file");
    until("the service answers", || exec(&folder, &server, "web", &["sh", "-c", &fetch]) == "changed\n").await;
    let page = get_text(&folder, &server, &format!("{path}:8080/proxy/file"));
    assert_eq!(page, "changed\n", "through the apiserver's proxy");

    sandbox.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(bench.processes(), [""; 0]);
    assert_eq!(host(), before, "the host is as it was");
}

#[tokio::test]
async fn a_killed_node_leaves_no_process_and_down_removes_the_rest() {
    let bench = Bench::alone();
    if !can_run(&bench, "a_killed_node_leaves_no_process_and_down_removes_the_rest").await {
        return;
    }
    let before = host();
    let sandbox = bench.up(&UpRequest { detach: true, ..wanted(&bench) }).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    let record: Value = serde_json::from_slice(&std::fs::read(folder.join("sandbox.json")).unwrap()).unwrap();
    let supervisor = record["supervisor"]["pid"].as_i64().unwrap();
    assert!(Command::new("kill").args(["-9", &supervisor.to_string()]).status().unwrap().success());
    until("everything has ended", || bench.processes().is_empty()).await;
    let name = SandboxName::parse("real").unwrap();
    assert_eq!(status(&bench.settings, &name).unwrap().state, State::Ended);
    down(&bench.settings, &name, &Silent).await.unwrap();
    assert_eq!(host(), before, "the host is as it was");
    bench.up(&wanted(&bench)).await.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(host(), before, "the host is as it was, the second time");
}

#[tokio::test]
async fn an_owner_killed_while_the_node_comes_up_leaves_nothing() {
    let bench = Bench::alone();
    if !can_run(&bench, "an_owner_killed_while_the_node_comes_up_leaves_nothing").await {
        return;
    }
    let before = host();
    let name = SandboxName::parse("real").unwrap();
    for process in ["etcd", "relay", "node", "kube-controller-manager"] {
        let mut owner = Owner::start_with(&bench, "real", 0, true);
        assert!(owner.hear_start_of(process), "{process} was not started");
        owner.kill();
        down(&bench.settings, &name, &Silent).await.unwrap();
        assert_eq!(bench.processes(), [""; 0], "killed at the start of {process}");
        assert_eq!(host(), before, "killed at the start of {process}");
    }
    bench.up(&wanted(&bench)).await.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(host(), before);
}

#[tokio::test]
async fn a_kubelet_that_ends_is_told_with_its_last_words() {
    let mut bench = Bench::alone();
    if !can_run(&bench, "a_kubelet_that_ends_is_told_with_its_last_words").await {
        return;
    }
    let before = host();
    let assets = bench.folder.path().join("assets");
    std::fs::create_dir(&assets).unwrap();
    let kubelet = assets.join("kubelet");
    std::fs::write(
        &kubelet,
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Kubernetes v1.36.0' && exit\necho 'no pulse'\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(&kubelet, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.settings.assets.insert(0, assets);
    let error = Sandbox::up(&bench.settings, &wanted(&bench), &Silent).await.err().unwrap();
    assert!(matches!(&error, SandboxError::ProcessEnded { process, .. } if process == "kubelet"), "{error:?}");
    assert!(error.to_string().contains("no pulse"), "{error}");
    assert_eq!(bench.processes(), [""; 0]);
    assert_eq!(host(), before);
}

#[tokio::test]
async fn two_real_nodes_run_side_by_side() {
    let bench = Bench::alone();
    if !can_run(&bench, "two_real_nodes_run_side_by_side").await {
        return;
    }
    let before = host();
    let (one, two) = (bench.request("one"), bench.request("two"));
    let one = bench.up(&UpRequest { real_node: Some(RealNode::default()), ..one }).await;
    let two = bench.up(&UpRequest { real_node: Some(RealNode::default()), nodes: 1, ..two }).await;
    for (sandbox, count) in [(&one, 1), (&two, 2)] {
        let nodes = get(sandbox.kubeconfig().parent().unwrap(), sandbox.server(), "/api/v1/nodes");
        assert_eq!(nodes["items"].as_array().unwrap().len(), count);
    }
    one.down(&bench.settings, &Silent).await.unwrap();
    two.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(host(), before, "the host is as it was");
}

#[tokio::test]
async fn an_older_control_plane_gets_no_newer_kubelet() {
    let bench = Bench::alone();
    let request = UpRequest { kubernetes: Release::V1_24, ..wanted(&bench) };
    let error = Sandbox::up(&bench.settings, &request, &Silent).await.err().unwrap();
    let SandboxError::Unsupported { missing } = &error else { panic!("{error:?}") };
    assert!(missing.iter().any(|what| what.contains("1.36")), "{missing:?}");
    assert_eq!(bench.processes(), [""; 0]);
}

/// What of the host a node might touch: routes, links, mounts, cgroups, the sysctls that a kubelet writes.
fn host() -> String {
    let mut text = String::new();
    for arguments in [&["route", "show", "table", "all"][..], &["-brief", "link"]] {
        let output = Command::new("ip").args(arguments).output().unwrap();
        text.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    text.push_str(&std::fs::read_to_string("/proc/self/mounts").unwrap());
    for key in [
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys",
        "kernel/keys/root_maxbytes",
        "kernel/hostname",
        "net/ipv4/ip_forward",
    ] {
        let value = std::fs::read_to_string(Path::new("/proc/sys").join(key)).unwrap_or_default();
        let _ = write!(text, "{key} {value}");
    }
    let cgroups = Command::new("find").args(["/sys/fs/cgroup", "-name", "landfall-*"]).output().unwrap();
    text.push_str(&String::from_utf8_lossy(&cgroups.stdout));
    text
}

fn get_text(folder: &Path, server: &str, path: &str) -> String {
    let mut stream = connect(folder, server);
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // The server may close without saying so first.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// Runs a command in a pod's container and returns what it wrote, over a WebSocket as kubectl does.
fn exec(folder: &Path, server: &str, pod: &str, command: &[&str]) -> String {
    let words: String = command
        .iter()
        .map(|word| {
            let escaped: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
            format!("&command={escaped}")
        })
        .collect();
    let mut stream = connect(folder, server);
    write!(
        stream,
        "GET /api/v1/namespaces/default/pods/{pod}/exec?stdout=1&stderr=1{words} HTTP/1.1\r\nHost: localhost\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut output = Vec::new();
    loop {
        let mut start = [0; 2];
        stream.read_exact(&mut start).unwrap();
        let length = match start[1] & 0x7f {
            126 => {
                let mut long = [0; 2];
                stream.read_exact(&mut long).unwrap();
                usize::from(u16::from_be_bytes(long))
            }
            short => usize::from(short),
        };
        let mut content = vec![0; length];
        stream.read_exact(&mut content).unwrap();
        match (start[0] & 0x0f, content.split_first()) {
            (8, _) => break,
            // Channel 1 is stdout; 3 is how it ended, which comes last.
            (_, Some((1, text))) => output.extend_from_slice(text),
            (_, Some((3, _))) => break,
            _ => {}
        }
    }
    String::from_utf8(output).unwrap()
}

fn connect(folder: &Path, server: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let pki = folder.join("pki");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.join("ca.crt")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_file(pki.join("administrator.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pki.join("administrator.key")).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let address = server.strip_prefix("https://").unwrap();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}
