//! The raw state, version 4, as `state pull` prints it.
//!
//! Read this way it needs no provider, which is what counts when something is broken. Attribute values are kept for
//! looking up ids and never shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::address::quote;
use crate::error::TerraformError;
use crate::redact::Secrets;

#[derive(Debug, Clone, Default)]
pub struct State {
    pub tool_version: String,
    pub serial: u64,
    pub lineage: String,
    pub outputs: BTreeMap<String, StateOutput>,
    pub instances: Vec<Instance>,
    pub secrets: Secrets,
}

#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct StateOutput {
    pub value: Value,
    pub sensitive: bool,
}

/// One instance of one managed resource.
#[derive(Clone, Default)]
pub struct Instance {
    pub address: String,
    pub kind: String,
    pub provider: String,
    pub tainted: bool,
    pub deposed: Option<String>,
    pub attributes: Value,
}

impl State {
    /// Reads a state; `None` for what an empty backend prints, which is nothing, or a state that was never saved.
    pub fn from_json(bytes: &[u8]) -> Result<Option<Self>, TerraformError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let json = |source| TerraformError::Json { what: "the state", source };
        let probe: WireVersion = serde_json::from_slice(bytes).map_err(json)?;
        if probe.version != 4 {
            let found = match (&probe.version, probe.encrypted_data) {
                (_, Some(_)) => "encrypted".to_owned(),
                (Value::Null, _) => "none".to_owned(),
                (version, _) => version.to_string().chars().take(20).collect(),
            };
            return Err(TerraformError::Format { what: "the state", found, supported: "4" });
        }
        let wire: WireState = serde_json::from_slice(bytes).map_err(json)?;
        if wire.lineage.is_empty() && wire.serial == 0 && wire.resources.is_empty() && wire.outputs.is_empty() {
            return Ok(None);
        }
        let mut secrets = Secrets::default();
        for output in wire.outputs.values().filter(|output| output.sensitive) {
            secrets.everything(&output.value);
        }
        let mut instances = Vec::new();
        for resource in wire.resources.into_iter().filter(|resource| resource.mode == "managed") {
            for instance in resource.instances {
                for path in &instance.sensitive_attributes {
                    follow(&instance.attributes, path).into_iter().for_each(|value| secrets.everything(value));
                }
                let module = match resource.module.is_empty() {
                    true => String::new(),
                    false => format!("{}.", resource.module),
                };
                instances.push(Instance {
                    address: format!("{module}{}.{}{}", resource.kind, resource.name, key(&instance.index_key)),
                    kind: resource.kind.clone(),
                    provider: resource.provider.clone(),
                    tainted: instance.status == "tainted",
                    deposed: instance.deposed,
                    attributes: instance.attributes,
                });
            }
        }
        Ok(Some(Self {
            tool_version: wire.terraform_version,
            serial: wire.serial,
            lineage: wire.lineage,
            outputs: wire.outputs,
            instances,
            secrets,
        }))
    }

    /// The instance of this kind that has this id, under whatever address.
    pub fn with_id(&self, kind: &str, id_key: &str, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.kind == kind && instance.id(id_key).as_deref() == Some(id))
    }

    /// The current instance at an address; deposed ones do not count.
    pub fn at(&self, address: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.deposed.is_none() && instance.address == address)
    }
}

