//! A drill whose owner died: what it was building is destroyed when its time to live is over.

use testkit::skip::{Why, skip};

use super::recover::ENVIRONMENT;
use super::{has_terraform, processes_of, project, wait};
use crate::support::Bed;

#[test]
fn what_a_killed_drill_was_building_is_swept_when_its_time_is_over() {
    const NAME: &str = "what_a_killed_drill_was_building_is_swept_when_its_time_is_over";
    if !has_terraform() {
        return skip(NAME, Why::NotSetUp, "there is neither terraform nor tofu");
    }
    let bed = Bed::new();
    let scenario = bed.scenario("orphan", &format!("  guards: {{ ttl: 10s }}\n  steps:\n{ENVIRONMENT}"));
    let drill = bed.begin("drill", &["drill", "run", &scenario, "--project", &project()], &[]);
    let id = bed.recorded("orphan", "infrastructure", "started");
    let sandboxes = bed.path("state").join("landfall/sandboxes");
    wait("the sandbox is being made", || sandboxes.join(&id).exists().then_some(()));
    drill.kill();

    // Terraform goes on by itself; the run stays unfinished, and a sweep waits for its time.
    wait("its time to live is over", || {
        let swept = bed.json(&["drill", "sweep", "--dry-run"], &[0]);
        (swept[0]["action"] == "resume" && swept[0]["id"] == id.as_str()).then_some(())
    });
    assert_eq!(bed.run_of("orphan").unwrap()["state"], "Unfinished");
    let swept = bed.begin("sweep", &["drill", "sweep"], &[]).end();
    assert_eq!(swept.code, 0, "{}", swept.stdout);
    let run = bed.run_of("orphan").unwrap();
    assert_eq!(run["state"], "Failed", "{run}");
    assert!(bed.reasons(&id).contains("time to live"), "{}", bed.reasons(&id));
    assert!(!sandboxes.join(&id).exists(), "the sandbox is still there");
    assert_eq!(processes_of(&bed), Vec::<String>::new());
    assert_eq!(bed.json(&["drill", "sweep"], &[0]), serde_json::json!([]), "there is nothing left to do");
}
