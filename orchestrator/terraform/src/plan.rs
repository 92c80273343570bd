//! The plan as `show -json` prints it, as far as decisions are made on it.
//!
//! Values are kept for drift only and never shown; [`Plan::secrets`] holds those that must not be seen anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ports::infrastructure::StackAction;
use serde::Deserialize;
use serde_json::Value;

use crate::error::TerraformError;
use crate::redact::Secrets;

#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub tool_version: String,
    /// Every resource, those without change included.
    pub changes: Vec<ResourceChange>,
    /// What refreshing found to be different from the state.
    pub drift: Vec<ResourceChange>,
    /// Names of outputs that would change.
    pub outputs: BTreeSet<String>,
    pub errored: bool,
    pub applyable: bool,
    /// More rounds are needed after this one.
    pub incomplete: bool,
    pub made_at: Option<jiff::Timestamp>,
    pub secrets: Secrets,
}

#[derive(Clone, Default)]
pub struct ResourceChange {
    pub address: String,
    pub previous_address: Option<String>,
    pub kind: String,
    pub managed: bool,
    /// A leftover of an unfinished replacement.
    pub deposed: Option<String>,
    pub reason: Option<String>,
    pub actions: BTreeSet<String>,
    pub importing: bool,
    pub before: Value,
    pub after: Value,
    pub after_unknown: Value,
}

/// How often each kind of resource is created, updated or deleted.
pub type Units = BTreeMap<String, u64>;

impl Plan {
    pub fn from_json(bytes: &[u8]) -> Result<Self, TerraformError> {
        let json = |source| TerraformError::Json { what: "the plan", source };
        let wire: WirePlan = serde_json::from_slice(bytes).map_err(json)?;
        check_format("the plan", &wire.format_version)?;
        let secrets = secrets(&wire);
        let changes: Vec<_> = wire.resource_changes.into_iter().map(ResourceChange::from).collect();
        let outputs: BTreeSet<String> = wire
            .output_changes
            .into_iter()
            .filter(|(_, change)| change.actions.iter().any(|action| action != "no-op"))
            .map(|(name, _)| name)
            .collect();
        let changing = !outputs.is_empty() || changes.iter().any(ResourceChange::changes_something);
        Ok(Self {
            tool_version: wire.terraform_version,
            changes,
            drift: wire.resource_drift.into_iter().map(ResourceChange::from).collect(),
            outputs,
            errored: wire.errored,
            applyable: wire.applyable.unwrap_or(changing) && !wire.errored,
            incomplete: wire.complete == Some(false),
            made_at: wire.timestamp.and_then(|at| at.parse().ok()),
            secrets,
        })
    }

    /// The pieces of work that an apply of this plan will report, by kind of resource.
    pub fn units(&self) -> Units {
        let mut units = Units::new();
        for change in self.changes.iter().filter(|change| change.managed) {
            let pieces = ["create", "update", "delete"].iter().filter(|a| change.actions.contains(**a)).count();
            if pieces > 0 {
                *units.entry(change.kind.clone()).or_default() += pieces as u64;
            }
        }
        units
    }
}

impl ResourceChange {
    pub fn action(&self) -> StackAction {
        let has = |action: &str| self.actions.contains(action);
        match (has("create"), has("delete")) {
            (true, true) => StackAction::Replace,
            (true, false) if has("forget") => StackAction::Replace,
            (true, false) => StackAction::Create,
            (false, true) => StackAction::Delete,
            _ if has("forget") => StackAction::Forget,
            _ if has("update") => StackAction::Update,
            _ if self.importing => StackAction::Import,
            _ if has("read") => StackAction::Read,
            _ => StackAction::Nothing,
        }
    }

    /// Whether every action is one that we know the meaning of.
    pub fn is_understood(&self) -> bool {
        const KNOWN: [&str; 6] = ["no-op", "create", "read", "update", "delete", "forget"];
        self.actions.iter().all(|action| KNOWN.contains(&action.as_str()))
    }

