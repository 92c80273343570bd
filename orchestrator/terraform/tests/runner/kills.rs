//! When somebody is killed: us, the tool, the shell between us.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ports::infrastructure::{Infrastructure, RecoveryApproval, Silent, StackEnding, StackEvent};
use testkit::Moments;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::backend::Backend;
use super::bed::{Bed, SLOW, ear, for_each_tool, token};

for_each_tool!(
    a_dropped_call_is_taken_up,
    killing_us_leaves_the_tool_at_work,
    killing_us_at_any_moment_builds_everything_once,
    killing_the_tool_forgets_nothing,
    killing_the_tool_at_any_event_forgets_nothing,
    killing_everything_is_noticed,
    a_second_interrupt_is_sent_by_force_only,
);

/// Kills one process that the run's folder names.
fn kill_hard(run: &Path, who: &str) {
    let text = std::fs::read_to_string(run.join(who)).unwrap();
    kill(Pid::from_raw(text.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
}

async fn a_dropped_call_is_taken_up(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    apply.abort();
    assert!(apply.await.unwrap_err().is_cancelled());
    let (hear, mut heard) = ear();
    let (driver, request) = (bed.driver(), bed.request.clone());
    let again = tokio::spawn(async move { driver.apply(&request, &token("t"), &hear).await });
    heard.until_held("terraform_data.slow", 2).await;
    gate.open().await;
    let outcome = again.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 3), "all of it, not the rest only");
    let done = heard.rest().await.iter().rev().find_map(|event| match event {
        StackEvent::Progress { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(done, Some((3, 3)));
    // The durable record has each piece of work once.
    let journal = std::fs::read_to_string(bed.run("t", "apply").join("journal.ndjson")).unwrap();
    assert_eq!(journal.lines().filter(|line| line.contains("\"completed\"")).count(), 3, "{journal}");
}

const CHILD: &str = "LANDFALL_TEST_APPLY";

/// Not a test of its own: the process that is killed. Does nothing unless it is started for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_to_kill() {
    let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    let Some(text) = environment.get(&OsString::from(CHILD)).and_then(|text| text.to_str()) else { return };
    let [tool, runs, directory]: [&str; 3] = text.split('\n').collect::<Vec<_>>().try_into().unwrap();
    struct Say;
    impl ports::infrastructure::StackProgress for Say {
        fn report(&self, event: StackEvent) {
            println!("{event:?}");
        }
    }
    let mut settings = terraform::Settings::new(runs, super::bed::environment());
    settings.tool = Some(tool.into());
    let request = ports::infrastructure::StackRequest { directory: directory.into(), ..Default::default() };
    let driver = terraform::TerraformInfrastructure::new(settings);
    let _ = driver.apply(&request, &token("t"), &Say).await.unwrap();
}

/// Wherever the tool lies, a seed means the same.
fn moments(what: &str, tool: &Path) -> Moments {
    Moments::of(&format!("{what} {}", tool.file_name().unwrap_or_default().display()))
}

/// When the process is killed.
#[derive(Debug, Clone, Copy)]
enum When {
    /// It says a word.
    Word(&'static str),
    /// It has said so many lines of its own.
    Lines(usize),
}

/// Applies in a process of its own, which is killed; false when it ended before.
async fn apply_and_be_killed(tool: &Path, bed: &Bed, when: When) -> bool {
    let task = [tool, &bed.settings.runs, &bed.request.directory].map(|path| path.display().to_string()).join("\n");
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runner::kills::a_process_to_kill", "--nocapture"])
        .env(CHILD, task)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        said += 1;
        let is_time = match when {
            When::Word(word) => line.contains(word),
            When::Lines(count) => said > count,
        };
        if is_time {
            child.kill().await.unwrap();
            return true;
        }
    }
    child.wait().await.unwrap();
    false
}

async fn killing_us_at_any_moment_builds_everything_once(tool: PathBuf) {
    let many = "resource \"terraform_data\" \"x\" {\n  count = 12\n  input = count.index\n}\n";
    let mut moments = moments("apply", &tool);
    let whens: Vec<When> = if moments.is_soak() {
        moments.counts(&[], 10, 60).into_iter().map(When::Lines).collect()
    } else {
        ["Prepare", "Plan", "Apply", "Finished", "done: 12"].map(When::Word).into()
    };
    let (mut kills, least) = (0, if moments.is_soak() { 1 } else { whens.len() });
    for when in whens {
        let backend = Backend::start().await;
        let bed = Bed::new(&tool, &format!("{}{many}", backend.block()));
        kills += usize::from(apply_and_be_killed(&tool, &bed, when).await);
        let outcome = bed.apply("t").await.unwrap();
        assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 12), "killed at {when:?}: {outcome:?}");
        let ids = bed.ids().await;
        assert!(outcome.created.iter().all(|made| ids[&made.address] == made.id), "killed at {when:?}");
        // One apply, however often it was asked for.
        let runs = std::fs::read_dir(bed.settings.runs.join("t")).unwrap();
        let applies = runs.filter(|run| run.as_ref().unwrap().path().to_string_lossy().ends_with("-apply"));
        assert_eq!(applies.count(), 1, "killed at {when:?}");
        let left = bed.driver().diagnose(&bed.request, &token("t")).await.unwrap();
        assert!(left.steps.is_empty(), "killed at {when:?}: {left:?}");
    }
    assert!(kills >= least, "only {kills} runs were killed");
}

