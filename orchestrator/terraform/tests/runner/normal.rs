//! When all goes well: progress, replacement, policy, repetition, secrets, outputs.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ports::infrastructure::{Infrastructure, Silent, StackAction, StackEnding, StackEvent, StackOutcome, StackPhase};
use ports::{Clock, ErrorKind};
use serde_json::json;
use terraform::Expiry;

use super::bed::{Bed, ear, for_each_tool, token};

for_each_tool!(
    progress_is_exact,
    a_plan_is_what_is_applied,
    an_old_plan_is_not_applied,
    data_is_replaced_only_by_address,
    the_same_token_does_nothing_twice,
    a_wish_to_cancel_stops_what_has_not_begun,
    secrets_are_seen_nowhere,
    outputs_and_contract,
    drift_is_what_the_description_asks,
    a_stack_that_needs_a_backend_is_told_where,
    lines_have_no_limit,
);

const COUNTED: &str = r#"
variable "version_of" {
  type    = string
  default = "1"
}
resource "terraform_data" "kept" {
  count = 3
  input = count.index
}
resource "terraform_data" "replaced" {
  count            = 2
  triggers_replace = [var.version_of]
}
resource "terraform_data" "updated" {
  input = var.version_of
}
"#;

/// The last word on progress, and a check that it never ran backwards.
fn last_progress(events: &[StackEvent], wanted: StackPhase) -> (u64, u64, u64, f64) {
    let mut last = (0, 0, 0, 0.0);
    for event in events {
        if let StackEvent::Progress { phase, done, failed, total, fraction, .. } = event
            && *phase == wanted
        {
            assert!(*done >= last.0 && *fraction >= last.3, "{event:?} after {last:?}");
            assert!(done <= total && *fraction <= 1.0, "{event:?}");
            last = (*done, *failed, *total, *fraction);
        }
    }
    last
}

fn addresses(resources: &[ports::infrastructure::StackResource]) -> Vec<&str> {
    resources.iter().map(|resource| resource.address.as_str()).collect()
}

async fn progress_is_exact(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    let driver = bed.driver();

    let (hear, heard) = ear();
    let outcome = driver.apply(&bed.request, &token("one"), &hear).await.unwrap();
    drop(hear);
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 6), "{outcome:?}");
    assert_eq!(last_progress(&heard.rest().await, StackPhase::Apply), (6, 0, 6, 1.0));

    bed.set("version_of", "2");
    let (hear, heard) = ear();
    let outcome = driver.apply(&bed.request, &token("two"), &hear).await.unwrap();
    drop(hear);
    assert_eq!((outcome.created.len(), outcome.updated.len(), outcome.deleted.len()), (2, 1, 2));
    let events = heard.rest().await;
    assert_eq!(last_progress(&events, StackPhase::Apply), (5, 0, 5, 1.0), "two replacements and an update");
    let finished: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            StackEvent::Finished { action, id, .. } => Some((*action, id.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(finished.len(), 5);
    assert!(finished.iter().any(|(action, id)| *action == StackAction::Create && !id.is_empty()));

    let (hear, heard) = ear();
    let outcome = driver.destroy(&bed.request, &token("three"), &hear).await.unwrap();
    drop(hear);
    assert_eq!((outcome.ending, outcome.deleted.len()), (StackEnding::Done, 6));
    assert_eq!(last_progress(&heard.rest().await, StackPhase::Destroy), (6, 0, 6, 1.0));
    assert!(bed.ids().await.is_empty());
}

async fn a_plan_is_what_is_applied(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    let driver = bed.driver();
    let plan = driver.plan(&bed.request, &token("t"), &Silent).await.unwrap();
    assert_eq!((plan.total, plan.changes.len(), plan.applyable), (6, 6, true));
    assert!(plan.changes.iter().all(|change| change.action == StackAction::Create));
    let planned = bed.run("t", "plan");
    assert!(planned.join("plan.tfplan").is_file());
    let mode = |path: PathBuf| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert_eq!(mode(planned.join("plan.tfplan")) & 0o077, 0, "a plan is a secret");

    // The world moves on under another token: the saved plan is refused, nothing happens, and it can be made again.
    let _ = bed.apply("other").await.unwrap();
    let error = bed.apply("t").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("StalePlan")), "{error}");
    assert!(error.to_string().contains("landfall infra plan"), "{error}");
    assert!(!planned.join("plan.tfplan").exists(), "a used plan is deleted");
    let outcome = bed.apply("t").await.unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 0));

    // A plan of another request is not used.
    driver.plan(&bed.request, &token("u"), &Silent).await.unwrap();
    bed.set("version_of", "2");
    assert_eq!(bed.apply("u").await.unwrap().updated.len(), 1);
}

