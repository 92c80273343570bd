//! When it goes wrong while it runs: failures, interrupts, locks, backends that refuse.

use std::path::PathBuf;

use ports::ErrorKind;
use ports::infrastructure::{Infrastructure, RecoveryApproval, Silent, StackCancel, StackDiagnosis, StackEnding};

use super::backend::Backend;
use super::bed::{Bed, SLOW, for_each_tool, token};

for_each_tool!(
    a_taint_can_be_taken_back,
    an_interrupt_is_heard_once,
    letting_it_finish_sends_nothing,
    a_lock_names_its_holder,
    the_http_backend_names_the_lock_only,
    a_state_that_was_not_saved_is_saved_later,
    a_state_that_could_be_written_nowhere_is_kept,
    a_forked_state_is_not_pushed,
    one_follower_at_a_time,
);

fn codes(diagnosis: &StackDiagnosis) -> Vec<(&str, &str)> {
    diagnosis.steps.iter().map(|step| (step.code.as_str(), step.subject.as_str())).collect()
}

async fn a_taint_can_be_taken_back(tool: PathBuf) {
    let text = |command: &str| {
        format!(
            "resource \"terraform_data\" \"x\" {{\n  provisioner \"local-exec\" {{\n    command = \"{command}\"\n  }}\n}}\n"
        )
    };
    let bed = Bed::new(&tool, &text("exit 7"));
    let outcome = bed.apply("t").await.unwrap();
    assert_eq!(
        (outcome.ending, outcome.failed.as_slice()),
        (StackEnding::Failed, &["create of terraform_data.x".to_owned()][..])
    );
    assert!(outcome.message.contains("exit code 1") && outcome.message.contains("untaint"), "{}", outcome.message);
    let made = bed.ids().await;
    let driver = bed.driver();
    let diagnosis = driver.diagnose(&bed.request, &token("t")).await.unwrap();
    assert_eq!(codes(&diagnosis), [("untaint", "terraform_data.x"), ("retry", "")]);

    let approval = RecoveryApproval { untaint: ["terraform_data.x".to_owned()].into(), ..Default::default() };
    let left = driver.recover(&bed.request, &token("t"), &approval).await.unwrap();
    assert_eq!(codes(&left), [("retry", "")]);
    let outcome = bed.apply("t").await.unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 0));
    assert_eq!(bed.ids().await, made, "it was not replaced");

    // Without that it is replaced, and the gate has a say in it.
    let mut bed = Bed::new(&tool, &text("exit 7"));
    bed.settings.stateful.insert("terraform_data".into());
    assert_eq!(bed.apply("t").await.unwrap().ending, StackEnding::Failed);
    bed.write(&text("true"));
    assert_eq!(bed.apply("t").await.unwrap_err().kind, ErrorKind::Denied);
    bed.request.allow.insert("terraform_data.x".into());
    let outcome = bed.apply("t").await.unwrap();
    assert_eq!((outcome.created.len(), outcome.deleted.len()), (1, 1));
}

async fn an_interrupt_is_heard_once(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    let driver = bed.driver();
    driver.cancel(&token("t"), StackCancel::Interrupt).await.unwrap();
    // Impatience without force changes nothing.
    let _ = driver.cancel(&token("t"), StackCancel::Interrupt).await;
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!(outcome.ending, StackEnding::Interrupted, "{outcome:?}");
    assert_eq!(outcome.created.len(), 2);
    assert_eq!(outcome.failed, ["create of terraform_data.slow"]);
    for part in ["was interrupted", "terraform_data.quick[0]", "may half exist", "untaint"] {
        assert!(outcome.message.contains(part), "{part}: {}", outcome.message);
    }
    let run = bed.run("t", "apply");
    assert!(run.join("interrupt-1").exists() && !run.join("interrupt-2").exists());
    assert_eq!(driver.cancel(&token("t"), StackCancel::Interrupt).await.unwrap_err().kind, ErrorKind::NotFound);

    let before = bed.ids().await;
    let (again, _heard) = bed.applying("t");
    gate.open().await;
    let outcome = again.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 1), "the rest");
    let after = bed.ids().await;
    assert_eq!(before["terraform_data.quick[0]"], after["terraform_data.quick[0]"], "what was done stays done");
}

async fn letting_it_finish_sends_nothing(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    bed.driver().cancel(&token("t"), StackCancel::AfterCurrent).await.unwrap();
    gate.open().await;
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 3));
    assert!(!bed.run("t", "apply").join("interrupt-1").exists());
}

async fn a_lock_names_its_holder(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("holder");
    heard.until_held("terraform_data.slow", 2).await;
    let error = bed.apply("other").await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("Locked")), "{error}");
    let text = error.to_string();
    for part in ["by ", "@", " since ", "OperationTypeApply", "nothing was changed", "force-unlock -force "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    gate.open().await;
    assert_eq!(apply.await.unwrap().unwrap().ending, StackEnding::Done);
    assert_eq!(bed.apply("other").await.unwrap().ending, StackEnding::Done);
}