async fn killing_us_leaves_the_tool_at_work(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    assert!(apply_and_be_killed(&tool, &bed, When::Word("Executing")).await, "it ended before it was killed");
    assert!(bed.driver().diagnose(&bed.request, &token("t")).await.unwrap().running, "the tool goes on");
    let opened = gate.open();
    let driver = bed.driver();
    let token = token("t");
    let (outcome, ()) = tokio::join!(driver.attach(&token, &Silent), opened);
    let outcome = outcome.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 3));
    assert_eq!(bed.apply("t").await.unwrap(), outcome, "the same command says the same");
}

async fn killing_the_tool_forgets_nothing(tool: PathBuf) {
    let backend = Backend::start().await;
    let bed = Bed::new(&tool, &format!("{}{SLOW}", backend.block()));
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    kill_hard(&bed.run("t", "apply"), "child");
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Died, 2), "{outcome:?}");
    assert_eq!(outcome.unknown, ["create of terraform_data.slow"]);
    for part in
        ["killed by signal 9", "created terraform_data.quick", "unknown: create of terraform_data.slow", "force-unlock"]
    {
        assert!(outcome.message.contains(part), "{part}: {}", outcome.message);
    }
    assert!(backend.is_locked(), "a dead holder");
    // The provisioner's shell lives on without its parent, as the reference says, unless the parent died before it
    // began one; it ends here, or below.
    gate.try_open();

    let driver = bed.driver();
    let diagnosis = driver.diagnose(&bed.request, &token("t")).await.unwrap();
    let codes: Vec<_> = diagnosis.steps.iter().map(|step| step.code.as_str()).collect();
    assert_eq!(codes, ["unlock", "import", "import", "retry"], "{diagnosis:#?}");
    assert_eq!(diagnosis.imports.matches("import {").count(), 2);
    assert!(outcome.created.iter().all(|made| diagnosis.imports.contains(&made.id)));
    assert_eq!(bed.apply("t").await.unwrap_err().reason.as_deref(), Some("RecoveryNeeded"));

    // Not with another lock's id, and nothing without being asked.
    let wrong = RecoveryApproval { unlock: Some("0".into()), ..Default::default() };
    driver.recover(&bed.request, &token("t"), &wrong).await.unwrap();
    assert!(backend.is_locked());
    let approval =
        RecoveryApproval { unlock: Some(diagnosis.steps[0].subject.clone()), import: true, ..Default::default() };
    let left = driver.recover(&bed.request, &token("t"), &approval).await.unwrap();
    assert!(!backend.is_locked());
    assert_eq!(left.steps.iter().map(|step| step.code.as_str()).collect::<Vec<_>>(), ["retry"], "{left:#?}");

    let (again, _heard) = bed.applying("t");
    assert_eq!(gate.open_while(again).await.unwrap().unwrap().ending, StackEnding::Done);
    let ids = bed.ids().await;
    assert_eq!(ids.len(), 3);
    assert!(outcome.created.iter().all(|made| ids[&made.address] == made.id), "the very ones, not new ones");
    let files: Vec<_> = std::fs::read_dir(&bed.request.directory).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(!files.iter().any(|name| name == "landfall-recovered-imports.tf"), "{files:?}");
}

