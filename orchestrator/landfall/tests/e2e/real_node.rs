//! On a node that really runs pods: hooks do what they say in containers, and a restored shop answers.
//!
//! Where a machine cannot have such a node (no root, no cgroups), these tests say so and are skipped.

mod checks;
mod hooks;
mod shop;

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::skip::{Why, skip};

use crate::support::{Bed, Server, until};

/// The image that every real node has.
const IMAGE: &str = sandbox::real_node::BUSYBOX_IMAGE;
/// What a real node is made of, beside the control plane.
const PROGRAMS: [&str; 12] = [
    "kubelet",
    "kube-proxy",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "loopback",
    "bridge",
    "host-local",
    "portmap",
    "runc",
    "busybox",
    "nft",
];

/// A sandbox with one real node, and a folder that its pods share with this test.
struct Node {
    bed: Bed,
    server: Server,
    shared: PathBuf,
}

/// Starting a node takes longer than most of what is tried on it, so it is tried on one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hooks_run_and_checks_look_into_real_containers() {
    let bed = Bed::new();
    if !can_run(&bed, "hooks_run_and_checks_look_into_real_containers") {
        return;
    }
    let shared = bed.path("shared");
    std::fs::create_dir(&shared).unwrap();
    let server = bed.up("real", &["--real-node"]).await;
    let node = Node { bed, server, shared };
    node.around_blocks_of_a_backup().await;
    node.in_restored_pods().await;
    node.good_and_bad_answers().await;
}

impl Node {
    async fn phase(&self, pod: &str) -> String {
        self.server.get("pods", pod).await["status"]["phase"].as_str().unwrap_or_default().to_owned()
    }

    async fn ready(&self, namespace: &str, pods: &[&str]) {
        for pod in pods {
            until("the pod is ready", async || {
                let pod = self.server.get("pods", &format!("{namespace}/{pod}")).await;
                let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
                conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
            })
            .await;
        }
    }
}

/// True where this machine can have a real node; else says why not.
fn can_run(bed: &Bed, test: &str) -> bool {
    let lacks = sandbox::real_node::missing();
    if !lacks.is_empty() {
        skip(test, Why::MachineCannot, &lacks.join("; "));
        return false;
    }
    let doctor = bed.json(&["doctor"], &[0]);
    let missing: Vec<&str> = doctor
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["found"].is_null())
        .filter_map(|line| PROGRAMS.into_iter().find(|name| line["component"] == *name))
        .collect();
    if !missing.is_empty() {
        skip(test, Why::NotSetUp, &format!("{} cannot be found or built", missing.join(", ")));
        return false;
    }
    true
}

/// A pod of containers that live until they are ended. They share the volume `data`, and the last of them has the
/// host's folder at /shared.
fn pod(namespace: &str, name: &str, annotations: Value, containers: &[&str], shared: &str) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .enumerate()
        .map(|(at, container)| {
            let mut mounts = vec![json!({"name": "data", "mountPath": "/data"})];
            if at + 1 == containers.len() {
                mounts.push(json!({"name": "shared", "mountPath": "/shared"}));
            }
            json!({"name": container, "image": IMAGE, "command": ["sleep", "2147483"], "volumeMounts": mounts})
        })
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}, "annotations": annotations},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": containers,
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "shared", "hostPath": {"path": shared}}],
        },
    })
}

/// An exec hook's command.
fn sh(script: &str) -> Value {
    json!(["sh", "-c", script])
}
