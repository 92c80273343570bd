//! Velero as a peer: its server out of the cluster, its objects created as its command line would.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hyper::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::measure;
use crate::world::{ACCESS_KEY, BUCKET, Gateway, Process, SECRET_KEY, Sandbox, World, free_port};

const PROGRAM: &str = "velero-1.18.3/velero";
const PLUGIN: &str = "velero-plugin-aws-1.14.3/velero-plugin-for-aws";
const OBJECTS: &str = "/apis/velero.io/v1/namespaces/velero";
const PATIENCE: Duration = Duration::from_secs(1800);

pub(crate) struct Velero {
    client: Client,
    process: Process,
}

/// What one backup or restore of Velero took.
pub(crate) struct Run {
    pub(crate) wall: Duration,
    pub(crate) peak: u64,
    pub(crate) items: u64,
}

impl Velero {
    pub(crate) fn is_built(world: &World) -> bool {
        world.testbed(PROGRAM).is_some() && world.testbed(PLUGIN).is_some()
    }

    /// Installs its definitions and starts its server; `flags` go to the server.
    pub(crate) async fn start(
        world: &World,
        sandbox: &Sandbox<'_>,
        gateway: &Gateway,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let program = world.testbed(PROGRAM).context("velero is not built")?;
        let plugin = world.testbed(PLUGIN).context("Velero's AWS plugin is not built")?;
        let client = sandbox.client()?;
        install(&client, &program, gateway).await?;
        let folder = world.folder().join(format!("velero-{}", sandbox.name));
        let plugins = folder.join("plugins");
        std::fs::create_dir_all(&plugins)?;
        let link = plugins.join("velero-plugin-for-aws");
        if !link.exists() {
            symlink(plugin, link)?;
        }
        let credentials = folder.join("credentials");
        let text = format!("[default]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n");
        std::fs::write(&credentials, text)?;
        let mut command = Command::new(program);
        command.arg("server").arg("--kubeconfig").arg(sandbox.kubeconfig()?).arg("--plugin-dir").arg(&plugins);
        command.args(["--namespace", "velero", "--disable-controllers=backup-repo"]);
        command.arg(format!("--metrics-address=127.0.0.1:{}", free_port()?)).args(flags);
        command.env("AWS_SHARED_CREDENTIALS_FILE", credentials).env("HOME", &folder);
        let process = Process::spawn(&mut command, world.log(&format!("velero-{}", sandbox.name))?)?;
        let velero = Self { client, process };
        let available = |object: &Value| object["status"]["phase"] == "Available";
        let path = format!("{OBJECTS}/backupstoragelocations/default");
        velero.client.until(&path, Duration::from_secs(120), available).await?;
        Ok(velero)
    }

    pub(crate) async fn backup(&self, name: &str) -> anyhow::Result<Run> {
        let spec = json!({"includedNamespaces": ["*"], "storageLocation": "default", "snapshotVolumes": false,
            "ttl": "720h0m0s", "csiSnapshotTimeout": "10m0s", "itemOperationTimeout": "4h0m0s", "hooks": {}, "metadata": {}});
        self.run("backups", "Backup", name, spec, "itemsBackedUp").await
    }

    pub(crate) async fn restore(&self, name: &str, backup: &str) -> anyhow::Result<Run> {
        // The server learns of backups in the bucket by itself, once a period.
        self.client.until(&format!("{OBJECTS}/backups/{backup}"), Duration::from_secs(180), |_| true).await?;
        let spec = json!({"backupName": backup, "includedNamespaces": ["*"], "itemOperationTimeout": "4h0m0s", "hooks": {},
            "excludedResources": ["nodes", "events", "events.events.k8s.io", "backups.velero.io", "restores.velero.io",
                "resticrepositories.velero.io", "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io",
                "backuprepositories.velero.io"]});
        self.run("restores", "Restore", name, spec, "itemsRestored").await
    }

    async fn run(&self, resource: &str, kind: &str, name: &str, spec: Value, items: &str) -> anyhow::Result<Run> {
        let metadata = json!({"name": name, "namespace": "velero"});
        let object = json!({"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata, "spec": spec});
        let started = Instant::now();
        self.client.create(&format!("{OBJECTS}/{resource}"), &object).await?;
        let ended = |object: &Value| {
            let phase = object["status"]["phase"].as_str().unwrap_or_default();
            phase == "Completed" || phase.contains("Failed")
        };
        let object = self.client.until(&format!("{OBJECTS}/{resource}/{name}"), PATIENCE, ended).await?;
        let wall = started.elapsed();
        let status = &object["status"];
        let phase = status["phase"].as_str().unwrap_or_default().to_owned();
        ensure!(phase == "Completed", "Velero's {kind} ended as {phase}: {status}");
        let items = status["progress"][items].as_u64().unwrap_or(0);
        Ok(Run { wall, peak: measure::peak(self.process.id()).unwrap_or(0), items })
    }
}

async fn install(client: &Client, program: &std::path::Path, gateway: &Gateway) -> anyhow::Result<()> {
    let output = Command::new(program).args(["install", "--crds-only", "--dry-run", "-o", "json"]).output()?;
    let list: Value = serde_json::from_slice(&output.stdout).context("velero install prints no JSON")?;
    let definitions = list["items"].as_array().context("velero install prints no list")?;
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for definition in definitions {
        let (status, body) = client.send(Method::POST, path, definition.to_string().into()).await?;
        let is_there = status == hyper::StatusCode::CONFLICT;
        ensure!(status.is_success() || is_there, "{}", String::from_utf8_lossy(&body));
    }
    client
        .until("/apis/velero.io/v1", Duration::from_secs(30), |list| {
            list["resources"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["name"] == "backupstoragelocations"))
        })
        .await?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "velero"}});
    client.create("/api/v1/namespaces", &namespace).await?;
    // A restore of Velero's looks for its own Deployment and fails without it.
    let labels = json!({"app": "velero"});
    let template =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "velero", "image": "velero"}]}});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "velero"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}});
    client.create("/apis/apps/v1/namespaces/velero/deployments", &deployment).await?;
    let config = json!({"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": gateway.url});
    let location = json!({"apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
        "metadata": {"name": "default", "namespace": "velero"},
        "spec": {"provider": "aws", "default": true, "objectStorage": {"bucket": BUCKET}, "config": config,
            "backupSyncPeriod": "5s"}});
    let path = format!("{OBJECTS}/backupstoragelocations");
    client.until(&path, Duration::from_secs(30), |_| true).await?;
    client.create(&path, &location).await
}
