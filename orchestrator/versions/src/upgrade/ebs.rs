//! In-tree EBS: PersistentVolumes, StorageClasses and claims of `kubernetes.io/aws-ebs` become `ebs.csi.aws.com`.
//!
//! Follows the translation that the servers themselves use, and fixes the annotations that a translated object keeps
//! for good. Volumes inside pods have no CSI form and are reported.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Body, metadata_at, spec_at};
use crate::convert::draft::{annotation, each_object, object, object_mut, text};
use crate::convert::{At, CannotConvert, Draft};
use crate::options::IN_TREE_EBS;

pub(super) const DRIVER: &str = "ebs.csi.aws.com";
const PLUGIN: &str = "kubernetes.io/aws-ebs";
const CSI_ZONE: &str = "topology.ebs.csi.aws.com/zone";
const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";

pub(super) fn persistent_volume(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    let has_source = object(body, &At::ROOT, "spec")?.is_some_and(|spec| spec.contains_key("awsElasticBlockStore"));
    if !has_source || draft.options.is(IN_TREE_EBS, "keep") {
        return Ok(());
    }
    if let Err(why) = volume_to_csi(body, draft)? {
        let message = format!("the volume is left to the in-tree plugin: {why}");
        draft.note(IN_TREE_EBS, "keep", &spec_at().key("awsElasticBlockStore"), message);
        return Ok(());
    }
    if annotation(body, "pv.kubernetes.io/provisioned-by") == Some(PLUGIN) {
        let because = "it says who deletes the volume";
        draft.set_annotation(body, "pv.kubernetes.io/provisioned-by", DRIVER, because)?;
    }
    draft.remove_annotation(body, "pv.kubernetes.io/migrated-to", "the volume is no longer migrated, it is translated");
    Ok(())
}

pub(super) fn claim(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if draft.options.is(IN_TREE_EBS, "keep") {
        return Ok(());
    }
    for key in ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"] {
        if annotation(body, key) == Some(PLUGIN) {
            draft.set_annotation(body, key, DRIVER, "the in-tree plugin was replaced by its driver")?;
        }
    }
    Ok(())
}

pub(super) fn storage_class(body: &mut Body, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if text(body, "provisioner") != Some(PLUGIN) || draft.options.is(IN_TREE_EBS, "keep") {
        return Ok(());
    }
    if let Err(why) = parameters_to_csi(body, draft)? {
        let message = format!("the class is left to the in-tree plugin: {why}");
        draft.note(IN_TREE_EBS, "keep", &At::ROOT.key("parameters"), message);
        return Ok(());
    }
    draft.set(body, &At::ROOT, "provisioner", DRIVER, "the in-tree plugin was replaced by its driver");
    let because = "without a type the plugin made gp2 and the driver makes gp3";
    let parameters = draft.ensure_object(body, &At::ROOT, "parameters", because)?;
    if !parameters.keys().any(|key| key.eq_ignore_ascii_case("type")) {
        draft.set(parameters, &At::ROOT.key("parameters"), "type", "gp2", because);
    }
    Ok(())
}

/// The id of the volume: the path of an `aws://` URL, or the text itself.
fn volume_id(text: &str) -> Result<&str, String> {
    let Some(rest) = text.strip_prefix("aws://") else { return Ok(text) };
    let path = rest.find('/').map_or("", |slash| &rest[slash..]).trim_matches('/');
    let is_volume = path.strip_prefix("vol-").is_some_and(|tail| !tail.contains('/'));
    if is_volume { Ok(path) } else { Err(format!("{text:?} names no EBS volume")) }
}

fn csi_source(source: &Body) -> Result<Map<String, Value>, String> {
    let id = volume_id(text(source, "volumeID").unwrap_or_default())?;
    let partition = source.get("partition").and_then(Value::as_i64).unwrap_or(0).to_string();
    let mut csi = Map::new();
    csi.insert("driver".into(), DRIVER.into());
    csi.insert("volumeHandle".into(), id.into());
    csi.insert("volumeAttributes".into(), json!({"partition": partition}));
    if let Some(kind) = text(source, "fsType") {
        csi.insert("fsType".into(), kind.into());
    }
    if source.get("readOnly").and_then(Value::as_bool) == Some(true) {
        csi.insert("readOnly".into(), true.into());
    }
    Ok(csi)
}

