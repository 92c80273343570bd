//! `landfall drill schedule` as a process: what was missed, what must not overlap, what is told and what is forgotten.
//!
//! The schedules come once a year, so that no tick falls into the test; what is due is what the schedule's memory says
//! was last looked at.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::wait;
use crate::support::Bed;

/// What the test's own server was told at `/hook`; it answers 200, but for `/bad`.
#[derive(Clone)]
struct Listener {
    address: SocketAddr,
    notices: Arc<Mutex<Vec<Value>>>,
}

impl Listener {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Self { address: socket.local_addr().unwrap(), notices: Arc::default() };
        let notices = Arc::clone(&listener.notices);
        // Ends with the test's process, like everything that it waits for.
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let _ = answer(stream, &notices);
            }
        });
        listener
    }

    /// The notices so far of one schedule.
    fn told(&self, schedule: &str) -> Vec<Value> {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.iter().filter(|notice| notice["schedule"] == schedule).cloned().collect()
    }
}

fn answer(stream: TcpStream, notices: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if request.starts_with("POST /hook ") {
        let notice = serde_json::from_slice(&body).unwrap_or(Value::Null);
        notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }
    let status = if request.contains(" /bad ") { "503 Service Unavailable" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes())
}

impl Bed {
    /// A schedule of a scenario of the same bed.
    fn schedule(&self, name: &str, scenario: &str, spec: &str) -> String {
        let text = format!(
            "apiVersion: landfall.dev/v1alpha1\nkind: DrillSchedule\nmetadata: {{ name: {name} }}\n\
             spec: {{ scenario: {scenario}.yaml, cron: '0 0 1 1 *', missedWithin: 5000d, {spec} }}\n"
        );
        self.write(&format!("{name}.schedule.yaml"), &text)
    }

    /// Makes one more tick due: as if nobody had looked for `years` years.
    fn miss(&self, name: &str, file: &str, years: i64) {
        let shown = self.json(&["drill", "schedule", "--show", file], &[0]);
        let next: Timestamp = shown[0]["next"][0].as_str().unwrap().parse().unwrap();
        let since = next.checked_sub((24 * (365 * years + years / 4 + 2)).hours()).unwrap();
        let folder = self.path("state").join("landfall/schedules");
        std::fs::create_dir_all(&folder).unwrap();
        let memory = json!({"format": 1, "since": since});
        std::fs::write(folder.join(format!("{name}.json")), memory.to_string()).unwrap();
    }
}

fn answers(path: &str, address: SocketAddr) -> String {
    format!(
        "  freshness: 1h\n  steps:\n    - {{ id: answers, uses: verify.http, with: {{ url: 'http://{address}{path}', \
         within: 1s }} }}\n"
    )
}

#[test]
fn missed_drills_are_made_up_for_told_and_forgotten() {
    let bed = Bed::new();
    let listener = Listener::start();
    let hook = format!("notify: [{{ webhook: 'http://{}/hook' }}]", listener.address);
    bed.scenario("good", &answers("/good", listener.address));
    bed.scenario("bad", &answers("/bad", listener.address));
    let good = bed.schedule("nightly", "good", &format!("history: {{ passed: 1 }}, {hook}"));
    let bad = bed.schedule("broken", "bad", &hook.replace(" }]", ", on: [failed] }]"));

    // A schedule that is seen for the first time owes nothing, and looking at it changes nothing.
    let shown = bed.json(&["drill", "schedule", "--show", &good], &[0]);
    assert_eq!(shown[0]["next"].as_array().unwrap().len(), 3);
    assert!(!bed.path("state").join("landfall/schedules").exists());
    assert_eq!(bed.run(&["drill", "schedule", "--once", &good]).code, 0);
    assert!(bed.runs().is_empty());
    let stale = bed.run(&["drill", "status", "--require-fresh", "1h", "--scenario", "good"]);
    assert_eq!(stale.code, 1, "nothing ever ran: {}", stale.stdout);

    // Three were missed: the latest is made up for, the others are told as skipped.
    bed.miss("nightly", &good, 3);
    let once = bed.run(&["drill", "schedule", "--once", &good]);
    assert_eq!(once.code, 0, "{}", once.stderr);
    let told = listener.told("nightly");
    assert_eq!(told.iter().filter(|notice| notice["verdict"] == "Passed").count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|notice| notice["text"].to_string().contains("skipped")).count(), 2, "{told:?}");
    let first = bed.runs();
    assert_eq!((first.len(), &first[0]["state"]), (1, &json!("Passed")));
    let fresh = bed.run(&["drill", "status", "--require-fresh", "1h", "--scenario", "good"]);
    assert_eq!(fresh.code, 0, "{}", fresh.stdout);

    // History keeps one pass: the newer one.
    bed.miss("nightly", &good, 3);
    assert_eq!(bed.run(&["drill", "schedule", "--once", &good]).code, 0);
    let second = bed.runs();
    assert_eq!(second.len(), 1, "{second:?}");
    assert_ne!(second[0]["id"], first[0]["id"]);

    // What fails is told, makes the exit code, and is not fresh.
    bed.miss("broken", &bad, 1);
    let failed = bed.run(&["drill", "schedule", "--once", &bad]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    let told = listener.told("broken");
    assert_eq!((told.len(), &told[0]["verdict"]), (1, &json!("Failed")), "{told:?}");
    assert!(told[0]["reasons"].to_string().contains("503"), "{told:?}");
    assert_eq!(bed.run(&["drill", "status", "--require-fresh", "1h"]).code, 1);
}

