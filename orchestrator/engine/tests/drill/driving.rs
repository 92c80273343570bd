//! The driver by itself: people, time that is over, a journal that fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use engine::drill::{
    DrillObserver, DriveError, Letter, Mailbox, NobodyWrites, StepProgress, Unobserved, begin, drive, resume,
};
use scenario::{CancelMode, Event, FailureKind, Record, Saga, StepOutcome, Verdict, Waiting};
use testkit::MemoryJournal;
use tokio::sync::Notify;

use crate::quickstart::{header, load};
use crate::world::World;

fn world() -> World {
    let world = World::new();
    world.add_cluster("prod", "1.36");
    world
}

fn scenario(steps: &str) -> Arc<scenario::Scenario> {
    let text = format!(
        "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: {{ name: small }}\nspec:\n  \
         objectives: {{ rto: 1h }}\n  steps:\n{PROOF}{steps}  onDone: {{ drill: destroy, recovery: keep }}\n"
    );
    load(&text)
}

const PROOF: &str = "    - { id: prod, uses: cluster.connect, with: { sandbox: prod } }\n    \
    - { id: proof, uses: verify.query, with: { cluster: \"${prod.handle}\", resource: nodes, expression: size(object.metadata.name) > 0 } }\n";
const FOLDER: &str =
    "    - { id: folder, uses: command, with: { run: [mkdir, -p, /bucket], undo: [rm, -rf, /bucket] } }\n";

#[tokio::test]
async fn a_journal_that_fails_stops_the_drill_and_names_the_next_command() {
    let (world, scenario, folder) = (world(), scenario(FOLDER), tempfile::tempdir().unwrap());
    let journal = MemoryJournal::new();
    let saga = begin(&journal, Arc::clone(&scenario), header(&world, &scenario, folder.path())).await.unwrap();
    journal.die_after(0, 5);
    let error = drive(Arc::new(world.clone()), &NobodyWrites, &journal, saga, Arc::new(Unobserved)).await.unwrap_err();
    assert!(matches!(error, DriveError::Append { .. }));
    assert!(error.to_string().contains("landfall drill resume d1"), "{error}");
    // Nothing began without a durable intent.
    assert_eq!(world.left(), [""; 0]);
    journal.revive();
    assert!(matches!(resume(&journal, scenario).await.unwrap_err(), DriveError::Torn { .. }));
}

#[tokio::test]
async fn a_step_that_hangs_is_ended_and_what_was_made_is_undone() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let hangs = "    - { id: hangs, uses: command, timeout: 3m, with: { run: [hang] } }\n";
    let scenario = scenario(&format!("{FOLDER}{hangs}"));
    let journal = MemoryJournal::new();
    let saga = begin(&journal, Arc::clone(&scenario), header(&world, &scenario, folder.path())).await.unwrap();
    let (saga, verdict) =
        drive(Arc::new(world.clone()), &NobodyWrites, &journal, saga, Arc::new(Unobserved)).await.unwrap();
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    let outcome = saga.state("hangs").unwrap().outcome.clone();
    let Some(StepOutcome::Failed(failure)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(failure.message.contains("running hang"), "{}", failure.message);
    assert_eq!(world.left(), [""; 0]);
}

/// Letters that arrive one after the other, once something has happened.
struct Letters {
    after: fn(&Event) -> bool,
    open: AtomicBool,
    letters: Mutex<Vec<Letter>>,
    answers: Mutex<Vec<(String, Result<(), String>)>>,
    more: Notify,
}

impl Letters {
    fn new(after: fn(&Event) -> bool, events: Vec<Event>) -> Arc<Self> {
        let number = |(at, event)| Letter { id: format!("letter-{at}"), event };
        let letters = events.into_iter().enumerate().map(number).rev().collect();
        let (open, answers, more) = (AtomicBool::new(false), Mutex::default(), Notify::new());
        Arc::new(Self { after, open, letters: Mutex::new(letters), answers, more })
    }
}

impl DrillObserver for Letters {
    fn recorded(&self, _saga: &Saga, record: &Record) {
        if (self.after)(&record.event) {
            self.open.store(true, Ordering::SeqCst);
            self.more.notify_one();
        }
    }

    fn progress(&self, _step: &str, _progress: &StepProgress) {}

    fn waiting(&self, _saga: &Saga, _waiting: &[Waiting], _until: Option<jiff::Timestamp>) {}
}

#[async_trait]
impl Mailbox for Letters {
    async fn next(&self) -> Letter {
        loop {
            let letter = self.letters.lock().unwrap().last().cloned();
            if let Some(letter) = letter.filter(|_| self.open.load(Ordering::SeqCst)) {
                return letter;
            }
            self.more.notified().await;
        }
    }

    async fn answer(&self, letter: &Letter, outcome: Result<(), String>) {
        self.letters.lock().unwrap().retain(|known| known.id != letter.id);
        self.answers.lock().unwrap().push((letter.id.clone(), outcome));
    }
}

#[tokio::test]
async fn only_those_who_may_approve_are_heard() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let approve = "    - { id: go, uses: approve, with: { message: Really?, approvers: [ann] } }\n";
    let proof = "    - { id: after, uses: command, needs: [go], with: { run: [\"true\"] } }\n";
    let scenario = scenario(&format!("{FOLDER}{approve}{proof}"));
    let journal = MemoryJournal::new();
    let saga = begin(&journal, Arc::clone(&scenario), header(&world, &scenario, folder.path())).await.unwrap();
    let approved = |by: &str| Event::Approved { step: "go".into(), by: by.into(), comment: String::new() };
    let forged = Event::Undone { step: "folder".into(), attempt: 1, seen: Vec::new() };
    let asked = |event: &Event| matches!(event, Event::Asked { .. });
    let letters = Letters::new(asked, vec![forged, approved("bob"), approved("ann"), approved("ann")]);
    let driven = drive(Arc::new(world.clone()), letters.as_ref(), &journal, saga, letters.clone());
    let (saga, verdict) = driven.await.unwrap();
    assert_eq!(verdict, Verdict::Passed);
    let answers = letters.answers.lock().unwrap().clone();
    let heard: Vec<bool> = answers.iter().map(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!(heard[..3], [false, false, true], "{answers:?}");
    assert!(heard[3..].iter().all(|heard| !heard), "nobody approves twice: {answers:?}");
    assert_eq!(saga.state("go").unwrap().outputs.as_ref().unwrap()["by"], "ann");
    assert!(!journal.lines().join("\n").contains("bob"));
    assert_eq!(world.left(), [""; 0]);
}

#[tokio::test]
async fn a_cancel_now_interrupts_and_undoes() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let hangs = "    - { id: hangs, uses: command, timeout: 10h, with: { run: [hang] } }\n";
    let scenario = scenario(&format!("{FOLDER}{hangs}"));
    let journal = MemoryJournal::new();
    let saga = begin(&journal, Arc::clone(&scenario), header(&world, &scenario, folder.path())).await.unwrap();
    let hanging = |event: &Event| matches!(event, Event::Started { step, .. } if step == "hangs");
    let cancel = Event::CancelRequested { mode: CancelMode::Now, by: "ann".into(), undo: None };
    let letters = Letters::new(hanging, vec![cancel]);
    let driven = drive(Arc::new(world.clone()), letters.as_ref(), &journal, saga, letters.clone());
    let (_, verdict) = driven.await.unwrap();
    assert_eq!(verdict, Verdict::Cancelled { by: "ann".into() });
    assert_eq!(world.left(), [""; 0]);
}