impl Instance {
    /// An attribute that names the instance, as text.
    pub fn id(&self, id_key: &str) -> Option<String> {
        match self.attributes.get(id_key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

/// `[0]`, `["a"]` or nothing.
fn key(index: &Value) -> String {
    match index {
        Value::String(text) => format!("[{}]", quote(text)),
        Value::Number(number) => format!("[{number}]"),
        _ => String::new(),
    }
}

/// What a path of the state's own notation leads to; the nearest attribute on the way when it stops short.
fn follow<'a>(value: &'a Value, path: &Value) -> Option<&'a Value> {
    let mut here = value;
    for step in path.as_array()? {
        let step = step.get("value")?;
        // An index is either plain or `{value, type}`.
        let step = step.get("value").unwrap_or(step);
        let next = match step {
            Value::String(name) => here.get(name.as_str()),
            Value::Number(at) => at.as_u64().and_then(|at| here.get(usize::try_from(at).ok()?)),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            // Dynamic values are wrapped, which the path does not say: what holds them is near enough.
            None if std::ptr::eq(here, value) => return None,
            None => break,
        }
    }
    Some(here)
}

#[derive(Deserialize)]
struct WireVersion {
    #[serde(default)]
    version: Value,
    encrypted_data: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct WireState {
    #[serde(default)]
    terraform_version: String,
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    outputs: BTreeMap<String, StateOutput>,
    #[serde(default)]
    resources: Vec<WireResource>,
}

#[derive(Deserialize)]
struct WireResource {
    #[serde(default)]
    module: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    provider: String,
    #[serde(default)]
    instances: Vec<WireInstance>,
}

#[derive(Deserialize)]
struct WireInstance {
    #[serde(default)]
    index_key: Value,
    #[serde(default)]
    status: String,
    deposed: Option<String>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    sensitive_attributes: Vec<Value>,
}

impl fmt::Debug for StateOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("(sensitive)") } else { fmt::Debug::fmt(&self.value, f) }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({}{})", self.address, if self.tainted { ", tainted" } else { "" })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn state(resources: Value) -> State {
        let value = json!({"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l",
            "outputs": {}, "resources": resources});
        State::from_json(value.to_string().as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn addresses_are_put_together_as_the_tool_does() {
        let state = state(json!([
            {"module": "module.n[\"a.b\"]", "mode": "managed", "type": "t", "name": "x", "provider": "p",
             "instances": [{"index_key": 0, "attributes": {"id": "i0"}},
                           {"index_key": "k\"${x}", "status": "tainted", "attributes": {"id": 7}},
                           {"deposed": "ab12", "attributes": {"id": "old"}}]},
            {"mode": "data", "type": "t", "name": "d", "provider": "p", "instances": [{"attributes": {"id": "d"}}]},
        ]));
        let addresses: Vec<_> = state.instances.iter().map(|i| i.address.as_str()).collect();
        assert_eq!(
            addresses,
            ["module.n[\"a.b\"].t.x[0]", "module.n[\"a.b\"].t.x[\"k\\\"$${x}\"]", "module.n[\"a.b\"].t.x"]
        );
        assert!(state.instances[1].tainted);
        assert_eq!(state.with_id("t", "id", "7").unwrap().address, addresses[1]);
        assert!(state.with_id("t", "id", "d").is_none());
        assert!(state.at("module.n[\"a.b\"].t.x").is_none(), "deposed");
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        assert!(State::from_json(b" \n").unwrap().is_none());
        assert!(State::from_json(b"{\"version\":4,\"serial\":0,\"lineage\":\"\"}").unwrap().is_none());
        assert!(State::from_json(b"{\"version\":4,\"serial\":1,\"lineage\":\"l\"}").unwrap().is_some());
        for (bytes, found) in [
            (r#"{"version":5}"#, "5"),
            (r#"{"version":3,"modules":[]}"#, "3"),
            (r#"{"version":"4"}"#, "\"4\""),
            (r#"{}"#, "none"),
            (r#"{"encrypted_data":"x","meta":{}}"#, "encrypted"),
        ] {
            let error = State::from_json(bytes.as_bytes()).unwrap_err();
            assert!(matches!(&error, TerraformError::Format { found: f, .. } if f == found), "{bytes}: {error}");
        }
        assert!(matches!(State::from_json(b"not json"), Err(TerraformError::Json { .. })));
    }

    #[test]
    fn sensitive_paths_are_followed() {
        let state = state(json!([{"mode": "managed", "type": "t", "name": "x", "instances": [{
            "attributes": {"id": "i", "input": {"value": "secret-1", "type": "string"}, "list": ["open", "secret-2"]},
            "sensitive_attributes": [
                [{"type": "get_attr", "value": "input"}],
                [{"type": "get_attr", "value": "list"}, {"type": "index", "value": {"value": 1, "type": "number"}}],
                [{"type": "get_attr", "value": "gone"}], "nonsense"],
        }]}]));
        let scrubbed = state.secrets.scrub("secret-1 secret-2");
        assert_eq!(scrubbed, "(sensitive) (sensitive)");
        assert!(!format!("{state:?}").contains("secret-"));
    }
}
