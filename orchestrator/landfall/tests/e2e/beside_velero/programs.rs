//! Velero's server and command line, run out of the cluster.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use testkit::s3_server::S3Server;
use testkit::skip::variable;

use crate::support::{Bed, Ran, Server, namespace, until};

pub(super) struct Programs {
    velero: PathBuf,
    plugin: PathBuf,
}

/// A server of Velero's, until it is dropped.
pub(super) struct Velero<'p> {
    programs: &'p Programs,
    kubeconfig: PathBuf,
    child: Child,
}

impl Programs {
    pub(super) fn find() -> Option<Self> {
        let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| format!("{home}/.cache")))?;
        let testbed = Path::new(&cache).join("landfall/testbed");
        let velero = testbed.join("velero-1.18.3/velero");
        let plugin = testbed.join("velero-plugin-aws-1.14.3/velero-plugin-for-aws");
        (velero.is_file() && plugin.is_file()).then_some(Self { velero, plugin })
    }

    /// Starts a server for the sandbox; what it needs is there already when another one ran before.
    pub(super) async fn start(
        &self,
        bed: &Bed,
        server: &Server,
        name: &str,
        bucket: &S3Server,
        flags: &[&str],
    ) -> Velero<'_> {
        let sandbox = if name == "target" { "target" } else { "source" };
        if name != "every-version" {
            self.install(server, bucket).await;
        }
        let folder = bed.path(&format!("velero-{name}"));
        std::fs::create_dir_all(folder.join("plugins")).unwrap();
        symlink(&self.plugin, folder.join("plugins/velero-plugin-for-aws")).unwrap();
        let (key, secret) = (S3Server::ACCESS_KEY, S3Server::SECRET_KEY);
        let text = format!("[default]\naws_access_key_id={key}\naws_secret_access_key={secret}\n");
        std::fs::write(folder.join("credentials"), text).unwrap();
        let shown = bed.run(&["sandbox", "kubeconfig", sandbox]);
        let kubeconfig = PathBuf::from(shown.stdout.trim());
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(&self.velero)
            .arg("server")
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .arg("--plugin-dir")
            .arg(folder.join("plugins"))
            .args(["--namespace", "velero", "--disable-controllers=backup-repo", "--metrics-address=127.0.0.1:0"])
            .args(flags)
            .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("credentials"))
            .env("HOME", &folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let velero = Velero { programs: self, kubeconfig, child };
        until("Velero sees the bucket", async || {
            let location = server.get("backupstoragelocations.velero.io", "velero/default").await;
            location["status"]["phase"] == "Available"
        })
        .await;
        velero
    }

    async fn install(&self, server: &Server, bucket: &S3Server) {
        let output =
            Command::new(&self.velero).args(["install", "--crds-only", "--dry-run", "-o", "json"]).output().unwrap();
        let list: Value = serde_json::from_slice(&output.stdout).unwrap();
        for definition in list["items"].as_array().unwrap() {
            server.create(definition).await;
        }
        let kinds = ["backups", "restores", "backupstoragelocations", "downloadrequests"];
        until("Velero's kinds are served", async || {
            let catalog = server.catalog().await;
            kinds.iter().all(|kind| catalog.resolve(&format!("{kind}.velero.io")).is_some())
        })
        .await;
        server.create(&namespace("velero")).await;
        server.create_all(DEPLOYMENT).await;
        let config = json!({"region": S3Server::REGION, "s3ForcePathStyle": "true", "s3Url": bucket.endpoint()});
        let location = json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
            "metadata": {"name": "default", "namespace": "velero"},
            "spec": {"provider": "aws", "default": true, "objectStorage": {"bucket": S3Server::BUCKET},
                "config": config, "backupSyncPeriod": "2s"}});
        server.create(&location).await;
    }
}

impl Velero<'_> {
    pub(super) fn cli(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(&self.programs.velero);
        let output = command
            .args(arguments)
            .arg("--colorized=false")
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(super) async fn backup(&self, server: &Server, name: &str, mut spec: Value) {
        let rest = json!({"storageLocation": "default", "snapshotVolumes": false, "ttl": "720h0m0s"});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        self.run(server, "Backup", "backups.velero.io", name, spec).await;
    }

    pub(super) async fn restore(&self, server: &Server, name: &str, backup: &str, into: &str) {
        let mapping = if into == "shop" { json!({}) } else { json!({"shop": into}) };
        let spec = json!({"backupName": backup, "includedNamespaces": ["*"], "namespaceMapping": mapping,
            "excludedResources": ["nodes", "events", "backups.velero.io", "restores.velero.io"]});
        self.run(server, "Restore", "restores.velero.io", name, spec).await;
    }

    async fn run(&self, server: &Server, kind: &str, resource: &str, name: &str, spec: Value) {
        let object = json!({"apiVersion": "velero.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "velero"}, "spec": spec});
        server.create(&object).await;
        let full = format!("velero/{name}");
        until("Velero is done", async || {
            let phase = server.get(resource, &full).await["status"]["phase"].as_str().unwrap_or_default().to_owned();
            assert!(!phase.contains("Failed"), "{kind} {name}: {phase}");
            phase == "Completed"
        })
        .await;
    }
}

impl Drop for Velero<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A restore of Velero's looks for its own Deployment and fails without it.
pub(super) const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: velero, namespace: velero}
spec:
  replicas: 0
  selector: {matchLabels: {app: velero}}
  template:
    metadata: {labels: {app: velero}}
    spec: {containers: [{name: velero, image: velero}]}
";
