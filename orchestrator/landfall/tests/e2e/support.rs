//! What the tests share: two at a time, the real binary, sandboxes that go with the test, a client of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cluster::KubeCluster;
use futures::TryStreamExt;
use model::{ApiResource, Catalog, GroupResource, Gvk};
use ports::cluster::{Cluster, ListEvent, ListQuery, ObjectRef, PatchKind};
use ports::{ErrorKind, PortError};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::room::{Place, Room};

/// Each waits for its servers half of the time, and has one or two of them.
static ROOM: Room = Room::for_tests(2);

/// Folders of its own, the cache of the user, and a place among the tests. Its sandboxes go when it goes.
pub(crate) struct Bed {
    folder: TempDir,
    _place: Place,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let place = ROOM.take();
        Self { folder: tempfile::tempdir().unwrap(), _place: place }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the test, by its absolute path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        text_of(&path)
    }

    /// Where the backups of this test are.
    pub(crate) fn location(&self) -> String {
        let bucket = self.path("bucket");
        std::fs::create_dir_all(&bucket).unwrap();
        format!("file://{}", text_of(&bucket))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command
            .args(arguments)
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env_remove("KUBECONFIG")
            .env_remove("LANDFALL_OUTPUT")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs with JSON output; anything but these exit codes is a panic with what was said.
    pub(crate) fn json(&self, arguments: &[&str], codes: &[i32]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--output", "json", "--quiet"]).collect();
        let ran = self.run(&arguments);
        assert!(codes.contains(&ran.code), "{arguments:?} ended with {}: {}\n{}", ran.code, ran.stderr, ran.stdout);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout))
    }

    /// Starts in the background, to be killed.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A control plane, until the test ends.
    pub(crate) async fn up(&self, name: &str, more: &[&str]) -> Server {
        let arguments: Vec<&str> = ["sandbox", "up", name, "--detach"].iter().chain(more).copied().collect();
        let shown = self.json(&arguments, &[0]);
        Server::connect(Path::new(shown["kubeconfig"].as_str().unwrap())).await
    }

    pub(crate) fn down(&self, name: &str) {
        let ran = self.run(&["sandbox", "down", name]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }

    pub(crate) fn backup(&self, name: &str, sandbox: &str, more: &[&str], codes: &[i32]) -> Value {
        let location = self.location();
        let base = ["backup", "run", name, "--location", &location, "--sandbox", sandbox];
        self.json(&base.iter().chain(more).copied().collect::<Vec<_>>(), codes)
    }

    /// `restore plan` or `restore run`.
    pub(crate) fn restore(&self, verb: &str, backup: &str, sandbox: &str, more: &[&str], codes: &[i32]) -> Value {
        let location = self.location();
        let base = ["restore", verb, backup, "--location", &location, "--sandbox", sandbox];
        self.json(&base.iter().chain(more).copied().collect::<Vec<_>>(), codes)
    }

    pub(crate) fn verify(&self, backup: &str) -> Ran {
        self.run(&["backup", "verify", backup, "--location", &self.location()])
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if self.path("state").exists() {
            let _ = self.command(&["sandbox", "down", "--all", "--quiet"]).output();
        }
    }
}

/// A client of the test's own.
pub(crate) struct Server {
    pub(crate) cluster: KubeCluster,
    /// What it served when it was last asked.
    served: Mutex<Option<Catalog>>,
}

impl Server {
    pub(crate) async fn connect(kubeconfig: &Path) -> Self {
        let cluster = KubeCluster::from_kubeconfig_file(kubeconfig, None).await.unwrap();
        Self { cluster, served: Mutex::default() }
    }

    pub(crate) async fn catalog(&self) -> Catalog {
        self.cluster.discover().await.unwrap().catalog
    }

    /// Looks something up in what the server serves, and asks it again only where that does not have it: a discovery
    /// before each request of a test is most of what the test costs.
    async fn served<T>(&self, look: impl Fn(&Catalog) -> Option<T>) -> Option<T> {
        let known = self.served.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(&look);
        if known.is_some() {
            return known;
        }
        let catalog = self.catalog().await;
        let found = look(&catalog);
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(catalog);
        found
    }

    /// Creates every document of a YAML file, in order, in the version it names.
    pub(crate) async fn create_all(&self, yaml: &str) {
        for object in documents(yaml) {
            self.create(&object).await;
        }
    }

    /// Creates one object; waits until its kind is served and its service account is there.
    pub(crate) async fn create(&self, object: &Value) -> Value {
        let deadline = Patience::new("the object can be created");
        loop {
            match self.try_create(object).await {
                Ok(created) => return created,
                Err(error) => deadline.wait(&format!("{object}: {error}"), is_early(&error)).await,
            }
        }
    }

    pub(crate) async fn try_create(&self, object: &Value) -> Result<Value, PortError> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let gvk = Gvk::from_api_version(text("/apiVersion"), text("/kind"));
        let Some(resource) = self.served(|catalog| catalog.find_kind(&gvk).cloned()).await else {
            return Err(PortError::not_found(format!("{gvk:?} is not served")));
        };
        let namespace = resource.namespaced.then(|| match text("/metadata/namespace") {
            "" => "default",
            namespace => namespace,
        });
        let name = text("/metadata/name");
        let reference = ObjectRef { resource: &resource, namespace, name };
        let body = self.cluster.create(&reference, Bytes::from(object.to_string()), false).await?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    /// Creates one object of a kind that is known already: one request instead of a discovery and a request.
    pub(crate) async fn create_as(&self, resource: &ApiResource, object: &Value) -> Value {
        let metadata = &object["metadata"];
        let namespace = resource.namespaced.then(|| metadata["namespace"].as_str().unwrap_or("default"));
        let reference = ObjectRef { resource, namespace, name: metadata["name"].as_str().unwrap_or_default() };
        let body = self.cluster.create(&reference, Bytes::from(object.to_string()), false).await;
        serde_json::from_slice(&body.unwrap_or_else(|error| panic!("{object}: {error}"))).unwrap()
    }