/// Whenever the tool dies, what it had created is in the state, or is told and comes back.
async fn killing_the_tool_at_any_event_forgets_nothing(tool: PathBuf) {
    let many = "resource \"terraform_data\" \"x\" {\n  count = 12\n  input = count.index\n}\n";
    let mut moments = moments("tool", &tool);
    let remotes = moments.counts(&[1, 1, 1, 0], 10, 2);
    for (nth, remote) in moments.counts(&[0, 1, 6, 3], 10, 12).into_iter().zip(remotes) {
        let remote = remote == 1;
        let backend = Backend::start().await;
        let block = if remote { backend.block() } else { String::new() };
        let bed = Bed::new(&tool, &format!("{block}{many}"));
        let (apply, mut heard) = bed.applying("t");
        let started =
            |event: &StackEvent| matches!(event, StackEvent::Phase { phase: ports::infrastructure::StackPhase::Apply });
        heard.until(started).await;
        for _ in 0..nth {
            heard.until(|event| matches!(event, StackEvent::Finished { .. })).await;
        }
        let run = bed.run("t", "apply");
        // It may not have begun, or be done already: both are moments, too.
        if let Ok(text) = std::fs::read_to_string(run.join("child"))
            && let Some(pid) = text.lines().next().and_then(|line| line.parse().ok())
        {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let outcome = apply.await.unwrap().unwrap();
        let driver = bed.driver();
        let diagnosis = driver.diagnose(&bed.request, &token("t")).await.unwrap();
        let unlock = diagnosis.steps.iter().find(|step| step.code == "unlock").map(|step| step.subject.clone());
        let approval = RecoveryApproval { unlock, import: true, ..Default::default() };
        driver.recover(&bed.request, &token("t"), &approval).await.unwrap();
        let again = bed.apply("t").await.unwrap();
        assert_eq!(again.ending, StackEnding::Done, "{again:?}");
        let ids = bed.ids().await;
        assert_eq!(ids.len(), 12);
        assert!(outcome.created.iter().all(|made| ids[&made.address] == made.id), "killed after {nth}: {outcome:?}");
    }
}

async fn killing_everything_is_noticed(tool: PathBuf) {
    let bed = Bed::new(&tool, SLOW);
    let gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 2).await;
    let run = bed.run("t", "apply");
    kill_hard(&run, "wrapper");
    kill_hard(&run, "child");
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Died, 2), "{outcome:?}");
    assert!(outcome.message.contains("nobody knows how it ended"), "{}", outcome.message);
    gate.try_open();
}

async fn a_second_interrupt_is_sent_by_force_only(tool: PathBuf) {
    use terraform::run::{Interrupt, interrupt};
    // The command ignores the interrupt, so the tool has to wait for it.
    let bed = Bed::new(
        &tool,
        "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"exec cat 'FOLDER/gate'\"\n  }\n}\n",
    );
    let _gate = bed.gate();
    let (apply, mut heard) = bed.applying("t");
    heard.until_held("terraform_data.slow", 0).await;
    let run = bed.run("t", "apply");
    assert_eq!(interrupt(&run, false).unwrap(), Interrupt::Sent);
    // The tool may be gone by now; asking again without force must not count as asking in any case.
    assert_ne!(interrupt(&run, false).unwrap(), Interrupt::Sent);
    assert!(!run.join("interrupt-2").exists());
    let _ = interrupt(&run, true).unwrap();
    assert_ne!(interrupt(&run, true).unwrap(), Interrupt::Sent, "never a third");
    let outcome = apply.await.unwrap().unwrap();
    assert_eq!(outcome.ending, StackEnding::Interrupted, "{outcome:?}");
    assert_eq!(interrupt(&run, true).unwrap(), Interrupt::NotRunning);
}
