//! Converting objects of removed API versions, beside only parsing and writing the same bytes.
//!
//! In one thread, in memory, CPU time of the process: no server and no file takes part.

use std::hint::black_box;
use std::time::Duration;

use anyhow::ensure;
use model::{Gvk, Manifest};
use serde_json::{Value, json};
use versions::Options;

use crate::measure;
use crate::table::{Table, bar, megabytes, ratio, seconds};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 60_000)]
    objects: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let kinds = kinds();
    let bodies: Vec<(Vec<u8>, &Gvk)> = (0..arguments.objects)
        .map(|number| {
            let (object, to) = &kinds[number % kinds.len()];
            let mut object = object.clone();
            object["metadata"]["name"] = format!("object-{number}").into();
            (object.to_string().into_bytes(), to)
        })
        .collect();
    let bytes: usize = bodies.iter().map(|(body, _)| body.len()).sum();
    let options = Options::default();
    let pass = |converts: bool| -> anyhow::Result<Duration> {
        let before = own_cpu();
        for (body, to) in &bodies {
            let mut manifest = Manifest::from_slice(body)?;
            if converts {
                let conversion = versions::convert(&mut manifest, to, &options)?;
                ensure!(!conversion.changes.is_empty(), "nothing was converted");
                black_box(&conversion);
            }
            black_box(manifest.to_vec());
        }
        Ok(own_cpu().saturating_sub(before))
    };
    pass(true)?;
    let (mut plain, mut converted) = (Duration::MAX, Duration::MAX);
    for _ in 0..7 {
        plain = plain.min(pass(false)?);
        converted = converted.min(pass(true)?);
    }
    let mut table = Table::new(&["what", "CPU"]);
    table.row(["parse and write".to_owned(), seconds(plain)]);
    table.row(["parse, convert and write".to_owned(), seconds(converted)]);
    table.print(&format!("{} objects of {} kinds, {}", arguments.objects, kinds.len(), megabytes(bytes as u64)));
    let whole = ratio(converted, plain);
    bar("with converting / without", whole, "x", whole <= 2.5, "≤ 2.5x, that is: converting itself ≤ 1.5x");
    let alone = ratio(converted.saturating_sub(plain), plain);
    bar("converting alone / parsing and writing", alone, "x", alone <= 1.5, "≤ 1.5x");
    Ok(())
}

pub(crate) fn own_cpu() -> Duration {
    measure::cpu(std::process::id()).unwrap_or_default()
}

/// Objects as clusters hold them, each with the version it has to become.
fn kinds() -> Vec<(Value, Gvk)> {
    let labels = json!({"app": "web", "tier": "front", "team": "shop"});
    let template = json!({"metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true"}}, "spec": {
        "serviceAccountName": "web",
        "containers": [{"name": "web", "image": "registry.example/web:1.4.2",
            "args": ["--listen=:8080", "--log=json"],
            "env": [{"name": "DATABASE", "value": "postgres://db:5432/shop"}, {"name": "REGION", "value": "eu-west-1"}],
            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10},
            "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}]}],
        "volumes": [{"name": "config", "configMap": {"name": "web"}}]}});
    let metadata = json!({"name": "x", "namespace": "shop", "labels": labels, "uid": "0b1c2d3e-0000-4000-8000-000000000001",
        "creationTimestamp": "2026-01-02T03:04:05Z", "resourceVersion": "12345"});
    let object = |api_version: &str, kind: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
    let gvk = |api_version: &str, kind: &str| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    };
    vec![
        (
            object("extensions/v1beta1", "Deployment", json!({"replicas": 3, "template": template})),
            gvk("apps/v1", "Deployment"),
        ),
        (
            object("apps/v1beta1", "StatefulSet", json!({"replicas": 3, "serviceName": "web", "template": template})),
            gvk("apps/v1", "StatefulSet"),
        ),
        (
            object(
                "batch/v1beta1",
                "CronJob",
                json!({"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": template}}}),
            ),
            gvk("batch/v1", "CronJob"),
        ),
        (
            object(
                "networking.k8s.io/v1beta1",
                "Ingress",
                json!({"rules": (0..6).map(|n| json!({
                "host": format!("shop{n}.example.com"),
                "http": {"paths": [{"path": "/", "backend": {"serviceName": "web", "servicePort": 80}},
                    {"path": "/api", "backend": {"serviceName": "api", "servicePort": "http"}}]}})).collect::<Vec<_>>()}),
            ),
            gvk("networking.k8s.io/v1", "Ingress"),
        ),
        (
            object(
                "autoscaling/v2beta1",
                "HorizontalPodAutoscaler",
                json!({"minReplicas": 2, "maxReplicas": 20,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 70}},
                    {"type": "Pods", "pods": {"metricName": "requests", "targetAverageValue": "100"}}]}),
            ),
            gvk("autoscaling/v2", "HorizontalPodAutoscaler"),
        ),
        (
            object(
                "policy/v1beta1",
                "PodDisruptionBudget",
                json!({"minAvailable": 1, "selector": {"matchLabels": labels}}),
            ),
            gvk("policy/v1", "PodDisruptionBudget"),
        ),
    ]
}
