//! The process that keeps a sandbox's children, and dies with its owner.
//!
//! Landfall starts itself again with a hidden subcommand that ends here. Orders come in on stdin as JSON lines,
//! reports go out on stdout. It decides nothing: what to start, and when, is its owner's business.
//!
//! *Guarantees*
//! - When stdin closes (the owner exited, was killed, or let go) all children end, unless the detach marker exists.
//! - When the supervisor itself is killed, each child is killed by the kernel (parent-death signal).
//! - All of them are one process group and one session, led by the supervisor: no terminal signal reaches them.
//!
//! *How*: the parent-death signal belongs to the thread that forked, so children are spawned from the main thread
//! only, which lives as long as the process. It is set by the child itself, in a second round through this module
//! (`exec`), which then becomes the program.

mod keeper;
mod protocol;
mod relay;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid, setsid};

use crate::process::ProcessIdentity;

pub(crate) use keeper::Keeper;
pub(crate) use protocol::{Begin, Order, ProcessSpec, Report};

/// Longest order accepted; a command line is a few kilobytes.
const LONGEST_ORDER: u64 = 1 << 20;

/// Runs the supervisor (`keep`), becomes a supervised program (`exec PARENT PROGRAM ARGUMENTS…`), or carries
/// connections (`relay LISTEN TARGET`).
///
/// Called by the landfall binary with the arguments after its hidden subcommand, on the main thread and before any
/// other thread or runtime is started. Returns the exit code.
pub fn supervise(arguments: &[String]) -> u8 {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["keep"] => keep(),
        ["exec", parent, program, rest @ ..] => exec(parent, program, rest),
        ["relay", listen, target] => relay::relay(listen, target),
        _ => 2,
    }
}

/// Ties this process to its parent's life and turns into the program. Only returns when that fails.
fn exec(parent: &str, program: &str, arguments: &[&str]) -> u8 {
    if set_pdeathsig(Signal::SIGKILL).is_err() {
        return 5;
    }
    // The parent may have died before the signal was armed; then nobody would ever send it.
    if parent.parse() != Ok(getppid().as_raw()) {
        return 5;
    }
    let error = Command::new(program).args(arguments).exec();
    let _ = writeln!(std::io::stderr(), "failed to run {program}: {error}");
    5
}

enum News {
    Start(Box<ProcessSpec>),
    Ended { name: String, pid: i32, status: Option<ExitStatus> },
    OwnerGone,
}

fn keep() -> u8 {
    // Fails only where we lead a group already, and then we have one of our own.
    let _ = setsid();
    let mut orders = BufReader::new(std::io::stdin());
    let Some(Order::Begin(begin)) = next_order(&mut orders) else { return 2 };
    let (sender, news) = channel();
    let reader = sender.clone();
    std::thread::spawn(move || {
        while let Some(order) = next_order(&mut orders) {
            if let Order::Start(spec) = order
                && reader.send(News::Start(Box::new(spec))).is_err()
            {
                return;
            }
        }
        let _ = reader.send(News::OwnerGone);
    });

    let mut children: BTreeMap<i32, ProcessIdentity> = BTreeMap::new();
    let mut owned = true;
    while let Ok(item) = news.recv() {
        match item {
            News::Start(spec) => {
                let name = spec.name.clone();
                match start(&begin, *spec, &sender) {
                    Ok(identity) => {
                        children.insert(identity.pid, identity.clone());
                        report(&Report::Started { name, identity });
                    }
                    Err(error) => report(&Report::Failed { name, message: error.to_string() }),
                }
            }
            News::Ended { name, pid, status } => {
                children.remove(&pid);
                report(&Report::Ended {
                    name,
                    code: status.and_then(|status| status.code()),
                    signal: status.and_then(|status| status.signal()),
                });
                if !owned && children.is_empty() {
                    return 0;
                }
            }
            News::OwnerGone => {
                if begin.detach_marker.as_ref().is_some_and(|marker| marker.exists()) && !children.is_empty() {
                    owned = false;
                } else {
                    break;
                }
            }
        }
    }
    for child in children.values() {
        child.kill();
    }
    while !children.is_empty() {
        match news.recv() {
            Ok(News::Ended { pid, .. }) => children.remove(&pid),
            Ok(_) => continue,
            Err(_) => break,
        };
    }
    // What the children started themselves is in our group too; this ends us with it.
    let _ = kill(Pid::from_raw(0), Signal::SIGKILL);
    0
}

/// The next line of stdin as an order; `None` at its end, or when it is not an order.
fn next_order(orders: &mut impl BufRead) -> Option<Order> {
    let mut line = Vec::new();
    std::io::Read::take(orders, LONGEST_ORDER).read_until(b'\n', &mut line).ok()?;
    // A line without its end is the last word of an owner that died while writing.
    line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok())?
}

fn report(report: &Report) {
    let Ok(mut line) = serde_json::to_vec(report) else { return };
    line.push(b'\n');
    // A detached sandbox has nobody to listen.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&line).and_then(|()| out.flush());
}

fn start(begin: &Begin, spec: ProcessSpec, news: &Sender<News>) -> std::io::Result<ProcessIdentity> {
    let mut command = Command::new(&begin.program);
    command.args(&begin.arguments).arg("exec").arg(std::process::id().to_string());
    command.arg(&spec.program).args(&spec.arguments).stdin(Stdio::null());
    if let Some(log) = &spec.log {
        let log = File::create(log)?;
        command.stdout(log.try_clone()?).stderr(log);
    } else {
        command.stdout(std::io::stderr());
    }
    if let Some(folder) = &spec.directory {
        command.current_dir(folder);
    }
    if spec.clear_environment {
        command.env_clear();
    }
    command.envs(&spec.environment);
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).unwrap_or(0);
    // A child that is gone already is still a zombie here, because nobody has waited for it.
    let identity = ProcessIdentity::of(pid).unwrap_or(ProcessIdentity { pid, start_time: 0, boot: String::new() });
    let (news, name) = (news.clone(), spec.name);
    std::thread::spawn(move || {
        let status = child.wait().ok();
        let _ = news.send(News::Ended { name, pid, status });
    });
    Ok(identity)
}
