//! Commands that run inside pods before and after a backup, and after a restore.
//!
//! These are the hooks of a request; hooks in pod annotations are read by the planners.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filter::NameFilter;
use crate::selector::LabelSelector;

/// Which pods a group of hooks is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HookSelector {
    pub name: String,
    pub namespaces: NameFilter,
    pub kinds: NameFilter,
    pub labels: LabelSelector,
}

/// What happens to the item when a command fails. Velero's documentation says `Fail` for an unset value, its engine
/// carries on; `Unset` keeps the difference visible to the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    #[default]
    Unset,
    Continue,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecHook {
    /// Empty means the pod's first container.
    pub container: String,
    pub command: Vec<String>,
    pub on_error: OnError,
    pub timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BackupHooks {
    pub selector: HookSelector,
    pub before: Vec<ExecHook>,
    pub after: Vec<ExecHook>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreHook {
    /// Containers put before the pod's own init containers.
    Init { containers: Vec<Value> },
    Exec {
        hook: ExecHook,
        /// How long to wait for the container; `None` waits as long as the restore does.
        wait: Option<Duration>,
        /// Wait until the container is ready, not merely running.
        ready: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RestoreHooks {
    pub selector: HookSelector,
    pub after: Vec<RestoreHook>,
}

impl HookSelector {
    /// Whether an item of this kind (`resource.group`) is meant.
    pub fn admits(&self, kind: &str, namespace: &str, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.kinds.admits(kind) && self.namespaces.admits(namespace) && self.labels.matches(labels)
    }
}