const ASKS: &str = r#"  steps:
    - id: made
      uses: command
      with: { run: [touch, "${run.folder}/made"], undo: [rm, -f, "${run.folder}/made"] }
    - { id: go, uses: approve, needs: [made], with: { message: "Go on?" } }
    - { id: answers, uses: verify.http, needs: [go], with: { url: "URL", within: 5s } }
"#;

#[test]
fn a_drill_that_is_not_finished_decides_what_starts_beside_it() {
    let bed = Bed::new();
    let listener = Listener::start();
    bed.scenario("slow", &ASKS.replace("URL", &format!("http://{}/good", listener.address)));
    let hook = format!("notify: [{{ webhook: 'http://{}/hook', on: [skipped] }}]", listener.address);
    let file = bed.schedule("slow", "slow", &format!("concurrency: forbid, {hook}"));
    let ids = || -> Vec<String> { bed.runs().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect() };

    bed.miss("slow", &file, 1);
    let owner = bed.begin("first", &["drill", "schedule", &file], &[]);
    let first = bed.recorded("slow", "go", "asked");
    // One process for one schedule.
    let other = bed.run(&["drill", "schedule", "--once", &file]);
    assert_eq!(other.code, 5, "{}", other.stderr);
    assert!(other.stderr.contains("another process looks after the schedule slow"), "{}", other.stderr);
    owner.kill();

    // Forbid: the drill of the process that died is carried on with, and nothing starts beside it.
    bed.miss("slow", &file, 2);
    let owner = bed.begin("forbid", &["drill", "schedule", &file], &[]);
    wait("the skip is told", || listener.told("slow").pop());
    let told = listener.told("slow");
    assert!(told[0]["text"].to_string().contains(&format!("drill {first} is not finished")), "{told:?}");
    let ended = owner.terminate();
    assert_eq!(ended.code, 0, "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("carrying on with {first}")), "{}", ended.stdout);
    assert_eq!(ids(), [first.as_str()]);

    // Allow: both.
    bed.schedule("slow", "slow", "concurrency: allow");
    bed.miss("slow", &file, 2);
    let owner = bed.begin("allow", &["drill", "schedule", &file], &[]);
    let second = wait("another drill", || ids().into_iter().find(|id| *id != first));
    bed.recorded(&second, "go", "asked");
    assert_eq!(owner.terminate().code, 0);

    // Replace: both are cancelled and undone, and only then the new one begins.
    bed.schedule("slow", "slow", "concurrency: replace");
    bed.miss("slow", &file, 3);
    let owner = bed.begin("replace", &["drill", "schedule", "--once", &file], &[]);
    let third = wait("the drill that replaces them", || ids().into_iter().find(|id| *id != first && *id != second));
    bed.recorded(&third, "go", "asked");
    let runs = bed.runs();
    let of = |id: &str| runs.iter().find(|run| run["id"] == id).unwrap();
    for replaced in [&first, &second] {
        assert_eq!(of(replaced)["state"], "Cancelled");
        assert!(!bed.folder_of(replaced).join("made").exists(), "{replaced} was not undone");
        let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(at(&of(replaced)["ended"]) <= at(&of(&third)["opened"]), "it began before {replaced} was undone");
    }
    let approved = bed.run(&["drill", "approve", &third, "--by", "ada"]);
    assert_eq!(approved.code, 0, "{}", approved.stderr);
    let ended = owner.end();
    // Two that did not pass ended in it.
    assert_eq!(ended.code, 1, "{}", ended.stdout);
    let state = bed.runs().into_iter().find(|run| run["id"] == third.as_str()).unwrap();
    assert_eq!(state["state"], "Passed", "{state}");
}

#[test]
fn a_schedule_sweeps_when_it_starts() {
    let bed = Bed::new();
    let listener = Listener::start();
    let url = format!("http://{}/good", listener.address);
    let orphan = bed.scenario("orphan", &format!("  guards: {{ ttl: 3s }}\n{}", ASKS.replace("URL", &url)));
    let drill = bed.begin("drill", &["drill", "run", &orphan], &[]);
    let id = bed.recorded("orphan", "made", "started");
    drill.kill();
    bed.scenario("good", &answers("/good", listener.address));
    let file = bed.schedule("nightly", "good", "suspend: true");
    wait("its time to live is over", || {
        let swept = bed.json(&["drill", "sweep", "--dry-run"], &[0]);
        (swept[0]["id"] == id.as_str()).then_some(())
    });
    let once = bed.run(&["drill", "schedule", "--once", &file]);
    assert_eq!(once.code, 0, "{}", once.stderr);
    assert!(once.stderr.contains(&format!("sweeping {id}")), "{}", once.stderr);
    assert!(!bed.folder_of(&id).join("made").exists());
    assert_eq!(bed.run_of("orphan").unwrap()["state"], "Failed");
}