    /// The resource `cronjobs.batch`, in its preferred version or in the one asked for.
    pub(crate) async fn resource(&self, kind: &str, version: Option<&str>) -> ApiResource {
        let group_resource = GroupResource::parse(kind);
        let look = |catalog: &Catalog| match version {
            Some(version) => catalog.find(&group_resource, version).cloned(),
            None => catalog.preferred(&group_resource).cloned(),
        };
        self.served(look).await.unwrap_or_else(|| panic!("{kind} {version:?} is not served"))
    }

    /// `cronjobs.batch`, `shop/nightly`: the object in the preferred version, or nothing.
    pub(crate) async fn find(&self, kind: &str, name: &str) -> Option<Value> {
        self.find_as(kind, None, name).await
    }

    pub(crate) async fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).await.unwrap_or_else(|| panic!("{kind} {name} is not there"))
    }

    pub(crate) async fn find_as(&self, kind: &str, version: Option<&str>, name: &str) -> Option<Value> {
        let resource = self.resource(kind, version).await;
        let (namespace, name) = split(name);
        match self.cluster.get(&ObjectRef { resource: &resource, namespace, name }).await {
            Ok(body) => Some(serde_json::from_slice(&body).unwrap()),
            Err(error) if error.is_not_found() => None,
            Err(error) => panic!("{kind} {name}: {error}"),
        }
    }

    pub(crate) async fn merge(&self, kind: &str, name: &str, patch: &Value) {
        let resource = self.resource(kind, None).await;
        let (namespace, name) = split(name);
        let reference = ObjectRef { resource: &resource, namespace, name };
        self.cluster.patch(&reference, PatchKind::Merge, Bytes::from(patch.to_string())).await.unwrap();
    }

    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let resource = self.resource(kind, None).await;
        let (namespace, name) = split(name);
        self.cluster.delete(&ObjectRef { resource: &resource, namespace, name }).await.unwrap();
    }

    pub(crate) async fn list(&self, resource: &ApiResource, namespace: Option<&str>) -> Vec<Value> {
        let query = ListQuery { resource, namespace, label_selector: None, limit: 0, continue_token: None };
        let events = self.cluster.list(&query).await.unwrap();
        let events: Vec<ListEvent> = events.try_collect().await.unwrap();
        let items = events.into_iter().filter_map(|event| match event {
            ListEvent::Item(body) => Some(serde_json::from_slice(&body).unwrap()),
            ListEvent::End { .. } => None,
        });
        items.collect()
    }

    /// Everything that people made in these namespaces and what of a cluster they name, as it is meant: identity →
    /// body without what servers fill in.
    pub(crate) async fn meant(&self, namespaces: &[&str], kinds: &[&str]) -> std::collections::BTreeMap<String, Value> {
        let mut out = std::collections::BTreeMap::new();
        for kind in kinds {
            let resource = self.resource(kind, None).await;
            for mut object in self.list(&resource, None).await {
                let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
                if namespace.as_deref().is_some_and(|namespace| !namespaces.contains(&namespace)) {
                    continue;
                }
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                strip(&mut object);
                out.insert(format!("{kind} {}/{name}", namespace.unwrap_or_default()), object);
            }
        }
        out
    }
}

/// Takes away what servers and controllers fill in.
pub(crate) fn strip(object: &mut Value) {
    for pointer in ["/metadata", "/spec"] {
        let Some(map) = object.pointer_mut(pointer).and_then(Value::as_object_mut) else { continue };
        for key in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
            "selfLink",
            "clusterIP",
            "clusterIPs",
            "volumeName",
        ] {
            map.remove(key);
        }
    }
    object.as_object_mut().unwrap().remove("status");
}

/// Without its kind's refusal a request that may pass soon: its kind is not served yet, or something it needs is
/// still to be made by a controller.
fn is_early(error: &PortError) -> bool {
    error.is_retryable() || error.kind == ErrorKind::NotFound || error.message.contains("service account")
}

/// A wait that ends: polls, because servers tell nobody.
pub(crate) struct Patience {
    what: String,
    deadline: tokio::time::Instant,
}

impl Patience {
    pub(crate) fn new(what: &str) -> Self {
        Self { what: what.to_owned(), deadline: tokio::time::Instant::now() + Duration::from_secs(120) }
    }

    pub(crate) async fn wait(&self, seen: &str, may_pass: bool) {
        assert!(may_pass && tokio::time::Instant::now() < self.deadline, "not: {}; {seen}", self.what);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Polls until it holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let patience = Patience::new(what);
    while !holds().await {
        patience.wait("it never did", true).await;
    }
}

pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let parts =
        yaml.split("\n---\n").filter(|part| part.lines().any(|line| !line.starts_with('#') && !line.is_empty()));
    parts.map(|part| serde_saphyr::from_str(part).unwrap_or_else(|error| panic!("{error}\n{part}"))).collect()
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, name),
    }
}

fn text_of(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
