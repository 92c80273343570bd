//! Converting costs at most one and a half times what reading and writing the same objects costs.

use std::time::{Duration, Instant};

use model::{Gvk, KubernetesVersion, Manifest};
use serde_json::{Value, json};
use versions::{Options, convert, upgrade};

fn pod() -> Value {
    json!({"metadata": {"labels": {"app": "web", "tier": "front"}, "annotations": {"prometheus.io/scrape": "true"}},
        "spec": {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30, "securityContext": {}, "nodeSelector": {"kubernetes.io/os": "linux"},
            "containers": [{"name": "web", "image": "registry.example/web:1.2.3", "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 8080, "protocol": "TCP", "name": "http"}],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b"}}}],
                "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}]}})
}

/// Objects as an old server would show them, and the version each goes to.
fn objects() -> Vec<(Vec<u8>, Gvk)> {
    let metadata = json!({"name": "web", "namespace": "shop", "uid": "0b6f2f0e-6f0b-4d0a-9a77-5a4f1f0e3c11",
        "resourceVersion": "123456", "creationTimestamp": "2024-01-01T00:00:00Z", "labels": {"app": "web"}});
    let of = |version: &str, kind: &str, rest: Value| {
        let mut object = rest;
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        object["metadata"] = metadata.clone();
        object.to_string().into_bytes()
    };
    let backend = |name: &str| json!({"serviceName": name, "servicePort": 80});
    let paths = json!([{"path": "/a", "pathType": "ImplementationSpecific", "backend": backend("a")},
        {"path": "/b", "pathType": "ImplementationSpecific", "backend": backend("b")}]);
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    let metrics = json!([{"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 60}}]);
    let to = Gvk::from_api_version;
    vec![
        (
            of(
                "extensions/v1beta1",
                "Deployment",
                json!({"spec": {"replicas": 2, "strategy": strategy, "template": pod(),
                "selector": {"matchLabels": {"app": "web"}}, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}}),
            ),
            to("apps/v1", "Deployment"),
        ),
        (
            of(
                "extensions/v1beta1",
                "Ingress",
                json!({"spec": {"backend": backend("d"), "rules": [{"host": "a.example", "http": {"paths": paths}}]},
                "status": {"loadBalancer": {}}}),
            ),
            to("networking.k8s.io/v1", "Ingress"),
        ),
        (
            of(
                "batch/v1beta1",
                "CronJob",
                json!({"spec": {"schedule": "0 0 * * *", "concurrencyPolicy": "Allow", "suspend": false,
                "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1, "jobTemplate": {"spec": {"template": pod()}}}, "status": {}}),
            ),
            to("batch/v1", "CronJob"),
        ),
        (
            of(
                "policy/v1beta1",
                "PodDisruptionBudget",
                json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
                "status": {"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1}}),
            ),
            to("policy/v1", "PodDisruptionBudget"),
        ),
        (
            of(
                "autoscaling/v2beta1",
                "HorizontalPodAutoscaler",
                json!({"spec": {"minReplicas": 1, "maxReplicas": 5, "metrics": metrics,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}, "status": {"currentReplicas": 1, "desiredReplicas": 1}}),
            ),
            to("autoscaling/v2", "HorizontalPodAutoscaler"),
        ),
        (
            of(
                "rbac.authorization.k8s.io/v1beta1",
                "RoleBinding",
                json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                "subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}]}),
            ),
            to("rbac.authorization.k8s.io/v1", "RoleBinding"),
        ),
    ]
}

#[test]
fn converting_costs_no_more_than_reading_and_writing() {
    let (objects, options) = (objects(), Options::default());
    let release = KubernetesVersion::new(1, 36);
    // The best of several rounds, because a busy machine only ever adds time.
    let (mut reading, mut converting) = (Duration::MAX, Duration::MAX);
    for _ in 0..40 {
        let (mut read, mut converted) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..5 {
            for (bytes, to) in &objects {
                let start = Instant::now();
                let mut manifest = Manifest::from_slice(bytes).unwrap();
                read += start.elapsed();
                let start = Instant::now();
                let mut conversion = convert(&mut manifest, to, &options).unwrap();
                conversion.then(upgrade(&mut manifest, release, &options).unwrap());
                converted += start.elapsed();
                assert!(!conversion.changes.is_empty());
                let start = Instant::now();
                assert!(!manifest.to_vec().is_empty());
                read += start.elapsed();
            }
        }
        reading = reading.min(read);
        converting = converting.min(converted);
    }
    let ratio = converting.as_secs_f64() / reading.as_secs_f64();
    println!("converting costs {ratio:.2} of reading and writing");
    assert!(ratio <= 1.5, "converting costs {ratio:.2} times reading and writing");
}
