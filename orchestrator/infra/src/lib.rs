//! The infrastructure contract, pairing of source and target, rewriting, leak scan.
//!
//! Pure: texts and manifests come in, values go out. Running Terraform is `terraform`'s job, the transforms that know
//! Kubernetes kinds are `plan`'s.
//!
//! Read in this order:
//! - [`contract`]: what an environment offers, keyed by logical names; read from outputs or from a state.
//! - [`state`]: Terraform states, and a contract derived from one that exposes none.
//! - [`class`]: what a value is, which decides where it may be replaced.
//! - [`grammar`]: how AWS writes its identifiers.
//! - [`pair`]: source values and their counterparts, each with how it was found.
//! - [`rewrite`]: all pairs at once over a manifest.
//! - [`leak`]: what still points at the source afterwards.
//! - [`rules`]: the user's own rules.
//! - [`infra_pair`]: all of it for one restore, as the transforms take it.

pub mod class;
pub mod contract;
pub mod grammar;
pub mod infra_pair;
pub mod leak;
pub mod pair;
pub mod place;
pub mod rewrite;
pub mod rules;
pub mod state;
pub mod tokens;
pub mod walk;

pub use class::{NameKind, ValueClass};
pub use contract::{Contract, ContractError, KeyComparison, compare_keys};
pub use infra_pair::{CloudObjects, InfraPair, Options, Purpose};
pub use leak::LeakScanner;
pub use pair::{Confidence, MapFile, Method, Pair, PairError, Pairs, Side, pair};
pub use rewrite::{Rewriter, Rewritten};
pub use rules::{RuleOutcome, RuleUsage, Rules, RulesError};
pub use state::State;
