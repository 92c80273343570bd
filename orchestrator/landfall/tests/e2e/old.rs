//! From a real 1.16 apiserver, whose preferred versions no current server serves, into a real 1.36.
//!
//! `cargo xtask test` builds the old server, as `tests/testbed/kubernetes-1.16` says. Where that was not done, this
//! test says so and is skipped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sandbox::certificates::Authority;
use serde_json::{Value, json};
use testkit::skip::{Why, skip, variable};

use crate::support::{Bed, Patience, Server};

const PLATFORM: &str = include_str!("fixtures/platform-1.16.yaml");
const BACKUPS: [(&str, &[&str]); 2] = [("preferred", &[]), ("every", &["--every-version"])];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_1_16_platform_moves_to_1_36_from_preferred_versions_and_from_every_version() {
    let test = "a_1_16_platform_moves_to_1_36_from_preferred_versions_and_from_every_version";
    let apiserver = cache().join("testbed/kube-apiserver-1.16.15/kube-apiserver");
    if !apiserver.is_file() {
        skip(test, Why::NotSetUp, &format!("{} was not built", apiserver.display()));
        return;
    }
    let bed = Bed::new();
    // A current sandbox first: it brings etcd into the cache where it is not there yet.
    let first = bed.up("of-preferred", &[]).await;
    let old = Old::start(&bed, &apiserver).await;
    old.server.create_all(PLATFORM).await;
    for (backup, flags) in BACKUPS {
        let location = bed.location();
        let command = ["backup", "run", backup, "--location", &location, "--kubeconfig", &old.kubeconfig];
        let outcome = bed.json(&[&command, flags].concat(), &[0]);
        assert_eq!(outcome["phase"], "Completed", "{outcome:#}");
        let verified = bed.verify(backup);
        assert_eq!(verified.code, 0, "{}", verified.stdout);
    }
    drop(old);
    restores(&bed, &first, "preferred").await;
    let second = bed.up("of-every", &[]).await;
    restores(&bed, &second, "every").await;
}

/// Into the empty cluster that is named after the backup, and nothing to write the second time.
async fn restores(bed: &Bed, target: &Server, backup: &str) {
    let name = format!("of-{backup}");
    let outcome = bed.restore("run", backup, &name, &[], &[0, 1]);
    assert_eq!(outcome["counts"]["failed"], Value::Null, "{backup}: {outcome:#}");
    lives(target).await;
    let told = outcome["exceptions"].to_string();
    assert!(told.contains("podsecuritypolicies.policy restricted"), "{backup}: {told}");

    let again = bed.restore("run", backup, &name, &["--name", &format!("{backup}-again")], &[0, 1]);
    assert_eq!(again["writes"], 0, "{backup}: a second run writes nothing: {again:#}");
    bed.down(&name);
}

fn cache() -> PathBuf {
    let root = variable("XDG_CACHE_HOME").map(PathBuf::from);
    root.unwrap_or_else(|| PathBuf::from(variable("HOME").unwrap_or_default()).join(".cache")).join("landfall")
}

async fn lives(target: &Server) {
    for (kind, name) in [
        ("customresourcedefinitions.apiextensions.k8s.io", "orders.shop.example.com"),
        ("configmaps", "shop/settings"),
        ("services", "shop/web"),
        ("serviceaccounts", "shop/web"),
        ("rolebindings.rbac.authorization.k8s.io", "shop/readers"),
        ("clusterroles.rbac.authorization.k8s.io", "shop-operator"),
        ("clusterrolebindings.rbac.authorization.k8s.io", "shop-operators"),
        ("storageclasses.storage.k8s.io", "slow"),
        ("validatingwebhookconfigurations.admissionregistration.k8s.io", "shop"),
        ("networkpolicies.networking.k8s.io", "shop/web"),
    ] {
        target.get(kind, name).await;
    }
    let fields: [(&str, &str, &str, Value); 15] = [
        ("orders.shop.example.com", "shop/first", "/spec", json!({"item": "lamp", "nested": {"deep": [1, 2]}})),
        ("orders.shop.example.com", "shop/second", "/spec/item", json!("chair")),
        ("tenants.shop.example.com", "acme", "/spec/plan", json!("large")),
        // Their selectors were defaulted from the labels of the template.
        ("deployments.apps", "shop/web", "/spec/selector/matchLabels/app", json!("web")),
        ("deployments.apps", "shop/web", "/spec/replicas", json!(2)),
        ("deployments.apps", "shop/back", "/spec/selector/matchLabels/app", json!("back")),
        ("daemonsets.apps", "shop/agent", "/spec/selector/matchLabels/app", json!("agent")),
        ("replicasets.apps", "shop/bare", "/spec/selector/matchLabels/app", json!("bare")),
        ("statefulsets.apps", "shop/database", "/spec/selector/matchLabels/app", json!("database")),
        ("ingresses.networking.k8s.io", "shop/old", "/spec/defaultBackend/service/port/name", json!("http")),
        ("ingresses.networking.k8s.io", "shop/newer", "/spec/rules/0/host", json!("newer.example.com")),
        ("poddisruptionbudgets.policy", "shop/web", "/spec/minAvailable", json!(1)),
        ("cronjobs.batch", "shop/nightly", "/spec/schedule", json!("0 3 * * *")),
        ("horizontalpodautoscalers.autoscaling", "shop/web", "/spec/scaleTargetRef/apiVersion", json!("apps/v1")),
        ("priorityclasses.scheduling.k8s.io", "urgent", "/value", json!(7)),
    ];
    for (kind, name, pointer, value) in fields {
        let object = target.get(kind, name).await;
        assert_eq!(object.pointer(pointer), Some(&value), "{kind} {name} {pointer}: {object:#}");
    }
    let backend = "/spec/rules/0/http/paths/0/backend/service/port/number";
    let old = target.get("ingresses.networking.k8s.io", "shop/old").await;
    assert_eq!(old.pointer(backend), Some(&json!(80)), "{old:#}");
    let reader = target.get("roles.rbac.authorization.k8s.io", "shop/reader").await["rules"].to_string();
    assert!(reader.contains("\"apps\"") && reader.contains("networking.k8s.io"), "{reader}");
}

