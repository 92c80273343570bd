use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::format::{Failure, FailureKind};
use crate::load;
use crate::period::Period;

/// A run under a test's control: time passes and things end when the test says so.
struct Run {
    saga: Saga,
    now: Timestamp,
}

fn scenario(spec: &str, steps: &str) -> Arc<Scenario> {
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!(
        "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: {{ name: t }}\nspec:\n{spec}  steps:\n{steps}"
    );
    Arc::new(load(&text).unwrap_or_else(|problems| panic!("{problems}")))
}

const TWO: &str = "- { id: a, uses: terraform.apply, with: { stack: a }, timeout: 10m, retries: { times: 1, backoff: 30s } }\n\
                   - { id: v, uses: verify.tcp, with: { host: h, port: 1 }, needs: [a] }";

impl Run {
    fn new(spec: &str, steps: &str, kind: RunKind) -> Self {
        let scenario = scenario(spec, steps);
        let now = Timestamp::from_second(1_000_000).unwrap();
        let header = Header {
            journal: Header::version(),
            drill: "t-1".into(),
            scenario: scenario.name.clone(),
            scenario_digest: scenario.digest.clone(),
            kind,
            inputs: Outputs::new(),
            folder: "/runs/t-1".into(),
            landfall: "landfall".into(),
            opened: now,
        };
        Self { saga: Saga::open(scenario, header).unwrap(), now }
    }

    fn tell(&mut self, event: Event) {
        self.try_tell(event).unwrap();
    }

    fn try_tell(&mut self, event: Event) -> Result<(), IllegalEvent> {
        let record = self.saga.next_record(self.now, event);
        self.saga.record(&record)
    }

    /// Takes note of records and starts, as a driver does; gives what is left to do.
    fn drive(&mut self) -> Vec<Command> {
        loop {
            let commands = self.saga.next(self.now);
            let mut again = false;
            for command in &commands {
                let event = match command {
                    Command::Record(event) => event.clone(),
                    Command::Run { step, attempt, .. } => Event::Started { step: step.clone(), attempt: *attempt },
                    Command::Undo { step, attempt, .. } => Event::UndoStarted { step: step.clone(), attempt: *attempt },
                    Command::Interrupt { .. } | Command::Wait { .. } | Command::Done(_) => continue,
                };
                self.tell(event);
                again = true;
            }
            if !again {
                return commands;
            }
        }
    }

    fn pass(&mut self, period: Period) {
        self.now = self.now.checked_add(period.0).unwrap();
    }

    fn succeed(&mut self, step: &str, attempt: u32) {
        self.tell(Event::Succeeded { step: step.into(), attempt, outputs: Outputs::new() });
    }

    fn fail(&mut self, step: &str, attempt: u32, kind: FailureKind) {
        self.tell(Event::Failed { step: step.into(), attempt, failure: Failure::new(kind, "broken") });
    }

