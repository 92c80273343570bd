//! What the tests share: a populated source, a bucket that fails on request, and the two operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::velero::{BackupSpec, RestoreSpec};
use engine::backup::{BackupError, BackupJob, BackupOutcome};
use engine::restore::{OpenedBackup, PlannedRestore, RestoreError, RestoreJob, RestoreOutcome};
use engine::{Outside, Quiet, shelf};
use model::request::{BackupRequest, RestoreRequest};
use plan::restore::webhooks::UnreadyWebhooks;
use serde_json::{Map, Value, json};
use store::{MemoryStore, RetryingStore};
use testkit::{FakeClock, FakeCluster, FaultyStore};

pub(crate) struct Bed {
    pub(crate) source: Arc<FakeCluster>,
    pub(crate) store: Arc<FaultyStore<MemoryStore>>,
    pub(crate) clock: Arc<FakeClock>,
}

impl Bed {
    /// A source with two namespaces, a custom kind and what people keep in a cluster.
    pub(crate) fn new() -> Self {
        let source = Arc::new(FakeCluster::standard());
        populate(&source);
        Self { source, store: Arc::new(FaultyStore::new(MemoryStore::new())), clock: Arc::new(FakeClock::jumping()) }
    }

    /// With the store wrapped as every location is.
    pub(crate) fn outside(&self, cluster: &Arc<FakeCluster>) -> Outside {
        let store = Arc::new(RetryingStore::new(self.store.clone(), self.clock.clone()));
        Outside { cluster: cluster.clone(), store, clock: self.clock.clone() }
    }

    pub(crate) async fn backup(&self, name: &str) -> Result<BackupOutcome, BackupError> {
        self.backup_of(&BackupRequest { page_size: 5, ..BackupRequest::everything(name) }).await
    }

    pub(crate) async fn backup_of(&self, request: &BackupRequest) -> Result<BackupOutcome, BackupError> {
        let folder = tempfile::tempdir().unwrap();
        let job = BackupJob {
            request,
            spec: &BackupSpec::default(),
            namespace: "velero",
            labels: Map::new(),
            annotations: Map::new(),
            uid: "00000000-0000-4000-8000-000000000001",
            contract: None,
            folder: folder.path(),
            threads: 1,
        };
        engine::backup::run(&self.outside(&self.source), &job, &Quiet).await
    }

    /// `deployments.apps shop/web` and so on, as the archive holds them.
    pub(crate) async fn stored(&self, name: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        self.open(name, folder.path()).await.unwrap().items.iter().map(|item| item.id.to_string()).collect()
    }

    /// Backups that look complete.
    pub(crate) async fn visible(&self) -> Vec<String> {
        let entries = shelf::backups(self.store.inner()).await.unwrap();
        entries.into_iter().filter(|entry| entry.trouble.is_none()).map(|entry| entry.name).collect()
    }

    pub(crate) async fn restore(
        &self,
        target: &Arc<FakeCluster>,
        backup: &str,
    ) -> Result<RestoreOutcome, RestoreError> {
        self.restore_of(target, &RestoreRequest::everything(backup, backup)).await
    }

    pub(crate) async fn restore_of(
        &self,
        target: &Arc<FakeCluster>,
        request: &RestoreRequest,
    ) -> Result<RestoreOutcome, RestoreError> {
        self.restore_with(target, request, &versions::Options::default()).await
    }

    pub(crate) async fn restore_with(
        &self,
        target: &Arc<FakeCluster>,
        request: &RestoreRequest,
        conversions: &versions::Options,
    ) -> Result<RestoreOutcome, RestoreError> {
        let folder = tempfile::tempdir().unwrap();
        let opened = self.open(&request.backup, folder.path()).await?;
        let spec = RestoreSpec { backup_name: request.backup.clone(), ..RestoreSpec::default() };
        let job = job(request, &spec, conversions, folder.path());
        let outside = self.outside(target);
        let planned = engine::restore::plan(&outside, &job, &opened, &Quiet).await?;
        Ok(engine::restore::act(&outside, &job, &opened, planned, &Quiet).await)
    }

