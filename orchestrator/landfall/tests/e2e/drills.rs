//! Drills for real: the quickstart to its end, killed and carried on with, and runs that must not pass.
//!
//! Everything that a drill could leave is looked for where it would be: processes, sandboxes, files outside the run's
//! folder, Terraform's states inside it, the project's own folders.

mod faults;
mod kills;
mod quickstart;
mod verdicts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::skip;

use crate::support::{Bed, Ran};

const QUICKSTART: &str = "scenarios/quickstart.yaml";
/// What Terraform would write beside the stack, if anything did.
const STACKS: [&str; 2] = ["terraform/stacks/local", "terraform/modules/contract"];

/// A bed whose home and temporary folder are its own, so that a file in them is a file that was left.
struct Ground {
    bed: Bed,
    /// What commands say; not a file of theirs.
    said: tempfile::TempDir,
    project: BTreeSet<PathBuf>,
}

impl Ground {
    fn new() -> Self {
        let bed = Bed::new();
        for folder in ["home", "temporary"] {
            std::fs::create_dir(bed.path(folder)).unwrap();
        }
        Self { bed, said: tempfile::tempdir().unwrap(), project: project_files() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let cache = skip::variable("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(skip::variable("HOME")?).join(".cache"))).unwrap();
        let mut command = self.bed.command(arguments);
        command
            .current_dir(project())
            .env("HOME", self.bed.path("home"))
            .env("TMPDIR", self.bed.path("temporary"))
            .env("XDG_CACHE_HOME", cache)
            .env("LANDFALL_USER", "tester");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// In the background; what it says goes to a file.
    fn start(&self, arguments: &[&str]) -> Child {
        let said = std::fs::File::options().create(true).append(true).open(self.said.path().join("said")).unwrap();
        self.command(arguments).stdout(said.try_clone().unwrap()).stderr(said).stdin(Stdio::null()).spawn().unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.said.path().join("said")).unwrap_or_default()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--output", "json", "--quiet"]).collect();
        let ran = self.run(&arguments);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ran:?}"))
    }

    /// The id of the one run that there is.
    fn run_id(&self) -> Option<String> {
        let listed = self.json(&["drill", "list"]);
        let listed = listed.as_array().unwrap();
        assert!(listed.len() < 2, "{listed:#?}");
        listed.first().map(|run| run["id"].as_str().unwrap().to_owned())
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.bed.path("state/landfall/drills").join(id)
    }

    fn report(&self, id: &str) -> Value {
        let text = std::fs::read_to_string(self.folder(id).join("report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The run passed, everybody says so, and all that is there is the run's own folder.
    fn assert_passed(&self, id: &str, when: &str) {
        let report = self.report(id);
        assert_eq!(report["verdict"]["word"], "Passed", "{when}: {:#}\n{}", report["verdict"], self.said());
        let listed = self.json(&["drill", "list"]);
        assert_eq!((&listed[0]["state"], &listed[0]["kept"]), (&"Passed".into(), &serde_json::json!([])), "{when}");
        for step in report["steps"].as_array().unwrap() {
            assert_eq!(step["status"], "succeeded", "{when}: {step:#}");
        }
        self.assert_nothing_left(id, when);
    }

    fn assert_nothing_left(&self, id: &str, when: &str) {
        let none: [String; 0] = [];
        assert_eq!(self.processes(), none, "{when}: processes are left");
        assert_eq!(self.json(&["sandbox", "list"]), serde_json::json!([]), "{when}");
        let folder = self.folder(id);
        let door = self.bed.path("state/landfall/drills/.door");
        let mut outside = files(&self.bed.path(""));
        outside.retain(|path| !path.starts_with(&folder) && *path != door);
        assert!(outside.is_empty(), "{when}: files outside of the run's folder: {outside:?}");
        let added: Vec<PathBuf> = project_files().difference(&self.project).cloned().collect();
        assert!(added.is_empty(), "{when}: files in the project: {added:?}");
        assert!(!folder.join("bucket").exists(), "{when}: the bucket");
        let inside = files(&folder);
        let mut looked_into = 0;
        for path in inside.iter().filter(|path| path.extension().is_some_and(|extension| extension == "tfstate")) {
            let state: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            let Some(resources) = state["resources"].as_array() else { continue };
            assert!(resources.is_empty(), "{when}: {} still has {resources:#?}", path.display());
            looked_into += 1;
        }
        assert!(looked_into > 0, "{when}: there is no state to look into: {inside:?}");
        let scratch: Vec<&PathBuf> =
            inside.iter().filter(|path| path.to_string_lossy().contains("/scratch-")).collect();
        assert!(scratch.is_empty(), "{when}: temporary files: {scratch:?}");
    }

    /// Every process that was started for this bed, by its environment, its command line or its folder.
    fn processes(&self) -> Vec<String> {
        testkit::processes::of(&self.bed.path(""))
    }
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn project_files() -> BTreeSet<PathBuf> {
    STACKS.iter().flat_map(|folder| files(&project().join(folder))).collect()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}
