//! What planning says: decisions about items, changes to bodies, blocks that need a person, findings.
//!
//! These are data, not errors: five thousand objects with twelve blocked ones are a plan with twelve decisions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::item::ItemId;

/// Why something was decided: a code for machines, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// Stable, kebab-case, documented: `namespace-excluded`, `no-served-version`.
    pub code: String,
    pub message: String,
}

/// The pass of planning or acting that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    Select,
    Version,
    Order,
    Convert,
    Transform,
    Leak,
    Conflict,
    Act,
}

/// What was decided about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Keep,
    Create,
    Update,
    Skip,
    Convert,
    Rewrite,
    Warn,
    Blocked,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    pub item: ItemId,
    pub pass: Pass,
    pub verdict: Verdict,
    pub reason: Reason,
}

/// One field of one body, before and after. Absent means the field was not or is no longer there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub pointer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    pub because: String,
}

/// No way forward without a person: what is missing, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", .reason.message)]
pub struct Blocked {
    pub reason: Reason,
    /// The next step, as a sentence; empty when there is none.
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// Something seen, with the place where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// A JSON pointer into the item's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    pub reason: Reason,
}

impl Reason {
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl Blocked {
    pub fn new(code: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { reason: Reason::new(code, message), hint: hint.into() }
    }
}

impl Change {
    /// A field that gets another value.
    pub fn set(pointer: impl Into<String>, before: Option<Value>, after: Value, because: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), before, after: Some(after), because: because.into() }
    }

    /// A field that goes away.
    pub fn removed(pointer: impl Into<String>, before: Value, because: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), before: Some(before), after: None, because: because.into() }
    }
}
