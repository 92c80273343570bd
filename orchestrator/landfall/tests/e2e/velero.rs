//! Velero 1.18.3 beside us: it restores what we saved, we read and restore what it saved, and both restore alike.
//!
//! Velero's server runs out of the cluster. Without its programs in the cache these tests are skipped by name.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use archive::{Caps, Spool, SpoolReader};
use serde_json::{Value, json};
use testkit::s3_server::S3Server;
use testkit::skip::{Why, skip, variable};

use crate::support::{Bed, Ran, Server, documents, namespace, until};

const KINDS: [&str; 12] = [
    "configmaps",
    "secrets",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "deployments.apps",
    "cronjobs.batch",
    "ingresses.networking.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "widgets.e2e.example.com",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn velero_and_we_restore_each_others_backups_alike() {
    const NAME: &str = "velero_and_we_restore_each_others_backups_alike";
    let Some(programs) = Programs::find() else {
        return skip(NAME, Why::NotSetUp, "Velero and its AWS plugin are not built");
    };
    let bucket = match S3Server::start() {
        Ok(bucket) => bucket,
        Err(why) => return skip(NAME, Why::NotSetUp, &why),
    };
    let bed = Bed::new();
    let source = bed.up("source", &[]).await;
    source.create_all(PLATFORM).await;
    until("the custom kind is served", async || source.catalog().await.resolve("widgets.e2e.example.com").is_some())
        .await;
    source.create_all(CUSTOM).await;
    let meant = source.meant(&["shop"], &KINDS).await;
    assert!(meant.len() > 10, "the source holds only {:?}", meant.keys());

    landfall(&bed, &bucket, &["backup", "run", "ours", "--sandbox", "source", "--include-namespaces", "shop"], 0);
    {
        let velero = programs.start(&bed, &source, "source", &bucket).await;
        let spec = json!({"includedNamespaces": ["shop"], "storageLocation": "default", "snapshotVolumes": false,
            "ttl": "720h0m0s"});
        velero.run(&source, "Backup", "backups.velero.io", "theirs", spec).await;
    }
    bed.down("source");

    // Ours, by Velero; theirs, by Velero and by us, each into namespaces of its own.
    let target = bed.up("target", &[]).await;
    {
        let velero = programs.start(&bed, &target, "target", &bucket).await;
        for backup in ["ours", "theirs"] {
            until("Velero knows the backup", async || {
                target.find("backups.velero.io", &format!("velero/{backup}")).await.is_some()
            })
            .await;
        }
        let described = velero.cli(&["backup", "describe", "ours", "--details"]);
        assert_eq!(described.code, 0, "{}", described.stderr);
        for word in ["Phase:", "Completed", "shop/settings", "v1/ConfigMap"] {
            assert!(described.stdout.contains(word), "no {word:?} in {}", described.stdout);
        }
        let logs = velero.cli(&["backup", "logs", "ours"]);
        assert!(logs.code == 0 && logs.stdout.contains("level=info"), "{} {}", logs.stdout, logs.stderr);
        let file = bed.path("by-velero.tar.gz");
        let downloaded = velero.cli(&["backup", "download", "ours", "--output", file.to_str().unwrap()]);
        assert_eq!(downloaded.code, 0, "{}", downloaded.stderr);
        let kept = std::fs::read(bucket.data().join(S3Server::BUCKET).join("backups/ours/ours.tar.gz")).unwrap();
        assert!(std::fs::read(&file).unwrap() == kept, "the download is not what is in the bucket");

        velero.restore(&target, "of-ours", "ours", "shop").await;
        velero.restore(&target, "of-theirs", "theirs", "shop-velero").await;
    }
    let mapping = ["restore", "run", "theirs", "--sandbox", "target", "--namespace-mappings", "shop:shop-landfall"];
    landfall(&bed, &bucket, &[&mapping[..], &["--name", "by-us"]].concat(), 0);

    let by_velero = target.meant(&["shop"], &KINDS).await;
    assert_same(&meant, &restored(by_velero, "shop"), "what Velero restored from our backup");
    let theirs = restored(target.meant(&["shop-velero"], &KINDS).await, "shop-velero");
    let ours = restored(target.meant(&["shop-landfall"], &KINDS).await, "shop-landfall");
    assert_same(&theirs, &ours, "what we restored from Velero's backup, against Velero");

    same_bytes_as_tar(&bed, &bucket.data().join(S3Server::BUCKET).join("backups/theirs/theirs.tar.gz"));
}