    /// Undoes everything that is asked for, and gives the verdict.
    fn undo_all(&mut self) -> (Verdict, Vec<String>) {
        let mut undone = Vec::new();
        loop {
            match self.drive().first() {
                Some(Command::Done(verdict)) => return (verdict.clone(), undone),
                Some(Command::Wait { waiting, .. }) => {
                    let Some(Waiting::Step { step, undo: true }) = waiting.first().cloned() else {
                        panic!("waits for {waiting:?}")
                    };
                    undone.push(step.clone());
                    self.tell(Event::Undone { step, attempt: 1, seen: Vec::new() });
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn cancel(mode: CancelMode, undo: Option<bool>) -> Event {
    Event::CancelRequested { mode, by: "ann".into(), undo }
}

#[test]
fn what_started_is_undone_in_reverse_order() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    run.drive();
    run.succeed("a", 1);
    run.drive();
    run.succeed("v", 1);
    let (verdict, undone) = run.undo_all();
    assert_eq!(verdict, Verdict::Passed);
    assert_eq!(undone, ["v", "a"]);
}

#[test]
fn a_retry_waits_for_its_backoff_and_a_denial_is_not_retried() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    run.drive();
    run.fail("a", 1, FailureKind::Unavailable);
    let at = run.now.checked_add(Period::seconds(30).0).unwrap();
    assert_eq!(run.saga.wake_at(run.now), Some(at));
    run.pass(Period::seconds(30));
    assert!(matches!(&run.saga.next(run.now)[0], Command::Run { attempt: 2, .. }));
    run.drive();
    run.fail("a", 2, FailureKind::Denied);
    let (verdict, _) = run.undo_all();
    let Verdict::Failed { reasons } = verdict else { panic!("{verdict:?}") };
    assert_eq!(reasons[0], "step a failed: broken");
    assert!(reasons.contains(&"v was not checked: the run was stopped before".to_owned()), "{reasons:?}");
}

#[test]
fn a_step_that_takes_too_long_is_interrupted_until_it_ends() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    assert!(matches!(&run.drive()[0], Command::Wait { until: Some(_), .. }));
    run.pass(Period::minutes(10));
    for _ in 0..2 {
        let because = InterruptReason::TimedOut;
        assert_eq!(run.saga.next(run.now)[0], Command::Interrupt { step: "a".into(), attempt: 1, because });
    }
    run.fail("a", 1, FailureKind::TimedOut);
    assert!(matches!(&run.saga.next(run.now)[0], Command::Wait { until: Some(_), .. }));
}

#[test]
fn guards_stop_a_drill_and_never_a_recovery() {
    for (guards, reason) in [("budget: 5m", "budget of 5m"), ("ttl: 5m", "time to live of 5m")] {
        let spec = format!("  guards: {{ {guards} }}\n");
        let mut run = Run::new(&spec, TWO, RunKind::Drill);
        run.drive();
        run.pass(Period::minutes(5));
        let commands = run.drive();
        let interrupted = matches!(&commands[0], Command::Interrupt { because: InterruptReason::Guard, .. });
        assert!(interrupted, "{commands:?}");
        run.fail("a", 1, FailureKind::Interrupted);
        let (verdict, undone) = run.undo_all();
        assert!(matches!(&verdict, Verdict::Failed { reasons } if reasons[0].contains(reason)), "{verdict:?}");
        assert_eq!(undone, ["a"]);
        let mut run = Run::new(&spec, TWO, RunKind::Recovery);
        run.drive();
        run.pass(Period::minutes(6));
        assert!(matches!(run.drive().as_slice(), [Command::Wait { .. }]));
    }
}

#[test]
fn a_stop_condition_stops_the_run_when_it_becomes_true() {
    let spec = "  guards: { stopOn: [\"${a.deleted} > 0\"] }\n";
    for (deleted, stops) in [(0, false), (1, true)] {
        let mut run = Run::new(spec, TWO, RunKind::Drill);
        run.drive();
        let outputs = Outputs::from([("deleted".to_owned(), deleted.into())]);
        run.tell(Event::Succeeded { step: "a".into(), attempt: 1, outputs });
        run.drive();
        assert_eq!(matches!(run.saga.phase(), Phase::Undoing { .. }), stops);
    }
}

#[test]
fn cancelling_lets_finish_or_interrupts_and_undoes_unless_told_to_keep() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    run.drive();
    run.tell(cancel(CancelMode::Finish, None));
    assert!(matches!(run.drive().as_slice(), [Command::Wait { .. }]), "what is in flight may finish");
    run.tell(cancel(CancelMode::Now, None));
    assert!(matches!(&run.drive()[0], Command::Interrupt { because: InterruptReason::Cancelled, .. }));
    run.fail("a", 1, FailureKind::Interrupted);
    assert_eq!(run.undo_all(), (Verdict::Cancelled { by: "ann".into() }, vec!["a".to_owned()]));

    let mut run = Run::new("", TWO, RunKind::Drill);
    run.drive();
    run.tell(cancel(CancelMode::Now, Some(false)));
    run.fail("a", 1, FailureKind::Interrupted);
    assert_eq!(run.drive(), [Command::Done(Verdict::Cancelled { by: "ann".into() })]);
    assert_eq!(run.saga.still_there().len(), 1);
    // Later a sweep has it destroyed after all.
    run.tell(Event::UndoRequested { by: "sweep".into() });
    assert_eq!(run.undo_all().1, ["a"]);
}

#[test]
fn a_person_retries_or_skips_a_failed_step_of_a_recovery() {
    let mut run = Run::new("", TWO, RunKind::Recovery);
    run.drive();
    run.fail("a", 1, FailureKind::Denied);
    let commands = run.drive();
    let [Command::Wait { waiting, .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert!(matches!(&waiting[0], Waiting::Decision { step, .. } if step == "a"));
    run.tell(Event::RetryRequested { step: "a".into(), by: "ann".into() });
    run.drive();
    run.succeed("a", 2);
    run.drive();
    run.fail("v", 1, FailureKind::NotVerified);
    run.tell(Event::SkipRequested { step: "v".into(), by: "ann".into(), comment: "known".into() });
    let commands = run.drive();
    let [Command::Done(Verdict::Failed { reasons })] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(reasons, &["v was not checked: skipped by ann"]);
}

#[test]
fn an_objective_that_is_missed_or_cannot_be_measured_is_a_failure() {
    for (objective, expected) in [
        ("rto: 1m", "the RTO objective of 1m was missed: 2m"),
        ("rpo: 1h", "the RPO objective of 1h could not be measured"),
    ] {
        let mut run = Run::new(&format!("  objectives: {{ {objective} }}\n"), TWO, RunKind::Drill);
        run.drive();
        run.pass(Period::minutes(2));
        run.succeed("a", 1);
        run.drive();
        run.succeed("v", 1);
        let (verdict, _) = run.undo_all();
        assert_eq!(verdict, Verdict::Failed { reasons: vec![expected.to_owned()] });
    }
}

#[test]
fn a_lost_step_is_run_again_with_the_same_token_and_attempt() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    let Command::Run { token, .. } = run.saga.next(run.now).remove(0) else { panic!() };
    run.drive();
    run.tell(Event::Resumed);
    let Command::Run { token: again, attempt, .. } = run.saga.next(run.now).remove(0) else { panic!() };
    assert_eq!((token, attempt), (again, 1));
}

#[test]
fn events_that_cannot_follow_are_refused_and_change_nothing() {
    let mut run = Run::new("", TWO, RunKind::Drill);
    run.drive();
    let before = format!("{:?}", run.saga);
    let (a, v, ghost) = ("a".to_owned(), "v".to_owned(), "ghost".to_owned());
    let outputs = Outputs::new;
    for event in [
        Event::Started { step: a.clone(), attempt: 1 },
        Event::Started { step: ghost, attempt: 1 },
        Event::Succeeded { step: a.clone(), attempt: 2, outputs: outputs() },
        Event::Succeeded { step: v.clone(), attempt: 1, outputs: outputs() },
        Event::Approved { step: v, by: "x".into(), comment: String::new() },
        Event::RetryRequested { step: a.clone(), by: "x".into() },
        Event::UndoStarted { step: a.clone(), attempt: 1 },
        Event::Undone { step: a, attempt: 1, seen: Vec::new() },
        Event::UndoBegan,
        Event::UndoRequested { by: "x".into() },
        Event::Finished { verdict: Verdict::Passed },
    ] {
        run.try_tell(event.clone()).expect_err(&format!("{event:?}"));
        assert_eq!(format!("{:?}", run.saga), before, "{event:?}");
    }
}

#[test]
fn a_journal_of_another_scenario_is_refused() {
    let run = Run::new("", TWO, RunKind::Drill);
    let header = Header { scenario_digest: "other".into(), ..run.saga.header().clone() };
    let scenario = scenario("", TWO);
    assert!(matches!(Saga::open(scenario, header), Err(SagaError::ScenarioChanged { .. })));
}

#[test]
fn a_pause_ends_by_itself_and_an_approval_that_never_comes_fails() {
    let steps = "- { id: p, uses: pause, with: { for: 5m } }\n\
                 - { id: go, uses: approve, with: { message: go? }, timeout: 1h }\n\
                 - { id: v, uses: verify.tcp, with: { host: h, port: 1 } }";
    let mut run = Run::new("", steps, RunKind::Drill);
    run.drive();
    run.pass(Period::minutes(5));
    let commands = run.drive();
    let [Command::Wait { until: Some(until), waiting }] = commands.as_slice() else { panic!("{commands:?}") };
    assert!(matches!(&waiting[0], Waiting::Answer { step, message, .. } if step == "go" && message == "go?"));
    assert_eq!(*until, run.now.checked_add(Period::hours(1).0).unwrap());
    run.pass(Period::hours(1));
    let commands = run.drive();
    let [Command::Done(Verdict::Failed { reasons })] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(reasons[0], "step go failed: nobody answered within 1h");
}

#[test]
fn only_who_was_asked_may_answer() {
    let steps = "- { id: go, uses: approve, with: { message: go?, approvers: [ada, grace] } }\n\
                 - { id: v, uses: verify.tcp, with: { host: h, port: 1 } }";
    let mut run = Run::new("", steps, RunKind::Drill);
    run.drive();
    let answer = |by: &str| Event::Approved { step: "go".into(), by: by.into(), comment: String::new() };
    let refused = run.try_tell(answer("mallory")).unwrap_err();
    assert_eq!(refused.to_string(), "mallory may not answer go; that is for ada, grace");
    let no = Event::Rejected { step: "go".into(), by: "mallory".into(), comment: String::new() };
    run.try_tell(no).unwrap_err();
    run.try_tell(answer("grace")).unwrap();
}
