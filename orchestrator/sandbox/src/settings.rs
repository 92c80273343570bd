//! Where things are: what the composition root has read from the environment, once.
//!
//! Nothing is looked up here.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ports::{FreePorts, PortSource};

/// Folders and programs a sandbox works with.
#[derive(Clone)]
pub struct Settings {
    /// Folders of ready-made programs, first wins: `LANDFALL_ASSETS`, then `KUBEBUILDER_ASSETS`.
    pub assets: Vec<PathBuf>,
    /// Landfall's cache folder; components are kept under `components/`.
    pub cache: PathBuf,
    /// Landfall's state folder; sandboxes live under `sandboxes/`.
    pub state: PathBuf,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// How to start [`crate::supervise::supervise`] in a process of its own.
    pub supervisor: Supervisor,
    /// Where free ports come from.
    pub ports: Arc<dyn PortSource>,
}

/// A program that hands the arguments after `arguments` to [`crate::supervise::supervise`]: landfall itself with its
/// hidden subcommand.
#[derive(Debug, Clone)]
pub struct Supervisor {
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

impl Settings {
    /// Settings with free ports from the kernel and nothing to find: no assets and no `PATH`.
    pub fn new(cache: PathBuf, state: PathBuf, supervisor: Supervisor) -> Self {
        Self { assets: Vec::new(), cache, state, path: Vec::new(), supervisor, ports: Arc::new(FreePorts) }
    }

    /// The folder of one sandbox.
    pub(crate) fn sandboxes(&self) -> PathBuf {
        self.state.join("sandboxes")
    }

    pub(crate) fn components(&self) -> PathBuf {
        self.cache.join("components")
    }

    /// The first executable file of that name on `PATH`.
    pub(crate) fn on_path(&self, program: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(program)).find(|path| crate::files::is_executable(path))
    }
}
