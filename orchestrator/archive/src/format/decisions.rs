//! `<backup>-landfall-decisions.json.gz`: why each item is, or is not, where one looks for it.
//!
//! Words, not enums, on the wire: a reader of an older version shows a pass or a verdict that it does not know.

use model::{Decision, ItemId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FormatVersion, OwnFile};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionsFile {
    pub version: FormatVersion,
    pub decisions: Vec<StoredDecision>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDecision {
    pub resource: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
    pub pass: String,
    pub verdict: String,
    /// The reason's stable code.
    pub code: String,
    pub message: String,
}

impl DecisionsFile {
    pub fn new(decisions: &[Decision]) -> Self {
        Self { version: Self::VERSION, decisions: decisions.iter().map(StoredDecision::from).collect() }
    }
}

impl From<&Decision> for StoredDecision {
    fn from(decision: &Decision) -> Self {
        let ItemId { resource, namespace, name } = decision.item.clone();
        Self {
            resource: resource.to_string(),
            namespace,
            name,
            pass: word(&decision.pass),
            verdict: word(&decision.verdict),
            code: decision.reason.code.clone(),
            message: decision.reason.message.clone(),
        }
    }
}

impl OwnFile for DecisionsFile {
    const VERSION: FormatVersion = FormatVersion::new(1, 0);

    fn version(&self) -> FormatVersion {
        self.version
    }
}

/// The word that serde gives a unit variant.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{read, write};
    use model::{GroupResource, Pass, Reason, Verdict};

    #[test]
    fn decisions_are_words() {
        let decision = Decision {
            item: ItemId::namespaced(GroupResource::parse("deployments.apps"), "shop", "web"),
            pass: Pass::Select,
            verdict: Verdict::Skip,
            reason: Reason::new("namespace-excluded", "its namespace is excluded"),
        };
        let file = DecisionsFile::new(&[decision]);
        let stored = &file.decisions[0];
        assert_eq!((stored.pass.as_str(), stored.verdict.as_str()), ("select", "skip"));
        assert_eq!(stored.resource, "deployments.apps");
        assert_eq!(read::<DecisionsFile>(write(&file).unwrap().as_slice()).unwrap(), file);
    }
}
