//! What cannot work says so, says that nothing was changed, and says what to do.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ports::infrastructure::{Infrastructure, Silent, StackEnding, StackEvent};
use ports::{ErrorKind, PortError};
use terraform::run::{Run, RunSpec, format::Operation};
use terraform::stack::{PlanKind, Stack};
use terraform::{Environment, TerraformError, Tool};

use super::backend::Backend;
use super::bed::{Bed, ear, environment, for_each_tool, token};

for_each_tool!(
    a_folder_that_is_not_initialised,
    states_of_another_format,
    configurations_that_are_wrong,
    plans_that_are_not_plans,
    a_run_that_was_never_started,
);

/// A tool that says what a script says.
fn fake(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("terraform");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn check(error: &PortError, kind: ErrorKind, reason: &str, parts: &[&str]) {
    assert_eq!((error.kind, error.reason.as_deref()), (kind, Some(reason)), "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part:?} is not in {error}");
    }
}

#[tokio::test]
async fn binaries_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut bed = Bed::new(Path::new("/no/such/tool"), "");
    check(
        &bed.apply("t").await.unwrap_err(),
        ErrorKind::Invalid,
        "NotExecutable",
        &["/no/such/tool", "nothing was changed"],
    );

    bed.settings.tool = None;
    bed.settings.environment = Environment::inherit([("PATH", folder.path())]);
    check(&bed.apply("t").await.unwrap_err(), ErrorKind::NotFound, "NoBinary", &["at least 1.9"]);

    for (said, reason, part) in [
        ("Terraform v1.8.5", "WrongVersion", "1.8.5"),
        ("Terraform v2.0.0", "WrongVersion", "2.0.0"),
        ("OpenTofu v1.8.0", "WrongVersion", "OpenTofu"),
        ("Terraform vNext", "WrongVersion", "Next"),
        ("Hello", "NotTheTool", "Hello"),
    ] {
        fake(folder.path(), &format!("echo '{said}'"));
        check(&bed.apply("t").await.unwrap_err(), ErrorKind::Invalid, reason, &[part, "nothing was changed"]);
    }
    bed.request.directory = folder.path().join("nowhere");
    fake(folder.path(), "echo 'Terraform v1.11.4'");
    check(&bed.apply("t").await.unwrap_err(), ErrorKind::NotFound, "NoStack", &["nowhere"]);
}

#[tokio::test]
async fn the_folder_chooses_between_two_tools() {
    let (first, second, stack) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fake(first.path(), "echo 'Terraform v1.11.4'");
    let tofu = second.path().join("tofu");
    std::fs::rename(fake(second.path(), "echo 'OpenTofu v1.11.14'"), &tofu).unwrap();
    let path = std::env::join_paths([first.path(), second.path()]).unwrap();
    let environment = Environment::inherit([("PATH", path)]);
    let found = Tool::find(None, stack.path(), &environment).await.unwrap();
    assert_eq!(found.flavour.program(), "terraform");
    std::fs::write(stack.path().join(".terraform.lock.hcl"), "provider \"registry.opentofu.org/hashicorp/aws\" {\n}\n")
        .unwrap();
    assert_eq!(Tool::find(None, stack.path(), &environment).await.unwrap().path, tofu);
    std::fs::remove_file(&tofu).unwrap();
    let error = Tool::find(None, stack.path(), &environment).await.unwrap_err();
    assert!(
        matches!(&error, TerraformError::NoBinary { searched } if searched.contains("tofu")),
        "never the other one: {error}"
    );
}

/// A tool of our own, which speaks the protocol up to a point and then misbehaves.
fn misbehaving(folder: &Path, apply: &str) -> PathBuf {
    let script = format!(
        r#"case "$1" in
version) echo 'Terraform v1.11.4';;
init) ;;
workspace) echo '* default';;
plan) for arg; do case "$arg" in -out=*) echo x >"${{arg#-out=}}";; esac; done
  echo '{{"type":"change_summary","changes":{{"add":2,"operation":"plan"}}}}';;
show) echo '{{"format_version":"1.2","applyable":true,"complete":true,"resource_changes":[
  {{"address":"aws_vpc.a","mode":"managed","type":"aws_vpc","change":{{"actions":["create"]}}}},
  {{"address":"aws_vpc.b","mode":"managed","type":"aws_vpc","change":{{"actions":["create"]}}}}]}}';;
state) ;;
apply) {apply};;
esac"#
    );
    fake(folder, &script)
}

const STARTED: &str = r#"printf '%s\n' '{"type":"apply_start","@timestamp":"2026-01-01T00:00:00Z","hook":{"resource":{"addr":"aws_vpc.a","resource_type":"aws_vpc"},"action":"create"}}'"#;
const MADE: &str = r#"printf '%s\n' '{"type":"apply_complete","@timestamp":"2026-01-01T00:00:01Z","hook":{"resource":{"addr":"aws_vpc.b","resource_type":"aws_vpc"},"action":"create","id_key":"id","id_value":"vpc-1"}}'"#;

