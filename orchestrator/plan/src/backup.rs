//! Plans a backup: kinds to list, items to store, relations to follow, hooks to run, volumes left out.
//!
//! The engine goes through it in three steps, observing in between:
//! 1. [`scope::NamespaceScope`] from the request and the live namespaces;
//! 2. [`kinds::kinds`]: what to list, from the request and discovery;
//! 3. [`items::resolve`]: from the facts of what was listed, the plan, or the facts that are still needed.
//!
//! It never sees a body: [`facts`] reads from each body what planning needs, once, while the body passes by. Which
//! bodies change on their way into the archive is in [`body`].

pub mod body;
pub mod facts;
pub mod hooks;
pub mod items;
pub mod kinds;
pub mod policy;
pub mod relations;
pub mod scope;
pub mod volumes;

pub use facts::{FactTable, ItemFact, Observed, Role};
pub use hooks::HookCall;
pub use items::{BackupPlan, Resolution, Segment, resolve};
pub use kinds::{Ask, KindList, KindRules, KindsPlan, kinds};
pub use policy::{Policy, PolicyError};
pub use relations::Query;
pub use scope::{NamespaceFact, NamespaceScope};
