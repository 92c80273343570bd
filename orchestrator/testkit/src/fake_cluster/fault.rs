//! Faults: which requests, after how many, how often, and what happens to them.

use super::answers::Refusal;
use super::log::{Call, Verb};

/// What happens to a request that a fault applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is done and this is the answer.
    Refuse(Refusal),
    /// It is done, and the answer gets lost on the way.
    LoseAnswer,
    /// It is answered as done, and somebody undoes it at once.
    Forget,
    /// It is done, and the object has no labels, as a webhook may have it.
    StripLabels,
    /// A list breaks off after so many items.
    CutList(usize),
}

/// A fault; every restriction narrows it, and without any it is for every request.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    verb: Option<Verb>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    skip: u32,
    times: Option<u32>,
}

impl Fault {
    pub fn new(effect: Effect) -> Self {
        Self { effect, verb: None, resource: None, namespace: None, name: None, skip: 0, times: None }
    }

    pub fn refuse(refusal: Refusal) -> Self {
        Self::new(Effect::Refuse(refusal))
    }

    pub fn lose_answer() -> Self {
        Self::new(Effect::LoseAnswer)
    }

    pub fn forget() -> Self {
        Self::new(Effect::Forget)
    }

    pub fn strip_labels() -> Self {
        Self::new(Effect::StripLabels)
    }

    pub fn cut_list(after: usize) -> Self {
        Self::new(Effect::CutList(after)).verb(Verb::List)
    }

    pub fn verb(mut self, verb: Verb) -> Self {
        self.verb = Some(verb);
        self
    }

    /// `secrets`, `deployments.apps`.
    pub fn resource(mut self, resource: &str) -> Self {
        self.resource = Some(resource.to_owned());
        self
    }

    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Lets so many matching requests through first: `skip(2)` begins with the third.
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Ends after so many; without it, it never does.
    pub fn times(mut self, requests: u32) -> Self {
        self.times = Some(requests);
        self
    }

    fn matches(&self, call: &Call) -> bool {
        self.verb.is_none_or(|verb| verb == call.verb)
            && self.resource.as_ref().is_none_or(|r| call.resource.as_ref().is_some_and(|c| c.to_string() == *r))
            && self.namespace.as_ref().is_none_or(|n| call.namespace.as_ref() == Some(n))
            && self.name.as_ref().is_none_or(|n| call.name == *n)
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    faults: Vec<Fault>,
    /// Requests left to live.
    life: Option<u32>,
}

pub(super) enum Verdict {
    Pass,
    Refuse(Refusal),
    LoseAnswer,
    Forget,
    StripLabels,
    CutList(usize),
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn kill_after(&mut self, requests: u32) {
        self.life = Some(requests);
    }

    pub(super) fn revive(&mut self) {
        self.life = None;
    }

    /// The first fault that applies decides; those before it count the request they let through.
    pub(super) fn judge(&mut self, call: &Call) -> Verdict {
        match &mut self.life {
            Some(0) => return Verdict::Refuse(Refusal::killed()),
            Some(left) => *left -= 1,
            None => {}
        }
        for fault in &mut self.faults {
            if fault.times == Some(0) || !fault.matches(call) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            return match fault.effect.clone() {
                Effect::Refuse(refusal) => Verdict::Refuse(refusal),
                Effect::LoseAnswer => Verdict::LoseAnswer,
                Effect::Forget => Verdict::Forget,
                Effect::StripLabels => Verdict::StripLabels,
                Effect::CutList(after) => Verdict::CutList(after),
            };
        }
        Verdict::Pass
    }
}
