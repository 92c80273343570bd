//! The shipped quickstart, start to end.

use std::sync::Arc;

use base64::Engine;
use engine::drill::{NobodyWrites, Unobserved, begin, drive};
use scenario::{Header, RunKind, Saga, Scenario, Verdict};
use testkit::MemoryJournal;

use crate::world::{SECRET, World};

pub(crate) fn shipped(name: &str) -> Arc<Scenario> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios").join(name);
    load(&std::fs::read_to_string(path).unwrap())
}

pub(crate) fn load(text: &str) -> Arc<Scenario> {
    Arc::new(scenario::load(text).unwrap_or_else(|problems| panic!("{problems}")))
}

pub(crate) fn header(world: &World, scenario: &Scenario, folder: &std::path::Path) -> Header {
    Header {
        journal: Header::version(),
        drill: "d1".to_owned(),
        scenario: scenario.name.clone(),
        scenario_digest: scenario.digest.clone(),
        kind: RunKind::Drill,
        inputs: scenario.inputs(&Default::default()).unwrap(),
        folder: folder.to_string_lossy().into_owned(),
        landfall: "landfall".to_owned(),
        opened: world.now(),
    }
}

pub(crate) async fn to_the_end(world: &World, journal: &MemoryJournal, saga: Saga) -> (Saga, Verdict) {
    let driven = drive(Arc::new(world.clone()), &NobodyWrites, journal, saga, Arc::new(Unobserved)).await;
    driven.unwrap_or_else(|error| panic!("{}", model::chain(&error)))
}

pub(crate) fn assert_passed(saga: &Saga, verdict: &Verdict, world: &World, when: &str) {
    let failures: Vec<String> = saga
        .steps()
        .filter_map(|(step, state)| match &state.outcome {
            Some(scenario::StepOutcome::Failed(failure)) => Some(format!("{}: {}", step.id, failure.message)),
            _ => None,
        })
        .collect();
    assert_eq!(*verdict, Verdict::Passed, "{when}: {failures:#?}");
    assert_eq!(world.left(), [""; 0], "{when}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quickstart_passes_and_leaves_nothing() {
    let (world, scenario) = (World::new(), shipped("quickstart.yaml"));
    let (journal, folder) = (MemoryJournal::new(), tempfile::tempdir().unwrap());
    let header = header(&world, &scenario, folder.path());
    let saga = begin(&journal, scenario, header).await.unwrap();
    let (saga, verdict) = to_the_end(&world, &journal, saga).await;
    assert_passed(&saga, &verdict, &world, "at once");
    assert_eq!(world.applied(), 2);
    let outputs = |step: &str| saga.state(step).unwrap().outputs.clone().unwrap();
    let restore = outputs("restore");
    assert!(restore["created"].as_u64().unwrap() > 20, "{restore:#?}");
    assert_eq!((&restore["failed"], &restore["blocked"]), (&0.into(), &0.into()));
    let conversions = restore["conversions"].as_array().unwrap();
    assert!(conversions.iter().any(|c| c["kind"] == "FlowSchema"), "{conversions:#?}");
    assert!(!restore["rewrites"].as_array().unwrap().is_empty());
    let text = journal.lines().join("\n");
    let value = base64::engine::general_purpose::STANDARD.encode(SECRET);
    for secret in [value.as_str(), &hex::encode(SECRET), "hunter2", "not-a-real-password"] {
        assert!(!text.contains(secret), "a secret is in the journal");
    }
}
