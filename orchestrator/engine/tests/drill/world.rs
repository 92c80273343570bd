//! A world that outlives a killed process: what steps made stays until somebody takes it away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use engine::drill::{CommandAnswer, CommandExit, OpenLocation, UserCommand, Workshop};
use jiff::Timestamp;
use model::KubernetesVersion;
use ports::infrastructure::*;
use ports::prober::{HttpAnswer, HttpProbe};
use ports::{Clock, Cluster, Infrastructure, PortError, Prober};
use scenario::steps::{ClusterHandle, Reach};
use serde_json::{Value, json};
use store::MemoryStore;
use testkit::{FakeClock, FakeCluster};

/// Sleeps longer than this belong to the driver, which waits for a step: the step moves the time.
const LONG: Duration = Duration::from_secs(240);

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    project: PathBuf,
}

pub(crate) struct Shared {
    clock: FakeClock,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    clusters: BTreeMap<String, Arc<FakeCluster>>,
    /// By the state's path.
    stacks: BTreeMap<String, Built>,
    tokens: BTreeMap<String, Last>,
    folders: BTreeSet<String>,
    stores: BTreeMap<String, Arc<MemoryStore>>,
    applied: u32,
}

#[derive(Clone)]
struct Built {
    name: String,
    contract: Value,
}

#[derive(Clone, PartialEq)]
enum Last {
    Applied,
    Destroyed,
}

pub(crate) const SECRET: [u8; 32] = [7; 32];

impl World {
    pub(crate) fn new() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let shared = Shared { clock: FakeClock::jumping(), inner: Mutex::default() };
        Self { shared: Arc::new(shared), project }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn cluster(&self, name: &str) -> Option<Arc<FakeCluster>> {
        self.inner().clusters.get(name).cloned()
    }

    /// A cluster that no stack built.
    pub(crate) fn add_cluster(&self, name: &str, version: &str) -> Arc<FakeCluster> {
        let cluster = self.shared.make(version);
        self.inner().clusters.insert(name.to_owned(), Arc::clone(&cluster));
        cluster
    }

    pub(crate) fn applied(&self) -> u32 {
        self.inner().applied
    }

    /// What a drill should not leave behind.
    pub(crate) fn left(&self) -> Vec<String> {
        let inner = self.inner();
        let clusters = inner.clusters.keys().filter(|name| *name != "prod").map(|name| format!("cluster {name}"));
        let stacks = inner.stacks.keys().map(|state| format!("stack {state}"));
        let folders = inner.folders.iter().map(|folder| format!("folder {folder}"));
        clusters.chain(stacks).chain(folders).collect()
    }
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, version: &str) -> Arc<FakeCluster> {
        let release = KubernetesVersion::parse(version).unwrap();
        let cluster = FakeCluster::new(versions::served_by(release));
        cluster.set_version(&format!("v{version}.0"));
        for name in ["node-0", "node-1"] {
            cluster.seed(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        }
        Arc::new(cluster)
    }

    /// What controllers do while time passes.
    fn controllers(&self) {
        let clusters: Vec<Arc<FakeCluster>> = self.inner().clusters.values().cloned().collect();
        for cluster in clusters {
            for (kind, status) in [
                ("deployments.apps", ready as fn(&Value) -> Value),
                ("statefulsets.apps", ready),
                ("daemonsets.apps", ready),
                ("jobs.batch", |_| json!({"conditions": [{"type": "Complete", "status": "True"}]})),
                ("persistentvolumeclaims", |_| json!({"phase": "Bound"})),
            ] {
                for object in cluster.objects(kind) {
                    let wanted = status(&object);
                    if object.get("status") != Some(&wanted) {
                        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
                        let (namespace, name) = (text("namespace"), text("name").unwrap_or_default());
                        cluster.edit(kind, namespace.as_deref(), &name, |object| object["status"] = wanted);
                    }
                }
            }
        }
    }
}

fn ready(object: &Value) -> Value {
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
    json!({"observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
        "conditions": [{"type": "Available", "status": "True"}]})
}

struct WorldClock(Arc<Shared>);

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn sleep(&self, duration: Duration) {
        if duration > LONG {
            std::future::pending::<()>().await;
        }
        self.0.controllers();
        // Whoever can go on without time passing goes first.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.0.clock.sleep(duration).await;
    }
}

#[async_trait]
impl Workshop for World {
    async fn cluster(&self, handle: &ClusterHandle) -> Result<Arc<dyn Cluster>, PortError> {
        let name = match &handle.reach {
            Reach::Contract { contract } => contract.0["connection"]["sandbox"].as_str().unwrap_or_default().to_owned(),
            Reach::Sandbox { folder } => folder.clone(),
            other => return Err(PortError::invalid(format!("no {other:?} here"))),
        };
        let found = World::cluster(self, &name);
        found.map(|cluster| cluster as _).ok_or_else(|| PortError::unavailable(format!("there is no sandbox {name}")))
    }

