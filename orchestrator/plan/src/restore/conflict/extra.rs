//! What only the target's object has: put there by somebody, or filled in by its server and its controllers.
//!
//! A server fills in fields that nobody wrote, and no list of those is ever complete. So it is the other way round:
//! what counts as somebody's is listed, and everything else is the server's. Kinds whose bodies controllers complete
//! (pods, claims, jobs, tokens) have nothing that counts.

use model::Manifest;
use serde_json::Value;

use super::{is_nothing, kept_by_controllers};

/// Maps whose keys people choose.
const MAPS: [&str; 11] = [
    "data",
    "binaryData",
    "stringData",
    "matchLabels",
    "nodeSelector",
    "selector",
    "limits",
    "requests",
    "hard",
    "parameters",
    "overhead",
];

/// Fields that a server leaves unset when nobody sets them.
const FIELDS: [&str; 57] = [
    "activeDeadlineSeconds",
    "affinity",
    "aggregationRule",
    "allowedTopologies",
    "args",
    "capabilities",
    "command",
    "defaultBackend",
    "dnsConfig",
    "egress",
    "env",
    "envFrom",
    "externalIPs",
    "externalName",
    "fsGroup",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "http",
    "imagePullSecrets",
    "ingress",
    "initContainers",
    "lifecycle",
    "livenessProbe",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "matchExpressions",
    "maxUnavailable",
    "minAvailable",
    "minReadySeconds",
    "mountOptions",
    "paused",
    "priorityClassName",
    "privileged",
    "publishNotReadyAddresses",
    "readOnlyRootFilesystem",
    "readinessGates",
    "readinessProbe",
    "rules",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "runtimeClassName",
    "scopeSelector",
    "scopes",
    "serviceAccountName",
    "startingDeadlineSeconds",
    "startupProbe",
    "subjects",
    "supplementalGroups",
    "timeZone",
    "tls",
    "tolerations",
    "topologySpreadConstraints",
    "volumeMounts",
    "volumes",
];

/// Kinds of which the target's controllers complete the body.
const COMPLETED: [&str; 6] = ["Pod", "PersistentVolume", "PersistentVolumeClaim", "Job", "Endpoints", "EndpointSlice"];

/// Which extras of an object count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extras {
    None,
    /// Those that are listed.
    Listed,
    /// All of the body: nobody but people and their operators write custom resources.
    All,
}

/// Where in an object one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    Metadata,
    /// Labels or annotations.
    Keys,
    /// Another map of people's keys.
    Map,
    Body,
    /// The server's own.
    Ignored,
}

impl Place {
    pub(super) fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "status" | "apiVersion" | "kind") | (Self::Ignored | Self::Keys, _) => Self::Ignored,
            (Self::Root | Self::Body, "metadata") => Self::Metadata,
            (Self::Metadata, "labels" | "annotations") => Self::Keys,
            (Self::Metadata, _) => Self::Ignored,
            (Self::Root | Self::Body, key) if MAPS.contains(&key) => Self::Map,
            (Self::Root | Self::Body | Self::Map, _) => Self::Body,
        }
    }
}

impl Extras {
    pub(super) fn of(wanted: &Manifest) -> Self {
        let group = wanted.gvk().group;
        let token = wanted.get_str("/type") == Some("kubernetes.io/service-account-token");
        if COMPLETED.contains(&wanted.kind()) || token || wanted.get("/aggregationRule").is_some() {
            Self::None
        } else if group.contains('.') && !group.ends_with(".k8s.io") {
            Self::All
        } else {
            Self::Listed
        }
    }

    /// Whether a value that only the target has, under this key at this place, is somebody's.
    pub(super) fn counts(self, place: Place, key: &str, value: &Value) -> bool {
        if self == Self::None || is_nothing(value) {
            return false;
        }
        match place {
            Place::Ignored => false,
            Place::Keys => !kept_by_controllers(key),
            Place::Map => true,
            Place::Metadata => {
                let keys = value.as_object().into_iter().flatten();
                place.below(key) == Place::Keys && keys.into_iter().any(|(key, _)| !kept_by_controllers(key))
            }
            Place::Root if matches!(key, "metadata" | "status" | "apiVersion" | "kind") => false,
            Place::Root | Place::Body => self == Self::All || FIELDS.contains(&key) || MAPS.contains(&key),
        }
    }

    /// The first value that only the target has and that counts.
    pub(super) fn first(self, wanted: &Value, existing: &Value, place: Place, pointer: &str) -> Option<String> {
        match (wanted, existing) {
            (Value::Object(wanted), Value::Object(existing)) => existing.iter().find_map(|(key, value)| {
                let here = || model::pointer::push(pointer, key);
                match wanted.get(key).filter(|value| !value.is_null()) {
                    Some(inner) => self.first(inner, value, place.below(key), &here()),
                    None => self.counts(place, key, value).then(here),
                }
            }),
            (Value::Array(wanted), Value::Array(existing)) if wanted.len() == existing.len() => {
                let mut pairs = wanted.iter().zip(existing).enumerate();
                pairs.find_map(|(at, (inner, value))| self.first(inner, value, place, &format!("{pointer}/{at}")))
            }
            _ => None,
        }
    }
}
