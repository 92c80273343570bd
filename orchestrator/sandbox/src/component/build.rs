//! Builds a component from the Go module embedded here.
//!
//! Expected flow: take the component's lock, look again (somebody else may just have built it), build into a folder
//! beside the final place, run what came out, stamp it, rename it. A build that stops half-way leaves nothing that
//! `find` would look at. The toolchain runs under a supervisor, so that it ends with us.

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::catalog::{Component, Module, Source};
use super::{Found, Origin, cached, find, home, stamp, version};
use crate::error::SandboxError;
use crate::files::{self, Lock, LockAttempt};
use crate::progress::{Event, Progress};
use crate::settings::Settings;
use crate::supervise::{Keeper, ProcessSpec, Report};

/// Lines of the toolchain's output kept for the error.
const KEPT_LINES: usize = 20;
/// A cold build of the largest component takes five minutes on two slow processors.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

pub(super) async fn build(
    settings: &Settings,
    component: &'static Component,
    progress: &dyn Progress,
    sandbox: Option<&Path>,
) -> Result<Found, SandboxError> {
    let (module, package, version_flags) = match &component.source {
        Source::Module { module, package, version_flags } => (module, package, version_flags),
        Source::Debian { package } => {
            return Err(SandboxError::NotBuildable { component: component.name, package });
        }
    };
    let go = settings
        .on_path("go")
        .ok_or(SandboxError::GoMissing { component: component.name, version: component.version })?;
    let folder = home(settings, component);
    files::make_folder(&folder)?;
    let _lock = lock(&folder, component, progress).await?;
    let program = cached(settings, component);
    if program.exists()
        && let Ok(version) = find::in_cache(&program, component).await
    {
        return Ok(Found { path: program, version, origin: Origin::Cache });
    }

    let began = Instant::now();
    progress.report(Event::BuildStarted { component: component.name, version: component.version });
    let workshop = folder.join("build");
    // What a killed build left is removed under the lock, where nobody can be working in it.
    files::remove_folder(&workshop)?;
    prepare(&workshop, module)?;
    let made = workshop.join("out").join(component.name);
    let flags = format!("-s -w {version_flags}");
    let spec = go_build(go, &workshop, &made, package, &flags);
    let result = run(settings, component, spec, &folder.join("build.log"), progress, sandbox).await;
    let version = match result {
        Ok(()) => version::check(&made, component)
            .await
            .map_err(|why| SandboxError::BuiltUnusable { component: component.name, why }),
        Err(error) => Err(error),
    };
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            let _ = files::remove_folder(&workshop);
            return Err(error);
        }
    };
    keep(component, &made, &program, &version)?;
    files::remove_folder(&workshop)?;
    progress.report(Event::Built { component: component.name, seconds: began.elapsed().as_secs() });
    Ok(Found { path: program, version, origin: Origin::Built })
}

/// Waits for the lock of one component.
async fn lock(folder: &Path, component: &'static Component, progress: &dyn Progress) -> Result<Lock, SandboxError> {
    let began = Instant::now();
    let mut told = false;
    loop {
        match files::try_lock(&folder.join("lock"))? {
            LockAttempt::Taken(lock) => return Ok(lock),
            LockAttempt::HeldBy(_) if began.elapsed() > LONGEST_WAIT => {
                let seconds = began.elapsed().as_secs();
                return Err(SandboxError::BuildBusy { component: component.name, seconds });
            }
            LockAttempt::HeldBy(_) => {
                if !told {
                    progress.report(Event::WaitingForBuild { component: component.name });
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn prepare(workshop: &Path, module: &Module) -> Result<(), SandboxError> {
    files::make_folder(&workshop.join("out"))?;
    for (name, content) in &module.files {
        let path = workshop.join(name);
        fs::write(&path, content).map_err(|source| SandboxError::file("write", path, source))?;
    }
    Ok(())
}

/// The command line. The same one always, so that Go's own cache serves every build after the first.
fn go_build(go: PathBuf, workshop: &Path, made: &Path, package: &str, flags: &str) -> ProcessSpec {
    let arguments =
        ["build", "-v", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", &made.to_string_lossy(), package];
    // A user's flags and workspaces are meant for their own modules.
    let environment = [("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOWORK", "off"), ("GO111MODULE", "on")];
    ProcessSpec {
        name: "go".to_owned(),
        program: go,
        arguments: arguments.map(str::to_owned).to_vec(),
        directory: Some(workshop.to_owned()),
        clear_environment: false,
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
        log: None,
    }
}

async fn run(
    settings: &Settings,
    component: &'static Component,
    spec: ProcessSpec,
    log: &Path,
    progress: &dyn Progress,
    sandbox: Option<&Path>,
) -> Result<(), SandboxError> {
    let fail = |source| SandboxError::file("write", log, source);
    let mut log_file = fs::File::create(log).map_err(fail)?;
    let (mut keeper, output) = Keeper::for_build(&settings.supervisor, sandbox).await?;
    keeper.start(spec).await?;
    let mut output = BufReader::new(output).split(b'\n');
    let mut kept: VecDeque<String> = VecDeque::with_capacity(KEPT_LINES);
    let mut packages = 0;
    let code = loop {
        tokio::select! {
            line = output.next_segment() => {
                let Ok(Some(line)) = line else { break None };
                let line = String::from_utf8_lossy(&line).chars().take(500).collect::<String>();
                // A log that does not fit on the disk is no reason to stop; the build itself will say so.
                let _ = writeln!(log_file, "{line}");
                if is_package(&line) {
                    packages += 1;
                } else {
                    if kept.len() == KEPT_LINES {
                        kept.pop_front();
                    }
                    kept.push_back(line.clone());
                }
                progress.report(Event::Building { component: component.name, packages, line });
            }
            report = keeper.report() => match report {
                Some(Report::Ended { code, .. }) => break code,
                Some(Report::Failed { message, .. }) => {
                    kept.push_back(message);
                    break None;
                }
                Some(Report::Started { .. }) => {}
                None => break None,
            },
        }
    };
    // The supervisor's end closes the pipe, which may hold more than was read.
    keeper.end().await;
    while let Ok(Some(line)) = output.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        let _ = writeln!(log_file, "{line}");
        if !is_package(&line) {
            kept.push_back(line);
        }
    }
    if code == Some(0) {
        return Ok(());
    }
    if kept.iter().any(|line| line.contains("no space left on device")) {
        return Err(SandboxError::DiskFull { path: log.to_owned() });
    }
    let (component, version) = (component.name, component.version);
    Err(SandboxError::BuildFailed { component, version, lines: kept.into(), log: log.to_owned() })
}

/// With -v the toolchain names each package that it compiles, alone on a line.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.contains([' ', '\t', ':']) && !line.starts_with('#')
}

/// Puts the program where `find` looks: the stamp first, because the rename is what makes it count.
fn keep(component: &Component, made: &Path, program: &Path, version: &str) -> Result<(), SandboxError> {
    let size = fs::metadata(made).map_err(|source| SandboxError::file("read", made, source))?.len();
    let verified = stamp(program);
    fs::write(&verified, format!("{size} {version} {}\n", component.recipe()))
        .map_err(|source| SandboxError::file("write", &verified, source))?;
    fs::rename(made, program).map_err(|source| SandboxError::file("rename", made, source))
}
