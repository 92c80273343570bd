//! What people ask of a restore beyond "everything": mapping, labels, updates, modifiers, node ports.

use serde_json::{Value, json};

use crate::support::{Bed, Server, namespace};

async fn populated(bed: &Bed) -> Server {
    let server = bed.up("source", &[]).await;
    for name in ["shop", "pay"] {
        server.create(&namespace(name)).await;
    }
    for (namespace, name, tier) in
        [("shop", "front", "web"), ("shop", "back", "data"), ("pay", "ledger", "data"), ("pay", "mail", "jobs")]
    {
        server.create(&config(namespace, name, tier)).await;
    }
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "web"}},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "nodePort": 30080},
            {"name": "admin", "port": 81}]}});
    server.create(&service).await;
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "shop-viewers", "labels": {"tier": "web"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}]});
    server.create(&role).await;
    bed.backup("all", "source", &[], &[0]);
    server
}

fn config(namespace: &str, name: &str, tier: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"tier": tier}},
        "data": {"url": "https://old.example.com", "size": "1"}})
}

async fn names(server: &Server, namespace: &str) -> Vec<String> {
    let resource = server.resource("configmaps", None).await;
    let objects = server.list(&resource, Some(namespace)).await;
    let names = objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned());
    names.filter(|name| name != "kube-root-ca.crt").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn namespaces_are_mapped_labels_select_and_modifiers_modify() {
    let bed = Bed::new();
    populated(&bed).await;
    let target = bed.up("target", &[]).await;

    // Mapping: under another name, and nothing under the old one.
    let mapped = [
        "--name",
        "mapped",
        "--include-namespaces",
        "shop",
        "--namespace-mappings",
        "shop:store",
        "--include-cluster-resources=true",
        "--include-resources",
        "configmaps,clusterrolebindings",
    ];
    bed.restore("run", "all", "target", &mapped, &[0]);
    assert_eq!(names(&target, "store").await, ["back", "front"]);
    assert!(target.find("namespaces", "shop").await.is_none() && target.find("namespaces", "pay").await.is_none());
    let binding = target.get("clusterrolebindings.rbac.authorization.k8s.io", "shop-viewers").await;
    assert_eq!(binding["subjects"][0]["namespace"], "store", "who is bound moves along");

    // Labels: only what matches, whatever its namespace.
    bed.restore("run", "all", "target", &["--name", "labels", "--selector", "tier=data"], &[0]);
    assert_eq!(
        (names(&target, "shop").await, names(&target, "pay").await),
        (vec!["back".into()], vec!["ledger".into()])
    );
    let either = [
        "--name",
        "either",
        "--or-selector",
        "tier=jobs or tier in (web),tier!=x",
        "--include-resources",
        "configmaps",
    ];
    bed.restore("run", "all", "target", &either, &[0]);
    assert_eq!((names(&target, "shop").await.len(), names(&target, "pay").await.len()), (2, 2));
    assert!(target.find("services", "shop/web").await.is_none(), "a kind that was not included");

    // Modifiers: JSON, merge and strategic patches.
    let rules = bed.write(
        "modifiers.yaml",
        "\
version: v1
resourceModifierRules:
  - conditions: {groupResource: configmaps, resourceNameRegex: \"^front$\", namespaces: [shop]}
    patches: [{operation: replace, path: /data/url, value: https://new.example.com}]
  - conditions: {groupResource: configmaps, labelSelector: {matchLabels: {tier: data}}}
    mergePatches: [{patchData: \"{\\\"data\\\": {\\\"size\\\": null, \\\"colour\\\": \\\"blue\\\"}}\"}]
",
    );
    let modified = [
        "--name",
        "modified",
        "--namespace-mappings",
        "shop:modified",
        "--include-namespaces",
        "shop",
        "--include-resources",
        "configmaps",
        "--resource-modifier",
        &rules,
    ];
    bed.restore("run", "all", "target", &modified, &[0]);
    // Rules name namespaces as the backup or as the target does; a rule that did not apply must not have changed it.
    let front = target.get("configmaps", "modified/front").await;
    let back = target.get("configmaps", "modified/back").await;
    assert_eq!(back["data"], json!({"url": "https://old.example.com", "colour": "blue"}));
    assert_eq!(front["data"], json!({"url": "https://new.example.com", "size": "1"}));
    let broken = bed.write("broken.yaml", "version: v1\nresourceModifierRules: 7\n");
    let location = bed.location();
    let ran = bed.run(&[
        "restore",
        "plan",
        "all",
        "--location",
        &location,
        "--sandbox",
        "target",
        "--resource-modifier",
        &broken,
    ]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn existing_objects_are_left_or_updated_and_node_ports_are_kept_on_request() {
    let bed = Bed::new();
    let source = populated(&bed).await;
    let admin_port = source.get("services", "shop/web").await["spec"]["ports"][1]["nodePort"].clone();
    let target = bed.up("target", &[]).await;
    target.create(&namespace("shop")).await;
    let mut other = config("shop", "front", "web");
    other["data"] = json!({"url": "https://mine.example.com", "extra": "kept?"});
    target.create(&other).await;

    let left = bed.restore("run", "all", "target", &["--name", "left", "--include-namespaces", "shop"], &[0]);
    assert_eq!(left["exceptions"][0]["code"], "exists-differs", "{left:#}");
    assert_eq!(target.get("configmaps", "shop/front").await["data"], other["data"]);

    let update = ["--include-namespaces", "shop", "--existing-resource-policy", "update"];
    let named = |name: &'static str| [&["--name", name][..], &update].concat();
    let plan = bed.restore("plan", "all", "target", &named("updated"), &[0]);
    let item = plan["items"].as_array().unwrap().iter().find(|item| item["target"]["name"] == "front").unwrap();
    let pointers: Vec<&Value> = item["changes"].as_array().unwrap().iter().map(|change| &change["pointer"]).collect();
    for pointer in ["/data/url", "/data/size", "/data/extra"] {
        assert!(pointers.contains(&&json!(pointer)), "the plan shows what an update changes: {item:#}");
    }
    let outcome = bed.restore("run", "all", "target", &named("updated"), &[0]);
    assert_eq!((&outcome["counts"]["updated"], &outcome["writes"]), (&json!(1), &json!(1)), "{outcome:#}");
    // What the backup says holds, and what only the target said is gone, as with Velero.
    let data = target.get("configmaps", "shop/front").await["data"].clone();
    assert_eq!(data, json!({"url": "https://old.example.com", "size": "1"}));
    let outcome = bed.restore("run", "all", "target", &named("updated-again"), &[0]);
    assert_eq!(outcome["writes"], 0, "equal after all transforms is nothing to do: {outcome:#}");

    // An addition alone is a difference too; what the server and its controllers add is none.
    target.merge("configmaps", "shop/front", &json!({"metadata": {"labels": {"mine": "yes"}}})).await;
    let left = bed.restore("run", "all", "target", &["--name", "added", "--include-namespaces", "shop"], &[0]);
    assert_eq!(left["exceptions"][0]["code"], "exists-differs", "{left:#}");
    let outcome = bed.restore("run", "all", "target", &named("removed"), &[0]);
    assert_eq!((&outcome["counts"]["updated"], &outcome["writes"]), (&json!(1), &json!(1)), "{outcome:#}");
    assert!(target.get("configmaps", "shop/front").await["metadata"]["labels"].get("mine").is_none());

    // Without asking, only a port that somebody chose by hand is kept; on request, all are.
    let web = |service: Value| service["spec"]["ports"].clone();
    let chosen = web(target.get("services", "shop/web").await);
    assert_eq!(chosen[0]["nodePort"], web(source.get("services", "shop/web").await)[0]["nodePort"], "{chosen}");
    target.delete("services", "shop/web").await;
    bed.restore(
        "run",
        "all",
        "target",
        &["--name", "ports", "--include-namespaces", "shop", "--preserve-nodeports"],
        &[0],
    );
    let kept = web(target.get("services", "shop/web").await);
    assert_eq!((&kept[0]["nodePort"], &kept[1]["nodePort"]), (&json!(30080), &admin_port));
}
