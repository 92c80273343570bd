//! `verify.tcp`: something accepts connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verify_http::check_service;
use super::{ClusterHandle, Kind, Touches, Traits, Verification};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Opens a connection to a Service, through the apiserver, or to an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The cluster of the Service; may be left out when the scenario has one.
    pub cluster: Option<ClusterHandle>,
    /// `namespace/name` of a Service.
    pub service: Option<String>,
    /// A host name or address reached from where landfall runs, instead of a Service.
    pub host: Option<String>,
    pub port: u16,
    /// How long to keep trying.
    #[serde(default = "within")]
    pub within: Period,
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.tcp";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Reads, verifies: true, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.service.is_some() && self.cluster.is_none() {
            problems.push("\"cluster\" is missing".to_owned());
        }
        match (&self.service, &self.host) {
            (Some(service), None) => problems.extend(check_service(service)),
            (None, Some(_)) => {}
            _ => problems.push("give exactly one of service and host".to_owned()),
        }
        if self.port == 0 {
            problems.push("port 0 cannot be connected to".to_owned());
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        if let Some(cluster) = &self.cluster {
            at.cluster(cluster)?;
        }
        at.looked_at(1, "the port accepts connections")
    }
}

fn within() -> Period {
    Period::minutes(5)
}
