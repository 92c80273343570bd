//! A program of the user's, with none of landfall's rights, and gone with all its children when nobody waits for it.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use engine::drill::{CommandAnswer, CommandExit, UserCommand};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use ports::PortError;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::settings::Settings;

/// Kills the whole group unless it has ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

pub(super) async fn run(settings: &Settings, command: &UserCommand) -> Result<CommandAnswer, PortError> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err(PortError::invalid("there is no program to run"));
    };
    let path = std::env::join_paths(&settings.path)
        .map_err(|error| PortError::invalid("PATH cannot be used").with_source(error))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("HOME", &settings.home)
        .envs(&command.env)
        .current_dir(&command.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            match error.kind() {
                std::io::ErrorKind::NotFound => PortError::not_found(format!("{program} or its folder is not there")),
                std::io::ErrorKind::PermissionDenied => PortError::denied(format!("{program} may not be run")),
                _ => PortError::unavailable(format!("{program} could not be started")),
            }
            .with_source(error)
        })?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let mut group = Group(group);
    let failed = |error: std::io::Error| {
        PortError::unavailable(format!("what {program} says cannot be read")).with_source(error)
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) =
        tokio::join!(read(stdout, command.output_cap), read(stderr, command.output_cap), child.wait());
    let ((stdout, cut_out), (stderr, cut_err)) = (stdout.map_err(failed)?, stderr.map_err(failed)?);
    let status = status.map_err(failed)?;
    // Whatever it left in its group goes too: nobody would ever end it.
    drop(group.0.take().map(|pid| Group(Some(pid))));
    let exit = match (status.code(), status.signal()) {
        (Some(code), _) => CommandExit::Code(code),
        (None, signal) => CommandExit::Signal(signal.unwrap_or_default()),
    };
    Ok(CommandAnswer { exit, stdout, stderr, cut: cut_out || cut_err })
}

/// Reads to the end and keeps the beginning, so that a talkative program never blocks.
async fn read(from: Option<impl AsyncRead + Unpin>, cap: usize) -> std::io::Result<(Vec<u8>, bool)> {
    let Some(mut from) = from else { return Ok((Vec::new(), false)) };
    let (mut kept, mut cut, mut buffer) = (Vec::new(), false, vec![0u8; 8192]);
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok((kept, cut));
        }
        let room = cap - kept.len();
        kept.extend_from_slice(&buffer[..read.min(room)]);
        cut |= read > room;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn settings(home: &Path) -> Settings {
        Settings::for_tests(home)
    }

    fn command(folder: &Path, argv: &[&str]) -> UserCommand {
        UserCommand {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            env: BTreeMap::from([("GIVEN".to_owned(), "yes".to_owned())]),
            folder: folder.to_owned(),
            output_cap: 1000,
        }
    }

    #[tokio::test]
    async fn it_inherits_nothing_and_its_output_is_capped() {
        let home = tempfile::tempdir().unwrap();
        let settings = settings(home.path());
        let answer = run(&settings, &command(home.path(), &["env"])).await.unwrap();
        let said = String::from_utf8(answer.stdout).unwrap();
        let mut names: Vec<&str> = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["GIVEN", "HOME", "PATH"]);
        let loud = command(home.path(), &["sh", "-c", "head -c 100000 /dev/zero; exit 7"]);
        let answer = run(&settings, &loud).await.unwrap();
        assert_eq!((answer.exit, answer.stdout.len(), answer.cut), (CommandExit::Code(7), 1000, true));
        let killed = run(&settings, &command(home.path(), &["sh", "-c", "kill -9 $$"])).await.unwrap();
        assert_eq!(killed.exit, CommandExit::Signal(9));
        let missing = run(&settings, &command(home.path(), &["there-is-no-such-program"])).await.unwrap_err();
        assert_eq!(missing.kind, ports::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn children_go_with_it() {
        let home = tempfile::tempdir().unwrap();
        let settings = settings(home.path());
        let script = "sleep 1000 & echo $! > child; echo ready > ready; wait";
        let command = command(home.path(), &["sh", "-c", script]);
        let ready = home.path().join("ready");
        tokio::select! {
            _ = run(&settings, &command) => panic!("it never ends by itself"),
            () = async { while !ready.exists() { tokio::task::yield_now().await } } => {}
        }
        let child: i32 = std::fs::read_to_string(home.path().join("child")).unwrap().trim().parse().unwrap();
        let gone = || match std::fs::read_to_string(format!("/proc/{child}/stat")) {
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
            Err(_) => true,
        };
        while !gone() {
            tokio::task::yield_now().await;
        }
    }
}
