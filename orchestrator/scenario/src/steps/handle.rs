//! Values that steps hand to each other: a stack, a cluster, a contract.
//!
//! Handles say how to reach a thing again, so that a resumed run can; they hold no secret and no open connection.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The `format`s under which schemas know these values.
pub const STACK: &str = "stack-handle";
pub const CLUSTER: &str = "cluster-handle";
pub const CONTRACT: &str = "contract";

/// Terraform configuration applied for one run, and where its state is: enough to destroy it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackHandle {
    /// The folder of the root module.
    pub stack: String,
    /// Where the local state is kept; absent when the stack's own backend keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where the stack's own backend keeps the state, as far as its files leave that open.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backend: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub var_files: Vec<String>,
}

/// A cluster that a step connected to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterHandle {
    /// The step that connected.
    pub step: String,
    /// How people call the cluster.
    pub name: String,
    pub reach: Reach,
    /// The HTTPS proxy to go through; absent means directly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

/// The three ways to a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reach {
    /// A context of a kubeconfig file; absent parts mean the usual defaults.
    Kubeconfig {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// A sandbox control plane, by its folder.
    Sandbox { folder: String },
    /// An EKS cluster; its token is minted when it is needed.
    Eks { cluster: String, region: String },
    /// Whatever the contract's `connection` says, resolved when the connection is made.
    Contract { contract: Contract },
}

/// What an environment offers, as its `dr_contract` output says it. Not read here: that is `infra`'s part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contract(pub Value);

impl JsonSchema for StackHandle {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StackHandle".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": STACK,
            "description": "An applied stack; usually \"${step.handle}\" of a terraform.apply.",
            "required": ["stack"],
            "additionalProperties": false,
            "properties": {
                "stack": { "type": "string", "description": "The folder of the root module." },
                "state": { "type": "string", "description": "Where the local state is kept." },
                "backend": { "type": "object", "additionalProperties": true },
                "workspace": { "type": "string" },
                "vars": { "type": "object", "additionalProperties": true },
                "varFiles": { "type": "array", "items": { "type": "string" } },
            },
        })
    }
}

impl JsonSchema for ClusterHandle {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ClusterHandle".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": CLUSTER,
            "description": "A connected cluster: \"${step.handle}\" of a cluster.connect.",
        })
    }
}

impl JsonSchema for Contract {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Contract".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "format": CONTRACT,
            "description": "What an environment offers: \"${step.contract}\" of a terraform.apply.",
        })
    }
}

/// Settings of a backend that would put a secret into the journal: what they are called in any backend of Terraform.
const SECRETS: [&str; 12] = [
    "access_key",
    "access_token",
    "client_certificate_password",
    "client_secret",
    "conn_str",
    "encryption_key",
    "password",
    "sas_token",
    "secret_key",
    "security_token",
    "sse_customer_key",
    "token",
];

/// What is wrong with where a state is said to be: journals keep it, so no secret belongs there.
pub(crate) fn check_state(state: Option<&str>, backend: &BTreeMap<String, Value>) -> Vec<String> {
    let mut wrong = Vec::new();
    if state.is_some() && !backend.is_empty() {
        wrong.push("\"state\" is for a local state and \"backend\" for any other: give one of them".to_owned());
    }
    let secret = backend.keys().filter(|name| SECRETS.contains(&name.as_str()));
    wrong.extend(secret.map(|name| {
        format!("backend.{name} would be written into the journal: give credentials by the environment or a profile")
    }));
    wrong
}

/// A value that stands in for a reference while a file is checked.
pub(crate) fn sample(format: &str) -> Option<Value> {
    match format {
        STACK => Some(json!({ "stack": "sample" })),
        CLUSTER => Some(json!({ "step": "sample", "name": "sample", "reach": { "by": "kubeconfig" } })),
        CONTRACT => Some(json!({})),
        crate::period::FORMAT => Some(json!("1m")),
        _ => None,
    }
}
