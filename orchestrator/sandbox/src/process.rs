//! Processes by identity rather than by number, read from /proc.
//!
//! A pid is reused; a pid together with its start time and the boot is not. Nothing is ended that is not one of ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Set in the environment of a supervisor and all its children to the folder of their sandbox. It finds processes
/// whose pid nobody had time to write down.
pub(crate) const MARKER: &str = "LANDFALL_SANDBOX_DIRECTORY";

/// One process for certain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    pub pid: i32,
    /// Clock ticks between boot and start, field 22 of /proc/PID/stat.
    pub start_time: u64,
    /// The boot during which it ran.
    pub boot: String,
}

impl ProcessIdentity {
    /// The identity of a process that runs now; `None` when there is no such process or only its zombie.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let (state, start_time) = stat(pid)?;
        (state != 'Z' && state != 'X').then(|| Self { pid, start_time, boot: boot_id() })
    }

    pub(crate) fn is_running(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    /// Ends it at once, if it still is the same process.
    pub(crate) fn kill(&self) {
        if self.pid > 1 && self.is_running() {
            let _ = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// The state and the start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&text)
}

/// The second field is the command in parentheses, which may hold spaces and parentheses itself.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Every running process that carries the marker of that folder, ourselves excepted.
pub(crate) fn marked(folder: &Path) -> Vec<ProcessIdentity> {
    let mut wanted = MARKER.as_bytes().to_vec();
    wanted.push(b'=');
    wanted.extend_from_slice(folder.as_os_str().as_encoded_bytes());
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let pids: BTreeSet<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid > 1 && *pid != own)
        .collect();
    pids.into_iter()
        .filter_map(|pid| {
            // The identity comes first: if the pid changes hands in between, killing finds another start time.
            let identity = ProcessIdentity::of(pid)?;
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            environment.split(|byte| *byte == 0).any(|variable| variable == wanted).then_some(identity)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_survives_parentheses_and_spaces_in_the_command() {
        let text = "42 (a) R (b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        assert_eq!(parse_stat(text), Some(('S', 987_654)));
        for text in ["", "42 (a", "42 (a)", "42 (a) S 1 2", "42 (a) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 x"]
        {
            assert_eq!(parse_stat(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let own = ProcessIdentity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.is_running());
        let recycled = ProcessIdentity { start_time: own.start_time + 1, ..own.clone() };
        assert!(!recycled.is_running());
        // Were it taken for the same process, this would end the test run.
        recycled.kill();
        assert!(!ProcessIdentity { boot: "another boot".to_owned(), ..own }.is_running());
    }
}