    async fn location(&self, location: &str) -> Result<OpenLocation, PortError> {
        let folder = location.strip_prefix("file://").unwrap_or(location);
        let mut inner = self.inner();
        if !inner.folders.contains(folder) {
            return Err(PortError::not_found(format!("there is no folder {folder}")));
        }
        let store = Arc::clone(inner.stores.entry(folder.to_owned()).or_insert_with(|| Arc::new(MemoryStore::new())));
        Ok(OpenLocation { name: "bucket".to_owned(), store })
    }

    fn infrastructure(&self, _data: &Path) -> Arc<dyn Infrastructure> {
        Arc::new(FakeInfrastructure(Arc::clone(&self.shared)))
    }

    async fn remains(&self, contract: &Value) -> Result<Vec<String>, PortError> {
        let name = contract["connection"]["sandbox"].as_str().unwrap_or_default();
        Ok(World::cluster(self, name).map(|_| format!("cluster {name}")).into_iter().collect())
    }

    fn prober(&self) -> Arc<dyn Prober> {
        Arc::new(Deaf)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(WorldClock(Arc::clone(&self.shared)))
    }

    async fn command(&self, command: &UserCommand) -> Result<CommandAnswer, PortError> {
        tokio::task::yield_now().await;
        let words: Vec<&str> = command.argv.iter().map(String::as_str).collect();
        let code = match words.as_slice() {
            ["mkdir", "-p", folder] => {
                self.inner().folders.insert((*folder).to_owned());
                0
            }
            ["rm", "-rf", folder] => {
                let mut inner = self.inner();
                inner.folders.remove(*folder);
                inner.stores.remove(*folder);
                0
            }
            ["hang"] => std::future::pending().await,
            ["true"] => 0,
            _ => 1,
        };
        let answer = |text: &str| text.as_bytes().to_vec();
        Ok(CommandAnswer { exit: CommandExit::Code(code), stdout: answer(""), stderr: answer("no"), cut: false })
    }

    fn secret(&self) -> Result<[u8; 32], PortError> {
        Ok(SECRET)
    }

    fn project(&self) -> &Path {
        &self.project
    }
}

struct FakeInfrastructure(Arc<Shared>);

impl FakeInfrastructure {
    fn outcome(created: &[&str], deleted: &[&str]) -> StackOutcome {
        let resources = |names: &[&str]| {
            names.iter().map(|name| StackResource { address: (*name).to_owned(), id: String::new() }).collect()
        };
        StackOutcome {
            ending: StackEnding::Done,
            created: resources(created),
            updated: Vec::new(),
            deleted: resources(deleted),
            failed: Vec::new(),
            unknown: Vec::new(),
            message: String::new(),
            next: Vec::new(),
        }
    }
}

fn state_of(request: &StackRequest) -> String {
    request
        .state_location
        .get("path")
        .and_then(Value::as_str)
        .expect("every stack of a drill has its own state")
        .to_owned()
}

#[async_trait]
impl Infrastructure for FakeInfrastructure {
    async fn plan(
        &self,
        _request: &StackRequest,
        _token: &RunToken,
        _progress: &dyn StackProgress,
    ) -> Result<StackPlan, PortError> {
        Err(PortError::invalid("nobody plans here"))
    }

    async fn apply(
        &self,
        request: &StackRequest,
        token: &RunToken,
        _progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        // The tool goes on when its caller dies: the effect is there before anybody is told.
        let text = |name: &str| request.variables.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text("name");
        let cluster = self.0.make(&text("kubernetes"));
        {
            let mut inner = self.0.inner();
            if inner.tokens.get(token.as_str()) != Some(&Last::Applied) {
                inner.tokens.insert(token.as_str().to_owned(), Last::Applied);
                inner.clusters.insert(name.clone(), cluster);
                let contract = contract(&name, &text("region"), &text("account_id"));
                inner.stacks.insert(state_of(request), Built { name, contract });
                inner.applied += 1;
            }
        }
        tokio::task::yield_now().await;
        Ok(Self::outcome(&["sandbox"], &[]))
    }

    async fn destroy(
        &self,
        request: &StackRequest,
        token: &RunToken,
        _progress: &dyn StackProgress,
    ) -> Result<StackOutcome, PortError> {
        {
            let mut inner = self.0.inner();
            inner.tokens.insert(token.as_str().to_owned(), Last::Destroyed);
            if let Some(built) = inner.stacks.remove(&state_of(request)) {
                inner.clusters.remove(&built.name);
            }
        }
        tokio::task::yield_now().await;
        Ok(Self::outcome(&[], &["sandbox"]))
    }

