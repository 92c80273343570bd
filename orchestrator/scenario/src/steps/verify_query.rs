//! `verify.query`: a CEL expression holds for live objects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, Verification, is_known};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Lists objects of a kind and evaluates a CEL expression, `object` being each object in turn, `objects` all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// The kind, as a resource: `cronjobs.batch`.
    pub resource: String,
    /// One namespace; without it, all.
    pub namespace: Option<String>,
    pub selector: Option<String>,
    /// The expression; it must give a boolean.
    pub expression: String,
    #[serde(default)]
    pub holds_for: HoldsFor,
    /// How long to keep trying.
    #[serde(default = "within")]
    pub within: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldsFor {
    /// Every object, and there is at least one.
    #[default]
    Every,
    /// At least one object.
    Any,
    /// No object; none at all is good too.
    None,
    /// The list as a whole: the expression uses `objects`.
    List,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.query";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Reads, verifies: true, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.expression.trim().is_empty() {
            problems.push("the expression is empty".to_owned());
        }
        let named = |word: &str| {
            self.expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word)
        };
        let needed = if self.holds_for == HoldsFor::List { "objects" } else { "object" };
        if !self.expression.trim().is_empty() && is_known(&self.expression) && !named(needed) {
            problems.push(format!("the expression never looks at \"{needed}\", so it proves nothing"));
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        at.cluster(&self.cluster)?;
        at.looked_at(1, "the expression holds")
    }
}

fn within() -> Period {
    Period::minutes(5)
}