    fn changes_something(&self) -> bool {
        self.importing
            || self.previous_address.is_some()
            || self.actions.iter().any(|action| !matches!(action.as_str(), "no-op" | "read"))
    }
}

/// Accepts 0.x from 0.1 and 1.x, as the formats promise that minor versions only add.
pub(crate) fn check_format(what: &'static str, version: &str) -> Result<(), TerraformError> {
    let fits = match version.split_once('.') {
        Some(("0", minor)) => minor.parse::<u32>().is_ok_and(|minor| minor >= 1),
        Some(("1", minor)) => minor.parse::<u32>().is_ok(),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(TerraformError::Format { what, found: version.chars().take(20).collect(), supported: "1.x" }),
    }
}

fn secrets(plan: &WirePlan) -> Secrets {
    let mut secrets = Secrets::default();
    for change in plan.resource_changes.iter().chain(&plan.resource_drift) {
        secrets.collect(&change.change.before, &change.change.before_sensitive);
        secrets.collect(&change.change.after, &change.change.after_sensitive);
    }
    for change in plan.output_changes.values() {
        secrets.collect(&change.before, &change.before_sensitive);
        secrets.collect(&change.after, &change.after_sensitive);
    }
    for values in [plan.planned_values.as_ref(), plan.prior_state.as_ref().and_then(|state| state.get("values"))] {
        values.iter().for_each(|values| state_secrets(values, &mut secrets));
    }
    let declared = plan.configuration.as_ref().and_then(|c| c.pointer("/root_module/variables"));
    for (name, variable) in &plan.variables {
        if declared.and_then(|d| d.pointer(&model::pointer::push("", name))?.get("sensitive"))
            == Some(&Value::Bool(true))
        {
            variable.get("value").into_iter().for_each(|value| secrets.everything(value));
        }
    }
    secrets
}

/// Collects from `{outputs, root_module}` of a plan's or a state's JSON.
fn state_secrets(values: &Value, secrets: &mut Secrets) {
    for output in values.get("outputs").and_then(Value::as_object).into_iter().flat_map(|map| map.values()) {
        if output.get("sensitive") == Some(&Value::Bool(true)) {
            output.get("value").into_iter().for_each(|value| secrets.everything(value));
        }
    }
    // JSON from the tool nests no deeper than the parser allows, so this queue ends.
    let mut modules: Vec<&Value> = values.get("root_module").into_iter().collect();
    while let Some(module) = modules.pop() {
        let list = |key: &str| module.get(key).and_then(Value::as_array).into_iter().flatten();
        for resource in list("resources") {
            let null = Value::Null;
            let marks = resource.get("sensitive_values").unwrap_or(&null);
            secrets.collect(resource.get("values").unwrap_or(&null), marks);
        }
        modules.extend(list("child_modules"));
    }
}

#[derive(Deserialize)]
struct WirePlan {
    #[serde(default)]
    format_version: String,
    #[serde(default)]
    terraform_version: String,
    #[serde(default)]
    variables: BTreeMap<String, Value>,
    planned_values: Option<Value>,
    #[serde(default)]
    resource_drift: Vec<WireResourceChange>,
    #[serde(default)]
    resource_changes: Vec<WireResourceChange>,
    #[serde(default)]
    output_changes: BTreeMap<String, WireChange>,
    prior_state: Option<Value>,
    configuration: Option<Value>,
    timestamp: Option<String>,
    applyable: Option<bool>,
    complete: Option<bool>,
    #[serde(default)]
    errored: bool,
}

#[derive(Deserialize)]
struct WireResourceChange {
    address: String,
    previous_address: Option<String>,
    #[serde(default)]
    mode: String,
    #[serde(default, rename = "type")]
    kind: String,
    deposed: Option<String>,
    action_reason: Option<String>,
    change: WireChange,
}

