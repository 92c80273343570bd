//! The decisions a person can take about conversions: each a flag with named values, the first one the default.
//!
//! A decision that nobody took is taken by its default and reported; this file decides nothing itself.

use std::collections::BTreeMap;

/// A decision: its name, its values with what they mean, the default first.
#[derive(Debug)]
pub struct Flag {
    pub name: &'static str,
    pub about: &'static str,
    pub values: &'static [(&'static str, &'static str)],
}

/// Which defaults a conversion writes into the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Defaults {
    /// The old version's, then the new version's for what is still unset: what a server would store and return.
    #[default]
    Both,
    /// The old version's only: what `kubectl convert` prints.
    Source,
    /// Only those that the two versions fill differently, so that a file written by hand stays short.
    Differing,
}

/// The choices made, and how far a conversion goes.
#[derive(Debug, Clone)]
pub struct Options {
    choices: BTreeMap<&'static str, &'static str>,
    pub defaults: Defaults,
    /// Repair what the target's create validation rejects. Without it the result is what an old server would have
    /// shown in the new version, which is readable there but not always creatable.
    pub creatable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    #[error("{0:?} is not a choice; write it like name=value")]
    NotAChoice(String),
    #[error("there is no decision named {0:?}")]
    UnknownFlag(String),
    #[error("{value:?} is not a value of {flag}; it is one of {known}")]
    UnknownValue { flag: &'static str, value: String, known: String },
}

macro_rules! flags {
    ($($constant:ident = $name:literal, $about:literal, [$(($value:literal, $meaning:literal)),+ $(,)?];)+) => {
        /// Every decision, in the order of the reference page.
        pub const FLAGS: &[Flag] = &[$(Flag { name: $name, about: $about, values: &[$(($value, $meaning)),+] }),+];
        $(pub(crate) const $constant: &str = $name;)+
    };
}

flags! {
    WORKLOAD_SELECTOR = "workload-selector",
        "A workload with neither a selector nor labels on its pod template has no valid form in apps/v1.",
        [("skip", "leave it out"), ("name", "select and label its pods with app=<name of the workload>")];
    INGRESS_PORT_NAME = "ingress-port-name",
        "A servicePort that is a string of digits is a port name to the old API and an invalid name to the new one.",
        [("number", "make it the port number"), ("name", "keep it as a name, which the server rejects on create")];
    INGRESS_CLASS = "ingress-class",
        "An Ingress names one class in its annotation and another one in its field; servers reject that on create.",
        [("annotation", "keep the annotation, to which controllers gave precedence"), ("field", "keep the field")];
    INGRESS_BACKEND = "ingress-backend",
        "A backend that names nothing is invalid in networking.k8s.io/v1.",
        [("drop", "remove the default backend or the path"), ("keep", "keep it, which the server rejects on create")];
    INGRESS_PATH = "ingress-path",
        "A path breaks the rules that networking.k8s.io/v1 has for its path type.",
        [("repair", "begin it with a slash, and make it ImplementationSpecific where Exact and Prefix forbid it"),
         ("keep", "keep it, which the server rejects on create")];
    HPA_TARGET = "hpa-target",
        "A metric has two targets where autoscaling/v2 allows one.",
        [("typed", "keep the one its type names"), ("average-value", "keep the average value")];
    POD_SECURITY_POLICY = "pod-security-policy",
        "PodSecurityPolicy has no successor since 1.25.",
        [("skip", "leave it out and name the Pod Security Standard it comes closest to"),
         ("label-namespaces", "leave it out and label the namespaces with that level")];
    CRD_SCHEMA = "crd-schema",
        "A CustomResourceDefinition has a schema that is not structural and cannot be repaired by rule.",
        [("permissive", "accept any content: no validation, defaults or pruning"), ("skip", "leave it out")];
    CRD_APPROVAL = "crd-approval",
        "A CustomResourceDefinition in a protected group (*.k8s.io, *.kubernetes.io) lacks the approval annotation.",
        [("unapproved", "annotate it as unapproved, which servers accept"), ("skip", "leave it out")];
    CRD_CA_BUNDLE = "crd-ca-bundle",
        "The caBundle of a CustomResourceDefinition's webhook is no PEM certificate, which servers reject since 1.31.",
        [("drop", "remove it and let its injector fill it again"), ("keep", "keep it")];
    WEBHOOK_SIDE_EFFECTS = "webhook-side-effects",
        "A webhook's side effects are Unknown or Some, which admissionregistration.k8s.io/v1 does not take.",
        [("none", "declare that it has none"), ("none-on-dry-run", "declare that it has none in dry runs"),
         ("skip", "leave the configuration out")];
    ENDPOINT_TOPOLOGY = "endpoint-topology",
        "Topology keys other than zone and node have no writable field in discovery.k8s.io/v1.",
        [("keep", "keep them in deprecatedTopology, which a server drops on create"), ("drop", "remove them")];
    FLOW_SHARES = "flow-shares",
        "Zero concurrency shares cannot be said in flowcontrol v1beta1 and v1beta2, where zero means 30.",
        [("one", "say 1, the least there is"), ("default", "let it become 30")];
    CUSTOM_VERSION = "custom-version",
        "A custom resource exists in no version that the target serves.",
        [("skip", "leave it out"), ("rename", "give it the target's version and nothing else")];
    IN_TREE_EBS = "in-tree-ebs",
        "PersistentVolumes and StorageClasses of the in-tree EBS plugin.",
        [("csi", "translate them to ebs.csi.aws.com"), ("keep", "leave them, and rely on the target's CSI migration")];
    NODE_LABELS = "node-labels",
        "Selectors, affinities and topologies name node labels that newer nodes no longer carry.",
        [("rewrite", "name the label that replaced it"), ("keep", "leave them")];
    POD_ANNOTATIONS = "pod-annotations",
        "Annotations on pods and pod templates that became fields and lost their function.",
        [("move", "set the field, where it is unset, and remove the annotation"), ("keep", "leave them")];
    REMOVED_FIELDS = "removed-fields",
        "Fields of stable versions that the target prunes in silence.",
        [("replace", "set the field that came in their place"), ("keep", "leave them")];
    RBAC_GROUPS = "rbac-groups",
        "Rules that grant, admit or count resources of the group extensions, which moved to other groups.",
        [("add", "name the new groups beside it"), ("keep", "leave them")];
    CRON_TIME_ZONE = "cron-time-zone",
        "A schedule begins with TZ= or CRON_TZ=, which newer servers reject on create.",
        [("move", "move the zone to spec.timeZone"), ("keep", "leave it")];
    ADDRESSES = "addresses",
        "IP addresses and networks that strict validation rejects on create: leading zeros, IPv4 in IPv6, host bits.",
        [("canonical", "write them in canonical form"), ("keep", "leave them")];
    LAST_APPLIED = "last-applied",
        "The copy of the object in the annotation of kubectl apply.",
        [("convert", "convert it as well, or drop it when that fails"), ("drop", "remove it"), ("keep", "leave it")];
}

impl Default for Options {
    fn default() -> Self {
        Self { choices: BTreeMap::new(), defaults: Defaults::Both, creatable: true }
    }
}

impl Options {
    /// What the upstream server does and nothing else: no repairs for create validation, no copy of kubectl touched.
    pub fn upstream() -> Self {
        let mut options = Self { creatable: false, ..Self::default() };
        options.choices.insert(LAST_APPLIED, "keep");
        options
    }