#[tokio::test]
async fn a_tool_that_misbehaves() {
    let folder = tempfile::tempdir().unwrap();
    let noise =
        r#"printf 'warning: \377\n\n{"half": \n[]\n{}\n{"type":7}\n'; head -c 300000 /dev/zero | tr '\0' 'x'; echo"#;
    let crash = r#"printf '%s\n' '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Plugin did not respond","detail":"The plugin encountered an error"}}'"#;
    for (name, script, ending, parts) in [
        ("noise", format!("{noise}; {MADE}; {noise}; printf 'cut'; exit 0"), StackEnding::Done, &[][..]),
        (
            "provider",
            format!("{STARTED}; {MADE}; {crash}; exit 1"),
            StackEnding::Failed,
            &["Plugin did not respond", "created aws_vpc.b", "unknown: create of aws_vpc.a", "vpc-1", "terraform"][..],
        ),
        (
            "panic",
            format!("{STARTED}; {MADE}; echo 'panic: runtime error' >&2; exit 2"),
            StackEnding::Died,
            &["crashed with exit code 2", "created aws_vpc.b", "unknown: create of aws_vpc.a"][..],
        ),
        (
            "segfault",
            format!("{STARTED}; kill -SEGV $$"),
            StackEnding::Died,
            &["killed by signal 11", "unknown: create of aws_vpc.a", "look for it"][..],
        ),
        ("silent", "exit 3".into(), StackEnding::Failed, &["exit code 3", "nothing is known to have been changed"][..]),
        ("vanished", "exit 127".into(), StackEnding::Failed, &["exit code 127", "2 not started"][..]),
    ] {
        let tool = misbehaving(folder.path(), &script);
        let bed = Bed::new(&tool, "");
        let (hear, heard) = ear();
        let outcome = bed.driver().apply(&bed.request, &token("t"), &hear).await.unwrap();
        drop(hear);
        assert_eq!(outcome.ending, ending, "{name}: {outcome:?}");
        for part in parts {
            assert!(outcome.message.contains(part), "{name}: {part:?} is not in {}", outcome.message);
        }
        assert_eq!(outcome.ending == StackEnding::Done, outcome.message.is_empty());
        let events = heard.rest().await;
        if name == "noise" {
            assert_eq!(outcome.created.len(), 1);
            let said = |wanted: &str| {
                events.iter().any(|event| matches!(event, StackEvent::Message { text, .. } if text.contains(wanted)))
            };
            assert!(said("warning: \u{fffd}") && said("{\"half\":") && said("cut"), "nothing that was said is lost");
        }
        if name == "provider" {
            // Created, in no state, and something of unknown whereabouts: the next apply does not walk over it.
            let error = bed.apply("t").await.unwrap_err();
            check(&error, ErrorKind::Conflict, "RecoveryNeeded", &["aws_vpc.b was created as vpc-1", "aws_vpc.a"]);
        }
    }
}

async fn a_folder_that_is_not_initialised(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}resource \"terraform_data\" \"x\" {{}}\n", backend.block()));
    // The port initialises; whoever only asks is told.
    let error = bed.driver().outputs(&bed.request).await.unwrap_err();
    let program = tool.file_name().unwrap().to_str().unwrap().to_owned();
    check(
        &error,
        ErrorKind::Invalid,
        "NotInitialised",
        &["nothing was changed", &format!("{program} '-chdir="), "init"],
    );
    let diagnosis = bed.driver().diagnose(&bed.request, &token("t")).await.unwrap();
    assert_eq!(diagnosis.steps[0].code, "read-state");
    assert!(diagnosis.steps[0].command.ends_with(" init"), "{:?}", diagnosis.steps[0]);
    assert_eq!(bed.apply("t").await.unwrap().ending, StackEnding::Done);
    assert!(bed.driver().diagnose(&bed.request, &token("t")).await.unwrap().steps.is_empty());

    // The backend moves away: the state there is another one, and nobody takes it for an empty one.
    let moved = Backend::start().await;
    bed.write(&format!("{}resource \"terraform_data\" \"x\" {{}}\n", moved.block()));
    let error = bed.apply("u").await.unwrap_err();
    check(&error, ErrorKind::Invalid, "BackendChanged", &["-reconfigure", "nothing was changed"]);
}

