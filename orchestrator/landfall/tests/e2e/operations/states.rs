//! A stack whose state is in a bucket: the run's journal knows where, so that whoever comes later finds it.

use serde_json::Value;
use testkit::s3_server::S3Server;
use testkit::skip::{Why, skip};

use super::{has_terraform, wait};
use crate::support::Bed;

const STACK: &str = r#"
terraform {
  backend "s3" {}
}

variable "word" {
  type = string
}

resource "terraform_data" "one" {
  input = var.word
}

output "word" {
  value = terraform_data.one.output
}
"#;

const SCENARIO: &str = r#"  inputs: { endpoint: {} }
  steps:
    - id: built
      uses: terraform.apply
      with:
        stack: stack
        vars: { word: hello }
        backend:
          bucket: landfall-test
          key: "states/${run.id}.tfstate"
          region: us-east-1
          endpoints: { s3: "${inputs.endpoint}" }
          use_path_style: true
          use_lockfile: true
          skip_credentials_validation: true
          skip_metadata_api_check: true
          skip_region_validation: true
          skip_requesting_account_id: true
          skip_s3_checksum: true
    - id: says
      uses: command
      with: { run: [test, "${built.outputs.word}", "=", hello] }
    - id: answers
      uses: verify.tcp
      needs: [says]
      with: { host: 127.0.0.1, port: PORT, within: 5s }
  onDone: { drill: destroy, recovery: keep }
"#;

#[test]
fn a_state_in_a_bucket_is_found_again_by_whoever_destroys() {
    const NAME: &str = "a_state_in_a_bucket_is_found_again_by_whoever_destroys";
    if !has_terraform() {
        return skip(NAME, Why::NotSetUp, "there is neither terraform nor tofu");
    }
    let server = match S3Server::start() {
        Ok(server) => server,
        Err(why) => return skip(NAME, Why::NotSetUp, &why),
    };
    let bed = Bed::new();
    std::fs::create_dir(bed.path("stack")).unwrap();
    bed.write("stack/main.tf", STACK);
    let endpoint = server.endpoint();
    let port = endpoint.rsplit(':').next().unwrap();
    let scenario = bed.scenario("states", &SCENARIO.replace("PORT", port));
    let given = format!("endpoint={endpoint}");
    let credentials = [
        ("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];

    // A recovery keeps what it built; its state is in the bucket and nowhere else.
    let ended = bed.begin("recover", &["recover", &scenario, "--input", &given], &credentials).end();
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    let run = bed.run_of("states").unwrap();
    let id = run["id"].as_str().unwrap();
    assert_eq!(run["kept"], serde_json::json!(["built"]), "{run}");
    let key = server.data().join(S3Server::BUCKET).join(format!("states/{id}.tfstate"));
    let resources = || -> usize {
        let state: Value = serde_json::from_slice(&std::fs::read(&key).unwrap()).unwrap();
        state["resources"].as_array().unwrap().len()
    };
    assert_eq!(resources(), 1);
    let journal = std::fs::read_to_string(bed.folder_of(id).join("journal.jsonl")).unwrap();
    assert!(journal.contains(&format!("states/{id}.tfstate")), "{journal}");
    assert!(!journal.contains(S3Server::SECRET_KEY), "a secret in the journal");

    // Another process, which knows nothing but the journal, destroys it.
    let swept = bed.begin("sweep", &["drill", "sweep", id], &credentials).end();
    assert_eq!(swept.code, 0, "{}", swept.stdout);
    assert_eq!(resources(), 0);
    assert_eq!(bed.run_of("states").unwrap()["kept"], serde_json::json!([]));

    // A drill that is killed in the middle is resumed and finds the same state.
    let drill = bed.begin("drill", &["drill", "run", &scenario, "--input", &given], &credentials);
    let id = wait("the second run", || bed.runs().into_iter().map(|run| run["id"].clone()).find(|other| other != id));
    let id = id.as_str().unwrap();
    wait("the stack is being built", || bed.journal(id).iter().any(|event| event["step"] == "built").then_some(()));
    drill.kill();
    let resumed = bed.begin("resume", &["drill", "resume", id], &credentials).end();
    assert_eq!(resumed.code, 0, "{}", resumed.stdout);
    let key = server.data().join(S3Server::BUCKET).join(format!("states/{id}.tfstate"));
    let state: Value = serde_json::from_slice(&std::fs::read(key).unwrap()).unwrap();
    assert_eq!(state["resources"], serde_json::json!([]), "a drill leaves nothing");
}
