use std::time::Duration;

use super::*;
use crate::environment::Environment;
use crate::record::tests::{hook, record};
use crate::state::tests::state;
use crate::tool::{Flavour, Tool, ToolVersion};
use serde_json::{Value, json};

fn stack(folder: &tempfile::TempDir) -> Stack {
    std::fs::write(folder.path().join("main.tf"), "").unwrap();
    let version = ToolVersion { major: 1, minor: 11, patch: 4 };
    let tool = Tool { path: "/bin/terraform".into(), flavour: Flavour::Terraform, version };
    Stack::open(tool, folder.path(), Environment::default()).unwrap().with_lock_timeout(Duration::ZERO)
}

fn vpc(name: &str, id: &str) -> Value {
    json!({"mode": "managed", "type": "aws_vpc", "name": name, "instances": [{"attributes": {"id": id}}]})
}

fn run(done: bool, lines: &[String]) -> RunFacts {
    RunFacts { done, record: record(lines) }
}

fn created(address: &str, id: &str) -> String {
    hook("apply_complete", address, "create", id)
}

fn look(survey: &Survey) -> (Vec<(String, String)>, Recovery) {
    let folder = tempfile::tempdir().unwrap();
    let recovery = recover(&stack(&folder), survey);
    let steps = recovery.diagnosis.steps.iter().map(|s| (s.code.clone(), s.subject.clone())).collect();
    (steps, recovery)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn nothing_wrong_needs_nothing() {
    let (steps, recovery) = look(&Survey {
        runs: vec![run(true, &[created("aws_vpc.a", "vpc-1")])],
        state: Some(Ok(Some(state(json!([vpc("a", "vpc-1")]))))),
        ..Default::default()
    });
    assert!(steps.is_empty() && !recovery.blocks_apply && recovery.diagnosis.imports.is_empty());
}

#[test]
fn what_no_state_holds_is_imported() {
    let survey = |state: Option<State>, loose: Vec<LooseState>| Survey {
        runs: vec![run(false, &[created("aws_vpc.a", "vpc-1"), created("aws_vpc.b", "vpc-2")])],
        state: Some(Ok(state)),
        loose,
        ..Default::default()
    };
    let (steps, recovery) = look(&survey(Some(state(json!([vpc("a", "vpc-1")]))), Vec::new()));
    assert_eq!(steps, pairs(&[("import", "aws_vpc.b"), ("retry", "")]));
    assert_eq!(recovery.diagnosis.imports, "import {\n  to = aws_vpc.b\n  id = \"vpc-2\"\n}\n\n");
    assert!(recovery.blocks_apply && recovery.blocks_destroy);

    let (steps, _) = look(&survey(None, Vec::new()));
    assert_eq!(steps, pairs(&[("import", "aws_vpc.a"), ("import", "aws_vpc.b"), ("retry", "")]));

    // The state that was not saved has both: nothing is lost once it is pushed.
    let left = LooseState {
        path: "/x/errored.tfstate".into(),
        state: Ok(Some(state(json!([vpc("a", "vpc-1"), vpc("b", "vpc-2")])))),
    };
    let (steps, recovery) = look(&survey(None, vec![left]));
    assert_eq!(steps, pairs(&[("push-state", "/x/errored.tfstate"), ("retry", "")]));
    assert!(recovery.diagnosis.steps[0].safe && recovery.lost.is_empty());
}

#[test]
fn a_moved_resource_is_not_lost() {
    let (steps, _) = look(&Survey {
        runs: vec![run(true, &[created("aws_vpc.old", "vpc-1")])],
        state: Some(Ok(Some(state(json!([vpc("new", "vpc-1")]))))),
        ..Default::default()
    });
    assert!(steps.is_empty());
}

#[test]
fn what_was_deleted_again_is_not_lost() {
    let lines = [
        created("aws_vpc.a", "vpc-1"),
        // A replacement that creates first.
        created("aws_vpc.a", "vpc-2"),
        hook("apply_start", "aws_vpc.a", "delete", "vpc-1"),
        hook("apply_complete", "aws_vpc.a", "delete", ""),
    ];
    let left: Vec<_> = standing([&record(&lines)]).into_iter().map(|made| made.id_value).collect();
    assert_eq!(left, ["vpc-2"]);
}

#[test]
fn two_for_one_address_is_a_question() {
    let mut survey = Survey {
        runs: vec![run(true, &[created("aws_vpc.a", "vpc-1")])],
        state: Some(Ok(Some(state(json!([vpc("a", "vpc-9")]))))),
        ..Default::default()
    };
    let (steps, recovery) = look(&survey);
    assert_eq!(steps, pairs(&[("check", "aws_vpc.a"), ("retry", "")]));
    assert!(recovery.blocks_apply && !recovery.blocks_destroy);
    survey.checked.insert("aws_vpc.a".into());
    assert!(!look(&survey).1.blocks_apply);
}

#[test]
fn a_create_that_never_ended_is_looked_for() {
    let began = [hook("apply_start", "aws_vpc.a", "create", ""), hook("apply_start", "aws_vpc.b", "delete", "vpc-2")];
    let mut survey = Survey { runs: vec![run(false, &began)], state: Some(Ok(None)), ..Default::default() };
    let (steps, recovery) = look(&survey);
    assert_eq!(steps, pairs(&[("check", "aws_vpc.a"), ("retry", "")]));
    assert!(recovery.blocks_apply && !recovery.blocks_destroy);
    assert!(recovery.diagnosis.notes.iter().any(|note| note.contains("delete of aws_vpc.b")));

    survey.state = Some(Ok(Some(state(json!([vpc("a", "vpc-1")])))));
    assert!(!look(&survey).1.blocks_apply, "the state knows it");

    survey.state = Some(Ok(None));
    survey.runs.push(run(true, &[]));
    assert!(!look(&survey).1.blocks_apply, "a later run that was done has settled it");
}

#[test]
fn a_lock_says_who_and_since_when() {
    let lock = LockInfo {
        id: "abc".into(),
        who: "root@vm".into(),
        created: "2026-01-01 00:00:00 +0000 UTC".into(),
        operation: "OperationTypeApply".into(),
        ..Default::default()
    };
    let (_, recovery) =
        look(&Survey { lock: Some(lock), lock_is_ours: true, state: Some(Ok(None)), ..Default::default() });
    let step = &recovery.diagnosis.steps[0];
    assert_eq!((step.code.as_str(), step.safe), ("unlock", false));
    assert!(step.message.contains("root@vm") && step.message.contains("2026-01-01") && step.message.contains("ours"));
    assert!(step.command.ends_with("force-unlock -force abc"), "{}", step.command);
}

#[test]
fn a_loose_state_is_saved_only_where_it_fits() {
    let with = |serial: u64, lineage: &str| State { serial, lineage: lineage.into(), ..Default::default() };
    let safe = |left: Result<Option<State>, String>, kept: Result<Option<State>, (String, String)>| {
        let loose = vec![LooseState { path: "/x".into(), state: left }];
        let (_, recovery) = look(&Survey { loose, state: Some(kept), ..Default::default() });
        assert!(recovery.blocks_apply);
        recovery.diagnosis.steps[0].safe
    };
    assert!(safe(Ok(Some(with(3, "l"))), Ok(Some(with(2, "l")))));
    assert!(safe(Ok(Some(with(3, "l"))), Ok(None)));
    assert!(!safe(Ok(Some(with(1, "l"))), Ok(Some(with(2, "l")))), "older");
    assert!(!safe(Ok(Some(with(3, "other"))), Ok(Some(with(2, "l")))), "forked");
    assert!(!safe(Err("broken".into()), Ok(None)));
    assert!(!safe(Ok(Some(with(3, "l"))), Err(("no".into(), "terraform init".into()))));
}

#[test]
fn taints_and_leftovers_are_told() {
    let resources = json!([{"mode": "managed", "type": "t", "name": "x", "instances": [
        {"status": "tainted", "attributes": {"id": "1"}}, {"deposed": "ab12", "attributes": {"id": "0"}}]}]);
    let (steps, recovery) = look(&Survey { state: Some(Ok(Some(state(resources)))), ..Default::default() });
    assert_eq!(steps, pairs(&[("untaint", "t.x"), ("retry", "")]));
    assert!(!recovery.blocks_apply, "the gate decides about replacing it");
    assert!(recovery.diagnosis.notes[0].contains("ab12"));
}
