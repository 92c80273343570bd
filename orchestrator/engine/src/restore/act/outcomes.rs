//! What became of each item that was sent. There may be very many, and nearly all are simply created: those are a bit
//! each, and nothing is to be said of them.

use std::collections::BTreeMap;

use model::Reason;

use crate::restore::ItemVerdict;

#[derive(Debug, Default)]
pub(in crate::restore) struct Outcomes {
    /// A bit for each item of the plan.
    created: Vec<u64>,
    others: BTreeMap<u32, (ItemVerdict, Reason)>,
}

impl Outcomes {
    pub(in crate::restore) fn verdict(&self, item: u32) -> Option<ItemVerdict> {
        match self.others.get(&item) {
            Some((verdict, _)) => Some(*verdict),
            None => self.is_plain(item).then_some(ItemVerdict::Created),
        }
    }

    pub(in crate::restore) fn reason(&self, item: u32) -> Option<&Reason> {
        self.others.get(&item).map(|(_, reason)| reason)
    }

    /// Everything that was created, in the order of the plan.
    pub(in crate::restore) fn created(&self) -> impl Iterator<Item = u32> {
        let many = u32::try_from(self.created.len() * 64).unwrap_or(u32::MAX);
        let last = self.others.last_key_value().map_or(0, |(item, _)| item.saturating_add(1));
        (0..many.max(last)).filter(|item| self.verdict(*item) == Some(ItemVerdict::Created))
    }

    /// Created, and there is nothing to say about it.
    pub(super) fn insert_created(&mut self, item: u32) {
        let (word, bit) = (item as usize / 64, item % 64);
        if self.created.len() <= word {
            self.created.resize(word + 1, 0);
        }
        self.created[word] |= 1 << bit;
    }

    pub(in crate::restore) fn insert(&mut self, item: u32, verdict: ItemVerdict, reason: Reason) {
        self.others.insert(item, (verdict, reason));
    }

    fn is_plain(&self, item: u32) -> bool {
        self.created.get(item as usize / 64).is_some_and(|word| word & (1 << (item % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let mut outcomes = Outcomes::default();
        assert_eq!(outcomes.verdict(0), None);
        for item in [0, 63, 64, 200] {
            outcomes.insert_created(item);
        }
        outcomes.insert(64, ItemVerdict::Failed, Reason::new("vanished", "gone"));
        outcomes.insert(300, ItemVerdict::Created, Reason::new("status-not-restored", "no"));
        outcomes.insert(301, ItemVerdict::Skipped, Reason::new("exists-differs", "other"));
        assert_eq!(outcomes.created().collect::<Vec<_>>(), [0, 63, 200, 300]);
        assert_eq!((outcomes.verdict(64), outcomes.verdict(65)), (Some(ItemVerdict::Failed), None));
        assert_eq!(outcomes.reason(64).map(|reason| reason.code.as_str()), Some("vanished"));
        assert!(outcomes.reason(0).is_none());
    }
}