async fn an_old_plan_is_not_applied(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    let clock = Arc::new(testkit::FakeClock::standing());
    bed.settings.expiry =
        Some(Expiry { clock: Arc::clone(&clock) as Arc<dyn Clock>, limit: SignedDuration::from_mins(1) });
    // The tool's own clock says when a plan was made: before the end of time, and after its beginning.
    clock.set(Timestamp::MAX);
    let plan = bed.driver().plan(&bed.request, &token("t"), &Silent).await.unwrap();
    assert_eq!(plan.refusals[0].code, "plan-expired");
    let error = bed.apply("t").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("ExpiredPlan")), "{error}");
    assert!(error.to_string().contains("nothing was changed; plan again: landfall infra plan"), "{error}");
    assert!(!bed.run("t", "plan").join("plan.tfplan").exists(), "a plan that is not applied is deleted");

    clock.set(Timestamp::MIN);
    let plan = bed.driver().plan(&bed.request, &token("t"), &Silent).await.unwrap();
    assert!(plan.refusals.is_empty(), "{plan:?}");
    assert_eq!(bed.apply("t").await.unwrap().created.len(), 6);
}

async fn data_is_replaced_only_by_address(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    bed.settings.stateful.insert("terraform_data".into());
    let _ = bed.apply("one").await.unwrap();
    let before = bed.ids().await;
    bed.set("version_of", "2");

    let plan = bed.driver().plan(&bed.request, &token("two"), &Silent).await.unwrap();
    let refused: Vec<_> = plan.refusals.iter().map(|r| (r.address.as_str(), r.code.as_str())).collect();
    let expected = ["terraform_data.replaced[0]", "terraform_data.replaced[1]"].map(|at| (at, "stateful-replace"));
    assert_eq!(refused, expected);
    let error = bed.apply("two").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Denied, Some("PolicyRefused")), "{error}");
    assert!(
        error.to_string().contains("terraform_data.replaced[0]") && error.to_string().contains("nothing was changed")
    );
    bed.request.allow.insert("terraform_data.replaced[0]".into());
    assert_eq!(bed.apply("two").await.unwrap_err().kind, ErrorKind::Denied, "one of two");
    assert_eq!(bed.ids().await, before);

    bed.request.allow = ["terraform_data.replaced".to_owned()].into();
    assert_eq!(bed.apply("two").await.unwrap().deleted.len(), 2);
    bed.request.allow.clear();
    assert_eq!(bed.destroy("stranger").await.unwrap_err().kind, ErrorKind::Denied);
    // Whoever created it may take it down: two by the second token, so four are still the first one's.
    assert_eq!(bed.destroy("two").await.unwrap_err().kind, ErrorKind::Denied);
    bed.request.allow.insert("*".into());
    assert_eq!(bed.destroy("two").await.unwrap().deleted.len(), 6);

    bed.request.allow.clear();
    let _ = bed.apply("own").await.unwrap();
    assert_eq!(bed.destroy("own").await.unwrap().deleted.len(), 6, "what was created under the token may go");
}

