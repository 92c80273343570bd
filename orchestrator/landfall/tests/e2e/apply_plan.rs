//! A saved plan is carried out exactly, or not at all.

use serde_json::{Value, json};

use crate::support::{Bed, Server, namespace};

const KINDS: [&str; 3] = ["configmaps", "secrets", "services"];

async fn populated(bed: &Bed) -> Server {
    let server = bed.up("one", &[]).await;
    server.create(&namespace("shop")).await;
    for number in 0..5 {
        server.create(&config(&format!("c-{number}"), "from the backup")).await;
    }
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "namespace": "shop"},
        "stringData": {"key": "plain-words-of-a-secret"}});
    server.create(&secret).await;
    bed.backup("first", "one", &["--include-namespaces", "shop"], &[0]);
    server
}

fn config(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"},
        "data": {"key": value}})
}

fn plan(bed: &Bed, more: &[&str]) -> String {
    let file = bed.path("plan.json").to_str().unwrap().to_owned();
    bed.restore("plan", "first", "two", &[&["--out", &file], more].concat(), &[0]);
    file
}

fn apply(bed: &Bed, file: &str) -> crate::support::Ran {
    let location = bed.location();
    bed.run(&["restore", "apply", file, "--location", &location, "--sandbox", "two", "--output", "json", "--quiet"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_plan_is_applied_exactly_and_refused_once_it_does_not_hold() {
    let bed = Bed::new();
    let source = populated(&bed).await;
    let target = bed.up("two", &[]).await;

    // Nothing is written by planning, and no value of a Secret is in the file.
    let file = plan(&bed, &["--existing-resource-policy", "update"]);
    assert!(target.find("namespaces", "shop").await.is_none(), "a plan writes nothing");
    let text = std::fs::read_to_string(&file).unwrap();
    let encoded = "cGxhaW4td29yZHMtb2YtYS1zZWNyZXQ=";
    assert!(!text.contains("plain-words-of-a-secret") && !text.contains(encoded), "a plan holds no Secret's value");

    // The target moves on: an object of the plan appears, with other content.
    target.create(&namespace("shop")).await;
    target.create(&config("c-1", "made meanwhile")).await;
    let refused = apply(&bed, &file);
    assert_eq!(refused.code, 5, "{} {}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("no longer holds") && refused.stderr.contains("c-1"), "{}", refused.stderr);
    assert!(target.find("configmaps", "shop/c-0").await.is_none(), "a refused plan writes nothing");

    // Planned again it holds, and does what it says: creates what is missing, updates what differs.
    let file = plan(&bed, &["--existing-resource-policy", "update"]);
    // A change of something the plan wants to update makes it stale as well.
    target.merge("configmaps", "shop/c-1", &json!({"data": {"key": "changed once more"}})).await;
    let refused = apply(&bed, &file);
    assert_eq!(refused.code, 5, "{} {}", refused.stdout, refused.stderr);
    let file = plan(&bed, &["--existing-resource-policy", "update"]);
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let count = |verdict: &str| saved["items"].as_array().unwrap().iter().filter(|i| i["verdict"] == verdict).count();
    let (creates, updates) = (count("create"), count("update"));
    assert_eq!(updates, 1);
    let applied = apply(&bed, &file);
    assert_eq!(applied.code, 0, "{} {}", applied.stdout, applied.stderr);
    let outcome: Value = serde_json::from_str(&applied.stdout).unwrap();
    assert_eq!((&outcome["counts"]["created"], &outcome["counts"]["updated"]), (&json!(creates), &json!(updates)));
    assert_eq!(outcome["writes"], json!(creates + updates), "as many writes as the plan has");
    let (name, location) = (outcome["name"].as_str().unwrap(), bed.location());
    let record = bed.json(&["restore", "describe", name, "--location", &location], &[0]);
    let asked = json!({"backupName": "first", "existingResourcePolicy": "update"});
    let spec = &record["restore"]["spec"];
    assert!(asked.as_object().unwrap().iter().all(|(key, value)| spec[key] == *value), "{record:#}");
    assert_eq!(target.get("configmaps", "shop/c-1").await["data"]["key"], "from the backup");
    let (here, there) = (source.meant(&["shop"], &KINDS).await, target.meant(&["shop"], &KINDS).await);
    let data = |all: &std::collections::BTreeMap<String, Value>| -> Vec<(String, Value)> {
        let of = |(name, object): (&String, &Value)| (name.clone(), object["data"].clone());
        all.iter().map(of).collect()
    };
    assert_eq!(data(&here), data(&there));

    // An applied plan is stale: everything it creates exists.
    let refused = apply(&bed, &file);
    assert_eq!(refused.code, 5, "{} {}", refused.stdout, refused.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_for_another_backup_of_the_same_name_is_refused() {
    let bed = Bed::new();
    let source = populated(&bed).await;
    let target = bed.up("two", &[]).await;
    let file = plan(&bed, &[]);
    let ran = bed.run(&["backup", "delete", "first", "--confirm", "--location", &bed.location()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    source.merge("configmaps", "shop/c-3", &json!({"data": {"key": "another backup"}})).await;
    bed.backup("first", "one", &["--include-namespaces", "shop"], &[0]);
    let refused = apply(&bed, &file);
    assert_eq!(refused.code, 5, "{} {}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("archive is another one"), "{}", refused.stderr);
    assert!(target.find("namespaces", "shop").await.is_none(), "a refused plan writes nothing");

    // A plan that was tampered with is not carried out either.
    let file = plan(&bed, &[]);
    let mut saved: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    saved["items"].as_array_mut().unwrap().retain(|item| item["target"]["name"] != "c-2");
    let tampered = bed.write("tampered.json", &saved.to_string());
    let refused = apply(&bed, &tampered);
    assert_eq!(refused.code, 5, "{} {}", refused.stdout, refused.stderr);
    saved["version"] = json!("2.0");
    let newer = bed.write("newer.json", &saved.to_string());
    assert_eq!(apply(&bed, &newer).code, 5);
    assert!(target.find("namespaces", "shop").await.is_none());
}
