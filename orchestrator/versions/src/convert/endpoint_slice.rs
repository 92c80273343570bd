//! EndpointSlice: `discovery.k8s.io/v1alpha1`, `v1beta1` ⇄ `v1`. Lossless where the topology is zone and node.
//!
//! Of an endpoint's topology, the zone became a field, and the hostname goes where it repeats the node's name. What is
//! left is `deprecatedTopology`, which a server drops on create: decision `endpoint-topology`. Most slices belong to
//! a controller, which writes them anew.
//!
//! Before:
//! ```yaml
//! apiVersion: discovery.k8s.io/v1beta1
//! kind: EndpointSlice
//! metadata: { name: db, namespace: shop }
//! addressType: IPv4
//! ports: [{ port: 5432 }]
//! endpoints:
//!   - addresses: [10.0.0.1]
//!     nodeName: node-1
//!     topology: { kubernetes.io/hostname: node-1, topology.kubernetes.io/zone: zone-a }
//! ```
//! After:
//! ```yaml
//! apiVersion: discovery.k8s.io/v1
//! kind: EndpointSlice
//! metadata: { name: db, namespace: shop }
//! addressType: IPv4
//! ports: [{ name: "", port: 5432, protocol: TCP }]
//! endpoints:
//!   - addresses: [10.0.0.1]
//!     nodeName: node-1
//!     zone: zone-a
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use super::draft::{each_object, is_blank, is_unset, text};
use super::{At, CannotConvert, Draft, Family, Form};
use crate::options::ENDPOINT_TOPOLOGY;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTNAME: &str = "kubernetes.io/hostname";

pub(crate) static ENDPOINT_SLICE: Family = Family::same(&[
    Form::new("discovery.k8s.io", "v1alpha1", "EndpointSlice", "endpointslices"),
    Form::new("discovery.k8s.io", "v1beta1", "EndpointSlice", "endpointslices"),
    Form::new("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
])
.with_defaults(defaults)
.with_conversion(slice)
.with_repair(repair);

type Body = Map<String, Value>;

fn defaults(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version == "v1alpha1" {
        draft.own_default(body, &At::ROOT, "addressType", "IP");
    }
    each_object(body, &At::ROOT, "ports", |port, at| {
        if is_unset(port, "name") {
            draft.default(port, at, "name", "");
        }
        draft.default(port, at, "protocol", "TCP");
        Ok(())
    })
}

fn slice(body: &mut Body, from: &Form, to: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if from.version == "v1alpha1" && (is_blank(body, "addressType") || text(body, "addressType") == Some("IP")) {
        let family = address_family(body);
        draft.set(body, &At::ROOT, "addressType", family, "the type IP was split by address family");
    }
    if (from.version == "v1") == (to.version == "v1") {
        return Ok(());
    }
    let upward = to.version == "v1";
    each_object(body, &At::ROOT, "endpoints", |endpoint, at| {
        if upward {
            to_fields(endpoint, at, draft)
        } else {
            to_topology(endpoint, at, draft)
        }
        Ok(())
    })
}

fn to_fields(endpoint: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let because = "the zone is a field, and the hostname repeats the node's name";
    let Some(Value::Object(mut topology)) = draft.remove(endpoint, at, "topology", because) else { return };
    if let Some(zone) = topology.remove(ZONE) {
        draft.set(endpoint, at, "zone", zone, because);
    }
    if topology.get(HOSTNAME).is_some() && topology.get(HOSTNAME) == endpoint.get("nodeName") {
        topology.remove(HOSTNAME);
    }
    if !topology.is_empty() {
        draft.set(endpoint, at, "deprecatedTopology", topology, "other keys have no field");
    }
}

fn to_topology(endpoint: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
    let because = "zone and node are keys of the topology in this version";
    let mut topology = match draft.remove(endpoint, at, "deprecatedTopology", because) {
        Some(Value::Object(topology)) => topology,
        _ => Map::new(),
    };
    if let Some(zone) = draft.remove(endpoint, at, "zone", because).filter(|zone| !zone.is_null()) {
        topology.insert(ZONE.into(), zone);
    }
    if let Some(node) = text(endpoint, "nodeName") {
        topology.entry(HOSTNAME).or_insert_with(|| node.into());
    }
    if !topology.is_empty() {
        draft.set(endpoint, at, "topology", topology, because);
    }
}

fn address_family(body: &Body) -> &'static str {
    let endpoints = body.get("endpoints").and_then(Value::as_array).into_iter().flatten();
    let addresses = endpoints.filter_map(|endpoint| endpoint.get("addresses")?.as_array()).flatten();
    let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
    if addresses.iter().all(|address| address.parse::<Ipv4Addr>().is_ok()) {
        "IPv4"
    } else if addresses.iter().all(|address| address.parse::<Ipv6Addr>().is_ok()) {
        "IPv6"
    } else {
        "FQDN"
    }
}

fn repair(body: &mut Body, form: &Form, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if form.version != "v1" {
        return Ok(());
    }
    each_object(body, &At::ROOT, "endpoints", |endpoint, at| {
        let Some(Value::Object(topology)) = endpoint.get("deprecatedTopology") else { return Ok(()) };
        let keys: Vec<&str> = topology.keys().map(String::as_str).collect();
        let message = format!("the topology keys {} cannot be written", keys.join(", "));
        if draft.decide(ENDPOINT_TOPOLOGY, &at.key("deprecatedTopology"), &*message) == "drop" {
            draft.remove(endpoint, at, "deprecatedTopology", &message);
        }
        Ok(())
    })
}
