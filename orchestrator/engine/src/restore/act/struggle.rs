//! How long to try again, seeing what the items before it went through.
//!
//! One item may be patient: servers restart. Sixty thousand may not: once several items in a row waited in vain for
//! the same thing, the next ones ask once or twice, and whoever gets through makes all patient again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use plan::restore::webhooks::UnreadyWebhooks;

use ::ports::retry::RetryPolicy;

/// What an item waited for in vain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Server,
    /// Requests for one kind, by its number in the plan.
    Kind(u16),
    /// The path of a kind that its definition promised.
    Unserved(u16),
    Terminating(String),
    MissingNamespace(String),
    Webhook(String),
}

#[derive(Debug)]
pub(super) struct Struggle {
    in_vain: Mutex<BTreeMap<Trouble, u32>>,
    waits_for_webhooks: bool,
}

impl Struggle {
    pub(super) fn new(webhooks: UnreadyWebhooks) -> Self {
        let waits_for_webhooks = matches!(webhooks, UnreadyWebhooks::Wait | UnreadyWebhooks::WorkloadsFirst);
        Self { in_vain: Mutex::default(), waits_for_webhooks }
    }

    /// How often to ask the server.
    pub(super) fn of_server(&self, kind: u16) -> RetryPolicy {
        match self.is_tired(&Trouble::Server, 64) || self.is_tired(&Trouble::Kind(kind), 16) {
            true => RetryPolicy { attempts: 2, ..RetryPolicy::PATIENT },
            false => RetryPolicy::PATIENT,
        }
    }

    /// How often to ask while a webhook does not work.
    pub(super) fn of_webhook(&self, name: &str) -> RetryPolicy {
        let attempts = match (self.is_tired(&Trouble::Webhook(name.to_owned()), 3), self.waits_for_webhooks) {
            (true, _) => 1,
            (false, true) => RetryPolicy::PATIENT.attempts,
            (false, false) => 5,
        };
        RetryPolicy { attempts, ..RetryPolicy::PATIENT }
    }

    /// How many short waits something that should be there any moment is worth.
    pub(super) fn short_waits(&self, trouble: &Trouble) -> u32 {
        match trouble {
            _ if self.is_tired(trouble, 4) => 1,
            Trouble::MissingNamespace(_) => 10,
            _ => 100,
        }
    }

    pub(super) fn gave_up(&self, trouble: Trouble) {
        if let Trouble::Kind(_) = trouble {
            *self.lock().entry(Trouble::Server).or_default() += 1;
        }
        *self.lock().entry(trouble).or_default() += 1;
    }

    pub(super) fn went_well(&self, kind: u16, namespace: Option<&str>) {
        let mut in_vain = self.lock();
        if in_vain.is_empty() {
            return;
        }
        in_vain.retain(|trouble, _| match trouble {
            Trouble::Server => false,
            Trouble::Kind(number) | Trouble::Unserved(number) => *number != kind,
            Trouble::Terminating(name) | Trouble::MissingNamespace(name) => Some(name.as_str()) != namespace,
            // Who got through may not have been asked about.
            Trouble::Webhook(_) => true,
        });
    }

    fn is_tired(&self, trouble: &Trouble, limit: u32) -> bool {
        self.lock().get(trouble).is_some_and(|times| *times >= limit)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Trouble, u32>> {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_who_waited_in_vain_make_the_next_ones_brief_until_one_gets_through() {
        let struggle = Struggle::new(UnreadyWebhooks::Warn);
        let patient = struggle.of_server(1).attempts;
        (0..16).for_each(|_| struggle.gave_up(Trouble::Kind(1)));
        assert!(struggle.of_server(1).attempts < patient);
        assert_eq!(struggle.of_server(2).attempts, patient, "other kinds may be fine");
        struggle.went_well(2, None);
        assert!(struggle.of_server(1).attempts < patient);
        struggle.went_well(1, None);
        assert_eq!(struggle.of_server(1).attempts, patient);
        (0..64).for_each(|number| struggle.gave_up(Trouble::Kind(number)));
        assert!(struggle.of_server(99).attempts < patient, "the server as a whole");
    }

    #[test]
    fn a_webhook_is_asked_a_few_times_and_then_once() {
        let struggle = Struggle::new(UnreadyWebhooks::Warn);
        assert_eq!(struggle.of_webhook("a").attempts, 5);
        (0..3).for_each(|_| struggle.gave_up(Trouble::Webhook("a".to_owned())));
        assert_eq!((struggle.of_webhook("a").attempts, struggle.of_webhook("b").attempts), (1, 5));
        let waiting = Struggle::new(UnreadyWebhooks::Wait);
        assert!(waiting.of_webhook("a").attempts > 5);
    }
}
