//! Up and down as it should be.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use sandbox::ports::{FreePorts, PortSource};
use sandbox::{
    Down, Event, Release, Sandbox, SandboxError, SandboxName, Silent, State, UpRequest, down, list, purge, remains,
    status,
};

use crate::support::{Bench, get, until};

#[tokio::test]
async fn two_releases_run_side_by_side_and_serve_what_is_theirs() {
    let bench = Bench::new();
    let new = bench.up(&bench.request("new")).await;
    let old = bench.up(&UpRequest { kubernetes: Release::V1_24, ..bench.request("old") }).await;
    for (sandbox, minor, cron_jobs) in [(&new, "36", false), (&old, "24", true)] {
        let folder = sandbox.kubeconfig().parent().unwrap().to_owned();
        assert_eq!(get(&folder, sandbox.server(), "/version")["minor"], minor);
        let groups = get(&folder, sandbox.server(), "/apis").to_string();
        // batch/v1beta1 went with 1.25, and so it tells the two apart better than a version string.
        assert_eq!(groups.contains("\"batch/v1beta1\""), cron_jobs, "{groups}");
        assert!(groups.contains("\"apps/v1\""));
    }
    let names: Vec<(String, State)> =
        list(&bench.settings).unwrap().into_iter().map(|status| (status.name.to_string(), status.state)).collect();
    assert_eq!(names, [("new".to_owned(), State::Running), ("old".to_owned(), State::Running)]);
    assert!(matches!(new.down(&bench.settings, &Silent).await.unwrap(), Down::Ended { .. }));
    assert!(matches!(old.down(&bench.settings, &Silent).await.unwrap(), Down::Ended { .. }));
    assert_eq!(bench.processes(), [""; 0]);
    assert!(list(&bench.settings).unwrap().is_empty());
}

#[tokio::test]
async fn up_twice_is_one_sandbox_and_something_else_of_the_same_name_is_refused() {
    let bench = Bench::new();
    let request = bench.request("a");
    let first = bench.up(&request).await;
    let second = bench.up(&request).await;
    assert!(!first.was_running() && second.was_running());
    assert_eq!(first.server(), second.server());
    drop(second);
    let name = SandboxName::parse("a").unwrap();
    assert_eq!(status(&bench.settings, &name).unwrap().state, State::Running);
    let other = UpRequest { kubernetes: Release::V1_24, ..request.clone() };
    let error = Sandbox::up(&bench.settings, &other, &Silent).await.err().unwrap();
    assert!(matches!(error, SandboxError::Different { .. }), "{error:?}");
    assert_eq!(status(&bench.settings, &name).unwrap().state, State::Running, "the refusal must not end it");
    first.down(&bench.settings, &Silent).await.unwrap();
    assert!(matches!(down(&bench.settings, &name, &Silent).await.unwrap(), Down::Nothing));
}

#[tokio::test]
async fn purge_leaves_nothing_but_the_logs_that_somebody_wants() {
    let bench = Bench::new();
    let name = SandboxName::parse("a").unwrap();
    let sandboxes = bench.settings.state.join("sandboxes");
    let left = || -> Vec<_> {
        let all = [sandboxes.clone(), sandboxes.join(".locks")];
        let entries = all.iter().flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        entries.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name != ".locks").collect()
    };
    assert_eq!(purge(&bench.settings, &name, None, &Silent).await.unwrap(), Down::Nothing);
    bench.up(&bench.request("a")).await.detach().unwrap();
    let there = remains(&bench.settings, &name).unwrap();
    assert!(there.len() > 4 && there.iter().any(|what| what.starts_with("process ")), "{there:?}");
    let logs = bench.folder.path().join("kept/a");
    assert!(matches!(purge(&bench.settings, &name, Some(&logs), &Silent).await.unwrap(), Down::Ended { .. }));
    assert!(logs.join("kube-apiserver.log").exists());
    assert_eq!((left(), bench.processes()), (vec![], vec![]));
    assert_eq!(remains(&bench.settings, &name).unwrap(), [""; 0]);
    // Also what an ordinary end left, and where a purge that was killed stopped.
    bench.up(&bench.request("a")).await.down(&bench.settings, &Silent).await.unwrap();
    assert_eq!(left(), ["a", "a"]);
    std::fs::remove_dir_all(sandboxes.join("a")).unwrap();
    assert_eq!(purge(&bench.settings, &name, None, &Silent).await.unwrap(), Down::Nothing);
    assert_eq!(left(), [""; 0]);
}

#[tokio::test]
async fn two_ups_at_once_are_one_sandbox() {
    let bench = Bench::new();
    let request = bench.request("a");
    let (one, two) = tokio::join!(bench.up(&request), bench.up(&request));
    assert_eq!(one.server(), two.server());
    assert!(one.was_running() != two.was_running());
}

