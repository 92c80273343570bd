//! Controllers and fake nodes: accounts appear, pods become Ready, namespaces go.

use sandbox::{Release, Silent, UpRequest};
use serde_json::{Value, json};

use crate::support::{Bench, get, send, until};

#[tokio::test]
async fn pods_become_ready_on_fake_nodes_and_namespaces_are_deleted() {
    pods_come_and_go(Release::V1_36).await;
}

#[tokio::test]
async fn pods_become_ready_on_fake_nodes_and_namespaces_are_deleted_on_the_old_release() {
    pods_come_and_go(Release::V1_24).await;
}

async fn pods_come_and_go(kubernetes: Release) {
    let bench = Bench::new();
    let sandbox = bench.up(&UpRequest { kubernetes, nodes: 3, ..bench.request("a") }).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    let server = sandbox.server().to_owned();
    let nodes = get(&folder, &server, "/api/v1/nodes");
    assert_eq!(nodes["items"].as_array().unwrap().len(), 3, "{kubernetes}");

    send(&folder, &server, "POST", "/api/v1/namespaces", &json!({"metadata": {"name": "shop"}}));
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    });
    send(&folder, &server, "POST", "/apis/apps/v1/namespaces/shop/deployments", &deployment);
    let job = json!({
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "c:1"}]}}},
    });
    send(&folder, &server, "POST", "/apis/batch/v1/namespaces/shop/jobs", &job);
    until("four pods are ready", || {
        let web = get(&folder, &server, "/apis/apps/v1/namespaces/shop/deployments/web");
        web["status"]["readyReplicas"] == 4
    })
    .await;
    until("the job has succeeded", || {
        get(&folder, &server, "/apis/batch/v1/namespaces/shop/jobs/once")["status"]["succeeded"] == 1
    })
    .await;
    // Leases are what tells a node's controller that a node lives.
    let leases = get(&folder, &server, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases");
    assert_eq!(leases["items"].as_array().unwrap().len(), 3, "{kubernetes}: {leases}");

    send(&folder, &server, "DELETE", "/api/v1/namespaces/shop", &Value::Null);
    until("the namespace is gone", || get(&folder, &server, "/api/v1/namespaces/shop")["code"] == 404).await;
    sandbox.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(bench.processes(), [""; 0]);
}

#[tokio::test]
async fn without_controllers_a_pod_can_be_created_and_stays_pending() {
    let bench = Bench::new();
    let sandbox = bench.up(&bench.request("a")).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "c:1"}]}});
    let created = send(&folder, sandbox.server(), "POST", "/api/v1/namespaces/default/pods", &pod);
    assert_eq!(created["status"]["phase"], "Pending", "{created}");
}
