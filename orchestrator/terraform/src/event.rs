//! One line of the event stream that `-json` prints, as a value.
//!
//! Unknown types and lines that are not JSON are values too: what a newer or a broken tool says is shown, never lost
//! and never a reason to stop. Nothing here remembers; see [`crate::record`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::tool::Flavour;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Version {
        flavour: Flavour,
        version: String,
        /// Version of the stream's format.
        ui: String,
    },
    Diagnostic(Diagnostic),
    /// `resource_drift`: the world moved away from the state.
    Drift(PlannedChange),
    Planned(PlannedChange),
    Summary(Summary),
    Outputs(BTreeMap<String, StreamOutput>),
    Refresh {
        address: String,
        complete: bool,
    },
    Apply(ApplyEvent),
    Provision {
        address: String,
        phase: ApplyPhase,
        text: String,
    },
    /// Waiting for, or leaving, the state's lock.
    Lock {
        acquiring: bool,
    },
    /// A `log` line; `state` is set when the tool could save its state nowhere else.
    Log {
        level: String,
        text: String,
        state: Option<Box<Value>>,
    },
    /// A type that is not known here; its message is for people.
    Other {
        kind: String,
        level: String,
        text: String,
    },
    /// A line that is no event.
    Raw(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub address: String,
    pub kind: String,
    pub provider: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedChange {
    pub resource: Resource,
    pub action: String,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyPhase {
    Start,
    Progress,
    Complete,
    Errored,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyEvent {
    pub resource: Resource,
    pub action: String,
    pub phase: ApplyPhase,
    pub id_key: String,
    pub id_value: String,
    pub elapsed_seconds: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Summary {
    pub add: u64,
    pub change: u64,
    pub import: u64,
    pub remove: u64,
    pub operation: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct StreamOutput {
    pub sensitive: bool,
    pub value: Option<Value>,
    pub action: Option<String>,
}

/// An event and the time that the tool gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    pub at: Option<jiff::Timestamp>,
    pub event: Event,
}

/// Reads one line, whatever it is.
pub fn parse(line: &[u8]) -> Stamped {
    let raw = || Stamped { at: None, event: Event::Raw(String::from_utf8_lossy(line).into_owned()) };
    let Ok(Value::Object(mut object)) = serde_json::from_slice::<Value>(line) else { return raw() };
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, level, message) = (text("type"), text("@level"), text("@message"));
    if kind.is_empty() {
        return raw();
    }
    let at = text("@timestamp").parse().ok();
    let known = match kind.as_str() {
        "version" => match (object.get("terraform"), object.get("tofu")) {
            (Some(Value::String(version)), _) => {
                Some(Event::Version { flavour: Flavour::Terraform, version: version.clone(), ui: text("ui") })
            }
            (_, Some(Value::String(version))) => {
                Some(Event::Version { flavour: Flavour::OpenTofu, version: version.clone(), ui: text("ui") })
            }
            _ => None,
        },
        "log" => Some(Event::Log {
            level: level.clone(),
            text: message.clone(),
            state: object.remove("state").filter(Value::is_object).map(Box::new),
        }),
        "diagnostic" => take(&mut object, "diagnostic").map(Event::Diagnostic),
        "resource_drift" => take::<WireChange>(&mut object, "change").and_then(WireChange::into).map(Event::Drift),
        "planned_change" => take::<WireChange>(&mut object, "change").and_then(WireChange::into).map(Event::Planned),
        "change_summary" => take(&mut object, "changes").map(Event::Summary),
        "outputs" => take(&mut object, "outputs").map(Event::Outputs),
        "state_lock_acquire" => Some(Event::Lock { acquiring: true }),
        "state_lock_release" => Some(Event::Lock { acquiring: false }),
        _ => hook(&kind, &mut object),
    };
    Stamped { at, event: known.unwrap_or(Event::Other { kind, level, text: message }) }
}

fn take<T: serde::de::DeserializeOwned>(object: &mut serde_json::Map<String, Value>, key: &str) -> Option<T> {
    serde_json::from_value(object.remove(key)?).ok()
}

fn hook(kind: &str, object: &mut serde_json::Map<String, Value>) -> Option<Event> {
    let (family, phase) = kind.rsplit_once('_')?;
    let phase = match phase {
        "start" => ApplyPhase::Start,
        "progress" => ApplyPhase::Progress,
        "complete" => ApplyPhase::Complete,
        "errored" => ApplyPhase::Errored,
        _ => return None,
    };
    if !matches!(family, "apply" | "provision" | "refresh") {
        return None;
    }
    let hook: WireHook = take(object, "hook")?;
    let resource = hook.resource.into()?;
    Some(match family {
        "refresh" => Event::Refresh { address: resource.address, complete: phase == ApplyPhase::Complete },
        "provision" => Event::Provision { address: resource.address, phase, text: hook.output },
        _ => Event::Apply(ApplyEvent {
            resource,
            action: hook.action,
            phase,
            id_key: hook.id_key,
            id_value: hook.id_value,
            elapsed_seconds: hook.elapsed_seconds.max(0.0) as u64,
        }),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireResource {
    addr: String,
    resource_type: String,
    implied_provider: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireChange {
    resource: WireResource,
    action: String,
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireHook {
    resource: WireResource,
    action: String,
    id_key: String,
    id_value: String,
    elapsed_seconds: f64,
    output: String,
}

impl WireResource {
    fn into(self) -> Option<Resource> {
        (!self.addr.is_empty()).then_some(Resource {
            address: self.addr,
            kind: self.resource_type,
            provider: self.implied_provider,
        })
    }
}

impl WireChange {
    fn into(self) -> Option<PlannedChange> {
        Some(PlannedChange { resource: self.resource.into()?, action: self.action, reason: self.reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(line: &str) -> Event {
        parse(line.as_bytes()).event
    }

    #[test]
    fn the_known_types_are_typed() {
        let stamped = parse(
            br#"{"@level":"info","@message":"m","@module":"terraform.ui","@timestamp":"2026-01-02T03:04:05.5Z",
            "hook":{"resource":{"addr":"m.a[0]","module":"","resource":"a[0]","implied_provider":"aws",
            "resource_type":"aws_vpc","resource_name":"a","resource_key":0},"action":"create","id_key":"id",
            "id_value":"vpc-1","elapsed_seconds":7},"type":"apply_complete"}"#,
        );
        assert_eq!(stamped.at.unwrap().to_string(), "2026-01-02T03:04:05.5Z");
        let Event::Apply(apply) = stamped.event else { panic!("not an apply event") };
        assert_eq!((apply.phase, apply.id_value.as_str(), apply.elapsed_seconds), (ApplyPhase::Complete, "vpc-1", 7));
        assert_eq!(apply.resource.kind, "aws_vpc");
        assert_eq!(
            event(r#"{"type":"version","tofu":"1.11.14","ui":"1.2"}"#),
            Event::Version { flavour: Flavour::OpenTofu, version: "1.11.14".into(), ui: "1.2".into() }
        );
        assert_eq!(
            event(r#"{"type":"change_summary","changes":{"add":1,"change":2,"remove":3,"operation":"plan","x":1}}"#),
            Event::Summary(Summary { add: 1, change: 2, import: 0, remove: 3, operation: "plan".into() })
        );
    }

    #[test]
    fn what_is_not_known_is_kept() {
        assert_eq!(event("panic: runtime error"), Event::Raw("panic: runtime error".into()));
        assert_eq!(event("[1]"), Event::Raw("[1]".into()));
        assert_eq!(event("{}"), Event::Raw("{}".into()));
        assert_eq!(parse(b"\xff\xfe").event, Event::Raw("\u{fffd}\u{fffd}".into()));
        for line in [
            r#"{"type":"action_start","@level":"info","@message":"m","hook":{}}"#,
            r#"{"type":"apply_start","@level":"info","@message":"m"}"#,
            r#"{"type":"apply_start","@level":"info","@message":"m","hook":{"resource":7}}"#,
            r#"{"type":"apply_complete","@level":"info","@message":"m","hook":{"resource":{}}}"#,
            r#"{"type":"version","@level":"info","@message":"m","terraform":1}"#,
            r#"{"type":"change_summary","@level":"info","@message":"m","changes":{"add":-1}}"#,
        ] {
            assert!(matches!(event(line), Event::Other { text, .. } if text == "m"), "{line}");
        }
    }

    #[test]
    fn an_emergency_dump_carries_the_state() {
        let Event::Log { state: Some(state), .. } =
            event(r#"{"type":"log","@level":"info","@message":"Emergency state dump","state":{"version":4}}"#)
        else {
            panic!("no state")
        };
        assert_eq!(state["version"], 4);
    }
}
