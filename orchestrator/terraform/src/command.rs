//! Runs a short, read-mostly command of the tool and takes what it says.
//!
//! Commands that take long or change the world do not come here: see [`crate::run`]. A dropped future asks the
//! command to stop with SIGINT; nothing here kills.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::environment::Environment;
use crate::error::TerraformError;

/// Output that is a few lines.
pub(crate) const SMALL: u64 = 4 << 20;
/// Output that is a whole plan or state.
pub(crate) const LARGE: u64 = 1 << 30;

pub(crate) struct Captured {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Captured {
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs `program args…` in `directory`, in a process group of its own, with nothing on stdin.
pub(crate) async fn capture<I, S>(
    program: &Path,
    directory: &Path,
    environment: &Environment,
    args: I,
    cap: u64,
) -> Result<Captured, TerraformError>
where
    I: IntoIterator<Item = S>,
    S: Into<OsString>,
{
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let name = args.first().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default();
    let mut child = Command::new(program)
        .args(&args)
        .current_dir(directory)
        .env_clear()
        .envs(environment.for_child())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(TerraformError::io(format!("run {}", program.display())))?;
    let mut guard = InterruptOnDrop(child.id());
    let out = child.stdout.take();
    let err = child.stderr.take();
    let (stdout, stderr) = tokio::try_join!(read(out, cap, &name), read(err, cap.min(SMALL), &name))?;
    let status = child.wait().await.map_err(TerraformError::io(format!("wait for {name}")))?;
    guard.0 = None;
    Ok(Captured { code: status.code(), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

async fn read(from: Option<impl AsyncRead + Unpin>, cap: u64, name: &str) -> Result<Vec<u8>, TerraformError> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let mut limited = from.take(cap + 1);
        limited.read_to_end(&mut bytes).await.map_err(TerraformError::io(format!("read the output of {name}")))?;
    }
    match bytes.len() as u64 > cap {
        true => Err(TerraformError::TooLong { what: format!("the output of {name}"), limit: cap }),
        false => Ok(bytes),
    }
}

/// A command for a person's shell: every word that needs it is quoted.
pub fn shell<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted = words.into_iter().map(|word| {
        let word = word.as_ref().to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

struct InterruptOnDrop(Option<u32>);

impl Drop for InterruptOnDrop {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|pid| i32::try_from(pid).ok()) {
            // The child is not reaped yet, so the number is still its own.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_survive_a_shell() {
        assert_eq!(
            shell(["terraform", "-chdir=/a b", "x[\"k\"]", "it's"]),
            r#"terraform '-chdir=/a b' 'x["k"]' 'it'\''s'"#
        );
    }

    #[tokio::test]
    async fn output_has_a_cap() {
        let environment = Environment::default();
        let long = ["-c", "head -c 100 /dev/zero"];
        let root = Path::new("/");
        let error = capture(Path::new("/bin/sh"), root, &environment, long, 99).await.err().unwrap();
        assert!(matches!(error, TerraformError::TooLong { limit: 99, .. }));
        assert_eq!(capture(Path::new("/bin/sh"), root, &environment, long, 100).await.unwrap().stdout.len(), 100);
    }
}