/// The PersistentVolume that stands for a volume written into a pod. It has no capacity, which the pod does not say.
pub fn inline_ebs_volume(volume: &Value) -> Result<Value, String> {
    let source = volume.get("awsElasticBlockStore").and_then(Value::as_object).ok_or("it is no EBS volume")?;
    let csi = csi_source(source)?;
    let name = format!("{DRIVER}-{}", csi.get("volumeHandle").and_then(Value::as_str).unwrap_or_default());
    Ok(json!({"metadata": {"name": name},
        "spec": {"csi": csi, "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}}))
}

pub(super) fn volume_to_csi(body: &mut Body, draft: &mut Draft<'_>) -> Result<Result<(), String>, CannotConvert> {
    let label = |body: &Body, key: &str| body.get("metadata")?.get("labels")?.get(key)?.as_str().map(str::to_owned);
    let (ga, beta) = (label(body, ZONE), label(body, BETA_ZONE));
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(Ok(())) };
    let Some(source) = object(spec, &spec_at(), "awsElasticBlockStore")? else { return Ok(Ok(())) };
    let csi = match csi_source(source) {
        Ok(csi) => csi,
        Err(why) => return Ok(Err(why)),
    };
    let because = "the in-tree plugin was replaced by its driver";
    draft.remove(spec, &spec_at(), "awsElasticBlockStore", because);
    draft.set(spec, &spec_at(), "csi", csi, because);
    let because = "the driver has a topology key of its own";
    if names_key(spec, ZONE) {
        rename_keys(spec, &[(ZONE, CSI_ZONE)], because, draft)?;
    } else if names_key(spec, BETA_ZONE) {
        rename_keys(spec, &[(BETA_ZONE, CSI_ZONE), (BETA_REGION, REGION)], because, draft)?;
    } else if let Some(zones) = ga.or(beta) {
        let zones: BTreeSet<&str> = zones.split("__").collect();
        let requirement = json!({"key": CSI_ZONE, "operator": "In", "values": zones});
        require(spec, requirement, because, draft)?;
    }
    Ok(Ok(()))
}

fn terms(spec: &Body) -> impl Iterator<Item = &Value> {
    let terms = spec.get("nodeAffinity").and_then(|affinity| affinity.get("required")?.get("nodeSelectorTerms"));
    terms.and_then(Value::as_array).into_iter().flatten()
}

fn names_key(spec: &Body, key: &str) -> bool {
    let expressions = terms(spec).filter_map(|term| term.get("matchExpressions")?.as_array()).flatten();
    expressions.filter_map(|expression| expression.get("key")?.as_str()).any(|named| named == key)
}

fn each_term(
    spec: &mut Body,
    edit: impl FnMut(&mut Body, &At<'_>) -> Result<(), CannotConvert>,
) -> Result<(), CannotConvert> {
    let at = spec_at();
    let Some(affinity) = object_mut(spec, &at, "nodeAffinity")? else { return Ok(()) };
    let at = at.key("nodeAffinity");
    match object_mut(affinity, &at, "required")? {
        Some(required) => each_object(required, &at.key("required"), "nodeSelectorTerms", edit),
        None => Ok(()),
    }
}

fn rename_keys(
    spec: &mut Body,
    names: &[(&str, &str)],
    because: &str,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    each_term(spec, |term, at| {
        each_object(term, at, "matchExpressions", |expression, at| {
            let key = text(expression, "key");
            if let Some((_, new)) = names.iter().find(|(old, _)| Some(*old) == key) {
                draft.set(expression, at, "key", *new, because);
            }
            Ok(())
        })
    })
}

/// Adds a requirement to every term of the affinity, making one when there is none.
fn require(spec: &mut Body, requirement: Value, because: &str, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
    if terms(spec).next().is_none() {
        let affinity = json!({"required": {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}});
        draft.set(spec, &spec_at(), "nodeAffinity", affinity, because);
        return Ok(());
    }
    each_term(spec, |term, at| {
        let mut expressions = term.get("matchExpressions").and_then(Value::as_array).cloned().unwrap_or_default();
        expressions.push(requirement.clone());
        draft.set(term, at, "matchExpressions", expressions, because);
        Ok(())
    })
}

/// Translates the parameters and topologies of a class; the provisioner is set by the caller.
pub(super) fn parameters_to_csi(body: &mut Body, draft: &mut Draft<'_>) -> Result<Result<(), String>, CannotConvert> {
    let because = "the driver calls the parameter otherwise";
    let at = At::ROOT.key("parameters");
    let has_topologies = body.get("allowedTopologies").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let mut zones: Vec<String> = Vec::new();
    if let Some(parameters) = object_mut(body, &At::ROOT, "parameters")? {
        let keys: Vec<String> = parameters.keys().cloned().collect();
        let is_zone = |key: &str| matches!(key.to_ascii_lowercase().as_str(), "zone" | "zones");
        if has_topologies && keys.iter().any(|key| is_zone(key)) {
            return Ok(Err("it has both zones and allowed topologies".into()));
        }
        for key in keys {
            match key.to_ascii_lowercase().as_str() {
                "fstype" => {
                    if let Some(kind) = draft.remove(parameters, &at, &key, because) {
                        draft.set(parameters, &at, "csi.storage.k8s.io/fstype", kind, because);
                    }
                }
                "zone" | "zones" => {
                    let because = "zones are allowed topologies to the driver";
                    if let Some(Value::String(list)) = draft.remove(parameters, &at, &key, because) {
                        let names = list.split(',').map(str::trim).filter(|zone| !zone.is_empty());
                        zones.extend(names.map(str::to_owned));
                    }
                }
                "iopspergb" => {
                    let because = "keeps the plugin's rounding up to the least that the volume type takes";
                    draft.set(parameters, &at, "allowautoiopspergbincrease", "true", because);
                }
                _ => {}
            }
        }
    }
    if !zones.is_empty() {
        let topologies = json!([{"matchLabelExpressions": [{"key": CSI_ZONE, "values": zones}]}]);
        draft.set(body, &At::ROOT, "allowedTopologies", topologies, "zones are allowed topologies to the driver");
    }
    each_object(body, &At::ROOT, "allowedTopologies", |topology, at| {
        each_object(topology, at, "matchLabelExpressions", |expression, at| {
            if matches!(text(expression, "key"), Some(ZONE | BETA_ZONE)) {
                draft.set(expression, at, "key", CSI_ZONE, "the driver has a topology key of its own");
            }
            Ok(())
        })
    })?;
    Ok(Ok(()))
}

/// The in-tree form of a CSI volume of the EBS driver, for targets that have no driver.
pub fn in_tree_volume(manifest: &mut model::Manifest) -> Result<(), String> {
    let spec = manifest.get("/spec").and_then(Value::as_object).ok_or("it has no spec")?;
    let csi = spec.get("csi").and_then(Value::as_object).ok_or("it is no CSI volume")?;
    if text(csi, "driver") != Some(DRIVER) {
        return Err("it is a volume of another driver".into());
    }
    let mut source = Map::new();
    source.insert("volumeID".into(), text(csi, "volumeHandle").unwrap_or_default().into());
    if let Some(kind) = text(csi, "fsType") {
        source.insert("fsType".into(), kind.into());
    }
    if csi.get("readOnly").and_then(Value::as_bool) == Some(true) {
        source.insert("readOnly".into(), true.into());
    }
    if let Some(partition) = csi.get("volumeAttributes").and_then(|a| a.get("partition")?.as_str()) {
        let partition: i64 = partition.parse().map_err(|_| format!("{partition:?} is no partition number"))?;
        if partition != 0 {
            source.insert("partition".into(), partition.into());
        }
    }
    let mut zones: BTreeSet<String> = BTreeSet::new();
    for term in terms(spec) {
        for expression in term.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            if expression.get("key").and_then(Value::as_str) == Some(CSI_ZONE) {
                let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
                zones.extend(values.filter_map(Value::as_str).map(str::to_owned));
            }
        }
    }
    let regions: BTreeSet<&str> = zones.iter().filter_map(|zone| zone.get(..zone.len().checked_sub(1)?)).collect();
    let region = match regions.iter().collect::<Vec<_>>().as_slice() {
        [] => None,
        [region] => Some((**region).to_owned()),
        _ => return Err("its zones lie in several regions".into()),
    };
    let options = crate::options::Options::default();
    let mut draft = Draft::new(&options);
    let edited = (|| -> Result<(), CannotConvert> {
        let because = "the target has no driver";
        let body = manifest.as_map_mut();
        let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
        draft.remove(spec, &spec_at(), "csi", because);
        draft.set(spec, &spec_at(), "awsElasticBlockStore", source, because);
        let Some(region) = region else { return Ok(()) };
        rename_keys(spec, &[(CSI_ZONE, ZONE)], because, &mut draft)?;
        require(spec, json!({"key": REGION, "operator": "In", "values": [region]}), because, &mut draft)?;
        let metadata = draft.ensure_object(body, &At::ROOT, "metadata", because)?;
        let labels = draft.ensure_object(metadata, &metadata_at(), "labels", because)?;
        let at = metadata_at();
        let zones: Vec<String> = zones.into_iter().collect();
        draft.set(labels, &at.key("labels"), ZONE, zones.join("__"), because);
        draft.set(labels, &at.key("labels"), REGION, region, because);
        Ok(())
    })();
    edited.map_err(|error| error.to_string())
}
