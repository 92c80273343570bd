//! Looks at the admission webhooks of the target, and waits for their backends where that was asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{Catalog, GroupResource, Manifest};
use plan::restore::webhooks::{Webhook, read};
use serde_json::Value;

use super::observe::all_of;
use crate::log::RunLog;
use crate::ports::{Outside, elapsed};

const KINDS: [&str; 2] = ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"];
const POLL: Duration = Duration::from_secs(1);

/// Webhooks of the target that fail closed. A target that does not show them has none, as far as one can know.
pub(super) async fn webhooks(outside: &Outside, catalog: &Catalog) -> Vec<Webhook> {
    let mut found = Vec::new();
    for kind in KINDS {
        let Some(resource) = catalog.preferred(&GroupResource::new(kind, "admissionregistration.k8s.io")) else {
            continue;
        };
        if let Ok(configurations) = all_of(outside, resource).await {
            found.extend(configurations.iter().flat_map(|configuration| read(kind, configuration)));
        }
    }
    found
}

/// Which of the services have somebody who answers.
pub(super) async fn services_up(
    outside: &Outside,
    catalog: &Catalog,
    services: &BTreeSet<(String, String)>,
) -> BTreeSet<(String, String)> {
    let mut up = BTreeSet::new();
    if services.is_empty() {
        return up;
    }
    let slices = catalog.preferred(&GroupResource::new("endpointslices", "discovery.k8s.io"));
    let endpoints = catalog.preferred(&GroupResource::new("endpoints", ""));
    let listed = match (slices, endpoints) {
        (Some(resource), _) | (None, Some(resource)) => all_of(outside, resource).await.unwrap_or_default(),
        (None, None) => Vec::new(),
    };
    for object in &listed {
        let service = object.label("kubernetes.io/service-name").unwrap_or(object.name()).to_owned();
        let key = (object.namespace().unwrap_or_default().to_owned(), service);
        if services.contains(&key) && answers(object) {
            up.insert(key);
        }
    }
    up
}

/// Waits until all of these services are up; says which were not in time.
pub(super) async fn wait(
    outside: &Outside,
    catalog: &Catalog,
    services: &BTreeSet<(String, String)>,
    limit: Duration,
    log: &RunLog,
) {
    let begin = outside.clock.now();
    loop {
        let up = services_up(outside, catalog, services).await;
        let missing: Vec<String> =
            services.difference(&up).map(|(namespace, service)| format!("{namespace}/{service}")).collect();
        if missing.is_empty() {
            return;
        }
        if elapsed(begin, outside.clock.now()) >= limit {
            let message = format!("the backends of webhooks were not up within {limit:?}: {}", missing.join(", "));
            log.warn(outside.clock.now(), None, &message);
            return;
        }
        outside.clock.sleep(POLL).await;
    }
}

fn answers(object: &Manifest) -> bool {
    let list = |pointer: &str| object.get(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    if object.kind() == "EndpointSlice" {
        return list("/endpoints").iter().any(|e| e.pointer("/conditions/ready") != Some(&Value::Bool(false)));
    }
    let has = |subset: &Value| subset.get("addresses").and_then(Value::as_array).is_some_and(|a| !a.is_empty());
    list("/subsets").iter().any(has)
}