/// etcd and a 1.16 apiserver on loopback, until dropped.
struct Old {
    server: Server,
    kubeconfig: String,
    _children: [Running; 2],
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Old {
    async fn start(bed: &Bed, apiserver: &Path) -> Self {
        let folder = bed.path("old");
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).unwrap();
            folder.join(name).to_str().unwrap().to_owned()
        };
        let authority = Authority::new().unwrap();
        let serving = authority.server("kube-apiserver", &["localhost"], &["127.0.0.1".parse().unwrap()]).unwrap();
        let admin = authority.client("system:masters", "administrator").unwrap();
        let ca = file("ca.crt", authority.certificate());
        let (certificate, key) = (file("server.crt", &serving.certificate), file("server.key", &serving.key));
        let (client, client_key) = (file("admin.crt", &admin.certificate), file("admin.key", &admin.key));
        let [etcd_port, peer_port, port] = ports();
        let (etcd_url, peer_url) = (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peer_port}"));
        let etcd = cache().join("components/etcd-3.6.16/etcd");
        let etcd = start(
            &folder,
            "etcd",
            Command::new(etcd).args([
                "--unsafe-no-fsync",
                &format!("--data-dir={}", folder.join("data").display()),
                &format!("--listen-client-urls={etcd_url}"),
                &format!("--advertise-client-urls={etcd_url}"),
                &format!("--listen-peer-urls={peer_url}"),
                &format!("--initial-advertise-peer-urls={peer_url}"),
                &format!("--initial-cluster=default={peer_url}"),
            ]),
        );
        let workloads = "apps/v1beta1=true,apps/v1beta2=true,extensions/v1beta1/deployments=true,\
            extensions/v1beta1/daemonsets=true,extensions/v1beta1/replicasets=true,\
            extensions/v1beta1/networkpolicies=true,extensions/v1beta1/podsecuritypolicies=true";
        let mut apiserver = start(
            &folder,
            "apiserver",
            Command::new(apiserver).args([
                "--insecure-port=0",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--authorization-mode=RBAC",
                "--allow-privileged=true",
                "--service-cluster-ip-range=10.96.0.0/12",
                "--disable-admission-plugins=ServiceAccount",
                &format!("--runtime-config={workloads}"),
                &format!("--etcd-servers={etcd_url}"),
                &format!("--secure-port={port}"),
                &format!("--tls-cert-file={certificate}"),
                &format!("--tls-private-key-file={key}"),
                &format!("--client-ca-file={ca}"),
                &format!("--service-account-key-file={certificate}"),
            ]),
        );
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "old",
            "clusters": [{"name": "old", "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": ca}}],
            "users": [{"name": "old", "user": {"client-certificate": client, "client-key": client_key}}],
            "contexts": [{"name": "old", "context": {"cluster": "old", "user": "old"}}],
        });
        let kubeconfig = file("kubeconfig", &kubeconfig.to_string());
        let server = Server::connect(Path::new(&kubeconfig)).await;
        let patience = Patience::new("the old apiserver is ready");
        loop {
            match ports::Cluster::get_path(&server.cluster, "/readyz").await {
                Ok((200, _)) => break,
                other => {
                    let runs = apiserver.0.try_wait().unwrap().is_none();
                    let log = std::fs::read_to_string(folder.join("apiserver.log")).unwrap_or_default();
                    patience.wait(&format!("{other:?}\n{log}"), runs).await;
                }
            }
        }
        Self { server, kubeconfig, _children: [apiserver, etcd] }
    }
}

fn start(folder: &Path, name: &str, command: &mut Command) -> Running {
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    Running(
        command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap(),
    )
}

/// Ports that are free now.
fn ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners: Vec<TcpListener> = (0..COUNT).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    std::array::from_fn(|at| listeners[at].local_addr().unwrap().port())
}
