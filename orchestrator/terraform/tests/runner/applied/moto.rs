//! moto with our overlay, as a process of the test: it ends with the test, however that ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use terraform::Environment;
use testkit::skip::{Why, skip};

use super::workspace::{cache, name, root, said, turn};

pub(super) struct Moto {
    child: Child,
    endpoint: String,
}

/// A Python with moto, made when it is not there yet; a skipped test when there is no Python to make it with.
pub(super) fn python() -> Option<PathBuf> {
    let requirements = root().join("tests/testbed/moto/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).unwrap();
    let _turn = turn("moto");
    let folder = cache().join("testbed").join(format!("moto-{}", version(&wanted)));
    let (python, complete) = (folder.join("bin/python"), folder.join("complete"));
    if std::fs::read_to_string(&complete).is_ok_and(|text| text == wanted) && python.exists() {
        return Some(python);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
    match made {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            skip(&name(), Why::NotSetUp, &format!("python3 makes no virtual environment: {}", said(&output)));
            return None;
        }
        Err(error) => {
            skip(&name(), Why::NotSetUp, &format!("python3 does not run: {error}"));
            return None;
        }
    }
    let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
    let installed = Command::new(&python).args(quiet).arg(&requirements).output().unwrap();
    if !installed.status.success() {
        skip(&name(), Why::NotSetUp, &format!("moto cannot be installed: {}", said(&installed)));
        return None;
    }
    // Last, so that a half-made one is made again.
    std::fs::write(complete, wanted).unwrap();
    Some(python)
}

impl Moto {
    pub(super) fn start(python: &Path) -> Self {
        let mut child = Command::new(python)
            .arg(root().join("tests/testbed/moto/server.py"))
            .arg("--attached")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap_or_else(|_| panic!("the server did not start: {line:?}"));
        Self { child, endpoint: format!("http://127.0.0.1:{port}") }
    }

    /// What a client needs to know: this server, and no account of anybody's.
    pub(super) fn variables(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ])
    }

    /// Our own environment with nothing of AWS in it but this server.
    pub(super) fn environment(&self) -> Environment {
        let is_aws = |key: &OsString| key.to_string_lossy().starts_with("AWS_");
        let inherited = Environment::inherit(std::env::vars_os().filter(|(key, _)| !is_aws(key)));
        self.variables().into_iter().fold(inherited, |all, (key, value)| all.with(key, value))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn version(requirements: &str) -> &str {
    let line = requirements.lines().find(|line| line.starts_with("moto[server]==")).unwrap();
    line.trim_start_matches("moto[server]==").trim()
}
