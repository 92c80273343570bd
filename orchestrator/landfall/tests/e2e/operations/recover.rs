//! `landfall recover`: people are asked, the cutover runs, what was built is kept until somebody wants it gone.

use serde_json::json;
use testkit::skip::{Why, skip};

use super::{has_terraform, processes_of, project, wait};
use crate::support::{Bed, Server};

/// What a drill and a recovery of this file do differently is everything that is tested here.
pub(super) const ENVIRONMENT: &str = r#"    - id: infrastructure
      uses: terraform.apply
      with:
        stack: terraform/stacks/local
        vars:
          name: "${run.id}"
          role: recovery
          kubernetes: "1.36"
          nodes: 1
          landfall: "${run.landfall}"
          bucket_folder: "${run.folder}/bucket"
          region: eu-west-1
          account_id: "444455556666"
    - { id: cluster, uses: cluster.connect, with: { contract: "${infrastructure.contract}" } }
    - { id: nodes, uses: cluster.wait, with: { nodes: 1 } }
    - id: lives
      uses: verify.query
      needs: [nodes]
      with: { resource: namespaces, expression: "object.status.phase == 'Active'", within: 1m }
"#;

const CUTOVER: &str = r#"    - group: cutover
      when: recovery
      needs: [lives]
      steps:
        - id: go
          uses: approve
          with: { message: "Move the traffic to ${infrastructure.contract.environment}?", approvers: [ada] }
        - id: traffic
          uses: command
          needs: [go]
          with: { run: [touch, "${run.folder}/moved"], undo: [rm, -f, "${run.folder}/moved"] }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_asks_moves_the_traffic_and_keeps_what_it_built() {
    const NAME: &str = "a_recovery_asks_moves_the_traffic_and_keeps_what_it_built";
    if !has_terraform() {
        return skip(NAME, Why::NotSetUp, "there is neither terraform nor tofu");
    }
    let bed = Bed::new();
    let text = format!("  guards: {{ ttl: 1h }}\n  steps:\n{ENVIRONMENT}{CUTOVER}");
    let scenario = bed.scenario("moved", &text);
    let recovery = bed.begin("recover", &["recover", &scenario, "--project", &project()], &[]);
    let id = bed.recorded("moved", "go", "asked");
    let moved = bed.folder_of(&id).join("moved");

    // Whoever looks sees what is asked, of whom, and what to type; nobody else may answer.
    let status = bed.json(&["drill", "status", &id], &[3]);
    assert!(status["waiting"].to_string().contains("Move the traffic to"), "{status}");
    assert!(status["next"].to_string().contains(&format!("landfall drill approve {id} go")), "{status}");
    let stranger = bed.run(&["drill", "approve", &id, "go", "--by", "mallory"]);
    assert_eq!(stranger.code, 0, "{}", stranger.stderr);
    wait("the stranger's answer is refused", || recovery.said().contains("not done").then_some(()));
    assert!(!moved.exists(), "the traffic was moved before anybody said so");
    let approved = bed.run(&["drill", "approve", &id, "go", "--by", "ada", "--comment", "users are told"]);
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    let ended = recovery.end();
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(moved.exists(), "the cutover did not run");

    // It is kept: a sweep leaves it alone, and the cluster answers.
    let run = bed.run_of("moved").unwrap();
    assert_eq!((&run["kind"], &run["state"]), (&json!("recovery"), &json!("Passed")), "{run}");
    assert!(run["kept"].to_string().contains("infrastructure"), "{run}");
    assert_eq!(bed.json(&["drill", "sweep"], &[0]), json!([]));
    let shown = bed.run(&["sandbox", "kubeconfig", &id]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let server = Server::connect(std::path::Path::new(shown.stdout.trim())).await;
    assert!(server.find("namespaces", "default").await.is_some());
    let report = std::fs::read_to_string(bed.folder_of(&id).join("report.md")).unwrap();
    for word in ["ada", "users are told"] {
        assert!(report.contains(word), "the report does not say {word:?}: {report}");
    }

    // Named, it is destroyed.
    let swept = bed.begin("sweep", &["drill", "sweep", &id], &[]).end();
    assert_eq!(swept.code, 0, "{}", swept.stdout);
    assert!(!moved.exists(), "the cutover was not undone");
    assert_eq!(processes_of(&bed), Vec::<String>::new());
    let again = bed.run(&["drill", "sweep", &id]);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

const ASKS: &str = r#"  inputs: { folder: {} }
  steps:
    - { id: made, uses: command, with: { run: [touch, "${inputs.folder}/made"], undo: [rm, -f, "${inputs.folder}/made"] } }
    - { id: go, uses: approve, needs: [made], timeout: 1s, with: { message: "Go on?" } }
    - { id: answers, uses: verify.tcp, needs: [go], with: { host: 127.0.0.1, port: 1 } }
"#;

#[test]
fn an_approval_that_never_comes_ends_in_a_clear_state() {
    let bed = Bed::new();
    let scenario = bed.scenario("asks", ASKS);
    let folder = format!("folder={}", bed.path("").display());
    let made = bed.path("made");

    // A drill gives up when the step's time is over, says so, and undoes.
    let drill = bed.begin("drill", &["drill", "run", &scenario, "--input", &folder], &[]).end();
    assert_eq!(drill.code, 1, "{}", drill.stdout);
    assert!(drill.stdout.contains("go"), "{}", drill.stdout);
    assert!(!made.exists(), "it is not undone");
    let id = bed.run_of("asks").unwrap()["id"].as_str().unwrap().to_owned();
    let reasons = bed.reasons(&id);
    assert!(reasons.contains("go") && reasons.contains("nobody"), "{reasons}");

    // A process that must not wait ends and names the command; the run stays as it stands.
    let patient = bed.scenario("patient", &ASKS.replace("timeout: 1s, ", ""));
    let left = bed.begin("left", &["drill", "run", &patient, "--input", &folder, "--no-wait"], &[]).end();
    assert_eq!(left.code, 3, "{}", left.stdout);
    let id = bed.run_of("patient").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(left.stdout.contains(&format!("landfall drill approve {id} go")), "{}", left.stdout);
    assert!(left.stdout.contains(&format!("landfall drill resume {id}")), "{}", left.stdout);
    assert!(made.exists());
    let refused = bed.run(&["drill", "run", &patient, "--input", &folder]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("landfall drill resume {id}")), "{}", refused.stderr);
    let rejected = bed.run(&["drill", "approve", &id, "--reject", "--by", "ada", "--comment", "not today"]);
    assert_eq!(rejected.code, 0, "{}", rejected.stderr);
    let resumed = bed.begin("resumed", &["drill", "resume", &id], &[]).end();
    assert_eq!(resumed.code, 1, "{}", resumed.stdout);
    assert!(resumed.stdout.contains("not today"), "{}", resumed.stdout);
    assert!(!made.exists(), "it is not undone");
}