#[tokio::test]
async fn dropping_a_sandbox_ends_it_and_detaching_keeps_it() {
    let bench = Bench::new();
    let name = SandboxName::parse("a").unwrap();
    let sandbox = bench.up(&bench.request("a")).await;
    drop(sandbox);
    until("everything has ended", || bench.processes().is_empty()).await;
    assert_eq!(status(&bench.settings, &name).unwrap().state, State::Ended);

    let sandbox = bench.up(&UpRequest { detach: true, ..bench.request("a") }).await;
    let (folder, server) = (sandbox.kubeconfig().parent().unwrap().to_owned(), sandbox.server().to_owned());
    drop(sandbox);
    assert_eq!(get(&folder, &server, "/version")["minor"], "36");
    assert!(status(&bench.settings, &name).unwrap().detached);
    down(&bench.settings, &name, &Silent).await.unwrap();
    assert_eq!(bench.processes(), [""; 0]);
    assert!(folder.join("logs/kube-apiserver.log").exists(), "logs are kept");
    assert!(!folder.join("pki").exists(), "keys are not");
}

#[tokio::test]
async fn detaching_somebody_elses_sandbox_keeps_it_and_its_owner_can_still_end_it() {
    let bench = Bench::new();
    let owned = bench.up(&bench.request("a")).await;
    let other = bench.up(&UpRequest { detach: true, ..bench.request("a") }).await;
    assert!(other.was_running());
    assert!(matches!(owned.down(&bench.settings, &Silent).await.unwrap(), Down::Ended { .. }));
    assert_eq!(bench.processes(), [""; 0]);
    let error = sandbox::kubeconfig(&bench.settings, &SandboxName::parse("a").unwrap()).unwrap_err();
    assert!(matches!(error, SandboxError::NotFound { .. }), "{error:?}");
}

/// Hands out a port that is taken, once; then free ones.
struct OneTaken {
    listener: TcpListener,
    position: usize,
    given: Mutex<bool>,
}

impl PortSource for OneTaken {
    fn choose(&self, count: usize) -> std::io::Result<Vec<u16>> {
        let mut ports = FreePorts.choose(count)?;
        let mut given = self.given.lock().unwrap();
        if !*given {
            ports[self.position] = self.listener.local_addr()?.port();
            *given = true;
        }
        Ok(ports)
    }
}

#[tokio::test]
async fn a_port_taken_between_choosing_and_using_it_is_replaced() {
    // The apiserver's and etcd's, in the order in which they are asked for.
    for position in [0, 1] {
        let mut bench = Bench::new();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        bench.settings.ports = Arc::new(OneTaken { listener, position, given: Mutex::new(false) });
        let retries = Mutex::new(0);
        let hear = |event: Event| {
            if matches!(event, Event::PortsTaken { .. }) {
                *retries.lock().unwrap() += 1;
            }
        };
        let sandbox = Sandbox::up(&bench.settings, &bench.request("a"), &hear).await.unwrap();
        assert_eq!(*retries.lock().unwrap(), 1, "position {position}");
        sandbox.down(&bench.settings, &Silent).await.unwrap();
        assert_eq!(bench.processes(), [""; 0]);
    }
}

#[tokio::test]
async fn a_port_that_was_asked_for_and_is_taken_is_an_error_and_leaves_nothing() {
    let bench = Bench::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = UpRequest { port: Some(port), ..bench.request("a") };
    let error = Sandbox::up(&bench.settings, &request, &Silent).await.err().unwrap();
    assert!(matches!(error, SandboxError::PortTaken { port: taken } if taken == port), "{error:?}");
    assert!(error.hint().is_some());
    assert_eq!(bench.processes(), [""; 0]);
    drop(listener);
    let sandbox = bench.up(&request).await;
    assert_eq!(sandbox.server(), format!("https://127.0.0.1:{port}"));
}

#[tokio::test]
async fn a_server_that_dies_while_starting_is_told_with_its_last_words() {
    let mut bench = Bench::new();
    let assets = bench.folder.path().join("assets");
    std::fs::create_dir(&assets).unwrap();
    let etcd = assets.join("etcd");
    // Tells the right version, and then cannot live.
    std::fs::write(
        &etcd,
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'etcd Version: 3.6.0' && exit\necho 'no heart' >&2\nexit 7\n",
    )
    .unwrap();
    std::fs::set_permissions(&etcd, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.settings.assets.insert(0, assets);
    let error = Sandbox::up(&bench.settings, &bench.request("a"), &Silent).await.err().unwrap();
    assert!(
        matches!(&error, SandboxError::ProcessEnded { process, how, .. } if process == "etcd" && how == "exit code 7"),
        "{error:?}"
    );
    assert!(error.to_string().contains("no heart"), "{error}");
    assert_eq!(bench.processes(), [""; 0]);
}
