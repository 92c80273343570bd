//! Reading a Terraform or OpenTofu state, in its raw form (version 4) or as `show -json` prints it.
//!
//! Keeps resources, attributes and root outputs; it knows no resource type. Never pairs on provider hosts, because
//! Terraform and OpenTofu write different ones.

pub mod attributes;
pub mod derive;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A larger document is not read.
const MAX_BYTES: usize = 256 * 1024 * 1024;
const MAX_MODULE_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    pub resources: Vec<Resource>,
    /// Root outputs by name, each an object with `value` and perhaps `sensitive`.
    pub outputs: Map<String, Value>,
}

/// One instance of a managed resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The module's address, such as `module.eks["main"]`; empty in the root module.
    pub module: String,
    pub kind: String,
    pub name: String,
    /// `["a"]`, `[0]` or nothing.
    pub index: String,
    pub attributes: Value,
    pub tainted: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the state is not valid JSON")]
    Json(#[source] serde_json::Error),
    #[error("the state is {size} bytes long; more than {MAX_BYTES} is not read")]
    TooLarge { size: usize },
    #[error(
        "the state has format version {found}; only version 4 is read, so run `terraform refresh` with a newer Terraform"
    )]
    Version { found: String },
    #[error("this is not a state: it has neither version 4 nor a format_version")]
    NotAState,
    #[error("the state is encrypted; give the output of `tofu state pull` instead of the stored object")]
    Encrypted,
    #[error("the state's {at} does not have the expected shape")]
    Shape { at: String },
}

impl State {
    pub fn from_slice(bytes: &[u8]) -> Result<Self, StateError> {
        if bytes.len() > MAX_BYTES {
            return Err(StateError::TooLarge { size: bytes.len() });
        }
        let Value::Object(root) = serde_json::from_slice(bytes).map_err(StateError::Json)? else {
            return Err(StateError::NotAState);
        };
        match (root.get("version"), root.get("format_version")) {
            (Some(version), _) if version.as_u64() == Some(4) => raw(&root),
            (Some(version), _) => Err(StateError::Version { found: version.to_string() }),
            (None, Some(Value::String(version))) if version.starts_with("1.") || version.starts_with("0.") => {
                shown(&root)
            }
            (None, Some(version)) => Err(StateError::Version { found: version.to_string() }),
            (None, None) if root.contains_key("encrypted_data") => Err(StateError::Encrypted),
            (None, None) => Err(StateError::NotAState),
        }
    }
}

impl Resource {
    /// `module.eks.aws_eks_cluster.this["a"]`.
    pub fn address(&self) -> String {
        let dot = if self.module.is_empty() { "" } else { "." };
        format!("{}{dot}{}.{}{}", self.module, self.kind, self.name, self.index)
    }

    pub fn tag(&self, key: &str) -> Option<&str> {
        let in_map = |map: &str| self.attributes.get(map)?.get(key)?.as_str();
        in_map("tags_all").or_else(|| in_map("tags")).filter(|text| !text.is_empty())
    }

    /// The non-empty string or number at a path such as `identity[0].oidc[0].issuer`.
    pub fn attribute(&self, path: &str) -> Option<String> {
        let mut here = &self.attributes;
        for part in path.split('.') {
            let (name, index) = part.strip_suffix(']').and_then(|p| p.split_once('[')).unzip();
            here = here.get(name.unwrap_or(part))?;
            if let Some(index) = index {
                here = here.get(index.parse::<usize>().ok()?)?;
            }
        }
        match here {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

fn raw(root: &Map<String, Value>) -> Result<State, StateError> {
    let outputs = root.get("outputs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut resources = Vec::new();
    let empty = Vec::new();
    let listed = match root.get("resources") {
        None | Some(Value::Null) => &empty,
        Some(Value::Array(list)) => list,
        Some(_) => return Err(StateError::Shape { at: "resources".to_owned() }),
    };
    for (position, resource) in listed.iter().enumerate() {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let shape = || StateError::Shape { at: format!("resources[{position}]") };
        if text("mode") != Some("managed") {
            continue;
        }
        let (kind, name) = (text("type").ok_or_else(shape)?, text("name").ok_or_else(shape)?);
        let instances = resource.get("instances").and_then(Value::as_array).ok_or_else(shape)?;
        for instance in instances.iter().filter(|instance| instance.get("deposed").is_none_or(Value::is_null)) {
            resources.push(Resource {
                module: text("module").unwrap_or_default().to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
                index: index_text(instance.get("index_key")),
                attributes: instance.get("attributes").cloned().unwrap_or_default(),
                tainted: instance.get("status").and_then(Value::as_str) == Some("tainted"),
            });
        }
    }
    Ok(State { resources, outputs })
}

fn shown(root: &Map<String, Value>) -> Result<State, StateError> {
    let Some(values) = root.get("values") else { return Ok(State::default()) };
    let outputs = values.get("outputs").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut resources = Vec::new();
    if let Some(module) = values.get("root_module") {
        shown_module(module, 0, &mut resources)?;
    }
    Ok(State { resources, outputs })
}

fn shown_module(module: &Value, depth: usize, out: &mut Vec<Resource>) -> Result<(), StateError> {
    let shape = || StateError::Shape { at: "values.root_module".to_owned() };
    if depth > MAX_MODULE_DEPTH {
        return Err(shape());
    }
    let address = module.get("address").and_then(Value::as_str).unwrap_or_default();
    for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        if text("mode") != Some("managed") || resource.get("deposed_key").is_some_and(|key| !key.is_null()) {
            continue;
        }
        out.push(Resource {
            module: address.to_owned(),
            kind: text("type").ok_or_else(shape)?.to_owned(),
            name: text("name").ok_or_else(shape)?.to_owned(),
            index: index_text(resource.get("index")),
            attributes: resource.get("values").cloned().unwrap_or_default(),
            tainted: resource.get("tainted").and_then(Value::as_bool).unwrap_or_default(),
        });
    }
    for child in module.get("child_modules").and_then(Value::as_array).into_iter().flatten() {
        shown_module(child, depth + 1, out)?;
    }
    Ok(())
}

fn index_text(key: Option<&Value>) -> String {
    match key {
        Some(Value::String(text)) => format!("[{}]", Value::String(text.clone())),
        Some(Value::Number(number)) => format!("[{number}]"),
        _ => String::new(),
    }
}

/// What a state holds of one side, ready for pairing: identifiers by address and attribute.
pub type Inventory = BTreeMap<String, attributes::Identifiers>;

#[cfg(test)]
mod tests;
