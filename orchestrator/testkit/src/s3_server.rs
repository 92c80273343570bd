//! A real S3 server on loopback, versitygw over a temporary directory.
//!
//! Uses the program that is built already, or builds it once from its pinned Go module. Ends with the value that
//! stands for it. Speaks S3 and nothing of AWS's identity services.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::skip::variable;

const VERSION: &str = "1.8.0";
const STARTS: usize = 5;

/// A running server, with one bucket.
pub struct S3Server {
    child: Option<Child>,
    directory: TempDir,
    tls: Option<Tls>,
    port: u16,
}

/// PEM files of a certificate for `127.0.0.1` and its key.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl S3Server {
    pub const ACCESS_KEY: &str = "landfall-test-access";
    pub const SECRET_KEY: &str = "landfall-test-secret";
    pub const BUCKET: &str = "landfall-test";
    pub const REGION: &str = "us-east-1";

    /// Starts a server, or says why there is none.
    pub fn start() -> Result<Self, String> {
        Self::start_with(None)
    }

    /// The same over HTTPS.
    pub fn start_tls(tls: Tls) -> Result<Self, String> {
        Self::start_with(Some(tls))
    }

    fn start_with(tls: Option<Tls>) -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
        for name in ["data/landfall-test", "meta"] {
            fs::create_dir_all(directory.path().join(name)).map_err(|error| format!("no {name}: {error}"))?;
        }
        let mut server = Self { child: None, directory, tls, port: 0 };
        // Between finding a port and using it somebody else may take it.
        for _ in 0..STARTS {
            server.port = free_port().map_err(|error| format!("no free port: {error}"))?;
            if server.launch()? {
                return Ok(server);
            }
        }
        Err(format!("versitygw does not start: {}", server.log()))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Creates another bucket.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        fs::create_dir_all(self.data().join(name))
    }

    /// The directory that holds the buckets.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends the server at once; what it holds stays.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Starts it again at the same place.
    pub fn restart(&mut self) -> Result<(), String> {
        self.stop();
        for _ in 0..STARTS {
            if self.launch()? {
                return Ok(());
            }
        }
        Err(format!("versitygw does not start again: {}", self.log()))
    }

    /// What the server said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Starts the program and waits until it listens; `false` when it ended instead.
    fn launch(&mut self) -> Result<bool, String> {
        let log = File::create(self.log_file()).map_err(|error| format!("no log file: {error}"))?;
        let log_too = log.try_clone().map_err(|error| format!("no log file: {error}"))?;
        let mut command = Command::new(program()?);
        command.env("ROOT_ACCESS_KEY", Self::ACCESS_KEY).env("ROOT_SECRET_KEY", Self::SECRET_KEY);
        command.args(["--port", &format!("127.0.0.1:{}", self.port), "--region", Self::REGION, "--quiet"]);
        if let Some(tls) = &self.tls {
            command.arg("--cert").arg(&tls.certificate).arg("--key").arg(&tls.key);
        }
        command.arg("posix").arg("--sidecar").arg(self.directory.path().join("meta")).arg(self.data());
        command.stdin(Stdio::null()).stdout(log).stderr(log_too);
        let mut child = command.spawn().map_err(|error| format!("versitygw does not start: {error}"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Ok(Some(_)) = child.try_wait() {
                return Ok(false);
            }
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                self.child = Some(child);
                return Ok(true);
            }
            if Instant::now() > deadline {
                drop(child.kill());
                drop(child.wait());
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The program, built when it is not there yet.
fn program() -> Result<PathBuf, String> {
    let cache = match variable("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(variable("HOME").ok_or("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache"),
    };
    let directory = cache.join(format!("landfall/testbed/versitygw-{VERSION}"));
    let program = directory.join("versitygw");
    if program.is_file() {
        return Ok(program);
    }
    build(&directory, &program)?;
    Ok(program)
}

fn build(directory: &Path, program: &Path) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| format!("no {}: {error}", directory.display()))?;
    let lock = File::create(directory.join("lock")).map_err(|error| format!("no lock file: {error}"))?;
    lock.lock().map_err(|error| format!("no lock: {error}"))?;
    // Another test may have built it while this one waited.
    if program.is_file() {
        return Ok(());
    }
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/testbed/versitygw");
    let part = directory.join("versitygw.part");
    let output = Command::new("go")
        .current_dir(&module)
        .env("CGO_ENABLED", "0")
        .args(["build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o"])
        .arg(&part)
        .arg("github.com/versity/versitygw/cmd/versitygw")
        .output()
        .map_err(|error| format!("no Go to build versitygw with: {error}"))?;
    if !output.status.success() {
        return Err(format!("versitygw does not build: {}", String::from_utf8_lossy(&output.stderr)));
    }
    fs::rename(&part, program).map_err(|error| format!("no {}: {error}", program.display()))
}