    /// Takes a decision, written `name=value`.
    pub fn choose(&mut self, choice: &str) -> Result<(), OptionsError> {
        let (name, value) = choice.split_once('=').ok_or_else(|| OptionsError::NotAChoice(choice.to_owned()))?;
        let (name, value) = (name.trim(), value.trim());
        let flag = flag(name).ok_or_else(|| OptionsError::UnknownFlag(name.to_owned()))?;
        let known = flag.values.iter().find(|(known, _)| *known == value).ok_or_else(|| {
            let known: Vec<&str> = flag.values.iter().map(|(value, _)| *value).collect();
            OptionsError::UnknownValue { flag: flag.name, value: value.to_owned(), known: known.join(", ") }
        })?;
        self.choices.insert(flag.name, known.0);
        Ok(())
    }

    /// Takes several decisions.
    pub fn parse<'a>(choices: impl IntoIterator<Item = &'a str>) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        for choice in choices {
            options.choose(choice)?;
        }
        Ok(options)
    }

    /// The value in force: the one chosen, or the default. An unknown name has the empty value.
    pub fn value(&self, name: &str) -> &'static str {
        let default = || flag(name).and_then(|flag| flag.values.first()).map_or("", |(value, _)| value);
        self.choices.get(name).copied().unwrap_or_else(default)
    }

    /// Whether a person took this decision.
    pub fn is_chosen(&self, name: &str) -> bool {
        self.choices.contains_key(name)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }
}

pub fn flag(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_by_name() {
        let options = Options::parse(["ingress-class=field", "crd-schema = skip"]).unwrap();
        assert_eq!(options.value(INGRESS_CLASS), "field");
        assert!(options.is_chosen(CRD_SCHEMA));
        assert_eq!(options.value(INGRESS_PORT_NAME), "number");
        assert!(!options.is_chosen(INGRESS_PORT_NAME));
    }

    #[test]
    fn what_is_no_choice_is_refused_with_what_there_is() {
        let text = |choice| Options::parse([choice]).unwrap_err().to_string();
        assert!(text("ingress-class").contains("name=value"));
        assert!(text("nonsense=1").contains("no decision named"));
        assert!(text("ingress-class=both").contains("annotation, field"));
    }
}
