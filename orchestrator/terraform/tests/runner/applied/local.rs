//! The stack that needs no account, with both tools: two environments, one contract, one bucket.
//!
//! The sandbox is a real one where a landfall is built and the parts of a control plane are at hand; a recorder in
//! front of it, or in its place, writes down what the stack asked for.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use infra::{Contract, Side, compare_keys};
use ports::infrastructure::{Infrastructure, Silent, StackEnding, StackRequest};
use serde_json::json;
use terraform::{Settings, TerraformInfrastructure};

use super::workspace::{cache, copy, said};
use crate::runner::bed::{environment, for_each_tool, token};

for_each_tool!(two_environments_stand_and_fall, what_is_not_ours_stays);

/// One environment in a copy of the stack.
struct Local {
    _copy: tempfile::TempDir,
    driver: TerraformInfrastructure,
    request: StackRequest,
}

/// In front of the real sandbox, or of nothing.
struct Recorder {
    folder: PathBuf,
    landfall: Option<PathBuf>,
}

impl Local {
    fn new(tool: &Path, folder: &Path, recorder: &Path, name: &str) -> Self {
        let copy = copy();
        let environment = environment().with("XDG_STATE_HOME", folder.join("state"));
        let mut settings = Settings::new(folder.join("runs"), environment);
        settings.tool = Some(tool.to_owned());
        let mut request = StackRequest { directory: copy.path().join("stacks/local"), ..Default::default() };
        let values = json!({
            "name": name,
            "nodes": 0,
            "landfall": recorder,
            "bucket_folder": folder.join("bucket"),
        });
        request.variables.extend(values.as_object().unwrap().clone());
        Self { _copy: copy, driver: TerraformInfrastructure::new(settings), request }
    }

    fn with(mut self, values: serde_json::Value) -> Self {
        self.request.variables.extend(values.as_object().unwrap().clone());
        self
    }

    async fn contract(&self) -> Contract {
        Contract::from_value(&self.driver.contract(&self.request).await.unwrap().unwrap()).unwrap()
    }
}

impl Recorder {
    fn new(folder: &Path, landfall: Option<PathBuf>) -> Self {
        Self { folder: folder.to_owned(), landfall }
    }

    /// The program that stands for landfall; writes down its arguments.
    fn program(&self) -> PathBuf {
        let path = self.folder.join("recorder");
        let then = self.landfall.as_ref().map(|landfall| format!("exec '{}' \"$@\"\n", landfall.display()));
        let calls = self.folder.join("calls");
        let text = format!("#!/bin/sh\necho \"$*\" >>'{}'\n{}", calls.display(), then.unwrap_or_default());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the real landfall says; nothing where there is none.
    fn ask(&self, args: &[&str]) -> Option<String> {
        let mut command = Command::new(self.landfall.as_ref()?);
        let output = command.args(args).env("XDG_STATE_HOME", self.folder.join("state")).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        Some(String::from_utf8(output.stdout).unwrap())
    }
}

/// Takes down what a failed test would leave running.
impl Drop for Recorder {
    fn drop(&mut self) {
        if let Some(landfall) = &self.landfall {
            let down = ["sandbox", "down", "source"];
            // It is usually down already.
            let _ = Command::new(landfall).args(down).env("XDG_STATE_HOME", self.folder.join("state")).output();
        }
    }
}

/// The landfall that was built beside this test, where a control plane need not be built first.
fn landfall() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let landfall = test.parent()?.parent()?.join("landfall");
    let parts: Vec<String> = std::fs::read_dir(cache().join("components"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let at_hand = ["kube-apiserver-1.36", "etcd-"].iter().all(|part| parts.iter().any(|name| name.starts_with(part)));
    let found = (at_hand && landfall.is_file()).then_some(landfall);
    let what =
        if found.is_some() { "a real sandbox" } else { "no landfall or no control plane: only what was asked for" };
    println!("local stack: {what}");
    found
}

async fn two_environments_stand_and_fall(tool: PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (real, other) = (folder.path().join("real"), folder.path().join("other"));
    std::fs::create_dir(&real).unwrap();
    std::fs::create_dir(&other).unwrap();
    let recorder = Recorder::new(&real, landfall());
    let source = Local::new(&tool, &real, &recorder.program(), "source");
    let outcome = source.driver.apply(&source.request, &token("up"), &Silent).await.unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 4), "{outcome:?}");
    assert_eq!(recorder.calls(), ["sandbox up source --kubernetes 1.36 --nodes 0 --detach"]);
    assert!(real.join("bucket").is_dir());
    if let Some(path) = recorder.ask(&["sandbox", "kubeconfig", "source"]) {
        assert!(Path::new(path.trim()).is_file(), "{path}");
    }

