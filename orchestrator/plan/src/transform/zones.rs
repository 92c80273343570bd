//! Transform: zones
//!
//! Zone names in node affinity, node selectors, topology terms, labels and allowed topologies become the target's zones
//! of the same slot. Two zones that fold into one leave one. A list keeps the zones that have a counterpart; an object
//! whose only zone has none is blocked, because its pods would wait for ever.
//!
//! ```yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: cache, namespace: shop }
//! spec:
//!   template:
//!     spec:
//!       nodeSelector: { topology.kubernetes.io/zone: us-east-1a }
//!       affinity:
//!         nodeAffinity:
//!           requiredDuringSchedulingIgnoredDuringExecution:
//!             nodeSelectorTerms:
//!               - matchExpressions:
//!                   - { key: topology.kubernetes.io/zone, operator: In, values: [us-east-1a, us-east-1b] }
//! ```
//! ->
//! ```yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: cache, namespace: shop }
//! spec:
//!   template:
//!     spec:
//!       nodeSelector: { topology.kubernetes.io/zone: us-west-2a }
//!       affinity:
//!         nodeAffinity:
//!           requiredDuringSchedulingIgnoredDuringExecution:
//!             nodeSelectorTerms:
//!               - matchExpressions:
//!                   - { key: topology.kubernetes.io/zone, operator: In, values: [us-west-2a, us-west-2b] }
//! ```

use std::collections::BTreeSet;

use infra::InfraPair;
use infra::place::tables::{REGION_KEYS, ZONE_KEYS};
use model::{Blocked, Change, Manifest, pointer};
use serde_json::Value;

use super::edit::Edit;
use super::{Facts, Transform};

pub(super) struct Zones;

const MAX_DEPTH: usize = 64;

impl Transform for Zones {
    fn name(&self) -> &'static str {
        "zones"
    }

    fn text(&self) -> &'static str {
        include_str!("zones.rs")
    }

    fn applies(&self, facts: &Facts<'_>) -> bool {
        facts.is_workload()
            || facts.is("", "PersistentVolume")
            || facts.is("", "PersistentVolumeClaim")
            || facts.is("storage.k8s.io", "StorageClass")
            || matches!(facts.group, "karpenter.sh" | "karpenter.k8s.aws" | "eks.amazonaws.com")
    }

    fn apply(&self, manifest: &mut Manifest, infra: &InfraPair) -> Result<Vec<Change>, Blocked> {
        let mut found = Found::default();
        for (key, value) in manifest.as_map() {
            look(value, &pointer::push("", key), 0, &mut found);
        }
        if found.lists.is_empty() && found.values.is_empty() && found.spreads.is_empty() {
            return Ok(Vec::new());
        }
        let mut edit = Edit::new(manifest, infra);
        for pointer in found.values {
            edit.rewrite(&pointer);
            // A label on the object itself says where it was, and decides nothing.
            if !pointer.starts_with("/metadata/") {
                edit.require(&pointer, "the zone", HINT)?;
            }
        }
        for pointer in found.lists {
            edit.rewrite(&pointer);
            edit.dedup_list(&pointer, "the target has fewer zones, so one stands for two");
            let all = edit.members(&pointer);
            let left: Vec<&String> = all.iter().filter(|member| edit.leftover_at(member).is_some()).collect();
            if left.len() < all.len() {
                let left: Vec<String> = left.into_iter().cloned().collect();
                for member in left.iter().rev() {
                    edit.remove(member, "the zone has no counterpart, and others remain");
                }
            } else if !pointer.contains("/preferredDuringScheduling") {
                edit.require(&pointer, "the zone", HINT)?;
            }
        }
        let zones = target_zones(infra);
        for spread in found.spreads {
            let wanted = edit.manifest.get(&format!("{spread}/minDomains")).and_then(Value::as_u64);
            if let Some(wanted) = wanted.filter(|wanted| zones > 0 && *wanted > zones) {
                let because = format!("the target has {zones} zones, not {wanted}");
                edit.set(&format!("{spread}/minDomains"), zones, &because);
            }
        }
        edit.done()
    }
}

const HINT: &str = "give the zone's slot to both contracts, or pair the zone in a map file";

#[derive(Default)]
struct Found {
    /// Lists of zones: `values` beside a zone key.
    lists: Vec<String>,
    /// Single zones: values of a zone key.
    values: Vec<String>,
    /// Topology spread constraints over zones.
    spreads: Vec<String>,
}

fn look(value: &Value, here: &str, depth: usize, found: &mut Found) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            let is_ours = |key: &str| ZONE_KEYS.contains(&key) || REGION_KEYS.contains(&key);
            if map.get("key").and_then(Value::as_str).is_some_and(is_ours)
                && map.get("values").is_some_and(Value::is_array)
            {
                found.lists.push(format!("{here}/values"));
            }
            if map.get("topologyKey").and_then(Value::as_str).is_some_and(|key| ZONE_KEYS.contains(&key))
                && map.contains_key("minDomains")
            {
                found.spreads.push(here.to_owned());
            }
            for (key, inner) in map {
                let pointer = pointer::push(here, key);
                if is_ours(key) && inner.is_string() {
                    found.values.push(pointer);
                } else {
                    look(inner, &pointer, depth + 1, found);
                }
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                look(inner, &format!("{here}/{index}"), depth + 1, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn target_zones(infra: &InfraPair) -> u64 {
    let network = infra.target.body().network.as_ref();
    let names: BTreeSet<&str> =
        network.into_iter().flat_map(|n| n.azs.values()).filter_map(|zone| zone.name.as_deref()).collect();
    names.len() as u64
}
