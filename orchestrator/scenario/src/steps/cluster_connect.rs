//! `cluster.connect`: reaches a cluster and proves that it answers. Changes nothing in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClusterHandle, Contract, Kind, Reach, Touches, Traits};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Connects to a cluster: one that a stack's contract describes, a kubeconfig context, a sandbox, or EKS by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The contract that describes the cluster and how to reach it: `${step.contract}`.
    pub contract: Option<Contract>,
    /// A context of a kubeconfig file.
    pub kubeconfig: Option<Kubeconfig>,
    /// The folder of a sandbox control plane.
    pub sandbox: Option<String>,
    /// An EKS cluster by name and region.
    pub eks: Option<Eks>,
    /// Overrides how the contract says to connect.
    pub connection: Option<Connection>,
}

/// Both parts may be left out: then the usual file and its current context are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubeconfig {
    /// The file.
    pub path: Option<String>,
    /// The context in it.
    pub context: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Eks {
    /// The cluster's name.
    pub cluster: String,
    pub region: String,
}

/// The way to the cluster's endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connection {
    pub kind: ConnectionKind,
    /// `https://host:port`, for `https_proxy`.
    pub proxy: Option<String>,
}

/// As in the contract's `connection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConnectionKind {
    /// Straight to the endpoint.
    #[serde(rename = "direct")]
    Direct,
    /// Through an HTTPS proxy.
    #[serde(rename = "https_proxy")]
    HttpsProxy,
    /// Through an SSM tunnel; not supported yet, and refused.
    #[serde(rename = "ssm-port-forward")]
    SsmPortForward,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// What other steps use to name this cluster.
    pub handle: ClusterHandle,
    pub name: String,
    pub endpoint: String,
    /// The server's version: `1.36`.
    pub version: String,
}

impl Params {
    /// How to reach the cluster; `None` when the parameters name none or several, which [`Kind::check`] reports.
    pub fn reach(&self) -> Option<Reach> {
        match (&self.contract, &self.kubeconfig, &self.sandbox, &self.eks) {
            (Some(contract), None, None, None) => Some(Reach::Contract { contract: contract.clone() }),
            (None, Some(file), None, None) => {
                Some(Reach::Kubeconfig { path: file.path.clone(), context: file.context.clone() })
            }
            (None, None, Some(folder), None) => Some(Reach::Sandbox { folder: folder.clone() }),
            (None, None, None, Some(eks)) => {
                Some(Reach::Eks { cluster: eks.cluster.clone(), region: eks.region.clone() })
            }
            _ => None,
        }
    }

    pub fn proxy(&self) -> Option<String> {
        self.connection.as_ref().and_then(|connection| connection.proxy.clone())
    }

    /// The connection kind that holds: the step's own, otherwise what the contract says under `connection`.
    pub fn connection_kind(&self) -> Result<ConnectionKind, String> {
        if let Some(connection) = &self.connection {
            return Ok(connection.kind);
        }
        let said = self.contract.as_ref().and_then(|contract| contract.0.pointer("/connection/kind"));
        match said {
            None | Some(Value::Null) => Ok(ConnectionKind::Direct),
            Some(Value::String(text)) => match text.replace('-', "_").as_str() {
                "direct" => Ok(ConnectionKind::Direct),
                "https_proxy" => Ok(ConnectionKind::HttpsProxy),
                "ssm_port_forward" => Ok(ConnectionKind::SsmPortForward),
                _ => Err(format!("the contract asks for the unknown connection {text:?}")),
            },
            Some(other) => Err(format!("the contract's connection kind is {other}, not a word")),
        }
    }
}

/// The text under which an SSM tunnel is refused, on loading and on running alike.
pub const SSM_REFUSED: &str = "an SSM tunnel (ssm-port-forward) is not supported yet; make the endpoint reachable \
                               directly or through an HTTPS proxy";

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "cluster.connect";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(10), touches: Touches::Nothing, verifies: false, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.reach().is_none() {
            problems.push("name the cluster by exactly one of contract, kubeconfig, sandbox and eks".to_owned());
        }
        match self.connection_kind() {
            Ok(ConnectionKind::SsmPortForward) => problems.push(SSM_REFUSED.to_owned()),
            Ok(ConnectionKind::Direct | ConnectionKind::HttpsProxy) => {}
            Err(problem) => problems.push(problem),
        }
        if let Some(connection) = &self.connection {
            match (connection.kind, &connection.proxy) {
                (ConnectionKind::HttpsProxy, None) => problems.push("https_proxy needs \"proxy\"".to_owned()),
                (ConnectionKind::Direct, Some(_)) => problems.push("a direct connection has no \"proxy\"".to_owned()),
                _ => {}
            }
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let reach = self.reach().ok_or_else(|| at.invalid("names no cluster"))?;
        let (name, version) = at.connect(&reach)?;
        let endpoint = format!("https://{name}.invalid");
        let handle =
            ClusterHandle { step: at.step.to_owned(), name: name.clone(), reach, proxy: self.proxy() };
        Ok(Outputs { handle, name, endpoint, version })
    }
}
