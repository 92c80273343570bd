//! What a server serves, from aggregated discovery where there is such a thing and from the old endpoints elsewhere.
//!
//! A group version that does not answer is a failure of that group version, not of discovery.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::HeaderValue;
use kube::Client;
use model::{Catalog, GroupVersion};
use ports::PortError;
use ports::cluster::Discovery;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::path;
use crate::transport::{self, Call};

mod aggregated;
mod legacy;

/// Both versions of aggregated discovery, and what servers before 1.26 give.
const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
);
/// Group versions asked for at the same time.
const IN_FLIGHT: usize = 16;

pub(crate) async fn discover(client: &Client) -> Result<Discovery, PortError> {
    let (version, core, groups) =
        futures::try_join!(fetch(client, "/version"), fetch(client, "/api"), fetch(client, "/apis"))?;
    let mut found = Found::default();
    for document in [core, groups] {
        found.read(&document)?;
    }
    let Found { mut catalog, mut failures, missing } = found;
    let asked = missing.into_iter().map(|group_version| async move {
        let path = path::group_version(&group_version.group, &group_version.version);
        let answer = match path {
            Ok(path) => fetch(client, &path).await.and_then(|body| legacy::resources(&group_version, &body)),
            Err(error) => Err(error),
        };
        (group_version, answer)
    });
    let answers: Vec<_> = stream::iter(asked).buffered(IN_FLIGHT).collect().await;
    for (group_version, answer) in answers {
        match answer {
            Ok(resources) => resources.into_iter().for_each(|resource| catalog.add(resource)),
            // Listed and not there: it is about to come or to go.
            Err(error) if error.is_not_found() => {
                let error = PortError::unavailable("it is listed but not served").with_source(error);
                failures.insert(group_version, error);
            }
            Err(error) => {
                failures.insert(group_version, error);
            }
        }
    }
    Ok(Discovery { catalog, version: git_version(&version)?, failures })
}

/// What the two roots say.
#[derive(Debug, Default)]
struct Found {
    catalog: Catalog,
    failures: BTreeMap<GroupVersion, PortError>,
    /// Group versions whose resources have to be asked for one by one.
    missing: Vec<GroupVersion>,
}

impl Found {
    fn read(&mut self, document: &Bytes) -> Result<(), PortError> {
        #[derive(Deserialize)]
        struct Kind {
            #[serde(default)]
            kind: String,
        }
        match parse::<Kind>(document, "discovery")?.kind.as_str() {
            "APIGroupDiscoveryList" => aggregated::read(document, self),
            _ => legacy::read(document, self),
        }
    }
}

async fn fetch(client: &Client, path: &str) -> Result<Bytes, PortError> {
    transport::fetch(client, Call { accept: ACCEPT, ..Call::get(path) }).await.map(|(_, body)| body)
}

fn git_version(body: &[u8]) -> Result<String, PortError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: String,
    }
    Ok(parse::<Version>(body, "the version")?.git_version)
}

fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, PortError> {
    serde_json::from_slice(body).map_err(|e| PortError::invalid(format!("{what} cannot be read")).with_source(e))
}

#[cfg(test)]
mod tests;