#[derive(Deserialize)]
struct WireChange {
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    before_sensitive: Value,
    #[serde(default)]
    after_sensitive: Value,
    importing: Option<Value>,
}

impl From<WireResourceChange> for ResourceChange {
    fn from(wire: WireResourceChange) -> Self {
        Self {
            address: wire.address,
            previous_address: wire.previous_address,
            kind: wire.kind,
            managed: wire.mode != "data",
            deposed: wire.deposed,
            reason: wire.action_reason,
            actions: wire.change.actions.into_iter().collect(),
            importing: wire.change.importing.is_some(),
            before: wire.change.before,
            after: wire.change.after,
            after_unknown: wire.change.after_unknown,
        }
    }
}

impl fmt::Debug for ResourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceChange({} {:?})", self.address, self.actions)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn change(address: &str, kind: &str, actions: &[&str]) -> Value {
        json!({"address": address, "mode": "managed", "type": kind, "name": "x", "change": {"actions": actions}})
    }

    pub(crate) fn plan(changes: Value) -> Plan {
        let value = json!({"format_version": "1.2", "resource_changes": changes, "applyable": true, "complete": true});
        Plan::from_json(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_replacement_is_two_units() {
        let plan = plan(json!([
            change("a.x", "a", &["delete", "create"]),
            change("a.y", "a", &["create", "delete"]),
            change("a.z", "a", &["update"]),
            change("b.x", "b", &["no-op"]),
            change("b.y", "b", &["forget"]),
            change("b.z", "b", &["create", "forget"]),
            {"address": "data.c.x", "mode": "data", "type": "c", "change": {"actions": ["read"]}},
        ]));
        assert_eq!(plan.units(), Units::from([("a".into(), 5), ("b".into(), 1)]));
        let actions: Vec<_> = plan.changes.iter().map(ResourceChange::action).collect();
        use StackAction::*;
        assert_eq!(actions, [Replace, Replace, Update, Nothing, Forget, Replace, Read]);
    }

    #[test]
    fn formats_of_another_major_version_are_refused() {
        for (version, fits) in
            [("1.2", true), ("1.99", true), ("0.1", true), ("0.0", false), ("2.0", false), ("", false), ("1", false)]
        {
            let bytes = json!({"format_version": version}).to_string();
            assert_eq!(Plan::from_json(bytes.as_bytes()).is_ok(), fits, "{version}");
        }
        for bad in ["", "[]", "{\"format_version\":\"1.2\",\"resource_changes\":[{}]}"] {
            assert!(matches!(Plan::from_json(bad.as_bytes()), Err(TerraformError::Json { .. })), "{bad}");
        }
    }

    #[test]
    fn secrets_come_from_every_corner() {
        let value = json!({
            "format_version": "1.2",
            "variables": {"p": {"value": "secret-variable"}, "q": {"value": "open-variable"}},
            "configuration": {"root_module": {"variables": {"p": {"sensitive": true}, "q": {}}}},
            "resource_changes": [{"address": "a.x", "change": {"actions": ["create"], "before": null,
                "after": {"v": "secret-after", "w": "open-after"}, "after_sensitive": {"v": true}}}],
            "output_changes": {"o": {"actions": ["create"], "after": "secret-output", "after_sensitive": true}},
            "prior_state": {"values": {"root_module": {"child_modules": [{"resources": [
                {"values": {"v": "secret-prior"}, "sensitive_values": {"v": true}}]}]}}},
        });
        let plan = Plan::from_json(value.to_string().as_bytes()).unwrap();
        let text = "secret-variable secret-after secret-output secret-prior open-variable open-after";
        assert_eq!(
            plan.secrets.scrub(text),
            "(sensitive) (sensitive) (sensitive) (sensitive) open-variable open-after"
        );
        assert!(!format!("{plan:?}").contains("secret-"));
        assert!(plan.applyable, "a plan of a tool that does not say so has changes");
    }
}
