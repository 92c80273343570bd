//! The saga's properties, for every shipped scenario and for random ones.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::load;
use crate::saga::{Phase, Status};

fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// Every scenario shipped with the product.
fn shipped() -> Vec<(String, Arc<Scenario>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let scenario = load(&text).unwrap_or_else(|problems| panic!("{name}: {problems}"));
            assert_eq!(scenario.name, name, "a scenario is named like its file");
            (name, Arc::new(scenario))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn options(kind: RunKind) -> Options {
    Options::new(kind, start())
}

/// A finished run keeps its promises: an allowed verdict, and nothing left but what the journal says is left.
fn assert_settled(simulation: &Simulation, verdict: &Verdict, what: &str) {
    let saga = simulation.saga().unwrap();
    assert_eq!(saga.verdict(), Some(verdict), "{what}");
    let destroyed = match saga.phase() {
        Phase::Finished { because, .. } => {
            saga.kind() == RunKind::Drill || matches!(because, format::StopReason::TimeToLive { .. })
        }
        other => panic!("{what}: ended in {other:?}"),
    };
    let left = simulation.left();
    match verdict {
        Verdict::Stuck { left: said, .. } => assert!(!said.is_empty(), "{what}: stuck, but with what?"),
        _ if destroyed => assert!(left.is_empty(), "{what}: {verdict:?} left {left:?}"),
        _ => assert!(left.is_empty() || !saga.still_there().is_empty(), "{what}: unknown leftovers {left:?}"),
    }
    for (step, state) in saga.steps() {
        let open =
            matches!(state.status, Status::Pending | Status::Asked | Status::Running { .. } | Status::Undoing { .. });
        assert!(!open, "{what}: {} ended as {:?}", step.id, state.status);
    }
}

/// Carries a run on to its end.
fn finish(simulation: &mut Simulation, what: &str) -> Verdict {
    match simulation.run(None).unwrap_or_else(|error| panic!("{what}: {}", model::chain(&error))) {
        End::Finished(verdict) => verdict,
        End::Killed => panic!("{what}: killed"),
    }
}

fn run(scenario: &Arc<Scenario>, options: Options, what: &str) -> (Verdict, Simulation) {
    let mut simulation = Simulation::new(Arc::clone(scenario), options).unwrap();
    let verdict = finish(&mut simulation, what);
    assert_settled(&simulation, &verdict, what);
    (verdict, simulation)
}

/// Kills the run after every record, with and without the effect that the record announces, and carries on.
fn kill_everywhere(scenario: &Arc<Scenario>, options: &Options, what: &str) {
    let (verdict, whole) = run(scenario, options.clone(), what);
    let records = whole.read().unwrap().records.len();
    for after in 1..=records {
        for effect in [false, true] {
            let what = format!("{what}, killed after record {after}, effect {effect}");
            let mut simulation = Simulation::new(Arc::clone(scenario), options.clone()).unwrap();
            let end = simulation.run(Some(Kill { after, effect })).unwrap();
            if matches!(end, End::Finished(_)) {
                continue;
            }
            let resumed = finish(&mut simulation, &what);
            assert_settled(&simulation, &resumed, &what);
            if options.faults.is_empty() {
                assert_eq!(resumed, verdict, "{what}");
            }
            // Reading the journal again gives the same saga.
            let again = simulation.saga().unwrap();
            assert_eq!(again.verdict(), Some(&resumed));
        }
    }
}

#[test]
fn every_shipped_scenario_passes_as_a_drill_and_as_a_recovery() {
    let shipped = shipped();
    assert!(shipped.len() >= 5, "scenarios are missing");
    for (name, scenario) in shipped {
        for kind in [RunKind::Drill, RunKind::Recovery] {
            let (verdict, simulation) = run(&scenario, options(kind), &format!("{name} as {kind}"));
            assert_eq!(verdict, Verdict::Passed, "{name} as {kind}");
            if kind == RunKind::Drill {
                assert!(simulation.left().is_empty());
            }
        }
    }
}

#[test]
fn doing_everything_twice_is_like_doing_it_once() {
    for (name, scenario) in shipped() {
        let (_, once) = run(&scenario, options(RunKind::Drill), &name);
        let (verdict, twice) = run(&scenario, Options { repeat: true, ..options(RunKind::Drill) }, &name);
        assert_eq!(verdict, Verdict::Passed, "{name}");
        assert_eq!(once.world, twice.world, "{name}");
    }
}

#[test]
fn a_failure_at_any_step_ends_in_failed_with_nothing_left() {
    for (name, scenario) in shipped() {
        for step in &scenario.steps {
            for at in [FaultAt::Run, FaultAt::RunAfterEffect, FaultAt::Hang] {
                if !step.is_for(RunKind::Drill) || step.uses.asks() {
                    continue;
                }
                let what = format!("{name}, {at:?} of {}", step.id);
                let faults = vec![Fault { step: step.id.clone(), at, times: u32::MAX }];
                let (verdict, _) = run(&scenario, Options { faults, ..options(RunKind::Drill) }, &what);
                let Verdict::Failed { reasons } = verdict else { panic!("{what}: {verdict:?}") };
                assert!(reasons.iter().any(|reason| reason.contains(&step.id)), "{what}: {reasons:?}");
            }
        }
    }
}

#[test]
fn a_failed_undo_ends_in_stuck_and_names_what_is_left() {
    for (name, scenario) in shipped() {
        for step in scenario.steps.iter().filter(|step| step.is_for(RunKind::Drill) && !step.uses.asks()) {
            for (at, times) in [(FaultAt::Undo, u32::MAX), (FaultAt::UndoAfterEffect, u32::MAX), (FaultAt::Undo, 2)] {
                let what = format!("{name}, {at:?} of {} {times} times", step.id);
                let faults = vec![Fault { step: step.id.clone(), at, times }];
                let (verdict, mut simulation) = run(&scenario, Options { faults, ..options(RunKind::Drill) }, &what);
                if times == 2 {
                    assert_eq!(verdict, Verdict::Passed, "{what}: undoing is tried three times");
                    continue;
                }
                let Verdict::Stuck { step: stuck, left, .. } = verdict else { panic!("{what}: {verdict:?}") };
                assert_eq!(stuck, step.id, "{what}");
                assert!(left.iter().any(|line| line.contains(&step.id)), "{what}: {left:?}");
                // Once the cause is mended, a person has it undone again, and then nothing is left.
                simulation.faults.clear();
                let mut saga = simulation.saga().unwrap();
                let record = saga.next_record(simulation.now, Event::UndoRequested { by: "sweep".into() });
                saga.record(&record).unwrap();
                simulation.journal.push_str(&record.to_line().unwrap());
                let verdict = finish(&mut simulation, &what);
                assert_eq!(verdict, Verdict::Passed, "{what}");
                assert_settled(&simulation, &verdict, &what);
            }
        }
    }
}

#[test]
fn a_run_killed_after_any_record_carries_on_to_the_same_verdict() {
    for (name, scenario) in shipped() {
        for kind in [RunKind::Drill, RunKind::Recovery] {
            kill_everywhere(&scenario, &options(kind), &format!("{name} as {kind}"));
        }
    }
}

#[test]
fn a_failing_run_killed_after_any_record_still_undoes_everything() {
    for (name, scenario) in shipped() {
        let last = scenario.steps.iter().rfind(|step| step.is_for(RunKind::Drill) && !step.uses.asks()).unwrap();
        for at in [FaultAt::Run, FaultAt::UndoAfterEffect] {
            let faults = vec![Fault { step: last.id.clone(), at, times: u32::MAX }];
            kill_everywhere(&scenario, &Options { faults, ..options(RunKind::Drill) }, &format!("{name}, {at:?}"));
        }
    }
}

#[test]
fn a_journal_cut_inside_its_last_line_carries_on() {
    let (_, scenario) = shipped().remove(0);
    let (_, whole) = run(&scenario, options(RunKind::Drill), "whole");
    let records = whole.read().unwrap().records.len();
    for after in 1..records {
        let mut simulation = Simulation::new(Arc::clone(&scenario), options(RunKind::Drill)).unwrap();
        simulation.run(Some(Kill { after, effect: false })).unwrap();
        simulation.journal.truncate(simulation.journal.len() - 7);
        let verdict = finish(&mut simulation, "cut");
        assert_settled(&simulation, &verdict, "cut");
        assert_eq!(verdict, Verdict::Passed);
    }
}

#[test]
fn people_who_reject_or_never_answer_never_make_a_pass() {
    for (name, scenario) in shipped() {
        let asks = scenario.steps.iter().any(|step| step.uses == Uses::Approve && step.is_for(RunKind::Recovery));
        for people in [People::Refusing, People::Absent] {
            let (verdict, _) = run(&scenario, Options { people, ..options(RunKind::Recovery) }, &name);
            assert_eq!(verdict == Verdict::Passed, !asks, "{name}: {verdict:?}");
        }
    }
}

#[test]
fn a_patient_person_brings_a_recovery_through_passing_trouble() {
    for (name, scenario) in shipped() {
        for step in scenario.steps.iter().filter(|step| !step.uses.asks() && step.is_for(RunKind::Recovery)) {
            let faults = vec![Fault { step: step.id.clone(), at: FaultAt::RunAfterEffect, times: 2 }];
            let options = Options { people: People::Patient, faults, ..options(RunKind::Recovery) };
            let (verdict, _) = run(&scenario, options, &format!("{name}, {}", step.id));
            // Waiting for people takes time, so an objective may be missed; nothing else may be wrong.
            match verdict {
                Verdict::Passed => {}
                Verdict::Failed { reasons } => {
                    assert!(reasons.iter().all(|reason| reason.contains("objective")), "{name}: {reasons:?}");
                }
                other => panic!("{name}, {}: {other:?}", step.id),
            }
        }
    }
}

#[test]
fn skipping_a_verification_by_hand_is_not_a_pass() {
    for (name, scenario) in shipped() {
        for step in scenario.steps.iter().filter(|step| step.traits.verifies && step.is_for(RunKind::Recovery)) {
            let faults = vec![Fault { step: step.id.clone(), at: FaultAt::Run, times: u32::MAX }];
            let (verdict, _) = run(&scenario, Options { faults, ..options(RunKind::Recovery) }, &name);
            assert!(matches!(verdict, Verdict::Failed { .. }), "{name}, {}: {verdict:?}", step.id);
        }
    }
}

/// A random scenario: each step may need earlier ones, fail, be retried, be conditional.
fn random() -> impl Strategy<Value = String> {
    let step = (0u8..8, prop::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>(), 0u32..3, 0u8..6);
    prop::collection::vec(step, 1..12).prop_map(|steps| {
        let mut text = String::from(
            "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: { name: random }\nspec:\n  steps:\n\
             \x20   - { id: base, uses: terraform.apply, with: { stack: s } }\n\
             \x20   - { id: cluster, uses: cluster.connect, with: { contract: \"${base.contract}\" } }\n\
             \x20   - { id: first, uses: cluster.apply, with: { manifests: m } }\n",
        );
        for (index, (kind, needs, parallel, retries, when)) in steps.iter().enumerate() {
            let earlier: Vec<String> = needs.iter().filter(|_| index > 0).map(|pick| format!("s{}", pick.index(index))).collect();
            let (uses, with) = match kind {
                0 => ("terraform.apply", format!("{{ stack: s{index} }}")),
                1 => ("cluster.apply", format!("{{ manifests: m{index}, namespace: n{index} }}")),
                2 => ("backup.run", "{ location: here }".to_owned()),
                3 => ("command", "{ run: [x], undo: [y] }".to_owned()),
                4 => ("pause", "{ for: 1m }".to_owned()),
                5 => ("approve", "{ message: go? }".to_owned()),
                6 => ("cluster.wait", "{ nodes: 1 }".to_owned()),
                _ => ("verify.ready", "{}".to_owned()),
            };
            let when = match when {
                0 => "drill",
                1 => "recovery",
                2 => "${first.created} > 3",
                3 => "${first.created} > 300",
                _ => "always",
            };
            text += &format!(
                "    - {{ id: s{index}, uses: {uses}, with: {with}, needs: [{}], parallel: {parallel}, when: \"{when}\", \
                 retries: {{ times: {retries}, backoff: 1s }} }}\n",
                earlier.join(", ")
            );
        }
        text + "    - { id: check, uses: verify.ready }\n"
    })
}

fn faults() -> impl Strategy<Value = Vec<(usize, u8, u32)>> {
    prop::collection::vec((0usize..15, 0u8..5, prop_oneof![Just(1), Just(2), Just(u32::MAX)]), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_scenarios_end_well_whatever_fails_and_whenever_they_are_killed(
        text in random(),
        faults in faults(),
        people in prop_oneof![Just(People::Helpful), Just(People::Refusing), Just(People::Absent)],
        recovery in any::<bool>(),
        kills in prop::collection::vec((1usize..40, any::<bool>()), 0..4),
    ) {
        let scenario = Arc::new(load(&text).unwrap_or_else(|problems| panic!("{problems}\n{text}")));
        let kind = if recovery { RunKind::Recovery } else { RunKind::Drill };
        let faults = faults
            .into_iter()
            .map(|(step, at, times)| Fault {
                step: scenario.steps[step % scenario.steps.len()].id.clone(),
                at: [FaultAt::Run, FaultAt::RunAfterEffect, FaultAt::Hang, FaultAt::Undo, FaultAt::UndoAfterEffect][at as usize],
                times,
            })
            .collect();
        let options = Options { faults, people, ..options(kind) };
        let mut simulation = Simulation::new(Arc::clone(&scenario), options).unwrap();
        for (after, effect) in kills {
            let end = simulation.run(Some(Kill { after, effect })).unwrap_or_else(|error| panic!("{}\n{text}", model::chain(&error)));
            if matches!(end, End::Finished(_)) {
                break;
            }
        }
        let verdict = finish(&mut simulation, &text);
        assert_settled(&simulation, &verdict, &text);
    }
}

#[test]
fn a_step_that_hangs_is_ended_by_its_timeout() {
    let text = "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: { name: hang }\nspec:\n  steps:\n\
        \x20   - { id: base, uses: terraform.apply, with: { stack: s } }\n\
        \x20   - { id: other, uses: terraform.apply, with: { stack: s0 } }\n\
        \x20   - { id: check, uses: verify.tcp, with: { host: h, port: 1 } }\n";
    let scenario = Arc::new(load(text).unwrap());
    let faults = vec![Fault { step: "other".into(), at: FaultAt::Hang, times: 1 }];
    let (verdict, simulation) = run(&scenario, Options { faults, ..options(RunKind::Drill) }, "hang");
    assert_eq!(
        verdict,
        Verdict::Failed { reasons: vec!["step other failed: took too long".into()] },
        "{}",
        simulation.journal
    );
}

/// What the quickstart's manifests point at must be in the source's contract, or nothing could rewrite it.
#[test]
fn the_shop_points_only_at_what_the_quickstart_declares() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let scenario = fs::read_to_string(folder.join("quickstart.yaml")).unwrap();
    let mut text = String::new();
    for entry in fs::read_dir(folder.join("quickstart/shop")).unwrap() {
        let manifest = fs::read_to_string(entry.unwrap().path()).unwrap();
        let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(&manifest).unwrap();
        assert!(objects.iter().all(|object| object["kind"].is_string() && object["metadata"]["name"].is_string()));
        text += &manifest;
    }
    for removed in [
        "batch/v1beta1",
        "policy/v1beta1",
        "autoscaling/v2beta2",
        "flowcontrol.apiserver.k8s.io/v1beta2",
        "kind: PodSecurityPolicy",
        "kind: CustomResourceDefinition",
    ] {
        assert!(text.contains(removed), "{removed}");
    }
    let mut found = 0;
    let words = text.split(|c: char| c.is_whitespace() || ",\"'/".contains(c) && c != '/');
    for word in words.map(|word| word.trim_matches(|c| "{}[]".contains(c))) {
        let named = ["subnet-", "sg-", "arn:aws:iam:", "arn:aws:kms:", "arn:aws:acm:"]
            .iter()
            .any(|start| word.starts_with(start));
        if named && word.len() > 12 {
            found += 1;
            assert!(scenario.contains(word), "{word} is not in the quickstart's contract");
        }
    }
    assert!(found >= 8, "only {found} references were found");
}

#[test]
fn a_stack_is_found_again_by_its_backend() {
    let (_, scenario) = shipped().into_iter().find(|(name, _)| name == "eks-region-rebuild").unwrap();
    let inputs = Outputs::from_iter([("stateBucket".to_owned(), "our-states".into())]);
    let mut given = options(RunKind::Recovery);
    given.inputs = scenario.inputs(&inputs).unwrap();
    let (_, simulation) = run(&scenario, given, "recovery");
    let saga = simulation.saga().unwrap();
    let built = saga.steps().find(|(step, _)| step.id == "infrastructure").unwrap().1;
    let handle = built.outputs.as_ref().unwrap().get("handle").unwrap();
    assert_eq!(handle["backend"]["bucket"], "our-states");
    assert!(handle["backend"]["key"].as_str().unwrap().starts_with("landfall/"), "{handle}");
    assert!(handle.get("state").is_none(), "{handle}");
    let left = simulation.left().into_iter().collect::<String>();
    assert!(left.contains("our-states"), "the recovery keeps it: {left}");
}
