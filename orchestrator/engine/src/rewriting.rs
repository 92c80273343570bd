//! Puts together what a restore rewrites: two contracts, what a person decided, rules of their own.
//!
//! Pure glue between `infra` and `plan`; reads no file and decides nothing.

use std::collections::BTreeMap;

use infra::pair::{MapFile, PairError, Side, pair};
use infra::tokens::TooManyTokens;
use infra::{Contract, InfraPair, Options, Pairs, Rules, RulesError};
use plan::transform::InfraRewrite;

/// The way from one infrastructure to another.
#[derive(Debug)]
pub struct Rewriting {
    infra: InfraPair,
    rules: Option<Rules>,
}

/// What a person gives beside the two contracts.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    pub map: Option<&'a MapFile>,
    /// The text of a file with rules.
    pub rules: Option<&'a str>,
    /// Whether pairs that were only inferred are used.
    pub accept_inferred: bool,
    pub options: Options,
    /// Where the restore puts what was in a namespace, when not into one of the same name.
    pub namespaces: BTreeMap<String, String>,
}

#[derive(Debug, thiserror::Error)]
pub enum RewritingError {
    #[error("source and target cannot be paired")]
    Pair(#[from] PairError),
    #[error("the rules cannot be used")]
    Rules(#[from] RulesError),
    #[error("the pairs cannot be searched for")]
    Tokens(#[from] TooManyTokens),
}

impl Rewriting {
    pub fn new(source: Contract, target: Contract, given: Given<'_>) -> Result<Self, RewritingError> {
        let sides = (Side { contract: Some(&source), state: None }, Side { contract: Some(&target), state: None });
        let pairs = pair(sides.0, sides.1, given.map)?;
        let pairs = if given.accept_inferred { pairs } else { pairs.certain() };
        let rules = given.rules.map(|text| Rules::parse(text, Some(&source), Some(&target))).transpose()?;
        let mut infra = InfraPair::new(source, target, pairs, given.options)?;
        infra.namespaces = given.namespaces;
        Ok(Self { infra, rules })
    }

    pub fn pairs(&self) -> &Pairs {
        &self.infra.pairs
    }

    pub fn infra(&self) -> &InfraPair {
        &self.infra
    }

    /// What a restore takes.
    pub fn rewrite(&self) -> InfraRewrite<'_> {
        InfraRewrite::new(&self.infra, self.rules.as_ref())
    }
}
