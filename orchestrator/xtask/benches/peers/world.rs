//! The servers of a run, in a folder of their own: sandboxes through landfall, an S3 server, child processes.
//!
//! Whatever was started ends when its value is dropped.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::client::{Client, Ready};
use crate::objects::Crowd;

pub(crate) const BUCKET: &str = "bench";
pub(crate) const ACCESS_KEY: &str = "bench-access";
pub(crate) const SECRET_KEY: &str = "bench-secret";

/// The folder of a run and the programs that it uses.
pub(crate) struct World {
    folder: tempfile::TempDir,
    landfall: PathBuf,
    cache: PathBuf,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "a tool's settings come from the environment")]
    pub(crate) fn new() -> anyhow::Result<Self> {
        let landfall = std::env::var_os("LANDFALL").context("run it as `cargo xtask bench`")?;
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        let folder = tempfile::Builder::new().prefix("landfall-bench-").tempdir()?;
        Ok(Self { folder, landfall: landfall.into(), cache: cache.join("landfall") })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command of the optimised landfall, with the state of this run.
    pub(crate) fn landfall(&self) -> Command {
        let mut command = Command::new(&self.landfall);
        command.env("XDG_STATE_HOME", self.folder().join("state")).env("XDG_CONFIG_HOME", self.folder().join("config"));
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.env_remove("KUBECONFIG");
        command
    }

    /// A program of the test bed, `name-version/binary` in the cache; `None` when it is not built.
    pub(crate) fn testbed(&self, path: &str) -> Option<PathBuf> {
        let path = self.cache.join("testbed").join(path);
        path.is_file().then_some(path)
    }

    pub(crate) fn component(&self, path: &str) -> anyhow::Result<PathBuf> {
        let path = self.cache.join("components").join(path);
        ensure!(path.is_file(), "{} is not built; `landfall sandbox up` builds it", path.display());
        Ok(path)
    }

    pub(crate) fn sandbox(&self, name: &str) -> anyhow::Result<Sandbox<'_>> {
        let output = self.landfall().args(["sandbox", "up", name, "--detach"]).output()?;
        let sandbox = Sandbox { world: self, name: name.to_owned() };
        ensure!(output.status.success(), "no sandbox: {}", String::from_utf8_lossy(&output.stderr));
        Ok(sandbox)
    }

    pub(crate) fn log(&self, name: &str) -> anyhow::Result<File> {
        Ok(File::create(self.folder().join(format!("{name}.log")))?)
    }
}

pub(crate) struct Sandbox<'w> {
    world: &'w World,
    pub(crate) name: String,
}

impl Sandbox<'_> {
    pub(crate) fn kubeconfig(&self) -> anyhow::Result<PathBuf> {
        let output = self.world.landfall().args(["sandbox", "kubeconfig", &self.name]).output()?;
        ensure!(output.status.success(), "no kubeconfig: {}", String::from_utf8_lossy(&output.stderr));
        Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
    }

    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::connect(&self.kubeconfig()?)
    }

    /// Fills the cluster with a crowd's namespaces and objects.
    pub(crate) async fn fill(&self, crowd: &Crowd) -> anyhow::Result<Duration> {
        let client = self.client()?;
        client.create_all(crowd.namespaces(), 16).await?;
        client.create_all(crowd.objects(), 64).await
    }

    pub(crate) async fn fill_with(&self, objects: impl Iterator<Item = Ready>, in_flight: usize) -> anyhow::Result<()> {
        self.client()?.create_all(objects, in_flight).await.map(|_| ())
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        let down = self.world.landfall().args(["sandbox", "down", &self.name]).output();
        if !down.is_ok_and(|output| output.status.success()) {
            eprintln!("warning: sandbox {} was not stopped", self.name);
        }
    }
}

/// A child that does not outlive this value.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command, log: File) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        Ok(Self(child.with_context(|| format!("failed to run {}", program.display()))?))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// An S3 server with one bucket.
pub(crate) struct Gateway {
    pub(crate) url: String,
    _process: Process,
}

impl Gateway {
    pub(crate) fn start(world: &World) -> anyhow::Result<Self> {
        let program = world.testbed("versitygw-1.8.0/versitygw").context("versitygw is not built")?;
        let (data, meta) = (world.folder().join("s3/data"), world.folder().join("s3/meta"));
        fs::create_dir_all(data.join(BUCKET))?;
        fs::create_dir_all(&meta)?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(program);
        command.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
        command.args(["--port", &address, "posix", "--sidecar"]).arg(&meta).arg(&data);
        let process = Process::spawn(&mut command, world.log("s3")?)?;
        let started = Instant::now();
        while TcpStream::connect(&address).is_err() {
            if started.elapsed() > Duration::from_secs(20) {
                bail!("the S3 server does not listen");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { url: format!("http://{address}"), _process: process })
    }

    /// The bucket as a location of landfall; Velero's default prefix is the same.
    pub(crate) fn location(&self) -> String {
        format!("s3://{BUCKET}?region=us-east-1&path-style=true&endpoint={}", self.url)
    }
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
