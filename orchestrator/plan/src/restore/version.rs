//! In which API version the target can take each item.
//!
//! `versions` chooses for one kind; this asks once for each kind and set of versions, and extends what the target
//! serves by the definitions that the restore itself will create.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Blocked, Catalog, GroupResource, Manifest, Reason};
use versions::choose::{Candidate, choose as choose_version};
use versions::{CrdFacts, Options, catalog_of_crd};

use super::archived::ArchivedItem;

pub use versions::choose::Choice;

/// What is known of custom resources, by `plural.group`.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    pub archived: BTreeMap<GroupResource, CrdFacts>,
    pub target: BTreeMap<GroupResource, CrdFacts>,
}

/// Answers per kind and versions, so that sixty thousand Secrets are one question.
pub struct Versions<'a> {
    catalog: &'a Catalog,
    definitions: &'a Definitions,
    options: &'a Options,
    kinds: &'a BTreeMap<GroupResource, String>,
    answers: BTreeMap<(GroupResource, Vec<String>), Arc<Choice>>,
    /// The item asked about last and its answer: items come sorted, and the next one is nearly always alike.
    last: Option<(ArchivedItem, Arc<Choice>)>,
}

impl Definitions {
    pub fn add_archived(&mut self, definition: &Manifest) {
        if let Some(facts) = CrdFacts::of(definition) {
            self.archived.insert(GroupResource::new(&facts.resource, &facts.group), facts);
        }
    }

    pub fn add_target(&mut self, definition: &Manifest) {
        if let Some(facts) = CrdFacts::of(definition) {
            self.target.insert(GroupResource::new(&facts.resource, &facts.group), facts);
        }
    }

    /// The definition that will be in force: the target's own, or the one that the restore brings.
    fn in_force(&self, kind: &GroupResource) -> Option<&CrdFacts> {
        self.target.get(kind).or_else(|| self.archived.get(kind))
    }
}

/// What the target will serve once these definitions are created there. Those it has already count as they are there.
pub fn extended(target: &Catalog, definitions: &[Manifest]) -> Catalog {
    let mut catalog = target.clone();
    for definition in definitions {
        for resource in catalog_of_crd(definition) {
            if target.preferred(&resource.group_resource()).is_none() {
                catalog.add(resource);
            }
        }
    }
    catalog
}

impl<'a> Versions<'a> {
    /// `kinds` names the kind of each resource of the archive.
    pub fn new(
        catalog: &'a Catalog,
        definitions: &'a Definitions,
        options: &'a Options,
        kinds: &'a BTreeMap<GroupResource, String>,
    ) -> Self {
        Self { catalog, definitions, options, kinds, answers: BTreeMap::new(), last: None }
    }

    pub fn of(&mut self, item: &ArchivedItem) -> Arc<Choice> {
        if let Some((last, answer)) = &self.last
            && last.id.resource == item.id.resource
            && last.bodies.iter().map(|body| &body.version).eq(item.bodies.iter().map(|body| &body.version))
        {
            return Arc::clone(answer);
        }
        let answer = self.ask(item);
        self.last = Some((item.clone(), Arc::clone(&answer)));
        answer
    }

    fn ask(&mut self, item: &ArchivedItem) -> Arc<Choice> {
        let versions: Vec<String> = item.bodies.iter().map(|body| body.version.to_string()).collect();
        let key = (item.id.resource.clone(), versions);
        let Self { catalog, definitions, options, kinds, answers, .. } = self;
        let answer = answers.entry(key).or_insert_with_key(|(resource, versions)| {
            let Some(kind) = kinds.get(resource) else {
                let message = format!("no body of {resource} says what kind it is");
                return Arc::new(Choice::Blocked(Blocked::new("no-kind", message, "take the backup again")));
            };
            let candidate = Candidate {
                resource,
                kind,
                versions,
                source_definition: definitions.archived.get(resource),
                target_definition: definitions.in_force(resource),
            };
            Arc::new(choose_version(&candidate, catalog, options))
        });
        Arc::clone(answer)
    }
}

/// One choice, without remembering it.
pub fn choose(candidate: &Candidate<'_>, target: &Catalog, options: &Options) -> Choice {
    choose_version(candidate, target, options)
}

/// The version of the body that a choice starts from, among those at hand.
pub fn source_version<'c>(choice: &'c Choice, item: &'c ArchivedItem) -> Option<&'c str> {
    match choice {
        Choice::AsIs { to } => item.body(&to.version).map(|body| &*body.version),
        Choice::Convert { from, .. } | Choice::Rename { from, .. } => {
            item.body(&from.version).map(|body| &*body.version)
        }
        Choice::Skip { .. } | Choice::Blocked(_) => None,
    }
}

/// Why a choice is none.
pub fn refusal(choice: &Choice) -> Option<(Reason, String)> {
    match choice {
        Choice::Skip { decision, hint } => Some((Reason::new(decision.code, &decision.message), hint.clone())),
        Choice::Blocked(blocked) => Some((blocked.reason.clone(), blocked.hint.clone())),
        Choice::AsIs { .. } | Choice::Convert { .. } | Choice::Rename { .. } => None,
    }
}
