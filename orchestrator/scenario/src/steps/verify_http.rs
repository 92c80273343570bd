//! `verify.http`: an application answers a request as expected.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits, Verification, is_known};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Sends a request to a Service, through the apiserver, or to a URL, and checks the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// The cluster of the Service; may be left out when the scenario has one.
    pub cluster: Option<ClusterHandle>,
    /// `namespace/name` of a Service, reached through the apiserver so that nobody else can answer.
    pub service: Option<String>,
    /// The Service's port, by name or number; without it, its only one.
    pub port: Option<Port>,
    /// An address reached from where landfall runs, instead of a Service.
    pub url: Option<String>,
    /// The path and query, for a Service.
    #[serde(default = "root")]
    pub path: String,
    #[serde(default)]
    pub method: Method,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub expect: Expect,
    /// How long to keep trying.
    #[serde(default = "within")]
    pub within: Period,
    /// How many good answers in a row are needed.
    #[serde(default = "one")]
    pub successes: u32,
}

/// A port by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Port {
    Number(u16),
    Name(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Method {
    #[default]
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "HEAD")]
    Head,
    #[serde(rename = "POST")]
    Post,
}

/// What the answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    #[serde(default = "ok")]
    pub status: u16,
    /// A text that the body must contain.
    pub body_contains: Option<String>,
    /// Headers that must be there with these values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { status: ok(), body_contains: None, headers: BTreeMap::new() }
    }
}

impl Kind for Params {
    type Outputs = Verification;
    const USES: &'static str = "verify.http";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(20), touches: Touches::Reads, verifies: true, leaves: false };

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.service.is_some() && self.cluster.is_none() {
            problems.push("\"cluster\" is missing".to_owned());
        }
        match (&self.service, &self.url) {
            (Some(service), None) => problems.extend(check_service(service)),
            (None, Some(url)) if is_known(url) && !url.starts_with("http://") && !url.starts_with("https://") => {
                problems.push(format!("a url starts with http:// or https://, not {url:?}"));
            }
            (None, Some(_)) => {}
            _ => problems.push("give exactly one of service and url".to_owned()),
        }
        if !(100..600).contains(&self.expect.status) {
            problems.push(format!("{} is no HTTP status", self.expect.status));
        }
        if is_known(&self.path) && !self.path.starts_with('/') {
            problems.push(format!("a path starts with /, not {:?}", self.path));
        }
        problems
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Verification, Failure> {
        if let Some(cluster) = &self.cluster {
            at.cluster(cluster)?;
        }
        at.looked_at(1, "the application answers")
    }
}

/// What is wrong with a Service written `namespace/name`.
pub(super) fn check_service(service: &str) -> Option<String> {
    service
        .split_once('/')
        .is_none_or(|(namespace, name)| namespace.is_empty() || name.is_empty() || name.contains('/'))
        .then_some(service)
        .filter(|service| is_known(service))
        .map(|service| format!("a service is written namespace/name, not {service:?}"))
}

fn root() -> String {
    "/".to_owned()
}

fn ok() -> u16 {
    200
}

fn one() -> u32 {
    1
}

fn within() -> Period {
    Period::minutes(5)
}
