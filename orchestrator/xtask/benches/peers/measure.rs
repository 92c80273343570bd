//! A program's wall time, CPU time and peak memory, from `/proc`.
//!
//! The peak is the kernel's own high-water mark, read often; only what grows in a program's last milliseconds is missed.

use std::fs::{self, File};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

pub(crate) struct Measured {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak: u64,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Measured> {
    let output = tempfile::tempdir()?;
    let (out, err) = (output.path().join("out"), output.path().join("err"));
    command.stdin(Stdio::null()).stdout(File::create(&out)?).stderr(File::create(&err)?);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("failed to run {}", command.get_program().display()))?;
    let (mut peak_seen, mut cpu_seen) = (0, Duration::ZERO);
    let status = loop {
        peak_seen = peak(child.id()).unwrap_or(0).max(peak_seen);
        cpu_seen = cpu(child.id()).unwrap_or(cpu_seen).max(cpu_seen);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = started.elapsed();
    let read = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Measured { wall, cpu: cpu_seen, peak: peak_seen, status, stdout: read(out)?, stderr: read(err)? })
}

/// The high-water mark of a process's resident memory, in bytes.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// User and system time of a process, in steps of a hundredth of a second.
pub(crate) fn cpu(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}