async fn states_of_another_format(tool: PathBuf) {
    let bed = Bed::new(&tool, "resource \"terraform_data\" \"x\" {}\n");
    let state = bed.request.directory.join("terraform.tfstate");
    for text in ["{\"version\":5}", "not a state"] {
        std::fs::write(&state, text).unwrap();
        let error = bed.apply("t").await.unwrap_err();
        assert!(error.to_string().contains("stat"), "{text}: {error}");
        assert!(matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict), "{text}: {error:?}");
        assert_eq!(std::fs::read_to_string(&state).unwrap(), text, "untouched");
    }
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}resource \"terraform_data\" \"x\" {{}}\n", backend.block()));
    backend.set_state("{\"version\":5}");
    let error = bed.apply("t").await.unwrap_err();
    assert!(error.to_string().contains("version 5"), "{error}");
}

async fn configurations_that_are_wrong(tool: PathBuf) {
    let bed = Bed::new(&tool, "resource \"terraform_data\" \"x\" {\n");
    let error = bed.apply("t").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("nothing was changed"), "{error}");

    bed.write(
        "variable \"needed\" {\n  type = string\n}\nresource \"terraform_data\" \"x\" {\n  input = var.needed\n}\n",
    );
    check(&bed.apply("t").await.unwrap_err(), ErrorKind::Invalid, "MissingVariable", &["needed"]);

    bed.write("resource \"terraform_data\" \"x\" {\n  input = nothing.here\n}\n");
    let stack = bed.driver().stack(&bed.request).await.unwrap();
    let error = stack.validate().await.unwrap_err();
    assert!(matches!(&error, TerraformError::Failed { .. }), "{error}");
    bed.write("locals {\n  one = 1\n}\nresource \"terraform_data\" \"x\" {\n  lifecycle {\n    precondition {\n      condition = local.one == 2\n      error_message = \"one is not two\"\n    }\n  }\n}\n");
    assert_eq!(stack.validate().await.unwrap(), [""; 0]);
    check(&bed.apply("t").await.unwrap_err(), ErrorKind::Invalid, "Failed", &["one is not two", "nothing was changed"]);
}

async fn plans_that_are_not_plans(tool: PathBuf) {
    let bed = Bed::new(&tool, "resource \"terraform_data\" \"x\" {}\n");
    let stack = bed.driver().stack(&bed.request).await.unwrap();
    let garbage = bed.folder().join("garbage");
    std::fs::write(&garbage, "garbage").unwrap();
    let error = stack.show_plan(&garbage).await.unwrap_err();
    assert!(matches!(&error, TerraformError::BadPlan { .. }), "{error}");

    // A plan that somebody looked at is applied or refused, never quietly replaced by another.
    bed.driver().plan(&bed.request, &token("t"), &Silent).await.unwrap();
    std::fs::write(bed.run("t", "plan").join("plan.tfplan"), "garbage").unwrap();
    check(&bed.apply("t").await.unwrap_err(), ErrorKind::Invalid, "BadPlan", &["nothing was changed", "plan again"]);
    assert!(bed.ids().await.is_empty());
    assert_eq!(bed.apply("t").await.unwrap().created.len(), 1, "planned anew");
}

/// Somebody was about to start a run and died: the run can be given up, and never starts afterwards.
async fn a_run_that_was_never_started(tool: PathBuf) {
    let bed = Bed::new(&tool, "resource \"terraform_data\" \"x\" {}\n");
    let tool = Tool::ask(&tool, &environment()).await.unwrap();
    let stack = Stack::open(tool, &bed.request.directory, environment()).unwrap();
    let folder = bed.folder().join("a run");
    let environment = stack.environment();
    let spec = || RunSpec {
        tool: stack.tool(),
        directory: stack.directory(),
        environment: &environment,
        operation: Operation::Plan,
        workspace: None,
        args: stack.plan_args(PlanKind::Change, None, None),
        workload: Default::default(),
    };
    let mut run = Run::start(&folder, spec()).await.unwrap();
    let ended = run.wait(&Default::default(), &mut |_| {}).await.unwrap();
    assert_eq!(ended.exit, terraform::run::Exit::Code(0));
    drop(run);
    assert!(matches!(Run::start(&folder, spec()).await, Err(TerraformError::RunExists { .. })));

    let dead = bed.folder().join("dead");
    std::fs::create_dir(&dead).unwrap();
    assert!(matches!(Run::attach(&dead).await, Err(TerraformError::NoRun { .. })));
    std::fs::copy(folder.join("run.json"), dead.join("run.json")).unwrap();
    for _ in 0..2 {
        let ended = Run::attach(&dead).await.unwrap().wait(&Default::default(), &mut |_| {}).await.unwrap();
        assert_eq!(ended.exit, terraform::run::Exit::NeverStarted);
    }
    std::fs::write(dead.join("run.json"), "{\"version\":\"2.0\"}").unwrap();
    assert!(matches!(Run::attach(&dead).await, Err(TerraformError::Format { .. })));
}
