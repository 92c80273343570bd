//! Services: addresses and ports that the old cluster allocated, unless the user had chosen them.
//! Velero: pkg/restore/actions/service_action.go.

use std::collections::BTreeSet;

use model::Manifest;
use serde_json::Value;

use super::{ActionContext, Changes};

pub(super) fn reset(service: &mut Manifest, context: &ActionContext<'_>, changes: &mut Changes) {
    let chosen = if context.preserve_node_ports { None } else { Some(Chosen::of(service)) };
    let Some(spec) = service.as_map_mut().get_mut("spec").and_then(Value::as_object_mut) else { return };
    if spec.get("clusterIP").and_then(Value::as_str) != Some("None") {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    let Some(chosen) = chosen else { return };
    if spec.get("type").and_then(Value::as_str) == Some("ExternalName") {
        return;
    }
    if !chosen.health_check {
        spec.remove("healthCheckNodePort");
    }
    for (at, port) in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().enumerate() {
        let Some(port) = port.as_object_mut() else { continue };
        let name = port.get("name").and_then(Value::as_str).unwrap_or_default();
        let number = port.get("port").and_then(Value::as_i64);
        if !chosen.is_chosen(name, number, port.get("nodePort"))
            && let Some(before) = port.remove("nodePort")
        {
            let because = "allocated by the source cluster";
            changes.push(model::Change::removed(format!("/spec/ports/{at}/nodePort"), before, because));
        }
    }
}

/// What the user set, as the last applied configuration or the managed fields tell.
#[derive(Default)]
struct Chosen {
    node_ports: BTreeSet<i64>,
    names: BTreeSet<String>,
    numbers: BTreeSet<i64>,
    health_check: bool,
}

impl Chosen {
    fn of(service: &Manifest) -> Self {
        let applied = service.annotation("kubectl.kubernetes.io/last-applied-configuration");
        match applied.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            Some(applied) => Self::from_applied(&applied),
            None => Self::from_managed_fields(service),
        }
    }

    fn from_applied(applied: &Value) -> Self {
        let mut chosen = Self::default();
        for port in applied.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten() {
            if let Some(node_port) = port.get("nodePort").and_then(Value::as_i64).filter(|p| *p > 0) {
                chosen.node_ports.insert(node_port);
            }
        }
        chosen.health_check =
            applied.pointer("/spec/healthCheckNodePort").and_then(Value::as_i64).is_some_and(|port| port > 0);
        chosen
    }

    /// `f:spec.f:ports.k:{"port":80,"protocol":"TCP"}.f:nodePort`, whoever manages it.
    fn from_managed_fields(service: &Manifest) -> Self {
        let mut chosen = Self::default();
        let entries = service.get("/metadata/managedFields").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            let Some(spec) = entry.pointer("/fieldsV1/f:spec") else { continue };
            chosen.health_check |= spec.get("f:healthCheckNodePort").is_some();
            for (key, fields) in spec.get("f:ports").and_then(Value::as_object).into_iter().flatten() {
                if fields.get("f:nodePort").is_none() {
                    continue;
                }
                let Some(key) = key.strip_prefix("k:").and_then(|k| serde_json::from_str::<Value>(k).ok()) else {
                    continue;
                };
                chosen.names.extend(key.get("name").and_then(Value::as_str).map(str::to_owned));
                chosen.numbers.extend(key.get("port").and_then(Value::as_i64));
            }
        }
        chosen
    }

    fn is_chosen(&self, name: &str, number: Option<i64>, node_port: Option<&Value>) -> bool {
        node_port.and_then(Value::as_i64).is_some_and(|port| self.node_ports.contains(&port))
            || (!name.is_empty() && self.names.contains(name))
            || number.is_some_and(|number| self.numbers.contains(&number))
    }
}