    let pretending = Recorder::new(&other, None);
    let target = Local::new(&tool, &other, &pretending.program(), "target").with(json!({
        "role": "recovery",
        "region": "us-west-2",
        "account_id": "444455556666",
        "bucket_create": false,
        "bucket_folder": real.join("bucket"),
    }));
    let outcome = target.driver.apply(&target.request, &token("up"), &Silent).await.unwrap();
    assert_eq!((outcome.ending, outcome.created.len()), (StackEnding::Done, 3), "{outcome:?}");

    for environment in [&source, &target] {
        let plan = environment.driver.plan(&environment.request, &token("again"), &Silent).await.unwrap();
        assert!(plan.changes.is_empty() && !plan.applyable, "{plan:?}");
        let drift = environment.driver.drift(&environment.request, &token("drift"), &Silent).await.unwrap();
        assert!(drift.is_empty(), "{drift:?}");
    }

    let (from, to) = (source.contract().await, target.contract().await);
    assert!(from.validate().is_empty() && to.validate().is_empty(), "{:?} {:?}", from.validate(), to.validate());
    let compared = compare_keys(&from, &to);
    assert_eq!(compared, infra::KeyComparison::default(), "both have the same keys");
    let side = |contract| Side { contract: Some(contract), state: None };
    let pairs = infra::pair(side(&from), side(&to), None).unwrap();
    assert!(pairs.unpaired().is_empty() && pairs.all().len() > 40, "{:?}", pairs.unpaired());

    let outcome = target.driver.destroy(&target.request, &token("up"), &Silent).await.unwrap();
    assert_eq!((outcome.ending, outcome.deleted.len()), (StackEnding::Done, 3), "{outcome:?}");
    assert!(real.join("bucket").is_dir(), "the bucket is the other one's");
    assert!(target.driver.contract(&target.request).await.unwrap().is_none(), "what is down offers nothing");
    let outcome = source.driver.destroy(&source.request, &token("up"), &Silent).await.unwrap();
    assert_eq!((outcome.ending, outcome.deleted.len()), (StackEnding::Done, 4), "{outcome:?}");
    assert!(!real.join("bucket").exists());
    assert_eq!(recorder.calls().last().unwrap(), "sandbox down source --purge");
    assert!(!real.join("state/landfall/sandboxes/source").exists(), "its logs are gone too");
    if let Some(list) = recorder.ask(&["sandbox", "list", "--output", "json"]) {
        assert!(!list.contains("\"source\""), "{list}");
    }
}

async fn what_is_not_ours_stays(tool: PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(folder.path(), None);
    let local = Local::new(&tool, folder.path(), &recorder.program(), "one");
    let file = folder.path().join("bucket/somebody's");
    std::fs::create_dir(folder.path().join("bucket")).unwrap();
    std::fs::write(&file, "").unwrap();
    let outcome = local.driver.apply(&local.request, &token("up"), &Silent).await.unwrap();
    assert_eq!(outcome.ending, StackEnding::Failed);
    assert!(outcome.message.contains("is not empty; use another folder"), "{}", outcome.message);

    let outcome = local.driver.destroy(&local.request, &token("up"), &Silent).await.unwrap();
    assert_eq!(outcome.ending, StackEnding::Done, "{outcome:?}");
    assert!(file.is_file(), "what was there before is still there");
}
