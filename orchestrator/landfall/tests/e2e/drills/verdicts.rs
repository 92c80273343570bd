//! Runs that must not pass: whatever is wrong, the verdict is Failed and its reason is the first thing to be read.

use std::path::Path;

use serde_json::{Value, json};

use super::Ground;
use crate::support::{Bed, namespace};

/// What the source's infrastructure is, and what its objects name.
const ROLE: &str = "arn:aws:iam::111122223333:role/shop-web";

fn contract(region: &str, account: &str, role: &str, sandbox: &str) -> Value {
    json!({
        "schema_version": "1.0", "environment": region, "role": "primary", "region": region, "account_id": account,
        "partition": "aws", "connection": {"kind": "direct", "sandbox": sandbox},
        "workload_iam": {"shop/web": {"role_arn": role, "kind": "irsa"}},
    })
}

/// A scenario that restores the backup beside the living namespace; `more` are its last steps.
fn scenario(bed: &Bed, connect: &Value, restore: &Value, more: &[Value]) -> Value {
    let mut restore = restore.clone();
    restore["backup"] = "${backup.name}".into();
    restore["namespaceMapping"] = json!({"shop": "again"});
    let mut steps = vec![
        json!({"id": "cluster", "uses": "cluster.connect", "with": connect}),
        json!({"id": "backup", "uses": "backup.pick", "with": {"location": bed.location()}}),
        json!({"id": "restore", "uses": "restore.run", "with": restore}),
        json!({"id": "complete", "uses": "verify.objects", "with": {"namespaceMapping": {"shop": "again"}}}),
    ];
    steps.extend(more.iter().cloned());
    json!({
        "apiVersion": "landfall.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "again"},
        "spec": {"objectives": {"rto": "1h", "rpo": "24h"}, "steps": steps, "onDone": {"drill": "destroy", "recovery": "keep"}},
    })
}

/// Runs it; whatever is asked for must stand on the first screen, and at the head of every report.
fn must_fail(ground: &Ground, scenario: &Value, step: &str, reason: &str) {
    // JSON is YAML.
    let file = ground.bed.write("again.yaml", &scenario.to_string());
    let ran = ground.run(&["drill", "run", &file]);
    assert_eq!(ran.code, 1, "{step}: {}\n{}", ran.stderr, ran.stdout);
    let all = format!("{}{}", ran.stderr, ran.stdout);
    assert!(!all.contains("PASSED") && !all.contains("Passed"), "{all}");
    let first = ran.stdout.trim_start().lines().next().unwrap_or_default();
    assert!(first.starts_with(&format!("FAILED: Not verified: step {step} failed: ")), "{step}: {all}");
    assert!(first.contains(reason), "{step}: {reason:?} is not in {first:?}");
    let id = ran.stdout.rsplit_once("/drills/").and_then(|(_, rest)| rest.split_once('/')).unwrap().0.to_owned();
    let report = ground.report(&id);
    assert_eq!(report["verdict"]["word"], "Failed", "{step}");
    let head = |file: &str, end: &str| {
        let text = std::fs::read_to_string(ground.folder(&id).join(file)).unwrap();
        let (head, _) = text.split_once(end).unwrap_or_else(|| panic!("{file} has no {end}"));
        // Both forms write some characters in their own way.
        head.replace('\\', "").replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'")
    };
    assert!(head("report.md", "Drill `").contains(reason), "{step}: {}", head("report.md", "Drill `"));
    let page = head("report.html", "<dl class=\"facts\">");
    let page = page.split_once("id=\"verdict\"").unwrap().1;
    assert!(page.contains(reason) && page.contains("Failed"), "{step}: {page}");
    let junit = std::fs::read_to_string(ground.folder(&id).join("report.xml")).unwrap();
    assert!(junit.contains("<failure"), "{step}: {junit}");
    let evidence = ground.run(&["drill", "status", &id]);
    assert_eq!(evidence.code, 1, "{step}: {}", evidence.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_broken_fails_with_its_reason_on_the_first_screen() {
    let ground = Ground::new();
    let bed = &ground.bed;
    let server = bed.up("plain", &["--controllers"]).await;
    server.create(&namespace("shop")).await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
        "name": "web", "namespace": "shop", "annotations": {"eks.amazonaws.com/role-arn": ROLE}}});
    server.create(&account).await;
    // Large enough for a file that is damaged in its middle to be damaged in a body.
    let noise: String =
        (0..40_000u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"},
        "data": {"noise": noise}});
    server.create(&config).await;
    bed.backup("good", "plain", &["--include-namespaces", "shop"], &[0]);
    let sandbox = json!({"sandbox": "plain"});
    let plain = json!({});

    // A probe that fails: nobody answers, and a value is another one.
    let closed =
        json!({"id": "answers", "uses": "verify.tcp", "with": {"host": "127.0.0.1", "port": 1, "within": "1s"}});
    must_fail(&ground, &scenario(bed, &sandbox, &plain, &[closed]), "answers", "127.0.0.1:1");
    let expression = "object.metadata.name != 'settings' || object.data.noise == 'silence'";
    let other = json!({"id": "silent", "uses": "verify.query", "with":
        {"resource": "configmaps", "within": "1s", "namespace": "again", "expression": expression}});
    must_fail(&ground, &scenario(bed, &sandbox, &plain, &[other]), "silent", "again/settings");

    // A wrong contract: of another account than the objects name, of no cluster that is there, no contract at all.
    let source = contract("eu-central-1", "111122223333", ROLE, "plain");
    let wrong = contract("eu-central-1", "999988887777", "arn:aws:iam::999988887777:role/other", "plain");
    let target = contract("eu-west-1", "444455556666", "arn:aws:iam::444455556666:role/shop-web", "plain");
    let leaks = json!({"id": "no-old-references", "uses": "verify.references",
        "with": {"source": source, "namespaces": ["again"]}});
    let restore = json!({"source": wrong, "target": target});
    must_fail(&ground, &scenario(bed, &sandbox, &restore, &[leaks]), "no-old-references", "serviceaccounts again/web");
    let nowhere = json!({"contract": contract("eu-west-1", "444455556666", ROLE, "nowhere")});
    let mut unreachable = scenario(bed, &nowhere, &plain, &[]);
    unreachable["spec"]["steps"][0]["timeout"] = "3s".into();
    must_fail(&ground, &unreachable, "cluster", "nowhere");
    let damaged = json!({"contract": {"schema_version": "1.0", "region": 7}});
    must_fail(&ground, &scenario(bed, &damaged, &plain, &[]), "cluster", "contract");

    // A broken backup: what it holds is damaged, cut off, gone.
    let archive = bed.path("bucket/backups/good/good.tar.gz");
    let whole = std::fs::read(&archive).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 16].iter_mut().for_each(|byte| *byte ^= 0xff);
    let broken = scenario(bed, &sandbox, &plain, &[]);
    for bytes in [&flipped[..], &whole[..whole.len() / 2]] {
        std::fs::write(&archive, bytes).unwrap();
        must_fail(&ground, &broken, "restore", "good");
    }
    std::fs::remove_file(&archive).unwrap();
    must_fail(&ground, &broken, "restore", "good");
    assert!(server.find("namespaces", "again").await.is_none(), "what a failed drill made is undone");
    assert_is_a_folder(&bed.path("bucket/backups/good"));
}

/// What was there before the drills stays.
fn assert_is_a_folder(path: &Path) {
    assert!(path.is_dir(), "{}", path.display());
}