    pub(crate) async fn plan_of(
        &self,
        target: &Arc<FakeCluster>,
        request: &RestoreRequest,
    ) -> Result<PlannedRestore, RestoreError> {
        let folder = tempfile::tempdir().unwrap();
        let opened = self.open(&request.backup, folder.path()).await?;
        let spec = RestoreSpec { backup_name: request.backup.clone(), ..RestoreSpec::default() };
        let conversions = versions::Options::default();
        let job = job(request, &spec, &conversions, folder.path());
        engine::restore::plan(&self.outside(target), &job, &opened, &Quiet).await
    }

    async fn open(&self, name: &str, folder: &std::path::Path) -> Result<OpenedBackup, RestoreError> {
        let labels = model::request::LabelChoice::Everything;
        Ok(engine::restore::open(&self.outside(&self.source), name, &labels, folder, &Quiet).await?)
    }
}

fn job<'a>(
    request: &'a RestoreRequest,
    spec: &'a RestoreSpec,
    conversions: &'a versions::Options,
    folder: &'a std::path::Path,
) -> RestoreJob<'a> {
    RestoreJob {
        request,
        spec,
        conversions,
        modifiers: &[],
        rewrite: None,
        settings: BTreeMap::new(),
        uid: "00000000-0000-4000-8000-000000000002",
        folder,
        wait_available: None,
        webhooks: UnreadyWebhooks::Warn,
        digests: true,
    }
}

pub(crate) fn empty() -> Arc<FakeCluster> {
    Arc::new(FakeCluster::standard())
}

/// How many ConfigMaps the source has in namespace shop.
pub(crate) const CONFIGS: usize = 23;

fn populate(cluster: &FakeCluster) {
    for name in ["shop", "pay"] {
        cluster.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }
    cluster.seed(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "orders.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "orders", "singular": "order", "kind": "Order", "listKind": "OrderList"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    }));
    let plain = |api: &str, kind: &str, namespace: Option<&str>, name: &str, rest: Value| {
        let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        for (key, value) in rest.as_object().unwrap() {
            object[key] = value.clone();
        }
        cluster.seed(object);
    };
    for number in 0..CONFIGS {
        let data = json!({"data": {"number": number.to_string()}});
        plain("v1", "ConfigMap", Some("shop"), &format!("c-{number:02}"), data);
    }
    for number in 0..7 {
        plain("example.com/v1", "Order", Some("shop"), &format!("o-{number}"), json!({"spec": {"count": number}}));
    }
    plain("v1", "Secret", Some("pay"), "key", json!({"type": "Opaque", "data": {"a": "YQ=="}}));
    plain("v1", "ServiceAccount", Some("shop"), "web", json!({}));
    let ports = json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    plain("v1", "Service", Some("shop"), "web", ports);
    let template = json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]}});
    let spec = json!({"spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}});
    plain("apps/v1", "Deployment", Some("shop"), "web", spec);
    let rules = json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    plain("rbac.authorization.k8s.io/v1", "ClusterRole", None, "reader", rules);
    plain("storage.k8s.io/v1", "StorageClass", None, "slow", json!({"provisioner": "example.com/slow"}));
    plain("scheduling.k8s.io/v1", "PriorityClass", None, "urgent", json!({"value": 10}));
}

/// Everything in a cluster as it is meant: without what a server fills in.
pub(crate) fn meant(cluster: &FakeCluster) -> BTreeMap<String, Value> {
    let mut all = cluster.dump();
    for object in all.values_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(key);
        }
        object.as_object_mut().unwrap().remove("status");
    }
    all
}

/// Everything in a cluster without the labels that a restore leaves.
pub(crate) fn unlabelled(cluster: &FakeCluster) -> BTreeMap<String, Value> {
    let mut all = meant(cluster);
    for object in all.values_mut() {
        let metadata = object["metadata"].as_object_mut().unwrap();
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.starts_with("velero.io/"));
            if labels.is_empty() {
                metadata.remove("labels");
            }
        }
    }
    all
}
