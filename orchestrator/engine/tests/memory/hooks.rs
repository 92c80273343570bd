//! Hooks of backups where a real container is not needed: what is counted, what is stopped, what is made good again.
//!
//! That commands really run is for the tests of the binary.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use api::velero::BackupSpec;
use engine::Quiet;
use engine::backup::{BackupError, BackupJob, BackupOutcome};
use model::request::{BackupRequest, NameFilter, RestoreRequest};
use ports::cluster::{ExecExit, ExecOutcome};
use ports::{ErrorKind, PortError};
use serde_json::{Map, Value, json};

use testkit::StoreVerb;

use crate::bed::{Bed, empty};

/// A pod with a command before and one after, each of which is one word.
fn pod(name: &str, phase: &str, on_error: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "annotations": {
            "pre.hook.backup.velero.io/command": format!("hold-{name}"),
            "pre.hook.backup.velero.io/on-error": on_error,
            "post.hook.backup.velero.io/command": format!("release-{name}"),
        }},
        "spec": {"containers": [{"name": "main", "image": "shop"}]},
        "status": {"phase": phase},
    })
}

struct Ran {
    outcome: Result<BackupOutcome, BackupError>,
    commands: Vec<String>,
}

/// Backs up with these pods; `answer` is what each command does, and sees the run's folder.
async fn backup(
    bed: &Bed,
    pods: &[Value],
    answer: impl Fn(&str, &PathBuf) -> Result<ExecExit, PortError> + Send + Sync + 'static,
) -> Ran {
    for pod in pods {
        bed.source.seed(pod.clone());
    }
    let folder = tempfile::tempdir().unwrap();
    let commands = Arc::new(Mutex::new(Vec::new()));
    let (said, path) = (Arc::clone(&commands), folder.path().to_owned());
    bed.source.on_exec(move |request| {
        assert_eq!(request.container, "main");
        let word = request.command.concat();
        said.lock().unwrap().push(word.clone());
        answer(&word, &path).map(|exit| ExecOutcome { stdout: String::new(), stderr: String::new(), exit })
    });
    let request = BackupRequest {
        namespaces: NameFilter::parse(&["shop".to_owned()], &[]).unwrap(),
        ..BackupRequest::everything("held")
    };
    let job = BackupJob {
        request: &request,
        spec: &BackupSpec::default(),
        namespace: "velero",
        labels: Map::new(),
        annotations: Map::new(),
        uid: "00000000-0000-4000-8000-000000000003",
        contract: None,
        folder: folder.path(),
        threads: 1,
    };
    let outcome = engine::backup::run(&bed.outside(&bed.source), &job, &Quiet).await;
    let commands = commands.lock().unwrap().clone();
    Ran { outcome, commands }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_what_is_stopped_and_what_has_ended_is_counted_apart() {
    let bed = Bed::new();
    let pods = [
        pod("a", "Running", ""),
        pod("b", "Running", "Continue"),
        pod("c", "Running", "Fail"),
        pod("d", "Succeeded", "Fail"),
        pod("e", "Failed", ""),
    ];
    let ran = backup(&bed, &pods, |word, _| match word {
        "hold-b" | "hold-c" => Ok(ExecExit::Code(1)),
        "release-a" => Err(PortError::unavailable("the connection broke")),
        _ => Ok(ExecExit::Code(0)),
    })
    .await;
    assert_eq!(ran.commands, ["hold-a", "release-a", "hold-b", "release-b", "hold-c"]);
    let outcome = ran.outcome.unwrap();
    // Two of each pod, but none after what stopped c.
    assert_eq!((outcome.hooks_attempted, outcome.hooks_failed), (9, 3), "{:?}", outcome.messages);
    assert_eq!((outcome.phase.as_str(), outcome.errors), ("PartiallyFailed", 4), "c is missing, too");
    let stored = bed.stored("held").await;
    for (name, is_stored) in [("a", true), ("b", true), ("c", false), ("d", true), ("e", true)] {
        assert_eq!(stored.contains(&format!("pods shop/{name}")), is_stored, "{name}: {stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_is_released_although_its_block_cannot_be_stored() {
    let bed = Bed::new();
    let ran = backup(&bed, &[pod("a", "Running", "")], |word, folder| {
        if word == "hold-a" {
            // The disk gives nothing back.
            for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if file.extension().is_some_and(|extension| extension == "spool") {
                    std::fs::File::create(file).unwrap();
                }
            }
        }
        Ok(ExecExit::Code(0))
    })
    .await;
    assert!(ran.outcome.is_err(), "{:?}", ran.outcome);
    assert_eq!(ran.commands, ["hold-a", "release-a"]);
    assert_eq!(bed.visible().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_of_an_interrupted_restore_run_when_it_is_carried_on_and_not_again() {
    let bed = Bed::new();
    bed.source.seed(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "db", "namespace": "shop", "annotations": {
            "post.hook.restore.velero.io/command": "load",
            "post.hook.restore.velero.io/wait-timeout": "10s",
        }},
        "spec": {"containers": [{"name": "main", "image": "shop"}]},
        // Nobody runs pods here: that its container is up comes from the backup.
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "main", "ready": true, "state": {"running": {}}}]},
    }));
    bed.backup("b").await.unwrap();
    let target = empty();
    let ran = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&ran);
    target.on_exec(move |request| {
        assert_eq!((request.pod.as_str(), request.command.concat().as_str()), ("db", "load"));
        *counted.lock().unwrap() += 1;
        Ok(ExecOutcome { stdout: String::new(), stderr: String::new(), exit: ExecExit::Code(0) })
    });
    let request = RestoreRequest {
        status_of: Some(NameFilter::parse(&["pods".to_owned()], &[]).unwrap()),
        ..RestoreRequest::everything("r", "b")
    };
    // What a run that was killed looks like afterwards: everything is there but its record.
    bed.store.refuse(StoreVerb::Put, "-landfall-restore.json", ErrorKind::Denied, 1);
    for (expected, hooks) in [(1, 1), (2, 1), (2, 0)] {
        let outcome = bed.restore_of(&target, &request).await.unwrap();
        assert_eq!((outcome.hooks_attempted, outcome.hooks_failed), (hooks, 0), "{:?}", outcome.exceptions);
        assert_eq!(*ran.lock().unwrap(), expected);
    }
}
