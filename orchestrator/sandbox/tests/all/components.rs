//! Finding and building programs, and what stands in the way of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use sandbox::component::{obtain, survey};
use sandbox::{Component, Event, Origin, Sandbox, SandboxError, Settings, Silent};

use crate::support::{Bench, skip};

#[tokio::test]
async fn a_missing_toolchain_is_told_with_what_to_do_and_nothing_is_left() {
    let mut bench = empty_bench();
    bench.settings.path = Vec::new();
    let error = Sandbox::up(&bench.settings, &bench.request("a"), &Silent).await.err().unwrap();
    assert!(matches!(error, SandboxError::GoMissing { component: "etcd", .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("install Go"));
    assert_eq!(bench.processes(), [""; 0]);
}

#[tokio::test]
async fn a_program_of_another_minor_version_is_passed_over() {
    let mut bench = empty_bench();
    let assets = bench.folder.path().join("assets");
    script(&assets.join("etcd"), "echo 'etcd Version: 3.5.21'");
    let path = bench.folder.path().join("path");
    script(&path.join("etcd"), "echo 'etcd Version: 3.6.1'");
    bench.settings.assets = vec![assets.clone()];
    bench.settings.path = vec![path.clone()];
    let news = Mutex::new(Vec::new());
    let tools = obtain(&bench.settings, &[etcd()], &|event| news.lock().unwrap().push(event)).await.unwrap();
    let found = tools.get("etcd").unwrap();
    assert_eq!((found.origin, found.path.clone()), (Origin::Path, path.join("etcd")));
    let passed_over = Event::PassedOver {
        component: "etcd",
        path: assets.join("etcd"),
        why: "is version 3.5.21, not 3.6".to_owned(),
    };
    assert!(news.lock().unwrap().contains(&passed_over), "{news:?}");
}

#[tokio::test]
async fn a_program_that_only_has_the_name_of_a_plugin_is_not_looked_at() {
    let mut bench = empty_bench();
    let path = bench.folder.path().join("path");
    script(&path.join("bridge"), "echo 'bridge utility, iproute2-6.1.0'");
    bench.settings.path = vec![path];
    let listing = survey(&bench.settings).await;
    let bridge = listing.iter().find(|line| line.component.name == "bridge").unwrap();
    assert!(bridge.found.is_none() && bridge.passed_over.is_empty(), "{bridge:?}");
}

#[tokio::test]
async fn the_order_is_assets_then_cache_then_path() {
    let mut bench = empty_bench();
    let places = [
        (bench.folder.path().join("first"), Origin::Assets),
        (bench.folder.path().join("second"), Origin::Assets),
        (bench.settings.cache.join("components/etcd-3.6.16"), Origin::Cache),
        (bench.folder.path().join("path"), Origin::Path),
    ];
    for (folder, _) in &places {
        script(&folder.join("etcd"), "echo 'etcd Version: 3.6.16'");
    }
    bench.settings.assets = vec![places[0].0.clone(), places[1].0.clone()];
    bench.settings.path = vec![places[3].0.clone()];
    for (folder, origin) in places {
        let tools = obtain(&bench.settings, &[etcd()], &Silent).await.unwrap();
        let found = tools.get("etcd").unwrap();
        assert_eq!((found.origin, found.path.clone()), (origin, folder.join("etcd")));
        fs::remove_file(folder.join("etcd")).unwrap();
    }
}

#[tokio::test]
async fn a_half_built_program_is_never_used_and_is_built_again() {
    let bench = empty_bench();
    let home = bench.settings.cache.join("components/etcd-3.6.16");
    let built = obtain(&bench.settings, &[etcd()], &Silent).await.unwrap();
    assert_eq!(built.get("etcd").unwrap().origin, Origin::Built);
    let program = home.join("etcd");
    let whole = fs::read(&program).unwrap();

    // Once found good it is not asked again; cut short it is not good any more.
    let again = obtain(&bench.settings, &[etcd()], &Silent).await.unwrap();
    assert_eq!(again.get("etcd").unwrap().origin, Origin::Cache);
    fs::write(&program, &whole[..whole.len() / 2]).unwrap();
    // And what a killed build leaves beside it is in nobody's way.
    fs::create_dir_all(home.join("build/out")).unwrap();
    fs::write(home.join("build/out/etcd"), &whole[..100]).unwrap();
    let news = Mutex::new(Vec::new());
    let repaired = obtain(&bench.settings, &[etcd()], &|event| news.lock().unwrap().push(event)).await.unwrap();
    assert_eq!(repaired.get("etcd").unwrap().origin, Origin::Built);
    assert_eq!(fs::read(&program).unwrap().len(), whole.len());
    assert!(news.lock().unwrap().iter().any(|event| matches!(event, Event::PassedOver { .. })), "{news:?}");
    assert!(!home.join("build").exists());
}

#[tokio::test]
async fn two_who_need_the_same_program_build_it_once() {
    let bench = empty_bench();
    let built = Mutex::new(0);
    let hear = |event: Event| {
        if matches!(event, Event::BuildStarted { .. }) {
            *built.lock().unwrap() += 1;
        }
    };
    let wanted = [etcd()];
    let (one, two) = tokio::join!(obtain(&bench.settings, &wanted, &hear), obtain(&bench.settings, &wanted, &hear));
    assert_eq!(one.unwrap().get("etcd").unwrap().path, two.unwrap().get("etcd").unwrap().path);
    assert_eq!(*built.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_failing_build_is_one_error_with_the_toolchains_words_and_leaves_no_program() {
    let mut bench = empty_bench();
    let path = bench.folder.path().join("path");
    script(&path.join("go"), "echo 'go: module lookup disabled' >&2; exit 1");
    bench.settings.path = vec![path];
    let error = obtain(&bench.settings, &[etcd()], &Silent).await.unwrap_err();
    assert_eq!(error.to_string(), "building etcd 3.6.16 failed: go: module lookup disabled");
    let SandboxError::BuildFailed { log, .. } = &error else { panic!("{error:?}") };
    assert!(fs::read_to_string(log).unwrap().contains("module lookup disabled"));
    let home = bench.settings.cache.join("components/etcd-3.6.16");
    assert!(!home.join("etcd").exists() && !home.join("build").exists());
}

#[tokio::test]
async fn a_build_ends_with_whoever_wanted_it() {
    let mut bench = empty_bench();
    let path = bench.folder.path().join("path");
    // Tells that it has begun, and never finishes; its own child neither.
    script(&path.join("go"), "sleep 1000 & echo begun >&2; sleep 1000");
    bench.settings.path = vec![path, "/bin".into(), "/usr/bin".into()];
    let begun = tokio::sync::Notify::new();
    let hear = |event: Event| {
        if matches!(&event, Event::Building { line, .. } if line == "begun") {
            begun.notify_one();
        }
    };
    let wanted = [etcd()];
    tokio::select! {
        result = obtain(&bench.settings, &wanted, &hear) => panic!("{result:?}"),
        () = begun.notified() => {}
    }
    let waiting = async {
        while !bench.processes().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting)
        .await
        .unwrap_or_else(|_| panic!("still there: {:?}", bench.processes()));
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_for_builds_and_for_sandboxes() {
    // It mounts something.
    let mut bench = empty(Bench::alone());
    let small = bench.folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&small).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        skip("a_full_disk_is_told_as_such", "mounting a small file system needs root", true);
        return;
    }
    let usual = bench.settings.clone();
    bench.settings.cache = small.clone();
    let build = obtain(&bench.settings, &[etcd()], &Silent).await;
    bench.settings.cache = Bench::user_cache();
    bench.settings.state = small.clone();
    let request = bench.request("a");
    let up = Sandbox::up(&bench.settings, &request, &Silent).await;
    let left = bench.processes();
    bench.settings = usual;
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    assert!(matches!(build, Err(SandboxError::DiskFull { .. })), "{build:?}");
    assert!(matches!(up.err(), Some(SandboxError::DiskFull { .. })));
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn the_survey_names_every_component_and_a_remedy_for_each_that_is_missing() {
    let mut bench = empty_bench();
    bench.settings.path = Vec::new();
    let listing = survey(&bench.settings).await;
    for name in ["etcd", "kube-apiserver", "kwok", "kubelet", "containerd", "runc", "busybox"] {
        let line = listing.iter().find(|line| line.component.name == name).unwrap_or_else(|| panic!("{name}"));
        assert!(line.found.is_none() && line.remedy.is_some(), "{name}");
    }
    let servers: Vec<&str> = listing
        .iter()
        .filter(|line| line.component.name == "kube-apiserver")
        .map(|line| line.component.version)
        .collect();
    assert_eq!(servers, ["1.36.3", "1.24.17"]);
}

fn empty_bench() -> Bench {
    empty(Bench::new())
}

/// No cache and no assets.
fn empty(mut bench: Bench) -> Bench {
    bench.settings =
        Settings { cache: bench.folder.path().join("cache"), assets: Vec::new(), ..bench.settings.clone() };
    bench
}

fn etcd() -> &'static Component {
    Component::named("etcd", sandbox::Release::V1_36).unwrap()
}

fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
