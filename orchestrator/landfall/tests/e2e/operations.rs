//! Drills as they are operated: each kind of step for real, people who answer, schedules, sweeps, states elsewhere.
//!
//! Cheap on purpose: what needs no cluster has none, and what needs one has a small one.

mod page;
mod recover;
mod schedules;
mod states;
mod steps;
mod sweep;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::skip::variable;

use crate::support::{Bed, Ran};

/// A run in the background, with everything that it says.
struct Running {
    child: Child,
    said: PathBuf,
}

impl Bed {
    /// Starts a command whose words can be read when it has ended. `more` are variables of its environment.
    fn begin(&self, name: &str, arguments: &[&str], more: &[(&str, &str)]) -> Running {
        let said = self.path(&format!("{name}.said"));
        let file = std::fs::File::create(&said).unwrap();
        let child = self
            .command(arguments)
            .env("PATH", with_tofu())
            .envs(more.iter().copied())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Running { child, said }
    }

    /// The runs of this bed, the oldest first.
    fn runs(&self) -> Vec<Value> {
        self.json(&["drill", "list"], &[0]).as_array().unwrap().clone()
    }

    fn run_of(&self, scenario: &str) -> Option<Value> {
        self.runs().into_iter().rfind(|run| run["scenario"] == scenario)
    }

    fn folder_of(&self, id: &str) -> PathBuf {
        self.path("state").join("landfall/drills").join(id)
    }

    /// The events of a run's journal so far; a last line that is being written is none.
    fn journal(&self, id: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder_of(id).join("journal.jsonl")).unwrap_or_default();
        let records = text.lines().skip(1).filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.map(|mut record| record["event"].take()).collect()
    }

    /// What a step gave.
    fn outputs(&self, id: &str, step: &str) -> Value {
        let journal = self.journal(id);
        let ended = journal.iter().rfind(|event| event["step"] == step && event["type"] == "succeeded");
        ended.unwrap_or_else(|| panic!("{step} of {id} gave nothing: {journal:?}"))["outputs"].clone()
    }

    /// Why a run did not pass.
    fn reasons(&self, id: &str) -> String {
        let report = std::fs::read_to_string(self.folder_of(id).join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        report["verdict"]["reasons"].to_string()
    }

    /// Waits until the latest run of the scenario has this event about this step; gives the run's id.
    fn recorded(&self, scenario: &str, step: &str, event: &str) -> String {
        wait(&format!("{event} of {step} of {scenario}"), || {
            let folders = std::fs::read_dir(self.path("state").join("landfall/drills")).ok()?;
            let mut ids: Vec<String> =
                folders.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            ids.sort();
            ids.into_iter()
                .rfind(|id| id.starts_with(scenario))
                .filter(|id| self.journal(id).iter().any(|found| found["type"] == event && found["step"] == step))
        })
    }

    /// A scenario's file, all but its head.
    fn scenario(&self, name: &str, text: &str) -> String {
        self.write(&format!("{name}.yaml"), &format!("{HEAD}metadata: {{ name: {name} }}\nspec:\n{text}"))
    }
}

const HEAD: &str = "apiVersion: landfall.dev/v1alpha1\nkind: Scenario\n";

impl Running {
    /// Waits for its end.
    fn end(mut self) -> Ran {
        let code = wait("the command ends", || self.child.try_wait().unwrap()).code().unwrap_or(-1);
        let said = std::fs::read_to_string(&self.said).unwrap();
        Ran { code, stdout: said.clone(), stderr: said }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// `kill -9`, and nothing of it left.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a service manager ends it.
    fn terminate(self) -> Ran {
        let status = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        self.end()
    }
}

/// Polls until there is an answer: processes tell nobody.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never was so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `PATH` with the OpenTofu of the testbed behind it, for machines that have no terraform of their own.
fn with_tofu() -> String {
    let path = variable("PATH").unwrap_or_default();
    let cache =
        variable("XDG_CACHE_HOME").unwrap_or_else(|| format!("{}/.cache", variable("HOME").unwrap_or_default()));
    format!("{path}:{cache}/landfall/testbed/tofu-1.11.14")
}

/// Whether terraform or tofu is there.
fn has_terraform() -> bool {
    let path = with_tofu();
    path.split(':').any(|folder| ["terraform", "tofu"].iter().any(|name| Path::new(folder).join(name).is_file()))
}

/// The checkout, which has terraform/stacks.
fn project() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// Whether a process of this bed still runs: one that has its folder in its arguments or its environment.
fn processes_of(bed: &Bed) -> Vec<String> {
    let folder = bed.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let running = processes.filter_map(|entry| {
        let id = entry.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let command = String::from_utf8_lossy(&std::fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ");
        command.contains(&folder).then(|| format!("{id} {command}"))
    });
    running.collect()
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}
