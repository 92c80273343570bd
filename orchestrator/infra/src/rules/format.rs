//! The rules file as people write it.
//!
//! Only its shape; resolving references and compiling expressions happen when rules are bound to contracts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub const VERSION: u32 = 1;

const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_RULES: usize = 5_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    pub version: u32,
    #[serde(default)]
    pub rules: Vec<RuleFormat>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFormat {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, rename = "match")]
    pub matches: MatchFormat,
    /// A JSON pointer; a segment `*` stands for every element or key.
    pub at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<ReplaceFormat>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove: bool,
    /// Set only where nothing stands yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchFormat {
    pub kind: OneOrMany,
    pub group: OneOrMany,
    /// Globs.
    pub namespace: OneOrMany,
    /// Globs.
    pub name: OneOrMany,
    /// A label selector as kubectl takes it.
    pub labels: Option<String>,
    /// A JSON pointer that must lead somewhere.
    pub exists: Option<String>,
    /// A CEL expression over `object` that must be true.
    pub condition: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaceFormat {
    /// A regular expression.
    pub pattern: String,
    /// The replacement; `$1` and `${name}` are captures.
    pub with: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

/// What a rule does; `P` is the pattern, as text or compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Action<P> {
    Set(Value),
    Replace { pattern: P, with: String },
    Remove,
    Default(Value),
}

#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("the rules file is {size} bytes long; more than {MAX_BYTES} is not read")]
    TooLarge { size: usize },
    #[error("the rules file cannot be read: {message}")]
    Yaml { message: String },
    #[error("the rules file has version {found}, this build reads {VERSION}")]
    Version { found: u32 },
    #[error("the rules file holds more than {MAX_RULES} rules")]
    TooMany,
    #[error("rule {rule}: {what} is not good: {message}")]
    Rule { rule: String, what: String, message: String },
    #[error("two rules are called {name}")]
    DuplicateName { name: String },
}

impl RulesFile {
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        if text.len() > MAX_BYTES {
            return Err(RulesError::TooLarge { size: text.len() });
        }
        let file: Self =
            serde_saphyr::from_str(text).map_err(|error| RulesError::Yaml { message: error.to_string() })?;
        if file.version != VERSION {
            return Err(RulesError::Version { found: file.version });
        }
        if file.rules.len() > MAX_RULES {
            return Err(RulesError::TooMany);
        }
        Ok(file)
    }
}

impl RuleFormat {
    /// The one action of a rule.
    pub fn action(&self) -> Result<Action<String>, String> {
        let mut actions = Vec::new();
        actions.extend(self.set.clone().map(Action::Set));
        actions.extend(self.default.clone().map(Action::Default));
        actions.extend(self.replace.clone().map(|r| Action::Replace { pattern: r.pattern, with: r.with }));
        actions.extend(self.remove.then_some(Action::Remove));
        match <[Action<String>; 1]>::try_from(actions) {
            Ok([action]) => Ok(action),
            Err(found) => {
                Err(format!("write exactly one of set, replace, remove and default; there are {}", found.len()))
            }
        }
    }
}

impl OneOrMany {
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}
