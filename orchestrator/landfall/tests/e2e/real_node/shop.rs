//! The shipped scenario whose shop really runs: built, lost, built again, restored, asked, and gone.

use std::path::Path;

use serde_json::Value;
use testkit::skip::{Why, skip};

use super::can_run;
use crate::support::Bed;

#[test]
fn the_shop_answers_on_another_node() {
    const NAME: &str = "the_shop_answers_on_another_node";
    let bed = Bed::new();
    if !can_run(&bed, NAME) {
        return;
    }
    let doctor = bed.json(&["doctor"], &[0]);
    let runner = ["terraform", "tofu"];
    let has_runner = |line: &Value| runner.iter().any(|name| line["component"] == *name) && !line["found"].is_null();
    if !doctor.as_array().unwrap().iter().any(has_runner) {
        return skip(NAME, Why::NotSetUp, "there is neither terraform nor tofu");
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenario = project.join("scenarios/quickstart-real-node.yaml");
    let ran = bed.run(&["drill", "run", scenario.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);

    let runs = bed.json(&["drill", "list"], &[0]);
    let [run] = runs.as_array().unwrap().as_slice() else { panic!("{runs}") };
    assert_eq!((&run["state"], &run["kept"]), (&"Passed".into(), &serde_json::json!([])), "{run}");
    let folder = bed.path("state/landfall/drills").join(run["id"].as_str().unwrap());
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["verdict"]["word"], "Passed");
    let steps = report["steps"].as_array().unwrap();
    let verified: Vec<&str> = steps
        .iter()
        .filter(|step| step["verifies"] == true && step["status"] == "succeeded" && step["checked"].as_u64() >= Some(1))
        .map(|step| step["uses"].as_str().unwrap())
        .collect();
    for uses in ["ready", "http", "tcp", "exec", "objects", "references", "canary"] {
        assert!(verified.contains(&format!("verify.{uses}").as_str()), "no verify.{uses} among {verified:?}");
    }
    assert!(steps.iter().all(|step| step["status"] == "succeeded"), "{steps:#?}");

    let sandboxes = bed.json(&["sandbox", "list"], &[0]);
    assert_eq!(sandboxes.as_array().map(Vec::len), Some(0), "{sandboxes}");
    assert!(!folder.join("bucket").exists(), "the folder that stood for a bucket is there");
    assert_eq!(left(&bed.path("state")), [""; 0]);
}

/// Processes of sandboxes in this folder, and mounts of its files: what a node might leave behind.
fn left(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let marker = format!("LANDFALL_SANDBOX_DIRECTORY={folder}");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        // Processes end while we look.
        let environment = std::fs::read(path.join("environ")).ok()?;
        let is_ours = environment.split(|byte| *byte == 0).any(|word| word.starts_with(marker.as_bytes()));
        is_ours.then(|| path.display().to_string())
    });
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let mounts = mounts.lines().filter(|line| line.contains(folder)).map(str::to_owned);
    processes.chain(mounts).collect()
}
