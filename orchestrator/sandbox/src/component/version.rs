//! Asks a program for its version.
//!
//! It trusts no name: a folder called 1.24 may hold anything.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::catalog::Component;

/// A hundred megabytes may have to come from a cold disk first.
const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: u64 = 64 * 1024;

/// The version a program tells, if it is one that will do; else why it will not.
pub(super) async fn check(program: &Path, component: &Component) -> Result<String, String> {
    let answer = ask(program, component.version_arguments).await?;
    let Some(version) = find_version(&answer) else {
        return Err("does not tell its version; it may be only half there".to_owned());
    };
    if component.version.is_empty() || minor(&version) == minor(component.version) {
        Ok(version)
    } else {
        Err(format!("is version {version}, not {}", minor(component.version).unwrap_or(component.version)))
    }
}

pub(super) async fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let answer = async {
        let (out, err) = tokio::join!(read(out), read(err));
        format!("{out}\n{err}")
    };
    tokio::time::timeout(PATIENCE, answer).await.map_err(|_| "did not answer when asked for its version".to_owned())
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut content = Vec::new();
    if let Some(stream) = stream {
        let _ = stream.take(LONGEST_ANSWER).read_to_end(&mut content).await;
    }
    String::from_utf8_lossy(&content).into_owned()
}

/// The first word that looks like a version: `1.36.3`, `v1.24.17`, `1.1.5+ds1`, with an optional `v`, or behind a name
/// as in `iproute2-6.1.0`.
fn find_version(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .flat_map(|word| [Some(word), word.split_once('-').map(|(_, rest)| rest)])
        .flatten()
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| minor(word).is_some())
        .map(str::to_owned)
}

/// `1.36` of `1.36.3`.
pub(super) fn minor(version: &str) -> Option<&str> {
    let (major, rest) = version.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let is_number = !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit()) && digits > 0;
    let ends_well = matches!(rest.as_bytes().get(digits), None | Some(b'.' | b'-' | b'+'));
    (is_number && ends_well).then(|| &version[..major.len() + 1 + digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_programs_say() {
        for (answer, version) in [
            ("etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8", "3.6.16"),
            ("Kubernetes v1.36.3", "1.36.3"),
            ("kwok version 0.7.0 go1.26.8 (linux/amd64)", "0.7.0"),
            ("containerd github.com/containerd/containerd/v2 2.3.7 ", "2.3.7"),
            ("CNI bridge plugin v1.9.1\nCNI protocol versions supported: 0.1.0, 0.2.0", "1.9.1"),
            ("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1", "1.1.5+ds1"),
            ("BusyBox v1.35.0 (Debian 1:1.35.0-4) multi-call binary.", "1.35.0"),
            ("ip utility, iproute2-6.1.0, libbpf 1.1.2", "6.1.0"),
        ] {
            assert_eq!(find_version(answer).as_deref(), Some(version), "{answer}");
        }
        for answer in ["", "usage: etcd", "go1.26", "v", "1.", ".1", "1.x", "10.0x"] {
            assert_eq!(find_version(answer), None, "{answer}");
        }
    }

    #[test]
    fn minors_are_compared_as_numbers_not_as_prefixes() {
        assert_eq!(minor("1.36.3"), Some("1.36"));
        assert_eq!(minor("1.3"), Some("1.3"));
        assert_ne!(minor("1.36.3"), minor("1.3.6"));
    }
}
