//! Velero 1.18.3 beside us: it restores what we saved, we read and restore what it saved, and both restore alike.
//!
//! Velero's server runs out of the cluster. Without its programs in the cache these tests are skipped by name.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use archive::{ArchiveError, ArchiveReader, Caps, EntryPath, ItemPath, Spool, SpoolReader, StoredVersion};
use serde_json::{Value, json};
use testkit::s3_server::S3Server;
use testkit::skip::{Why, skip, variable};

use crate::support::{Bed, Ran, Server, documents, namespace, until};

const KINDS: [&str; 20] = [
    "configmaps",
    "secrets",
    "services",
    "serviceaccounts",
    "persistentvolumeclaims",
    "pods",
    "limitranges",
    "resourcequotas",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "poddisruptionbudgets.policy",
    "networkpolicies.networking.k8s.io",
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
    source.create_all(&platform()).await;
    until("the custom kind is served", async || source.catalog().await.resolve("widgets.e2e.example.com").is_some())
        .await;
    source.create_all(CUSTOM).await;
    let meant = restored(source.meant(&["shop"], &KINDS).await, "shop");
    assert!(meant.len() > 10, "the source holds only {:?}", meant.keys());

    landfall(&bed, &bucket, &["backup", "run", "ours", "--sandbox", "source", "--include-namespaces", "shop"], 0);
    {
        let velero = programs.start(&bed, &source, "source", &bucket, &[]).await;
        velero.backup(&source, "theirs", json!({"includedNamespaces": ["shop"]})).await;
    }
    {
        // The whole cluster, with every version of every kind.
        let flags = ["--features=EnableAPIGroupVersions"];
        let velero = programs.start(&bed, &source, "every-version", &bucket, &flags).await;
        velero.backup(&source, "everything", json!({"includeClusterResources": true})).await;
    }
    bed.down("source");
    let archive = |name: &str| bucket.data().join(S3Server::BUCKET).join(format!("backups/{name}/{name}.tar.gz"));
    let versions = same_bytes_as_tar(&bed, &archive("theirs"));
    assert!(versions.iter().all(|version| !matches!(version, StoredVersion::Other(_))), "{versions:?}");
    let versions = same_bytes_as_tar(&bed, &archive("everything"));
    assert!(versions.contains(&StoredVersion::Other("v1".to_owned())), "only preferred versions: {versions:?}");

    // Ours, by Velero; theirs, by Velero and by us, each into namespaces of its own.
    let target = bed.up("target", &[]).await;
    {
        let velero = programs.start(&bed, &target, "target", &bucket, &[]).await;
        for backup in ["ours", "theirs"] {
            until("Velero knows the backup", async || {
                target.find("backups.velero.io", &format!("velero/{backup}")).await.is_some()
            })
            .await;
        }
        velero_shows(&bed, &velero, &bucket, &meant);
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
    for namespace in ["shop", "shop-velero", "shop-landfall"] {
        let labels = target.get("namespaces", namespace).await["metadata"]["labels"].clone();
        assert_eq!(labels["team"], "shop", "{namespace}: {labels}");
    }
}

/// Velero's command line on our backup: everything that we saved is described, the log and the archive are ours.
fn velero_shows(bed: &Bed, velero: &Velero, bucket: &S3Server, meant: &BTreeMap<String, Value>) {
    let folder = bucket.data().join(S3Server::BUCKET).join("backups/ours");
    let described = velero.cli(&["backup", "describe", "ours", "--details"]);
    assert_eq!(described.code, 0, "{}", described.stderr);
    let lines: BTreeSet<&str> = described.stdout.lines().map(str::trim).collect();
    let has = |line: &str| assert!(lines.contains(line), "no {line:?} in {}", described.stdout);
    let compact: BTreeSet<String> =
        lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let metadata: Value = serde_json::from_slice(&std::fs::read(folder.join("velero-backup.json")).unwrap()).unwrap();
    let items = metadata["status"]["progress"]["itemsBackedUp"].as_u64().unwrap();
    for line in [
        "Phase: Completed".to_owned(),
        format!("Items backed up: {items}"),
        format!("Total items to be backed up: {items}"),
    ] {
        assert!(compact.contains(&line), "no {line:?} in {}", described.stdout);
    }
    for kind in ["v1/ConfigMap:", "apps/v1/Deployment:", "e2e.example.com/v1/Widget:", "networking.k8s.io/v1/Ingress:"]
    {
        has(kind);
    }
    for key in meant.keys() {
        // `configmaps shop/settings`, or `… /name` of what is in no namespace.
        let name = key.split_once(' ').unwrap().1;
        if name.starts_with("shop/") {
            has(&format!("- {name}"));
        }
    }
    has("- widgets.e2e.example.com");

    let logs = velero.cli(&["backup", "logs", "ours"]);
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    let kept = Command::new("gzip").arg("-dc").arg(folder.join("ours-logs.gz")).output().unwrap();
    assert!(kept.status.success() && kept.stdout.starts_with(b"time="), "{}", String::from_utf8_lossy(&kept.stdout));
    assert_eq!(
        logs.stdout.trim(),
        String::from_utf8_lossy(&kept.stdout).trim(),
        "the log is not what is in the bucket"
    );

    let file = bed.path("by-velero.tar.gz");
    let downloaded = velero.cli(&["backup", "download", "ours", "--output", file.to_str().unwrap()]);
    assert_eq!(downloaded.code, 0, "{}", downloaded.stderr);
    let kept = std::fs::read(folder.join("ours.tar.gz")).unwrap();
    assert!(std::fs::read(&file).unwrap() == kept, "the download is not what is in the bucket");
}

/// What our reader finds is, byte for byte, what `tar` extracts, and neither finds a file more than the other. The
/// versions that the archive holds.
fn same_bytes_as_tar(bed: &Bed, archive: &Path) -> BTreeSet<StoredVersion> {
    let extracted = bed.path("extracted");
    std::fs::create_dir_all(&extracted).unwrap();
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&extracted).status().unwrap();
    assert!(status.success());
    let mut expected = files(&extracted);
    std::fs::remove_dir_all(&extracted).unwrap();

    let open = || std::fs::File::open(archive).unwrap();
    let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let summary = ArchiveReader::new(open(), Caps::default()).for_each(|entry, body| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(ArchiveError::Read)?;
        assert_eq!(bytes.len() as u64, entry.size);
        assert_eq!(found.insert(entry.path.encode()?, bytes), None);
        Ok::<_, ArchiveError>(())
    });
    let summary = summary.unwrap_or_else(|error| panic!("{}", model::chain(&error)));
    assert_eq!(summary.unknown, [""; 0], "Velero's archive is odd to our reader");
    // Not an item: the reader keeps its content by itself.
    let version = expected.remove("metadata/version").expect("no metadata/version");
    assert_eq!(summary.format_version.as_deref(), Some(String::from_utf8(version).unwrap().trim()));
    assert!(expected.len() > 40, "only {} files", expected.len());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{path} differs");
    }

    // The same through the spool, which is what restores read.
    let spool = bed.path("spool");
    let file = std::fs::File::create(&spool).unwrap();
    let unpacked = Spool::unpack(open(), file, Caps::default(), |_, _, _| {}).unwrap();
    assert_eq!(unpacked.troubles, [], "Velero's archive is odd to our spool");
    let bodies = SpoolReader::new(std::fs::File::open(&spool).unwrap());
    let mut compared = BTreeSet::new();
    for (id, item) in &unpacked.items {
        for body in &item.bodies {
            let version = body.version.clone();
            let copies = if body.preferred {
                vec![StoredVersion::Plain, StoredVersion::Preferred(version)]
            } else {
                vec![StoredVersion::Other(version)]
            };
            for version in copies {
                let path = ItemPath { item: id.clone(), version }.encode().unwrap();
                assert!(bodies.read(body.span).unwrap() == expected[&path], "{path} differs in the spool");
                compared.insert(path);
            }
        }
    }
    assert!(compared.iter().eq(expected.keys()), "the spool has {} of {} copies", compared.len(), expected.len());
    let decoded = expected.keys().map(|path| match EntryPath::decode(path) {
        EntryPath::Item(path) => path.version,
        other => panic!("{path} is {other:?}"),
    });
    decoded.collect()
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
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
        // Given by each server anew.
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().unwrap().remove("nodePort");
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

    /// Starts a server for the sandbox; what it needs is there already when another one ran before.
    async fn start(&self, bed: &Bed, server: &Server, name: &str, bucket: &S3Server, flags: &[&str]) -> Velero<'_> {
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
    fn cli(&self, arguments: &[&str]) -> Ran {
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

    async fn backup(&self, server: &Server, name: &str, mut spec: Value) {
        let rest = json!({"storageLocation": "default", "snapshotVolumes": false, "ttl": "720h0m0s"});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        self.run(server, "Backup", "backups.velero.io", name, spec).await;
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

/// With a name that fits into no plain tar header.
fn platform() -> String {
    PLATFORM.replace("LONG_NAME", &["long"; 45].join("-"))
}

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
kind: Service
metadata: {name: outside, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80}, {name: admin, port: 81}]}
---
apiVersion: v1
kind: Service
metadata: {name: database, namespace: shop}
spec: {clusterIP: None, selector: {app: database}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: LONG_NAME, namespace: shop}
data: {key: value}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: shop, labels: {app: alone}}
spec:
  serviceAccountName: web
  volumes: [{name: settings, configMap: {name: settings}}]
  containers: [{name: main, image: 'registry.example/alone:1', volumeMounts: [{name: settings, mountPath: /etc/settings}]}]
---
apiVersion: v1
kind: LimitRange
metadata: {name: defaults, namespace: shop}
spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 10Gi}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: few, namespace: shop}
spec: {hard: {count/jobs.batch: '5'}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: database, namespace: shop}
spec:
  replicas: 0
  serviceName: database
  selector: {matchLabels: {app: database}}
  template:
    metadata: {labels: {app: database}}
    spec: {containers: [{name: database, image: 'registry.example/database:1'}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: 'registry.example/agent:1'}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  minReplicas: 1
  maxReplicas: 4
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 8080}]}], policyTypes: [Ingress]}
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
    assert!(documents(&platform()).len() > 20 && documents(CUSTOM).len() == 1 && documents(DEPLOYMENT).len() == 1);
}
