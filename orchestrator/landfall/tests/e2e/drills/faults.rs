//! What goes wrong around a drill: journals that are damaged, people who do not answer, steps that hang, two runs at
//! once. Each ends in a clear state, and says which command comes next.
//!
//! Needs no cluster: what these drills make is a folder, and what they prove is that a port of this test is open.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Ground;
use crate::support::Ran;

struct Small {
    ground: Ground,
    listener: TcpListener,
}

impl Small {
    fn new() -> Self {
        Self { ground: Ground::new(), listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    /// Makes a folder, then `middle`, then proves; the file's path.
    fn scenario(&self, middle: &[Value]) -> String {
        let port = self.listener.local_addr().unwrap().port();
        let mut steps = vec![json!({"id": "folder", "uses": "command",
            "with": {"run": ["mkdir", "-p", "${run.folder}/made"], "undo": ["rm", "-rf", "${run.folder}/made"]}})];
        steps.extend(middle.iter().cloned());
        let needs: Vec<&Value> = steps.iter().map(|step| &step["id"]).collect();
        let proof = json!({"id": "proof", "uses": "verify.tcp", "needs": needs,
            "with": {"host": "127.0.0.1", "port": port, "within": "5s"}});
        steps.push(proof);
        let scenario = json!({"apiVersion": "landfall.dev/v1alpha1", "kind": "Scenario", "metadata": {"name": "small"},
            "spec": {"objectives": {"rto": "1h"}, "steps": steps, "onDone": {"drill": "destroy", "recovery": "keep"}}});
        self.ground.bed.write("small.yaml", &scenario.to_string())
    }

    fn asks(timeout: &str) -> Value {
        json!({"id": "go", "uses": "approve", "timeout": timeout, "needs": ["folder"], "with": {"message": "go on?"}})
    }

    /// Begins a run that stops where it needs a person; its id.
    fn waiting(&self) -> String {
        let file = self.scenario(&[Self::asks("1h")]);
        let ran = self.ground.run(&["drill", "run", &file, "--no-wait"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        let id = self.ground.run_id().unwrap();
        assert!(ran.stderr.contains(&format!("landfall drill approve {id} go")), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("landfall drill resume {id}")), "{}", ran.stderr);
        id
    }

    fn approve(&self, id: &str) {
        let ran = self.ground.run(&["drill", "approve", id]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    fn resume(&self, id: &str) -> Ran {
        self.ground.run(&["drill", "resume", id])
    }

    fn journal(&self, id: &str) -> PathBuf {
        self.ground.folder(id).join("journal.jsonl")
    }

    fn assert_undone(&self, id: &str) {
        assert!(!self.ground.folder(id).join("made").exists(), "the folder is still there");
        assert_eq!(self.ground.processes(), [""; 0]);
    }
}

fn assert_says(ran: &Ran, code: i32, wanted: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    let all = format!("{}{}", ran.stdout, ran.stderr);
    wanted.iter().for_each(|wanted| assert!(all.contains(wanted), "{wanted:?} is not in {all}"));
    assert!(!all.contains("panicked") && !all.contains("PASSED"), "{all}");
}

fn assert_passed(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.trim_start().starts_with("PASSED"), "{}", ran.stdout);
}

#[test]
fn a_journal_that_was_torn_is_carried_on_and_a_damaged_one_says_what_to_do() {
    let small = Small::new();
    let id = small.waiting();
    let whole = std::fs::read_to_string(small.journal(&id)).unwrap();
    small.approve(&id);
    // A foreign version; a line of rubbish among good ones; lines that are missing.
    let newer = whole.replacen("\"1.0\"", "\"9.0\"", 1);
    std::fs::write(small.journal(&id), newer).unwrap();
    let next = format!("landfall drill resume {id}");
    for verb in ["resume", "status", "cancel"] {
        assert_says(&small.ground.run(&["drill", verb, &id]), 5, &["format 9.0", "the version of landfall", &next]);
    }
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() > 3, "{whole}");
    let mut rubbish = lines.clone();
    rubbish[2] = "\u{0}\u{0}{rubbish";
    let mut gap = lines.clone();
    gap.remove(2);
    for (damaged, what) in [(gap, "lines are missing"), (rubbish, "line 3 of the journal is damaged")] {
        std::fs::write(small.journal(&id), format!("{}\n", damaged.join("\n"))).unwrap();
        let cut = format!("landfall drill resume {id} --from-last-good");
        for verb in ["resume", "status"] {
            assert_says(&small.ground.run(&["drill", verb, &id]), 5, &[what, "had begun: folder", &cut]);
        }
        let listed = small.ground.json(&["drill", "list"]);
        assert_eq!(listed[0]["state"], "Unreadable", "{listed:#}");
        let another = small.ground.run(&["drill", "run", &small.scenario(&[])]);
        assert_says(&another, 5, &[&id, "is not finished"]);
    }
    // What was torn off by a crash was never written, and carries on by itself.
    std::fs::write(small.journal(&id), format!("{whole}{{\"number\":99,\"at\"")).unwrap();
    assert_passed(&small.resume(&id));
    small.assert_undone(&id);
}

#[test]
fn a_damaged_journal_is_carried_on_from_its_last_good_line_when_asked() {
    let small = Small::new();
    let id = small.waiting();
    let whole = std::fs::read_to_string(small.journal(&id)).unwrap();
    let mut lines: Vec<&str> = whole.lines().collect();
    let last = lines.len() - 1;
    lines[last - 1] = "rubbish";
    let damaged = format!("{}\n", lines.join("\n"));
    std::fs::write(small.journal(&id), &damaged).unwrap();
    let ran = small.ground.run(&["drill", "resume", &id, "--from-last-good", "--no-wait"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    small.approve(&id);
    assert_passed(&small.resume(&id));
    assert_eq!(std::fs::read_to_string(small.ground.folder(&id).join("journal.damaged")).unwrap(), damaged);
    small.assert_undone(&id);
    // What has ended is told again, as often as somebody asks.
    assert_passed(&small.resume(&id));
}

#[test]
fn a_scenario_that_is_edited_changes_no_run_that_has_begun() {
    let small = Small::new();
    let id = small.waiting();
    small.scenario(&[json!({"id": "another", "uses": "command", "with": {"run": ["false"]}})]);
    small.approve(&id);
    let own = small.ground.folder(&id).join("scenario.yaml");
    let text = std::fs::read_to_string(&own).unwrap();
    std::fs::write(&own, text.replace("go on?", "go off?")).unwrap();
    for verb in ["resume", "status"] {
        let ran = small.ground.run(&["drill", verb, &id]);
        assert_says(&ran, 5, &["another version of the scenario", "scenario.yaml", "put that back"]);
    }
    std::fs::write(&own, text).unwrap();
    assert_passed(&small.resume(&id));
    small.assert_undone(&id);
}

#[test]
fn an_approval_that_never_comes_fails_and_undoes() {
    let small = Small::new();
    let file = small.scenario(&[Small::asks("1s")]);
    let ran = small.ground.run(&["drill", "run", &file]);
    assert_says(&ran, 1, &["FAILED: Not verified: step go failed: nobody answered within 1s"]);
    small.assert_undone(&small.ground.run_id().unwrap());
}

#[test]
fn a_step_that_hangs_is_ended_with_everything_it_started() {
    let small = Small::new();
    let hangs = json!({"id": "hangs", "uses": "command", "timeout": "1s",
        "with": {"run": ["sh", "-c", "sleep 1000 & sleep 1000"]}});
    let ran = small.ground.run(&["drill", "run", &small.scenario(&[hangs])]);
    assert_says(&ran, 1, &["FAILED: Not verified: step hangs failed: the step's time was over", "sleep 1000"]);
    small.assert_undone(&small.ground.run_id().unwrap());
}

#[test]
fn two_runs_of_one_scenario_at_once_are_refused_by_name_unless_allowed() {
    let small = Small::new();
    let file = small.scenario(&[Small::asks("1h")]);
    let mut first = small.ground.start(&["drill", "run", &file]);
    let began = Instant::now();
    let id = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", small.ground.said());
        match small.ground.run_id() {
            Some(id) if small.ground.said().contains("go asks") => break id,
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let status = format!("landfall drill status {id}");
    assert_says(&small.ground.run(&["drill", "run", &file]), 5, &[&id, "is not finished", "running", &status]);
    assert_says(&small.resume(&id), 5, &["another process drives this run", &status]);
    first.kill().unwrap();
    first.wait().unwrap();
    let resume = format!("landfall drill resume {id}");
    assert_says(&small.ground.run(&["drill", "run", &file]), 5, &[&id, "is not finished", &resume]);
    let beside = small.scenario(&[]);
    assert_passed(&small.ground.run(&["drill", "run", &beside, "--allow-overlap"]));
    small.approve(&id);
    assert_passed(&small.resume(&id));
    small.assert_undone(&id);
}
