use scenario::{Event, Outputs, RunKind};

use super::*;

const SCENARIO: &str = "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\nmetadata: { name: Some-Very-Long-Name-Of-A-Scenario }\nspec:\n  steps:\n    - { id: look, uses: verify.tcp, with: { host: localhost, port: 1, cluster: { step: x, name: x, reach: { by: kubeconfig } } } }\n";

fn a_run(runs: &Runs) -> RunFolder {
    let text = SCENARIO.replace("Some-Very-Long-Name-Of-A-Scenario", "some-very-long-name-of-a-scenario");
    let scenario = scenario::load(&text).unwrap();
    let opened: Timestamp = "2024-02-03T04:05:06Z".parse().unwrap();
    let about = About::new(PathBuf::from("/project"), PathBuf::from("x.yaml"));
    runs.create(&scenario, &about, opened, |run| Header {
        journal: Header::version(),
        drill: run.id.clone(),
        scenario: scenario.name.clone(),
        scenario_digest: scenario.digest.clone(),
        kind: RunKind::Drill,
        inputs: Outputs::new(),
        folder: run.path.display().to_string(),
        landfall: "landfall".to_owned(),
        opened,
    })
    .unwrap()
}

#[test]
fn a_run_is_found_again_and_ids_do_not_collide() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::of(state.path());
    assert!(runs.list().unwrap().is_empty());
    let first = a_run(&runs);
    let second = a_run(&runs);
    assert_eq!(first.id, "some-very-long-na-240203-040506");
    assert_eq!(second.id, "some-very-long-na-240203-040506-2");
    assert!(second.id.len() <= MAX_ID);
    let ids: Vec<String> = runs.list().unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(ids, [first.id.clone(), second.id]);
    let recorded = runs.find(&first.id).unwrap().unwrap().recorded().unwrap();
    assert!(recorded.journal.records.is_empty());
    assert!(recorded.saga.verdict().is_none());
}

#[test]
fn an_id_is_never_a_path() {
    let state = tempfile::tempdir().unwrap();
    let runs = Runs::of(state.path());
    a_run(&runs);
    for id in ["..", ".", "", "a/b", "A", "-x", "../drills", &"a".repeat(34)] {
        assert!(runs.find(id).unwrap().is_none(), "{id}");
    }
}

#[tokio::test]
async fn one_writer_at_a_time_and_a_torn_line_is_cut() {
    use ports::Journal as _;

    let state = tempfile::tempdir().unwrap();
    let run = a_run(&Runs::of(state.path()));
    let recorded = run.recorded().unwrap();
    let record = recorded.saga.next_record(recorded.journal.header.opened, Event::UndoBegan);
    {
        let journal = FileJournal::open(&run.journal_path(), false).await.unwrap();
        assert!(run.is_driven());
        let error = FileJournal::open(&run.journal_path(), false).await.unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        journal.append(&record.to_line().unwrap()).await.unwrap();
    }
    assert!(!run.is_driven());
    let mut bytes = std::fs::read(run.journal_path()).unwrap();
    let whole = bytes.len();
    bytes.extend_from_slice(b"{\"number\":2,\"at\"");
    std::fs::write(run.journal_path(), &bytes).unwrap();
    let journal = FileJournal::open(&run.journal_path(), false).await.unwrap();
    assert_eq!(journal.read().await.unwrap().len(), whole);
    assert_eq!(run.journal().unwrap().records.len(), 1);
}

#[test]
fn letters_come_in_order_and_rubbish_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox { folder: folder.path().join("mailbox") };
    let at = |second| Timestamp::from_second(second).unwrap();
    let by = |by: &str| Event::UndoRequested { by: by.to_owned() };
    mailbox.post(at(20), by("later")).unwrap();
    mailbox.post(at(3), by("earlier")).unwrap();
    std::fs::write(mailbox.folder.join("0.json"), "{").unwrap();
    let events: Vec<Event> = mailbox.read().into_iter().map(|(_, letter)| letter.event).collect();
    assert_eq!(events, [by("earlier"), by("later")]);
    assert!(mailbox.folder.join("0.unreadable").exists());
    assert_eq!(mailbox.read().len(), 2);
}