async fn the_same_token_does_nothing_twice(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    let first = bed.apply("t").await.unwrap();
    let runs = std::fs::read_dir(bed.settings.runs.join("t")).unwrap().count();
    let second = bed.apply("t").await.unwrap();
    assert_eq!(first, second);
    assert_eq!(bed.driver().attach(&token("t"), &Silent).await.unwrap(), Some(first));
    assert_eq!(std::fs::read_dir(bed.settings.runs.join("t")).unwrap().count(), runs, "nothing was run");
    assert_eq!(bed.driver().attach(&token("nobody"), &Silent).await.unwrap(), None);

    bed.set("version_of", "2");
    bed.request.again = true;
    assert_eq!(bed.apply("t").await.unwrap().updated.len(), 1);
    bed.request.again = false;
    let destroyed = bed.destroy("t").await.unwrap();
    assert_eq!(destroyed.deleted.len(), 6);
    assert_eq!(bed.destroy("t").await.unwrap(), destroyed);
    let rebuilt = bed.apply("t").await.unwrap();
    assert_eq!(rebuilt.created.len(), 6, "what was undone can be done again");
}

async fn a_wish_to_cancel_stops_what_has_not_begun(tool: PathBuf) {
    let bed = Bed::new(&tool, COUNTED);
    let driver = bed.driver();
    let error = driver.cancel(&token("t"), ports::infrastructure::StackCancel::AfterCurrent).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    struct CancelWhenPlanning(PathBuf);
    impl ports::infrastructure::StackProgress for CancelWhenPlanning {
        fn report(&self, event: StackEvent) {
            if matches!(event, StackEvent::Phase { phase: StackPhase::Plan }) {
                std::fs::write(&self.0, "").unwrap();
            }
        }
    }
    let cancel = CancelWhenPlanning(bed.settings.runs.join("t/cancel"));
    let error = driver.apply(&bed.request, &token("t"), &cancel).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("Cancelled"), "{error}");
    assert!(bed.ids().await.is_empty());
    assert_eq!(bed.apply("t").await.unwrap().ending, StackEnding::Done, "a new call is a new wish");
}

const SECRET: &str = "hunter2-and-a-half";

async fn secrets_are_seen_nowhere(tool: PathBuf) {
    let mut bed = Bed::new(
        &tool,
        r#"
variable "phrase" {
  type      = string
  sensitive = true
}
resource "terraform_data" "holder" {
  input = var.phrase
}
resource "terraform_data" "talker" {
  input = nonsensitive(var.phrase)
  provisioner "local-exec" {
    command = "echo it is ${nonsensitive(var.phrase)}; exit 3"
  }
}
output "phrase" {
  value     = var.phrase
  sensitive = true
}
"#,
    );
    bed.set("phrase", SECRET);
    let (hear, heard) = ear();
    let outcome = bed.driver().apply(&bed.request, &token("t"), &hear).await.unwrap();
    drop(hear);
    assert_eq!(outcome.ending, StackEnding::Failed);
    let events = heard.rest().await;
    assert!(format!("{events:?}").contains("it is (sensitive)"), "the provisioner did talk: {events:?}");
    for (what, text) in [
        ("events", format!("{events:?}")),
        ("outcome", format!("{outcome:?}")),
        ("request", format!("{:?}", bed.request)),
        ("told again", format!("{:?}", bed.driver().attach(&token("t"), &Silent).await)),
    ] {
        assert!(!text.contains(SECRET), "{what}: {text}");
    }
    // The tool's own stream is the one file that may quote it, and only its owner can read that.
    let mut open = vec![bed.settings.runs.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let stream = path.ends_with("stream.ndjson");
            let bytes = std::fs::read(&path).unwrap();
            let seen = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(stream || !seen, "{}", path.display());
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&path.parent().unwrap().metadata().unwrap().permissions());
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
    let outputs = bed.driver().outputs(&bed.request).await.unwrap();
    assert!(!format!("{outputs:?}").contains(SECRET));
}

