//! An item of a backup as planning sees it: identity, versions at hand, facts; the body stays on disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ItemId;

use crate::backup::facts::More;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedItem {
    /// Shared with the plan: there may be very many.
    pub id: Arc<ItemId>,
    /// The preferred version first.
    pub bodies: Vec<ArchivedBody>,
    /// Kept only when the request selects by label.
    pub labels: BTreeMap<String, String>,
    /// Facts of pods, claims and volumes.
    pub more: Option<Box<More>>,
}

/// One body, and where the engine finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedBody {
    pub version: Arc<str>,
    pub preferred: bool,
    pub offset: u64,
    pub length: u32,
}

impl ArchivedItem {
    pub fn body(&self, version: &str) -> Option<&ArchivedBody> {
        self.bodies.iter().find(|body| &*body.version == version)
    }
}