    async fn attach(&self, token: &RunToken, _progress: &dyn StackProgress) -> Result<Option<StackOutcome>, PortError> {
        Ok(self.0.inner().tokens.get(token.as_str()).map(|_| Self::outcome(&[], &[])))
    }

    async fn cancel(&self, _token: &RunToken, _how: StackCancel) -> Result<(), PortError> {
        Ok(())
    }

    async fn outputs(&self, _request: &StackRequest) -> Result<BTreeMap<String, StackOutput>, PortError> {
        Ok(BTreeMap::from([("password".to_owned(), StackOutput { value: "hunter2".into(), sensitive: true })]))
    }

    async fn contract(&self, request: &StackRequest) -> Result<Option<Value>, PortError> {
        Ok(self.0.inner().stacks.get(&state_of(request)).map(|built| built.contract.clone()))
    }

    async fn drift(
        &self,
        _request: &StackRequest,
        _token: &RunToken,
        _progress: &dyn StackProgress,
    ) -> Result<Vec<StackDrift>, PortError> {
        Ok(Vec::new())
    }

    async fn diagnose(&self, _request: &StackRequest, _token: &RunToken) -> Result<StackDiagnosis, PortError> {
        Ok(StackDiagnosis { running: false, steps: Vec::new(), imports: String::new(), notes: Vec::new() })
    }

    async fn recover(
        &self,
        request: &StackRequest,
        token: &RunToken,
        _approval: &RecoveryApproval,
    ) -> Result<StackDiagnosis, PortError> {
        self.diagnose(request, token).await
    }
}

struct Deaf;

#[async_trait]
impl Prober for Deaf {
    async fn http(&self, _probe: &HttpProbe) -> Result<HttpAnswer, PortError> {
        Err(PortError::unavailable("nobody answers"))
    }

    async fn tcp(&self, _host: &str, _port: u16, _timeout: Duration) -> Result<Duration, PortError> {
        Err(PortError::unavailable("nobody answers"))
    }
}

/// Two environments of the same shape, with the values that the shop's manifests name in the first.
fn contract(name: &str, region: &str, account: &str) -> Value {
    let first = region == "eu-central-1";
    let pick = |source: &str, target: &str| if first { source.to_owned() } else { target.to_owned() };
    let subnet = |letter: &str, digit: &str| {
        json!({"id": pick(
        &format!("subnet-0{letter}{digit}{digit}{letter}{letter}{digit}{digit}{letter}{letter}{digit}{digit}{letter}{letter}{digit}{digit}{letter}"),
        &format!("subnet-0{letter}99{letter}{letter}99{letter}{letter}99{letter}{letter}99{letter}")), "az": format!("{region}{letter}")})
    };
    let role = |which: &str| json!({"role_arn": format!("arn:aws:iam::{account}:role/{}shop-{which}", pick("", "dr-")), "kind": "irsa"});
    let uuid = pick("1d2c3b4a-5e6f-4a7b-8c9d-0e1f2a3b4c5d", "99999999-5e6f-4a7b-8c9d-0e1f2a3b4c5d");
    let certificate = pick("6f5e4d3c-2b1a-4c5d-9e8f-7a6b5c4d3e2f", "88888888-2b1a-4c5d-9e8f-7a6b5c4d3e2f");
    json!({
        "schema_version": "1.0",
        "environment": name,
        "role": pick("primary", "recovery"),
        "region": region,
        "account_id": account,
        "partition": "aws",
        "connection": {"kind": "direct", "sandbox": name},
        "network": {
            "azs": {
                "a": {"name": format!("{region}a")}, "b": {"name": format!("{region}b")}, "c": {"name": format!("{region}c")},
            },
            "subnets": {"public": {"a": subnet("a", "1"), "b": subnet("b", "1"), "c": subnet("c", "1")}},
            "security_groups": {"load-balancer": pick("sg-0a1b2c3d4e5f60718", "sg-0999999d4e5f60718")},
        },
        "workload_iam": {"shop/web": role("web"), "shop/worker": role("worker")},
        "kms": {"volumes": {"arn": format!("arn:aws:kms:{region}:{account}:key/{uuid}"), "key_id": uuid}},
        "registries": {"main": format!("{account}.dkr.ecr.{region}.amazonaws.com")},
        "load_balancing": {"certificates": {"shop.example.com": format!("arn:aws:acm:{region}:{account}:certificate/{certificate}")}},
        "databases": {"orders": {"endpoint": pick(
            "shop-orders.c9akciq32rrt.eu-central-1.rds.amazonaws.com", "dr-orders.c8akciq32rrt.eu-west-1.rds.amazonaws.com")}},
        "queues": {"orders": {
            "id": format!("https://sqs.{region}.amazonaws.com/{account}/orders"),
            "arn": format!("arn:aws:sqs:{region}:{account}:orders"),
            "url": format!("https://sqs.{region}.amazonaws.com/{account}/orders"),
        }},
    })
}
