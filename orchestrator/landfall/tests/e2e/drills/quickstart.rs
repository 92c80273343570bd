//! The quickstart, undisturbed.

use serde_json::Value;

use super::{Ground, QUICKSTART};

#[test]
fn the_quickstart_passes_says_what_it_did_and_leaves_nothing() {
    let ground = Ground::new();
    let ran = ground.run(&["drill", "run", QUICKSTART]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    assert!(ran.stdout.trim_start().starts_with("PASSED: quickstart would come back"), "{}", ran.stdout);
    let id = ground.run_id().unwrap();
    ground.assert_passed(&id, "undisturbed");

    let report = ground.report(&id);
    let some = |list: &str, field: &str, value: &str| {
        let rows = report[list].as_array().unwrap();
        assert!(rows.iter().any(|row| row[field] == value), "{list} has no {field} {value}: {rows:#?}");
    };
    some("conversions", "kind", "FlowSchema");
    some("objects", "kind", "deployments.apps");
    some("backups", "step", "backup");
    some("decisions", "verdict", "skip");
    let policies = report["decisions"].as_array().unwrap().iter().find(|row| row["verdict"] != "warn").unwrap();
    assert_eq!(policies["reason"]["code"], "pod-security-policy", "{policies:#}");
    let proof: Vec<&str> =
        report["nothingLeft"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    for step in ["source", "target"] {
        let looked = [
            format!("{step}: terraform/stacks/local: its state holds nothing"),
            format!("{step}: sandbox {id}-{step}: no process, no file"),
        ];
        looked.iter().for_each(|line| assert!(proof.contains(&line.as_str()), "{line}: {proof:#?}"));
    }
    assert!(!report["rewrites"].as_array().unwrap().is_empty());
    assert_eq!(report["leaks"], serde_json::json!([]));
    let breakdown = report["breakdown"].as_array().unwrap();
    let sum: f64 = breakdown.iter().map(|row| row["seconds"].as_f64().unwrap()).sum();
    let names: Vec<&str> = breakdown.iter().map(|row| row["name"].as_str().unwrap()).collect();
    for part in ["control planes", "terraform itself", "API calls", "landfall's own"] {
        assert!(names.iter().any(|name| name.starts_with(part)), "{part}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("interrupted")), "{names:?}");
    let seconds = |name: &str| report[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let whole = seconds("ended").duration_since(seconds("started")).as_secs_f64();
    assert!((sum - whole).abs() < 0.1 * whole, "{sum} of {whole} seconds are explained");
    assert_secrets_stay_in_the_clusters(&ground, &id);
    // What went well is no reason to keep a run: its logs are in its folder too.
    assert!(ground.folder(&id).join(format!("logs/{id}-source/kube-apiserver.log")).is_file());
}

/// Nothing that the shop keeps in Secrets, and no canary, is in what a drill leaves for people to read.
fn assert_secrets_stay_in_the_clusters(ground: &Ground, id: &str) {
    for file in ["journal.jsonl", "report.json", "report.html", "report.md", "report.xml"] {
        let text = std::fs::read_to_string(ground.folder(id).join(file)).unwrap();
        assert!(!text.contains("not-a-real-password"), "{file}");
    }
    let journal = std::fs::read_to_string(ground.folder(id).join("journal.jsonl")).unwrap();
    let records = journal.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(records.count() > 60);
}
