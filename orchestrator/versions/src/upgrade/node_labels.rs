//! Labels of nodes that were renamed: where selectors, affinities and topologies name the old one, the new one goes.
//!
//! A decision, because only the target's nodes know which labels they carry. Labels on objects are left alone.

use std::collections::BTreeSet;

use model::KubernetesVersion;
use serde_json::{Map, Value};

use super::{Body, since, spec_at};
use crate::convert::draft::{each_object, object_mut, text};
use crate::convert::{At, CannotConvert, Draft};
use crate::options::NODE_LABELS;

/// Old label, new label, the release whose nodes have the new one for certain.
const RENAMED: [(&str, &str, u32); 6] = [
    ("beta.kubernetes.io/arch", "kubernetes.io/arch", 14),
    ("beta.kubernetes.io/os", "kubernetes.io/os", 14),
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone", 17),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region", 17),
    ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", 17),
    ("node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane", 24),
];

/// Collects what was found, so that one object makes one decision.
pub(super) struct Labels {
    release: KubernetesVersion,
    rewrites: bool,
    found: BTreeSet<&'static str>,
}

impl Labels {
    pub(super) fn new(release: KubernetesVersion, draft: &Draft<'_>) -> Self {
        Self { release, rewrites: draft.options.is(NODE_LABELS, "rewrite"), found: BTreeSet::new() }
    }

    fn successor(&mut self, label: &str) -> Option<&'static str> {
        let (old, new, minor) = RENAMED.iter().find(|(old, _, _)| *old == label)?;
        if !since(self.release, *minor) {
            return None;
        }
        self.found.insert(old);
        self.rewrites.then_some(*new)
    }

    pub(super) fn report(self, at: &At<'_>, draft: &mut Draft<'_>) {
        if !self.found.is_empty() {
            let names: Vec<&str> = self.found.into_iter().collect();
            draft.decide(NODE_LABELS, at, format!("names node labels that were renamed: {}", names.join(", ")));
        }
    }

    /// A map of labels, such as a node selector.
    pub(super) fn selector(&mut self, map: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) {
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in keys {
            let Some(new) = self.successor(&key) else { continue };
            let because = "the label was renamed";
            if map.get(new).is_some_and(|value| Some(value) != map.get(&key)) {
                continue;
            }
            if let Some(value) = draft.remove(map, at, &key, because) {
                draft.set(map, at, new, value, because);
            }
        }
    }

    /// A field that holds the name of a label.
    pub(super) fn name(&mut self, map: &mut Body, at: &At<'_>, key: &str, draft: &mut Draft<'_>) {
        if let Some(new) = text(map, key).map(str::to_owned).and_then(|label| self.successor(&label)) {
            draft.set(map, at, key, new, "the label was renamed");
        }
    }

    /// The expressions of a node selector term.
    pub(super) fn term(&mut self, term: &mut Body, at: &At<'_>, draft: &mut Draft<'_>) -> Result<(), CannotConvert> {
        each_object(term, at, "matchExpressions", |expression, at| {
            self.name(expression, at, "key", draft);
            Ok(())
        })
    }
}

pub(super) fn persistent_volume(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let mut labels = Labels::new(release, draft);
    let at = spec_at();
    let Some(spec) = object_mut(body, &At::ROOT, "spec")? else { return Ok(()) };
    if let Some(affinity) = object_mut(spec, &at, "nodeAffinity")? {
        let at = at.key("nodeAffinity");
        if let Some(required) = object_mut(affinity, &at, "required")? {
            each_object(required, &at.key("required"), "nodeSelectorTerms", |term, at| labels.term(term, at, draft))?;
        }
    }
    labels.report(&at.key("nodeAffinity"), draft);
    Ok(())
}

pub(super) fn storage_class(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let mut labels = Labels::new(release, draft);
    each_object(body, &At::ROOT, "allowedTopologies", |topology, at| {
        each_object(topology, at, "matchLabelExpressions", |expression, at| {
            labels.name(expression, at, "key", draft);
            Ok(())
        })
    })?;
    labels.report(&At::ROOT.key("allowedTopologies"), draft);
    Ok(())
}

pub(super) fn runtime_class(
    body: &mut Body,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let mut labels = Labels::new(release, draft);
    let at = At::ROOT.key("scheduling");
    if let Some(scheduling) = object_mut(body, &At::ROOT, "scheduling")? {
        if let Some(selector) = object_mut(scheduling, &at, "nodeSelector")? {
            labels.selector(selector, &at.key("nodeSelector"), draft);
        }
        each_object(scheduling, &at, "tolerations", |toleration, at| {
            labels.name(toleration, at, "key", draft);
            Ok(())
        })?;
    }
    labels.report(&at, draft);
    Ok(())
}

/// Node selector, affinities, spread constraints and tolerations of a pod.
pub(super) fn pod(
    spec: &mut Map<String, Value>,
    at: &At<'_>,
    release: KubernetesVersion,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    let mut labels = Labels::new(release, draft);
    if let Some(selector) = object_mut(spec, at, "nodeSelector")? {
        labels.selector(selector, &at.key("nodeSelector"), draft);
    }
    each_object(spec, at, "topologySpreadConstraints", |constraint, at| {
        labels.name(constraint, at, "topologyKey", draft);
        Ok(())
    })?;
    each_object(spec, at, "tolerations", |toleration, at| {
        labels.name(toleration, at, "key", draft);
        Ok(())
    })?;
    if let Some(affinity) = object_mut(spec, at, "affinity")? {
        affinities(affinity, &at.key("affinity"), &mut labels, draft)?;
    }
    labels.report(at, draft);
    Ok(())
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

fn affinities(
    affinity: &mut Body,
    at: &At<'_>,
    labels: &mut Labels,
    draft: &mut Draft<'_>,
) -> Result<(), CannotConvert> {
    if let Some(node) = object_mut(affinity, at, "nodeAffinity")? {
        let at = at.key("nodeAffinity");
        if let Some(required) = object_mut(node, &at, REQUIRED)? {
            each_object(required, &at.key(REQUIRED), "nodeSelectorTerms", |term, at| labels.term(term, at, draft))?;
        }
        each_object(node, &at, PREFERRED, |weighted, at| match object_mut(weighted, at, "preference")? {
            Some(term) => labels.term(term, &at.key("preference"), draft),
            None => Ok(()),
        })?;
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = object_mut(affinity, at, kind)? else { continue };
        let at = at.key(kind);
        each_object(pods, &at, REQUIRED, |term, at| {
            labels.name(term, at, "topologyKey", draft);
            Ok(())
        })?;
        each_object(pods, &at, PREFERRED, |weighted, at| {
            if let Some(term) = object_mut(weighted, at, "podAffinityTerm")? {
                labels.name(term, &at.key("podAffinityTerm"), "topologyKey", draft);
            }
            Ok(())
        })?;
    }
    Ok(())
}
