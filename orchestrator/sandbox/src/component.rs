//! The programs a sandbox is made of: which there are, where they are found, how they are built.
//!
//! Order: the assets folders, the cache, `PATH`, and else a build from the Go modules embedded here. A found program
//! is used only if its minor version is the one asked for. Nothing is downloaded except by the Go toolchain.

mod build;
mod catalog;
mod find;
mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use crate::progress::{Event, Progress};
use crate::settings::Settings;

pub use catalog::{Component, Source};

/// Where a program came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Assets,
    Cache,
    Path,
    Built,
}

/// A program that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    pub version: String,
    pub origin: Origin,
}

/// One line of what `doctor` shows.
#[derive(Debug, Clone)]
pub struct Listing {
    pub component: &'static Component,
    pub found: Option<Found>,
    /// Programs that were looked at and not taken, with the reason.
    pub passed_over: Vec<(PathBuf, String)>,
    /// What to do where nothing was found.
    pub remedy: Option<String>,
}

/// The programs for one sandbox, found or built.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    found: BTreeMap<&'static str, Found>,
}

impl Toolbox {
    /// The path of a program that was asked for.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        // What was not asked for is looked up on PATH by whoever runs it, and reported by its name if absent.
        self.found.get(name).map_or_else(|| PathBuf::from(name), |found| found.path.clone())
    }

    pub fn get(&self, name: &str) -> Option<&Found> {
        self.found.get(name)
    }
}

/// Finds all of them, and builds those that are nowhere, one after another: a build uses every processor.
pub async fn obtain(
    settings: &Settings,
    wanted: &[&'static Component],
    progress: &dyn Progress,
) -> Result<Toolbox, SandboxError> {
    obtain_for(settings, wanted, progress, None).await
}

/// The same for a sandbox: what is started for the build carries its marker, so that `down` ends it too.
pub(crate) async fn obtain_for(
    settings: &Settings,
    wanted: &[&'static Component],
    progress: &dyn Progress,
    sandbox: Option<&Path>,
) -> Result<Toolbox, SandboxError> {
    let looked = futures::future::join_all(wanted.iter().map(|component| find::find(settings, component))).await;
    let mut toolbox = Toolbox::default();
    for (component, looked) in wanted.iter().copied().zip(looked) {
        for (path, why) in looked.passed_over {
            progress.report(Event::PassedOver { component: component.name, path, why });
        }
        let found = match looked.found {
            Some(found) => found,
            None => build::build(settings, component, progress, sandbox).await?,
        };
        let (version, path) = (found.version.clone(), found.path.clone());
        progress.report(Event::Using { component: component.name, version, path });
        toolbox.found.insert(component.name, found);
    }
    Ok(toolbox)
}

/// Looks for every known component and builds none.
pub async fn survey(settings: &Settings) -> Vec<Listing> {
    let all: Vec<&'static Component> = catalog::all().collect();
    let looked = futures::future::join_all(all.iter().map(|component| find::find(settings, component))).await;
    let go = settings.on_path("go").is_some();
    all.into_iter()
        .zip(looked)
        .map(|(component, looked)| {
            let remedy = looked.found.is_none().then(|| match component.source {
                Source::Module { .. } if go => "built when it is first needed".to_owned(),
                Source::Module { .. } => "install Go 1.26 or newer, and it is built when it is first needed".to_owned(),
                Source::Debian { package } => format!("apt-get install {package}"),
            });
            Listing { component, found: looked.found, passed_over: looked.passed_over, remedy }
        })
        .collect()
}

/// The Go toolchain that builds would use.
pub async fn toolchain(settings: &Settings) -> Option<Found> {
    let path = settings.on_path("go")?;
    let answer = version::ask(&path, &["env", "GOVERSION"]).await.unwrap_or_default();
    let version = answer.trim().strip_prefix("go").unwrap_or("of unknown version").to_owned();
    Some(Found { path, version, origin: Origin::Path })
}

/// The folder in the cache that holds one component.
fn home(settings: &Settings, component: &Component) -> PathBuf {
    let folder = settings.components().join(format!("{}-{}", component.name, component.version));
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Where its program lies once it is built.
fn cached(settings: &Settings, component: &Component) -> PathBuf {
    home(settings, component).join(component.name)
}

/// Written beside a program after it was found to work: its size, version and recipe. A program whose size differs
/// from it is looked at again, and one of another recipe is built again.
fn stamp(program: &Path) -> PathBuf {
    program.with_extension("verified")
}