async fn the_http_backend_names_the_lock_only(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}{SLOW}", backend.block()));
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("holder");
    heard.until_held("terraform_data.slow", 2).await;
    assert!(backend.is_locked());
    let text = bed.apply("other").await.unwrap_err().to_string();
    // tofu tells the holder, terraform describes the asker; either way nobody is accused who is not it.
    match tool.ends_with("tofu") {
        true => assert!(text.contains("by ") && text.contains("OperationTypeApply"), "{text}"),
        false => assert!(text.contains("does not say by whom"), "{text}"),
    }
    gate.open().await;
    assert_eq!(apply.await.unwrap().unwrap().ending, StackEnding::Done);
    assert!(!backend.is_locked());
}

async fn a_state_that_was_not_saved_is_saved_later(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}{SLOW}", backend.block()));
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    backend.refuse_writes(true);
    gate.open().await;
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::StateNotSaved, 3), "{outcome:?}");
    for part in ["could not save its state", "terraform_data.slow", "state push", "errored.tfstate"] {
        assert!(outcome.message.contains(part), "{part}: {}", outcome.message);
    }
    assert_eq!(outcome.next[0].code, "push-state");
    let errored = bed.request.directory.join("errored.tfstate");
    assert!(errored.is_file());

    // Nothing may be started until it is settled, under whatever token.
    for name in ["t", "other"] {
        let error = bed.apply(name).await.unwrap_err();
        assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("RecoveryNeeded")), "{error}");
        assert!(error.to_string().contains("state push"), "{error}");
    }
    let driver = bed.driver();
    let error = driver.recover(&bed.request, &token("t"), &RecoveryApproval::default()).await.unwrap_err();
    assert!(errored.is_file(), "still refused, still there: {error}");

    backend.refuse_writes(false);
    let left = driver.recover(&bed.request, &token("t"), &RecoveryApproval::default()).await.unwrap();
    assert_eq!(codes(&left), [("retry", "")]);
    assert!(!errored.exists());
    let ids: Vec<_> = bed.ids().await.into_values().collect();
    assert!(outcome.created.iter().all(|made| ids.contains(&made.id)), "nothing is forgotten");
    let outcome = bed.apply("t").await.unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 0));
}

async fn a_state_that_could_be_written_nowhere_is_kept(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}{SLOW}", backend.block()));
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    backend.refuse_writes(true);
    let in_the_way = bed.request.directory.join("errored.tfstate");
    std::fs::create_dir(&in_the_way).unwrap();
    gate.open().await;
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!(outcome.ending, StackEnding::StateNotSaved, "{outcome:?}");
    let dumped = bed.run("t", "apply").join("dumped.tfstate");
    assert!(dumped.is_file());
    std::fs::remove_dir(&in_the_way).unwrap();
    backend.refuse_writes(false);
    assert_eq!(bed.apply("t").await.unwrap_err().reason.as_deref(), Some("RecoveryNeeded"));
    let left = bed.driver().recover(&bed.request, &token("t"), &RecoveryApproval::default()).await.unwrap();
    assert_eq!(codes(&left), [("retry", "")]);
    let ids: Vec<_> = bed.ids().await.into_values().collect();
    assert!(outcome.created.iter().all(|made| ids.contains(&made.id)));
    assert_eq!(bed.apply("t").await.unwrap().ending, StackEnding::Done);
    assert!(!dumped.exists());
}

async fn a_forked_state_is_not_pushed(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}resource \"terraform_data\" \"x\" {{}}\n", backend.block()));
    let _ = bed.apply("t").await.unwrap();
    let mut other = backend.state().unwrap();
    other["lineage"] = "another".into();
    other["serial"] = 99.into();
    let errored = bed.request.directory.join("errored.tfstate");
    std::fs::write(&errored, other.to_string()).unwrap();
    let left = bed.driver().recover(&bed.request, &token("t"), &RecoveryApproval::default()).await.unwrap();
    assert_eq!(left.steps[0].code, "push-state");
    assert!(!left.steps[0].safe && left.steps[0].message.contains("lineage"), "{:?}", left.steps[0]);
    assert!(errored.exists());
    std::fs::write(&errored, "not a state").unwrap();
    let left = bed.driver().diagnose(&bed.request, &token("t")).await.unwrap();
    assert!(!left.steps[0].safe && left.steps[0].message.contains("cannot be read"), "{:?}", left.steps[0]);
}

async fn one_follower_at_a_time(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    let error = bed.driver().attach(&token("t"), &Silent).await.unwrap_err();
    assert_eq!((error.kind, error.reason.as_deref()), (ErrorKind::Conflict, Some("Busy")), "{error}");
    let diagnosis = bed.driver().diagnose(&bed.request, &token("t")).await.unwrap();
    assert!(diagnosis.running);
    assert_eq!(diagnosis.steps[0].code, "wait");
    gate.open().await;
    assert_eq!(apply.await.unwrap().unwrap().ending, StackEnding::Done);
}
