//! The kinds of steps that no other drill here has, on one control plane: each does what it says, and says no.

use serde_json::{Value, json};

use super::wait;
use crate::support::{Bed, Server, namespace, until};

const MANIFESTS: &str = r#"apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: shop, labels: { app: shop } }
data: { greeting: hello }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: registry.example.com/web }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: shop
  annotations: { alb.ingress.kubernetes.io/certificate-arn: "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
spec:
  defaultBackend: { service: { name: web, port: { number: 80 } } }
"#;

const SOURCE: &str = r#"{ schema_version: "1.0", environment: old, region: eu-central-1, account_id: "111122223333", load_balancing: { certificates: { shop.example.com: "arn:aws:acm:eu-central-1:111122223333:certificate/1" } } }"#;
const TARGET: &str = r#"{ schema_version: "1.0", environment: new, region: eu-west-1, account_id: "444455556666", load_balancing: { certificates: { shop.example.com: "arn:aws:acm:eu-west-1:444455556666:certificate/2" } } }"#;

const CONNECT: &str = r#"  inputs: { kubeconfig: {}, location: {} }
  steps:
    - { id: cluster, uses: cluster.connect, with: { kubeconfig: { path: "${inputs.kubeconfig}" } } }
"#;

const GOOD: &str = r#"    - { id: shop, uses: cluster.apply, with: { manifests: manifests } }
    - id: runs
      uses: cluster.wait
      with:
        nodes: 1
        addons: [shop/web]
        conditions: [{ resource: deployments.apps, namespace: shop, condition: Available }]
    - id: first
      uses: backup.run
      needs: [runs]
      with: { location: "${inputs.location}", name: first, includeNamespaces: [shop], contract: SOURCE, keep: true }
    - id: second
      uses: backup.run
      needs: [first]
      with: { location: "${inputs.location}", name: second, includeNamespaces: [shop], contract: SOURCE, keep: true }
    - id: latest
      uses: backup.pick
      needs: [second]
      with: { location: "${inputs.location}" }
    - id: random
      uses: backup.pick
      needs: [second]
      with: { location: "${inputs.location}", pick: random, within: 1h }
    - id: named
      uses: backup.pick
      needs: [second]
      with: { location: "${inputs.location}", pick: named, name: first }
    - id: restore
      uses: restore.run
      needs: [latest, random]
      with: { backup: "${named.name}", includeNamespaces: [shop], namespaceMapping: { shop: copy }, target: TARGET }
    - id: complete
      uses: verify.objects
      with: { includeNamespaces: [shop], namespaceMapping: { shop: copy } }
    - id: moved
      uses: verify.query
      with:
        resource: ingresses.networking.k8s.io
        namespace: copy
        expression: "object.metadata.annotations['alb.ingress.kubernetes.io/certificate-arn'].endsWith('certificate/2')"
        within: 5s
    - { id: clean, uses: verify.references, with: { source: SOURCE, namespaces: [copy] } }
    - { id: drained, uses: cluster.drain, needs: [complete, moved, clean], with: { namespaces: [edge] } }
  onDone: { drill: keep, recovery: keep }
"#;

/// Steps that must fail, and what the reason has to name.
const BAD: [(&str, &str, &[&str]); 8] = [
    (
        "query",
        r#"uses: verify.query, with: { resource: configmaps, selector: app=shop, expression: "object.data.greeting == 'goodbye'", within: 1s }"#,
        &["shop/settings", "does not hold"],
    ),
    (
        "objects",
        r#"uses: verify.objects, with: { backup: first, location: "${inputs.location}", includeNamespaces: [shop], namespaceMapping: { shop: copy } }"#,
        &["copy/settings"],
    ),
    (
        "references",
        "uses: verify.references, with: { source: SOURCE, namespaces: [shop] }",
        &["shop/web", "eu-central-1"],
    ),
    (
        "named",
        r#"uses: backup.pick, with: { location: "${inputs.location}", pick: named, name: nothing }"#,
        &["there is no backup \\\"nothing\\\""],
    ),
    (
        "old",
        r#"uses: backup.pick, with: { location: "${inputs.location}", within: 1s }"#,
        &["second is older than 1s", "first is older than 1s"],
    ),
    ("apply", "uses: cluster.apply, with: { manifests: broken }", &["wrong"]),
    ("wait", "uses: cluster.wait, timeout: 2s, with: { addons: [shop/web, shop/nothing] }", &["shop/nothing"]),
    ("drain", "uses: cluster.drain, timeout: 2s, with: { namespaces: [stuck] }", &["stuck/lb"]),
];

fn balancer(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "lb", "namespace": namespace, "finalizers": ["example.com/in-the-cloud"]},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_step_does_what_it_says_and_says_no() {
    let bed = Bed::new();
    let server = bed.up("one", &["--nodes", "1"]).await;
    for folder in ["manifests", "broken"] {
        std::fs::create_dir(bed.path(folder)).unwrap();
    }
    bed.write("manifests/shop.yaml", MANIFESTS);
    let wrong = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: wrong, namespace: default }\ndata: [1]\n";
    bed.write("broken/wrong.yaml", wrong);
    for name in ["edge", "stuck"] {
        server.create(&namespace(name)).await;
        server.create(&balancer(name)).await;
    }
    let shown = bed.run(&["sandbox", "kubeconfig", "one"]);
    let given = [format!("kubeconfig={}", shown.stdout.trim()), format!("location={}", bed.location())];
    let given: Vec<&str> = given.iter().flat_map(|input| ["--input", input.as_str()]).collect();
    let with = |text: &str| format!("{CONNECT}{text}").replace("SOURCE", SOURCE).replace("TARGET", TARGET);

    // The cloud's controller is played by the test: it lets go of the load balancer when that is asked to go.
    let good = bed.scenario("good", &with(GOOD));
    let drill = bed.begin("good", &[&["drill", "run", good.as_str()][..], &given].concat(), &[]);
    until("the load balancer is asked to go, or the drill is over", async || {
        let service = server.find("services", "edge/lb").await.unwrap();
        !service["metadata"]["deletionTimestamp"].is_null() || drill.said().contains("report:")
    })
    .await;
    let id = bed.recorded("good", "drained", "started");
    assert!(!bed.journal(&id).iter().any(|event| event["type"] == "succeeded" && event["step"] == "drained"));
    release(&server, "edge").await;
    let ended = drill.end();
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(server.find("services", "edge/lb").await.is_none());
    assert_eq!(bed.outputs(&id, "latest")["name"], "second");
    assert_eq!(bed.outputs(&id, "named")["name"], "first");
    assert!(["first", "second"].contains(&bed.outputs(&id, "random")["name"].as_str().unwrap()));
    assert_eq!(bed.outputs(&id, "drained"), json!({"deleted": 1, "gone": ["services"]}));
    assert_eq!(bed.outputs(&id, "shop")["created"], 4);
    assert!(bed.outputs(&id, "complete")["checked"].as_u64().unwrap() >= 3);

    // All that must fail, beside each other.
    server.delete("configmaps", "copy/settings").await;
    let drills: Vec<_> = BAD
        .iter()
        .map(|(name, step, _)| {
            let text = with(&format!(
                "    - {{ id: bad, {step} }}\n    - {{ id: last, uses: verify.tcp, needs: [bad], with: {{ host: h, port: 1 }} }}\n"
            ));
            let scenario = bed.scenario(name, &text);
            bed.begin(name, &[&["drill", "run", scenario.as_str()][..], &given].concat(), &[])
        })
        .collect();
    for (drill, (name, _, words)) in drills.into_iter().zip(BAD) {
        let ended = drill.end();
        assert_eq!(ended.code, 1, "{name}: {}", ended.stdout);
        let run = bed.run_of(name).unwrap();
        assert_eq!(run["state"], "Failed", "{name}: {}", ended.stdout);
        let report = std::fs::read_to_string(bed.folder_of(run["id"].as_str().unwrap()).join("report.json")).unwrap();
        for word in words {
            assert!(report.contains(word), "{name}: nothing names {word:?}: {}", ended.stdout);
        }
    }
    assert!(server.find("configmaps", "default/wrong").await.is_none());

    // What the first one kept goes when it is asked for.
    release(&server, "stuck").await;
    let swept = bed.run(&["drill", "sweep", &id]);
    assert_eq!(swept.code, 0, "{} {}", swept.stdout, swept.stderr);
    for gone in ["shop", "copy"] {
        assert!(server.find("namespaces", gone).await.is_none(), "{gone} is still there");
    }
    wait("the backups are kept", || bed.path("bucket/backups/first").exists().then_some(()));
}

/// What a controller does when the cloud's load balancer is gone.
async fn release(server: &Server, namespace: &str) {
    server.merge("services", &format!("{namespace}/lb"), &json!({"metadata": {"finalizers": null}})).await;
}
