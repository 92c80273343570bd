//! The owner is killed at every point of `up`; nothing may stay after `down`, and `up` must work again.

use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::{SandboxName, Silent, State, UpRequest, down, status};
use testkit::Moments;

use crate::support::{Bench, Owner, get};

#[tokio::test]
async fn an_owner_killed_after_any_event_leaves_nothing() {
    let bench = Bench::new();
    warm(&bench).await;
    // Every event in a soak; every third otherwise.
    let stride = if Moments::of("sandbox events").is_soak() { 1 } else { 3 };
    let mut killed = 0;
    for after in (0..).step_by(stride) {
        let mut owner = Owner::start(&bench, "a", 0);
        let reached_the_end = !owner.hear(after);
        owner.kill();
        killed += 1;
        check_nothing_is_left(&bench, &format!("killed after event {after}")).await;
        if reached_the_end {
            break;
        }
    }
    assert!(killed * stride > 5, "only {killed} kills, after every {stride}. event");
    works_again(&bench, 0).await;
}

#[tokio::test]
async fn an_owner_killed_at_any_time_leaves_nothing() {
    let bench = Bench::new();
    warm(&bench).await;
    let began = Instant::now();
    let mut owner = Owner::start(&bench, "a", 1);
    while owner.hear(0) {}
    owner.kill();
    let whole = began.elapsed();
    check_nothing_is_left(&bench, "measured").await;
    // Fractions of a whole run, so that a slower machine is killed at the same points.
    for point in Moments::of("sandbox owner").fractions(4, 20) {
        let mut owner = Owner::start(&bench, "a", 1);
        std::thread::sleep(whole.mul_f64(point));
        owner.kill();
        check_nothing_is_left(&bench, &format!("killed at {point:.3} of a run")).await;
    }
    works_again(&bench, 1).await;
}

#[tokio::test]
async fn an_owner_killed_while_it_builds_leaves_no_toolchain_running() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("path");
    std::fs::create_dir(&path).unwrap();
    // A toolchain that never finishes, and has a child that would not be ended with it.
    std::fs::write(path.join("go"), "#!/bin/sh\nsleep 1000 &\necho it has begun >&2\nsleep 1000\n").unwrap();
    std::fs::set_permissions(path.join("go"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.settings.cache = bench.folder.path().join("cache");
    bench.settings.assets = Vec::new();
    bench.settings.path = vec![path, "/usr/bin".into(), "/bin".into()];
    let mut owner = Owner::start(&bench, "a", 0);
    assert!(owner.hear_line("Building { component: \"etcd\", packages: 0, line: \"it has begun\" }"));
    assert!(!bench.processes().is_empty());
    owner.kill();
    check_nothing_is_left(&bench, "killed while building").await;
}

#[tokio::test]
async fn a_newer_record_is_shown_and_can_be_ended() {
    let bench = Bench::new();
    let sandbox = bench.up(&UpRequest { detach: true, ..bench.request("a") }).await;
    std::fs::write(sandbox.kubeconfig().with_file_name("sandbox.json"), r#"{"format": 99}"#).unwrap();
    let listed = sandbox::list(&bench.settings).unwrap();
    assert!(matches!(listed[0].state, State::Broken { .. }), "{listed:?}");
    check_nothing_is_left(&bench, "newer record").await;
}

#[tokio::test]
async fn up_without_down_works_after_a_kill() {
    let bench = Bench::new();
    warm(&bench).await;
    let mut owner = Owner::start(&bench, "a", 0);
    owner.hear(5);
    owner.kill();
    works_again(&bench, 0).await;
}

#[tokio::test]
async fn children_of_a_killed_supervisor_die_with_it_and_the_rest_is_cleaned_up() {
    let bench = Bench::new();
    let sandbox = bench.up(&UpRequest { detach: true, ..bench.request("a") }).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("sandbox.json")).unwrap()).unwrap();
    let supervisor = record["supervisor"]["pid"].as_i64().unwrap();
    assert!(Command::new("kill").args(["-9", &supervisor.to_string()]).status().unwrap().success());
    let waiting = async {
        while !bench.processes().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the kernel ends the children");
    let name = SandboxName::parse("a").unwrap();
    assert_eq!(status(&bench.settings, &name).unwrap().state, State::Ended);
    works_again(&bench, 0).await;
}

#[tokio::test]
async fn a_record_with_a_recycled_pid_kills_no_stranger() {
    let bench = Bench::new();
    let sandbox = bench.up(&UpRequest { detach: true, ..bench.request("a") }).await;
    let path = sandbox.kubeconfig().with_file_name("sandbox.json");
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    // As if the pid of etcd had gone to somebody else; the start time is still etcd's.
    record["processes"]["etcd"]["pid"] = stranger.id().into();
    record["supervisor"]["pid"] = stranger.id().into();
    std::fs::write(&path, record.to_string()).unwrap();
    down(&bench.settings, &SandboxName::parse("a").unwrap(), &Silent).await.unwrap();
    assert_eq!(bench.processes(), [""; 0], "what the record does not name is found all the same");
    assert!(stranger.try_wait().unwrap().is_none(), "a stranger was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[tokio::test]
async fn half_a_record_and_a_stale_lock_are_in_nobodys_way() {
    let bench = Bench::new();
    let folder = bench.settings.state.join("sandboxes/a");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(bench.settings.state.join("sandboxes/.locks")).unwrap();
    std::fs::write(bench.settings.state.join("sandboxes/.locks/a"), "process 1").unwrap();
    std::fs::write(folder.join("sandbox.json"), r#"{"format":1,"name":"a","kub"#).unwrap();
    std::fs::write(folder.join("detached"), "").unwrap();
    works_again(&bench, 0).await;
}

/// Finds or builds the programs first, so that the kills fall into `up` and not into a build.
async fn warm(bench: &Bench) {
    bench.up(&UpRequest { nodes: 1, ..bench.request("warm") }).await.down(&bench.settings, &Silent).await.unwrap();
}

async fn check_nothing_is_left(bench: &Bench, when: &str) {
    let name = SandboxName::parse("a").unwrap();
    down(&bench.settings, &name, &Silent).await.unwrap_or_else(|error| panic!("{when}: {}", model::chain(&error)));
    assert_eq!(bench.processes(), [""; 0], "{when}");
    let folder = bench.settings.state.join("sandboxes/a");
    let left: Vec<String> = std::fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    assert!(left.iter().all(|file| file == "logs" || file == "logs.previous"), "{when}: {left:?}");
}

async fn works_again(bench: &Bench, nodes: u32) {
    let sandbox = bench.up(&UpRequest { nodes, ..bench.request("a") }).await;
    let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
    assert!(!sandbox.was_running());
    assert_eq!(get(&folder, sandbox.server(), "/version")["minor"], "36");
    sandbox.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(bench.processes(), [""; 0]);
}
