//! An item on its way into the plan: who it is, and what was decided about it so far.

use std::sync::Arc;

use model::{ApiResource, Decision, ItemId, Pass, Reason, Verdict};
use plan::restore::format::PlannedItem;
use plan::restore::order::Wave;

/// An item on its way into the plan.
pub(super) struct Entry<'a> {
    pub(super) item: Arc<ItemId>,
    /// The same one when the target names it alike.
    pub(super) target: Arc<ItemId>,
    pub(super) wave: Wave,
    /// Absent when the target has no such kind.
    pub(super) resource: Option<&'a ApiResource>,
    pub(super) decisions: Vec<Decision>,
}

/// An identity in the target, shared with the backup's when they are the same.
pub(super) fn alike(item: &Arc<ItemId>, target: ItemId) -> Arc<ItemId> {
    if **item == target { Arc::clone(item) } else { Arc::new(target) }
}

impl Entry<'_> {
    pub(super) fn decide(&self, pass: Pass, verdict: Verdict, reason: Reason) -> Decision {
        Decision { item: ItemId::clone(&self.item), pass, verdict, reason }
    }

    pub(super) fn planned(&self, verdict: Verdict) -> PlannedItem {
        PlannedItem {
            item: Arc::clone(&self.item),
            target: Arc::clone(&self.target),
            api_version: self.resource.map(|api| api.group_version().to_string()).unwrap_or_default(),
            wave: self.wave,
            verdict,
            digest: None,
            existing: None,
            decisions: Vec::new(),
            changes: Vec::new(),
            hooks: Vec::new(),
        }
    }
}