/// Every body that our reader keeps is, byte for byte, the file that `tar` extracts.
fn same_bytes_as_tar(bed: &Bed, archive: &Path) {
    let extracted = bed.path("extracted");
    std::fs::create_dir_all(&extracted).unwrap();
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&extracted).status().unwrap();
    assert!(status.success());
    let spool = bed.path("spool");
    let file = std::fs::File::create(&spool).unwrap();
    let unpacked = Spool::unpack(std::fs::File::open(archive).unwrap(), file, Caps::default(), |_, _, _| {}).unwrap();
    assert_eq!(unpacked.troubles, [], "Velero's archive is odd to our reader");
    let bodies = SpoolReader::new(std::fs::File::open(&spool).unwrap());
    let mut compared = 0;
    for (id, item) in &unpacked.items {
        for body in &item.bodies {
            let version =
                if body.preferred { format!("{}-preferredversion", body.version) } else { body.version.clone() };
            let scope = match &id.namespace {
                Some(namespace) => format!("namespaces/{namespace}"),
                None => "cluster".to_owned(),
            };
            let path = format!("resources/{}/{version}/{scope}/{}.json", id.resource, id.name);
            let expected = std::fs::read(extracted.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(bodies.read(body.span).unwrap() == expected, "{path} differs");
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} bodies");
}

/// As the source would hold it: without what restores add, and with the source's namespace.
fn restored(objects: BTreeMap<String, Value>, namespace: &str) -> BTreeMap<String, Value> {
    let objects = objects.into_iter().map(|(key, mut object)| {
        let metadata = object["metadata"].as_object_mut().unwrap();
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.starts_with("velero.io/"));
            if labels.is_empty() {
                metadata.remove("labels");
            }
        }
        if metadata.get("namespace").is_some() {
            metadata.insert("namespace".to_owned(), "shop".into());
        }
        for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
            if subject["namespace"] == namespace {
                subject["namespace"] = "shop".into();
            }
        }
        (key.replace(&format!("{namespace}/"), "shop/"), object)
    });
    objects.filter(|(key, _)| !key.contains("velero.io")).collect()
}

fn assert_same(expected: &BTreeMap<String, Value>, found: &BTreeMap<String, Value>, what: &str) {
    let expected: BTreeMap<_, _> = expected.iter().filter(|(key, _)| !key.contains("velero.io")).collect();
    let keys = |map: Vec<&String>| map.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(keys(expected.keys().copied().collect()), keys(found.keys().collect()), "{what}: other objects");
    for (key, object) in expected {
        assert_eq!(object, &found[key], "{what}: {key} differs");
    }
}

fn landfall(bed: &Bed, bucket: &S3Server, arguments: &[&str], code: i32) {
    let location =
        format!("s3://{}?region={}&path-style=true&endpoint={}", S3Server::BUCKET, S3Server::REGION, bucket.endpoint());
    let mut command = bed.command(arguments);
    command.args(["--location", &location, "--output", "json", "--quiet"]);
    command.env("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
}

struct Programs {
    velero: PathBuf,
    plugin: PathBuf,
}

/// A server of Velero's, until it is dropped.
struct Velero<'p> {
    programs: &'p Programs,
    kubeconfig: PathBuf,
    child: Child,
}

impl Programs {
    fn find() -> Option<Self> {
        let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| format!("{home}/.cache")))?;
        let testbed = Path::new(&cache).join("landfall/testbed");
        let velero = testbed.join("velero-1.18.3/velero");
        let plugin = testbed.join("velero-plugin-aws-1.14.3/velero-plugin-for-aws");
        (velero.is_file() && plugin.is_file()).then_some(Self { velero, plugin })
    }

    async fn start(&self, bed: &Bed, server: &Server, sandbox: &str, bucket: &S3Server) -> Velero<'_> {
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

        let folder = bed.path(&format!("velero-{sandbox}"));
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
}

impl Velero<'_> {
    fn cli(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(&self.programs.velero);
        let output = command.args(arguments).arg("--kubeconfig").arg(&self.kubeconfig).output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    async fn restore(&self, server: &Server, name: &str, backup: &str, into: &str) {
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
const DEPLOYMENT: &str = "
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

const PLATFORM: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop, annotations: {note: 'quotes \" and <tags> & ünïcode'}}
data: {key: value, long: \"line one\\nline two\\n\"}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: shop}
type: Opaque
stringData: {password: correct-horse}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce], storageClassName: manual, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
        - {name: web, image: 'registry.example/web:1', envFrom: [{configMapRef: {name: settings}}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: shop}
spec:
  schedule: '0 3 * * *'
  jobTemplate:
    spec:
      template:
        spec: {restartPolicy: Never, containers: [{name: job, image: 'registry.example/job:1'}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
    - host: shop.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.e2e.example.com}
spec:
  group: e2e.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

const CUSTOM: &str = "
apiVersion: e2e.example.com/v1
kind: Widget
metadata: {name: blue, namespace: shop}
spec: {size: 3, words: [a, b]}
";

#[test]
fn the_platform_of_these_tests_can_be_read() {
    assert!(documents(PLATFORM).len() > 10 && documents(CUSTOM).len() == 1 && documents(DEPLOYMENT).len() == 1);
}