async fn outputs_and_contract(tool: PathBuf) {
    let bed = Bed::new(
        &tool,
        r#"
output "dr_contract" {
  value = { schema_version = "1.0", cluster = { name = "x" }, absent = null }
}
output "nothing" {
  value = null
}
"#,
    );
    let driver = bed.driver();
    assert_eq!(driver.contract(&bed.request).await.unwrap(), None, "nothing stands");
    assert_eq!(bed.apply("t").await.unwrap().ending, StackEnding::Done, "a stack of outputs only");
    let contract = driver.contract(&bed.request).await.unwrap().unwrap();
    assert_eq!(contract, json!({"schema_version": "1.0", "cluster": {"name": "x"}, "absent": null}));
    let outputs = driver.outputs(&bed.request).await.unwrap();
    assert_eq!(outputs.keys().collect::<Vec<_>>(), ["dr_contract"], "an output that is null vanishes");
    bed.write("output \"dr_contract\" {\n  value = { a = 1 }\n  sensitive = true\n}\n");
    let _ = bed.apply("u").await.unwrap();
    assert_eq!(driver.contract(&bed.request).await.unwrap_err().kind, ErrorKind::Invalid);
}

async fn drift_is_what_the_description_asks(tool: PathBuf) {
    let mut bed = Bed::new(&tool, COUNTED);
    let outcome: StackOutcome = bed.apply("t").await.unwrap();
    assert_eq!(addresses(&outcome.updated), [""; 0]);
    let driver = bed.driver();
    assert_eq!(driver.drift(&bed.request, &token("d"), &Silent).await.unwrap(), []);
    bed.set("version_of", "2");
    let drift = driver.drift(&bed.request, &token("d"), &Silent).await.unwrap();
    let found: Vec<_> = drift.iter().map(|drift| (drift.address.as_str(), drift.planned)).collect();
    assert_eq!(
        found,
        [
            ("terraform_data.replaced[0]", Some(StackAction::Replace)),
            ("terraform_data.replaced[1]", Some(StackAction::Replace)),
            ("terraform_data.updated", Some(StackAction::Update)),
        ]
    );
    assert!(!bed.run("d", "drift").join("plan.tfplan").exists());
}

async fn a_stack_that_needs_a_backend_is_told_where(tool: PathBuf) {
    let mut bed = Bed::new(&tool, "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"x\" {}\n");
    let state = bed.folder().join("elsewhere.tfstate");
    bed.request.state_location.insert("path".into(), state.display().to_string().into());
    assert_eq!(bed.apply("t").await.unwrap().created.len(), 1);
    assert!(state.is_file());

    bed.request.workspace = Some("typo".into());
    let error = bed.apply("u").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::NotFound, Some("WorkspaceMissing")), "{error}");
    assert!(error.to_string().contains("workspace new typo"), "{error}");
}

async fn lines_have_no_limit(tool: PathBuf) {
    // One output of more than three megabytes is one line of the stream.
    let bed = Bed::new(
        &tool,
        "locals {\n  k = join(\"\", [for i in range(1000) : \"0123456789abcdef\"])\n}\n\
         output \"long\" {\n  value = join(\"\", [for i in range(200) : local.k])\n}\n\
         resource \"terraform_data\" \"x\" {}\n",
    );
    let (hear, heard) = ear();
    let outcome = bed.driver().apply(&bed.request, &token("t"), &hear).await.unwrap();
    drop(hear);
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 1));
    assert_eq!(last_progress(&heard.rest().await, StackPhase::Apply), (1, 0, 1, 1.0));
    let stream = std::fs::read(bed.run("t", "apply").join("stream.ndjson")).unwrap();
    assert!(stream.split(|byte| *byte == b'\n').any(|line| line.len() > 3_000_000));
    assert_eq!(bed.driver().outputs(&bed.request).await.unwrap()["long"].value.as_str().unwrap().len(), 3_200_000);
}
