//! Who is running: a process number that is not mistaken for another one's.
//!
//! A number alone says little: it is used again. With the time the process started and the boot it belongs to, a file
//! can be read days later and still name one process or none.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process as the wrapper wrote it down: its number, its line of `/proc`, the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pid: i32,
    /// Ticks from boot to start; `None` where there is no `/proc`.
    started: Option<u64>,
    boot: String,
}

impl Identity {
    /// Reads three lines; `None` when they are not there, or not whole.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
        let stat = lines.next()?;
        let boot = lines.next()?.trim().to_owned();
        Some(Self { pid, started: parse_stat(stat).map(|(_, started)| started), boot })
    }

    pub(crate) fn is_alive(&self) -> bool {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        if boot.trim() != self.boot {
            return false;
        }
        let Some(started) = self.started else {
            return !matches!(kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH));
        };
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        parse_stat(&stat).is_some_and(|(state, since)| since == started && !matches!(state, 'Z' | 'X'))
    }

    /// Asks the process to stop; `false` when it is gone.
    pub(crate) fn interrupt(&self) -> bool {
        self.is_alive() && kill(Pid::from_raw(self.pid), Signal::SIGINT).is_ok()
    }
}

/// State and start time. The name in the middle may hold spaces and brackets.
fn parse_stat(line: &str) -> Option<(char, u64)> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_is_not_believed() {
        let pid = std::process::id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let me = Identity::parse(&format!("{pid}\n{}\n{boot}", stat.trim())).unwrap();
        assert!(me.is_alive());
        assert!(!Identity { started: me.started.map(|ticks| ticks + 1), ..me.clone() }.is_alive());
        assert!(!Identity { boot: "another".into(), ..me }.is_alive());
    }

    #[test]
    fn half_a_file_is_no_identity() {
        for text in ["", "7", "7\n", "x\ny\nz", "-1\n\n\n", "0\n\n\n", "1\n\n\n"] {
            assert_eq!(Identity::parse(text), None, "{text:?}");
        }
        assert_eq!(parse_stat("7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99 x"), Some(('S', 99)));
    }
}
