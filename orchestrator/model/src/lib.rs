//! The vocabulary that every other crate speaks: names, manifests, catalogs, selectors, decisions.
//!
//! Nothing here waits, reads a clock or touches a file; values come in, values go out.
//!
//! Read in this order:
//! - [`gvk`]: group, version, kind and resource names.
//! - [`manifest`]: typed access over one Kubernetes object; its `Debug` never shows a Secret.
//! - [`catalog`]: what an apiserver serves, and how a word typed by a person finds a kind in it.
//! - [`item`]: one object's identity and the facts kept about it while its body stays on disk.
//! - [`selector`], [`glob`]: what people write to choose items.
//! - [`decision`]: what planning says: decisions, changes, blocks and findings.
//! - [`request`]: validated intent of a backup and of a restore.
//! - [`go_duration`]: durations and label values as Velero writes them.
//! - [`chain`]: the one printer of error chains.

pub mod catalog;
pub mod chain;
pub mod decision;
pub mod glob;
pub mod go_duration;
pub mod gvk;
pub mod item;
pub mod manifest;
pub mod pointer;
pub mod request;
pub mod selector;

pub use catalog::{ApiResource, Catalog, KubernetesVersion};
pub use chain::chain;
pub use decision::{Blocked, Change, Decision, Finding, Pass, Reason, Severity, Verdict};
pub use glob::Glob;
pub use gvk::{GroupResource, GroupVersion, Gvk};
pub use item::{ItemFacts, ItemId, ItemIndex, OwnerFact};
pub use manifest::{Manifest, ManifestError};
pub use selector::{LabelSelector, SelectorError};
